// The bytes of a pickle taken one argument at a time, each checked against what is left.
import { Buffer } from 'node:buffer';
import { STORED_BYTES_MAX } from '../store.ts';
import { DecodeError, UnreadError } from './decode-error.ts';

/** Digits of a number in text: Python's own bound since 3.11, since reading them takes quadratic time. */
const DIGITS_MAX = 4300;

/** Longest whole number, bytes: far above any id. One of a megabyte would take seconds to write in decimal. */
const LONG_BYTES_MAX = 1024;

const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

export class PickleReader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Uint8Array) {
    if (bytes.length > STORED_BYTES_MAX) throw new UnreadError('a pickle longer than the bound');
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  byte(): number {
    return this.#take(1)[0]!;
  }

  /** A number of 2, 4 or 8 bytes, low byte first; beyond 2^53 it is far over every bound anyway. */
  uint(size: 2 | 4 | 8): number {
    const bytes = this.#take(size);
    return size === 2
      ? bytes.readUInt16LE()
      : size === 4
        ? bytes.readUInt32LE()
        : Number(bytes.readBigUInt64LE());
  }

  /** A signed integer of so many bytes, low byte first. DecodeError beyond LONG_BYTES_MAX. */
  long(size: number): number | bigint {
    if (size > LONG_BYTES_MAX) throw new UnreadError('a pickle with a number longer than the bound');
    const bytes = this.#take(size);
    if (size === 0) return 0;
    if (size <= 6) return bytes.readIntLE(0, size);
    const magnitude = BigInt(`0x${Buffer.from(bytes).reverse().toString('hex')}`);
    return integer(BigInt.asIntN(size * 8, magnitude));
  }

  double(): number {
    return this.#take(8).readDoubleBE();
  }

  bytes(size: number): Uint8Array {
    return new Uint8Array(this.#take(size));
  }

  /** Text of that many bytes. Halves of surrogate pairs, which Python keeps, become U+FFFD. */
  utf8(size: number): string {
    const bytes = this.#take(size);
    try {
      return UTF8.decode(bytes);
    } catch {
      const halves = bytes.toString('latin1').replace(/\xed[\xa0-\xbf][\x80-\xbf]/g, '\xef\xbf\xbd');
      return decodeUtf8(Buffer.from(halves, 'latin1'));
    }
  }

  /** A text of Python 2, which Python 3 reads as ASCII or not at all. */
  ascii(size: number): string {
    return ascii(this.#take(size));
  }

  /** All up to the next newline, as ASCII. */
  line(): string {
    return ascii(this.#line());
  }

  /** A position in the memo. */
  index(): number {
    const text = this.line();
    if (!/^\d{1,9}$/.test(text)) throw new DecodeError('a pickle with a position that is no number');
    return Number(text);
  }

  /** A number in digits; with `flags`, `00` and `01` are false and true. */
  decimal(flags: boolean): number | bigint | boolean {
    const text = this.line();
    if (flags && (text === '00' || text === '01')) return text === '01';
    const digits = text.endsWith('L') ? text.slice(0, -1) : text;
    if (digits.length > DIGITS_MAX || !/^[+-]?\d+$/.test(digits))
      throw new DecodeError('a pickle with a number that is none');
    return integer(digits.startsWith('-') ? -BigInt(digits.slice(1)) : BigInt(digits.replace('+', '')));
  }

  float(): number {
    const text = this.line();
    if (/^[+-]?inf$/.test(text)) return text.startsWith('-') ? -Infinity : Infinity;
    if (text === 'nan') return Number.NaN;
    const value = /^[+-]?[\d.]+(e[+-]?\d+)?$/i.test(text) ? Number(text) : Number.NaN;
    if (Number.isNaN(value)) throw new DecodeError('a pickle with a number that is none');
    return value;
  }

  /** A text in quotes with Python's escapes; only those that `repr` writes for ASCII are known. */
  quoted(): string {
    const text = this.line();
    const quote = text[0];
    if (text.length < 2 || (quote !== "'" && quote !== '"') || !text.endsWith(quote))
      throw new DecodeError('a pickle with a text without quotes');
    return text.slice(1, -1).replace(/\\(x[0-7][0-9a-fA-F]|.)/g, (_all, escaped: string) => {
      if (escaped.length === 3) return String.fromCharCode(Number.parseInt(escaped.slice(1), 16));
      const plain = ESCAPES.get(escaped);
      if (plain === undefined) throw new DecodeError('a pickle with an escape that is not known');
      return plain;
    });
  }

  /** A text in which all beyond latin1 is escaped. */
  rawUnicode(): string {
    const text = this.#line().toString('latin1');
    return text.replace(/\\u([0-9a-fA-F]{4})|\\U([0-9a-fA-F]{8})/g, (_all, short?: string, long?: string) => {
      const point = Number.parseInt(short ?? long ?? '', 16);
      if (point > 0x10ffff) throw new DecodeError('a pickle with a character that is none');
      return String.fromCodePoint(point);
    });
  }

  #line(): Buffer {
    const end = this.#bytes.indexOf(0x0a, this.#at);
    if (end < 0) throw new DecodeError('a pickle that ends too early');
    const line = this.#bytes.subarray(this.#at, end);
    this.#at = end + 1;
    return line;
  }

  #take(size: number): Buffer {
    if (size > this.#bytes.length - this.#at) throw new DecodeError('a pickle that ends too early');
    const taken = this.#bytes.subarray(this.#at, this.#at + size);
    this.#at += size;
    return taken;
  }
}

const ESCAPES: ReadonlyMap<string, string> = new Map([
  ['\\', '\\'],
  ["'", "'"],
  ['"', '"'],
  ['n', '\n'],
  ['r', '\r'],
  ['t', '\t'],
]);

function integer(value: bigint): number | bigint {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}

function ascii(bytes: Buffer): string {
  const text = bytes.toString('latin1');
  if (/[^\0-\x7f]/.test(text)) throw new DecodeError('a pickle of Python 2 with text beyond ASCII');
  return text;
}

function decodeUtf8(bytes: Buffer): string {
  try {
    return UTF8.decode(bytes);
  } catch {
    throw new DecodeError('a pickle with text that is not UTF-8');
  }
}
