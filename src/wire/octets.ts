// What each octet may be in HTTP/1.1: one table of classes, so that every scanner is a loop over a look-up.

export const TAB = 0x09;
export const LF = 0x0a;
export const CR = 0x0d;
export const SP = 0x20;
export const PERCENT = 0x25;
export const COMMA = 0x2c;
export const DOT = 0x2e;
export const SLASH = 0x2f;
export const COLON = 0x3a;
export const SEMICOLON = 0x3b;
export const EQUALS = 0x3d;
export const QUESTION = 0x3f;
export const AT = 0x40;
export const BACKSLASH = 0x5c;

/** `tchar` (RFC 9110 5.6.2): methods and field names. */
export const TCHAR = 1;
/** May stand in a field value (RFC 9110 5.5): TAB, SP, visible ASCII, 0x80-0xFF. */
export const VALUE = 2;
/** May stand in a request target as we take it: 0x21-0x7E but `#`. */
export const TARGET = 4;
/** May stand in a path or query by the letter of RFC 3986: pchar, `/`, `?`. */
export const STRICT = 8;
/** In a path: `%` `\` `;` `/` `?`, which a scanner has to look at more closely. */
export const SPECIAL = 16;
/** May stand in a reg-name (RFC 3986 3.2.2) besides an escape. */
export const REG_NAME = 32;
/** `_`, which CGI-like apps can't tell from `-`. */
export const UNDERSCORE = 64;
/** A hex digit. */
export const HEX = 128;

const ALNUM = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
const SUB_DELIMS = "!$&'()*+,;=";

/** Classes of each octet, as a set of the bits above. */
export const CLASS: Uint8Array = makeClasses();

/** Each octet with `A`-`Z` turned to `a`-`z`; every other octet is itself. */
export const LOWER: Uint8Array = makeLower();

/** Value of each hex digit; 255 for every other octet. */
export const HEX_VALUE: Uint8Array = makeHexValues();

function makeClasses(): Uint8Array {
  const table = new Uint8Array(256);
  const add = (octets: string, bit: number): void => {
    for (let i = 0; i < octets.length; i++) table[octets.charCodeAt(i)]! |= bit;
  };
  add(`${ALNUM}!#$%&'*+-.^_\`|~`, TCHAR);
  add(`${ALNUM}-._~${SUB_DELIMS}:@/?%`, STRICT);
  add(`${ALNUM}-._~${SUB_DELIMS}`, REG_NAME);
  add('%\\;/?', SPECIAL);
  add('_', UNDERSCORE);
  add('0123456789abcdefABCDEF', HEX);
  for (let b = 0x21; b <= 0x7e; b++) if (b !== 0x23) table[b]! |= TARGET;
  for (let b = 0x20; b <= 0xff; b++) if (b !== 0x7f) table[b]! |= VALUE;
  table[TAB]! |= VALUE;
  return table;
}

function makeLower(): Uint8Array {
  const table = new Uint8Array(256);
  for (let b = 0; b < 256; b++) table[b] = b >= 0x41 && b <= 0x5a ? b | 0x20 : b;
  return table;
}

function makeHexValues(): Uint8Array {
  const table = new Uint8Array(256).fill(255);
  const digits = '0123456789abcdef';
  for (let v = 0; v < 16; v++) {
    table[digits.charCodeAt(v)] = v;
    table[digits.toUpperCase().charCodeAt(v)] = v;
  }
  return table;
}

/** Whether `bytes[start, end)` is `word`, letters compared without case. `word` is in lower case. */
export function isWord(bytes: Uint8Array, start: number, end: number, word: Uint8Array): boolean {
  const n = word.length;
  if (end - start !== n) return false;
  for (let i = 0; i < n; i++) if (LOWER[bytes[start + i]!] !== word[i]) return false;
  return true;
}

/** Whether `bytes[start, end)` is `other[otherStart, otherEnd)`, letters compared without case. */
export function isSameName(
  bytes: Uint8Array,
  start: number,
  end: number,
  other: Uint8Array,
  otherStart: number,
  otherEnd: number,
): boolean {
  const n = end - start;
  if (otherEnd - otherStart !== n) return false;
  for (let i = 0; i < n; i++) if (LOWER[bytes[start + i]!] !== LOWER[other[otherStart + i]!]) return false;
  return true;
}
