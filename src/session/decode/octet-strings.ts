// DER of the one shape that is met here: a SEQUENCE of OCTET STRINGs.
import { DecodeError } from './decode-error.ts';

/** Most members of the sequence. */
const MEMBERS_MAX = 16;

/** The strings of a sequence, as views of `bytes`. Throws DecodeError for anything else (X.690, definite lengths). */
export function decodeOctetStrings(bytes: Uint8Array): Uint8Array[] {
  const [start, end] = element(bytes, 0, bytes.length, 0x30);
  if (end !== bytes.length) throw new DecodeError('bytes behind the sequence');
  const strings: Uint8Array[] = [];
  for (let at = start; at < end; ) {
    if (strings.length === MEMBERS_MAX) throw new DecodeError('too many strings');
    const [from, to] = element(bytes, at, end, 0x04);
    strings.push(bytes.subarray(from, to));
    at = to;
  }
  return strings;
}

/** Where the content of the element at `at` begins and ends. */
function element(bytes: Uint8Array, at: number, end: number, tag: number): [start: number, end: number] {
  if (at + 2 > end || bytes[at] !== tag) throw new DecodeError('not a sequence of octet strings');
  let start = at + 2;
  let length = bytes[at + 1]!;
  if (length >= 0x80) {
    const count = length & 0x7f;
    if (count === 0 || count > 4 || start + count > end)
      throw new DecodeError('a length that cannot be read');
    length = 0;
    for (let i = 0; i < count; i++) length = length * 256 + bytes[start++]!;
  }
  if (start + length > end) throw new DecodeError('a length beyond the end');
  return [start, start + length];
}
