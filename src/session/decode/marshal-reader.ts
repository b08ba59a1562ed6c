// Reads the words of Ruby's Marshal 4.8: numbers and counted bytes, never beyond the end.
import { Buffer } from 'node:buffer';
import { DecodeError } from './decode-error.ts';

/** Longest whole number, bytes: far above any id, far below what would take time to turn to decimal digits. */
const BIGNUM_BYTES_MAX = 1024;

/** A cursor over `bytes`, which stay the caller's: what `text` gives is a view into them. */
export class MarshalReader {
  readonly #bytes: Uint8Array;
  #at: number;

  constructor(bytes: Uint8Array, at: number) {
    this.#bytes = bytes;
    this.#at = at;
  }

  /** The next byte; DecodeError at the end. */
  byte(): number {
    const byte = this.#bytes[this.#at++];
    if (byte === undefined) throw new DecodeError('Marshal data that was cut off');
    return byte;
  }

  /** The byte `ahead` of the next one without reading it, or -1 at the end. */
  peek(ahead: number): number {
    return this.#bytes[this.#at + ahead] ?? -1;
  }

  /** A whole number of at most 32 bits (marshal.c, `r_long`). */
  long(): number {
    const first = (this.byte() << 24) >> 24;
    if (first === 0) return 0;
    if (first > 4) return first - 5;
    if (first < -4) return first + 5;
    let value = 0;
    for (let i = 0, length = Math.abs(first); i < length; i++) value += this.byte() * 2 ** (8 * i);
    return first > 0 ? value : value - 2 ** (8 * -first);
  }

  /** How many things of at least `bytesEach` bytes follow; more than can be there is an error before anything is made. */
  count(bytesEach: number): number {
    const count = this.long();
    if (count < 0 || count * bytesEach > this.#bytes.length - this.#at)
      throw new DecodeError('Marshal data with a length that it has not');
    return count;
  }

  /** Counted bytes. */
  text(): Uint8Array {
    const length = this.count(1);
    this.#at += length;
    return this.#bytes.subarray(this.#at - length, this.#at);
  }

  /** A whole number of any size: a number while that is exact, else a bigint. */
  bignum(): number | bigint {
    const sign = this.byte();
    const length = this.count(2) * 2;
    if ((sign !== 0x2b && sign !== 0x2d) || length > BIGNUM_BYTES_MAX)
      throw new DecodeError('a whole number that Marshal does not write, or over the bound');
    this.#at += length;
    const hex = Buffer.from(this.#bytes.subarray(this.#at - length, this.#at))
      .reverse()
      .toString('hex');
    const size = BigInt(`0x0${hex}`);
    const value = sign === 0x2d ? -size : size;
    const number = Number(value);
    return Number.isSafeInteger(number) ? number : value;
  }

  /** A float, which is written in decimal; old Rubies have bytes of the mantissa after a NUL. */
  float(): number {
    const text = Buffer.from(this.text()).toString('latin1').split('\0', 1)[0]!;
    if (text === 'inf') return Number.POSITIVE_INFINITY;
    if (text === '-inf') return Number.NEGATIVE_INFINITY;
    if (text === 'nan') return Number.NaN;
    const value = Number(text);
    if (Number.isNaN(value) || text.trim() === '')
      throw new DecodeError('a float that Marshal does not write');
    return value;
  }
}
