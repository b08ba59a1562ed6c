// The methods that have a meaning to a proxy, by number.
import { latin1Bytes } from '../base/byte-writer.ts';

/** Numbers of the known methods; every other token is `other` and is passed on. The two that are refused come last. */
export const METHOD = {
  other: 0,
  GET: 1,
  HEAD: 2,
  POST: 3,
  PUT: 4,
  DELETE: 5,
  OPTIONS: 6,
  PATCH: 7,
  TRACE: 8,
  CONNECT: 9,
} as const;

/** Spelling of each method by its number; empty for `other`. */
export const METHOD_NAMES: readonly string[] = Object.keys(METHOD).map((key) => (key === 'other' ? '' : key));

const SPELLINGS: readonly Uint8Array[] = METHOD_NAMES.map(latin1Bytes);
const FIRST_LETTER = makeFirstLetters();

/** The lowest number of a method that begins with each letter. */
function makeFirstLetters(): Uint8Array {
  const table = new Uint8Array(256);
  for (let id = SPELLINGS.length - 1; id > 0; id--) table[SPELLINGS[id]![0]!] = id;
  return table;
}

/** Number of the method `bytes[start, end)`. Methods are case-sensitive (RFC 9110 9.1). */
export function methodId(bytes: Uint8Array, start: number, end: number): number {
  const lowest = FIRST_LETTER[bytes[start]!]!;
  if (lowest === 0) return METHOD.other;
  for (let id = lowest; id < SPELLINGS.length; id++) {
    const spelling = SPELLINGS[id]!;
    if (spelling.length !== end - start) continue;
    let i = 0;
    while (i < spelling.length && spelling[i] === bytes[start + i]) i++;
    if (i === spelling.length) return id;
  }
  return METHOD.other;
}

/** Whether a request with this method may be sent twice (rule T2): GET, HEAD, OPTIONS, PUT, DELETE. */
export function isIdempotent(method: number): boolean {
  return (
    method === METHOD.GET ||
    method === METHOD.HEAD ||
    method === METHOD.OPTIONS ||
    method === METHOD.PUT ||
    method === METHOD.DELETE
  );
}
