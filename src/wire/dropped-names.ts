// Names of fields that a route takes off, wherever in a message they come: told by their bytes, in any case, and with `_` for `-`.
import type { HeadFields } from './head-fields.ts';

/** Whether a field has one of these lower-case names. Only asked where there are any. */
export function isDroppedName(names: readonly Uint8Array[], fields: HeadFields, index: number): boolean {
  const start = fields.nameStart[index]!;
  const length = fields.nameEnd[index]! - start;
  for (let i = 0; i < names.length; i++) {
    const name = names[i]!;
    if (name.length !== length) continue;
    let k = 0;
    while (k < length && isSame(name[k]!, fields.bytes[start + k]!)) k++;
    if (k === length) return true;
  }
  return false;
}

/** Whether `b` is the lower-case `wanted` in either case, or the `_` that CGI makes of a `-`. */
function isSame(wanted: number, b: number): boolean {
  if (b === wanted) return true;
  return b === 0x5f ? wanted === 0x2d : b >= 0x41 && b <= 0x5a && (b | 0x20) === wanted;
}
