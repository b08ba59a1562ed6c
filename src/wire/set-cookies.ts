// The cookies that an answer gives out, as the browser that takes them would send them back.
import { latin1Text } from '../base/byte-writer.ts';
import { FIELD } from './fields.ts';
import type { HeadFields } from './head-fields.ts';

/** Lines that are looked at; an answer that gives a session out in pieces has a handful. */
const LINES_MAX = 32;
/** Bytes of pairs that are looked at: as much as a request's `Cookie` may have. */
const BYTES_MAX = 32 * 1024;

/**
 * The pairs that the `Set-Cookie` lines of an answer set, joined by `; ` (RFC 6265 section 5.2), without those that take a cookie away: empty,
 * or with an end that has come by `wallMs`. Of one name the last counts, as in a browser, whatever its path. Empty: none.
 */
export function givenCookies(fields: HeadFields, wallMs: number): string {
  const { bytes, id, valueStart, valueEnd, first, count, seen } = fields;
  const pairs = new Map<string, string>();
  let left = Math.min(seen[FIELD.setCookie]!, LINES_MAX);
  let bytesLeft = BYTES_MAX;
  for (let i = first[FIELD.setCookie]!; left > 0 && i < count; i++) {
    if (id[i] !== FIELD.setCookie) continue;
    left--;
    bytesLeft -= valueEnd[i]! - valueStart[i]!;
    if (bytesLeft < 0) break;
    const line = latin1Text(bytes, valueStart[i]!, valueEnd[i]!);
    const name = setCookieName(line);
    const pair = pairOf(line).trim();
    pairs.delete(name);
    if (pair.indexOf('=') < pair.length - 1 && pair !== name && !isOver(line, wallMs)) pairs.set(name, pair);
  }
  return [...pairs.values()].join('; ');
}

/** The name of the cookie that a `Set-Cookie` line sets or takes away. */
export function setCookieName(line: string): string {
  const pair = pairOf(line);
  const equals = pair.indexOf('=');
  return (equals < 0 ? pair : pair.slice(0, equals)).trim();
}

function pairOf(line: string): string {
  const end = line.indexOf(';');
  return end < 0 ? line : line.slice(0, end);
}

/** Whether its attributes take the cookie away. `Max-Age` goes before `Expires`, and of each the last counts (RFC 6265 section 5.3). */
function isOver(line: string, wallMs: number): boolean {
  let ageS: number | null = null;
  let endsMs: number | null = null;
  for (const attribute of line.split(';').slice(1)) {
    const [name = '', value = ''] = attribute.split('=', 2).map((part) => part.trim());
    if (/^max-age$/i.test(name) && /^-?\d+$/.test(value)) ageS = Number(value);
    // With dashes in it, as older servers write it, the date is read all the same.
    else if (/^expires$/i.test(name)) endsMs = Date.parse(value.replace(/(\d)-([a-z]{3})-(\d)/i, '$1 $2 $3'));
  }
  if (ageS !== null) return ageS <= 0;
  return endsMs !== null && endsMs <= wallMs;
}
