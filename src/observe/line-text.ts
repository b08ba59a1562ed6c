// Texts and numbers as log lines hold them: written as bytes, and so that nothing in them can end a line or a field, or steer a terminal.
import type { ByteWriter } from '../base/byte-writer.ts';

/** How a text is made harmless. */
export interface Escape {
  /** 1: this character, below 256, stands for itself. */
  readonly plain: Uint8Array;
  /** Writes another one below 256 at `at`, six bytes at the most; returns the offset behind it. */
  put(out: Uint8Array, at: number, code: number): number;
  /** Writes a byte of the UTF-8 of a character beyond that. */
  putWide(out: Uint8Array, at: number, byte: number): number;
}

const HEX = Uint8Array.from(Buffer.from('0123456789abcdef', 'latin1'));
const BACKSLASH = 0x5c;
/** What one UTF-16 unit grows to at the most: a character of three bytes, each as `\x00`. */
const GROWTH_MAX = 12;

/** The printable ASCII characters without `but`. */
function printable(but: string): Uint8Array {
  const plain = new Uint8Array(256);
  plain.fill(1, 0x20, 0x7f);
  for (const character of but) plain[character.charCodeAt(0)] = 0;
  return plain;
}

/** The letter behind the backslash for those that have one (RFC 8259 section 7). */
const SHORT = new Uint8Array(256);
for (const [code, letter] of [
  [0x08, 'b'],
  [0x09, 't'],
  [0x0a, 'n'],
  [0x0c, 'f'],
  [0x0d, 'r'],
  [0x22, '"'],
  [0x5c, '\\'],
] as const) {
  SHORT[code] = letter.charCodeAt(0);
}

/** A string of JSON, between its quotes. C1 controls and DEL are escaped too: in UTF-8 some terminals obey them. */
export const JSON_TEXT: Escape = {
  plain: printable('"\\'),
  put(out, at, code) {
    let next = at;
    if (code >= 0xa0) {
      out[next++] = 0xc0 | (code >> 6);
      out[next++] = 0x80 | (code & 0x3f);
      return next;
    }
    out[next++] = BACKSLASH;
    if (SHORT[code] !== 0) {
      out[next++] = SHORT[code]!;
      return next;
    }
    out[next++] = 0x75;
    out[next++] = 0x30;
    out[next++] = 0x30;
    out[next++] = HEX[code >> 4]!;
    out[next++] = HEX[code & 15]!;
    return next;
  },
  putWide(out, at, byte) {
    out[at] = byte;
    return at + 1;
  },
};

function asHexByte(out: Uint8Array, at: number, code: number): number {
  out[at] = BACKSLASH;
  if (code === 0x22 || code === BACKSLASH) {
    out[at + 1] = code;
    return at + 2;
  }
  out[at + 1] = 0x78;
  out[at + 2] = HEX[code >> 4]!;
  out[at + 3] = HEX[code & 15]!;
  return at + 4;
}

/** Between the quotes of the common log format, as Apache escapes it: `\"`, `\\`, and `\xhh` for all that is not printable ASCII. */
export const QUOTED_TEXT: Escape = { plain: printable('"\\'), put: asHexByte, putWide: asHexByte };

/** A place of the common log format that has no quotes: what would end it is escaped too. */
export const BARE_TEXT: Escape = { plain: printable('"\\ []'), put: asHexByte, putWide: asHexByte };

/** Characters that a value of logfmt may hold without quotes. */
const UNQUOTED = printable('"\\ =');

/** Appends `text`. */
export function putText(out: ByteWriter, text: string, how: Escape): void {
  if (!out.ensure(text.length * GROWTH_MAX)) return;
  const { bytes } = out;
  const { plain } = how;
  let at = out.length;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code < 256) {
      if (plain[code] === 1) bytes[at++] = code;
      else at = how.put(bytes, at, code);
      continue;
    }
    const point = text.codePointAt(i)!;
    if (point > 0xffff) i++;
    at = putPoint(bytes, at, point, how);
  }
  out.length = at;
}

/** A character beyond latin1 as UTF-8; half a pair, which is none, as U+FFFD. */
function putPoint(bytes: Uint8Array, start: number, given: number, how: Escape): number {
  const point = given >= 0xd800 && given < 0xe000 ? 0xfffd : given;
  let at = start;
  if (point < 0x800) {
    at = how.putWide(bytes, at, 0xc0 | (point >> 6));
  } else {
    if (point < 0x10000) {
      at = how.putWide(bytes, at, 0xe0 | (point >> 12));
    } else {
      at = how.putWide(bytes, at, 0xf0 | (point >> 18));
      at = how.putWide(bytes, at, 0x80 | ((point >> 12) & 0x3f));
    }
    at = how.putWide(bytes, at, 0x80 | ((point >> 6) & 0x3f));
  }
  return how.putWide(bytes, at, 0x80 | (point & 0x3f));
}

/** Appends `source[start, end)`, latin1. */
export function putSpan(out: ByteWriter, source: Uint8Array, start: number, end: number, how: Escape): void {
  if (!out.ensure((end - start) * GROWTH_MAX)) return;
  const { bytes } = out;
  const { plain } = how;
  let at = out.length;
  for (let i = start; i < end; i++) {
    const code = source[i]!;
    if (plain[code] === 1) bytes[at++] = code;
    else at = how.put(bytes, at, code);
  }
  out.length = at;
}

/** Appends a value of logfmt: bare where nothing in it could end it, else quoted as JSON quotes. */
export function putLogfmt(out: ByteWriter, text: string): void {
  let bare = text.length > 0;
  for (let i = 0; i < text.length && bare; i++) {
    const code = text.charCodeAt(i);
    bare = code < 256 && UNQUOTED[code] === 1;
  }
  if (!bare) out.byte(0x22);
  putText(out, text, JSON_TEXT);
  if (!bare) out.byte(0x22);
}

/** The same for `source[start, end)`, latin1. */
export function putLogfmtSpan(out: ByteWriter, source: Uint8Array, start: number, end: number): void {
  let bare = end > start;
  for (let i = start; i < end && bare; i++) bare = UNQUOTED[source[i]!] === 1;
  if (!bare) out.byte(0x22);
  putSpan(out, source, start, end, JSON_TEXT);
  if (!bare) out.byte(0x22);
}

/** Appends milliseconds, not negative, with three decimals at most and without needless zeros. */
export function putMs(out: ByteWriter, ms: number): void {
  const micros = Math.round(ms * 1000);
  const whole = Math.floor(micros / 1000);
  out.decimal(whole);
  let rest = micros - whole * 1000;
  if (rest === 0) return;
  out.byte(0x2e);
  for (let unit = 100; rest > 0; unit = Math.floor(unit / 10)) {
    const digit = Math.floor(rest / unit);
    out.byte(0x30 + digit);
    rest -= digit * unit;
  }
}
