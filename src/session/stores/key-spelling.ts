// Whether a row that a database found is the one that was asked for: its comparison may be laxer than ours.
import type { StoredCell } from '../store.ts';

/**
 * True: `found`, the row's key, is spelled as the `key` that was asked for; blanks that fill up a CHAR are nobody's. False: a collation
 * that knows no case, a UUID in another form, digits of a number column. Such a spelling no app has given out; every spelling would be
 * a session of its own here, and whoever was revoked by one could go on with another.
 */
export function isSpelledSo(found: StoredCell, key: string): boolean {
  const text = found instanceof Uint8Array ? Buffer.from(found).toString('utf8') : String(found);
  let end = text.length;
  while (end > 0 && text[end - 1] === ' ') end--;
  return text.slice(0, end) === key;
}
