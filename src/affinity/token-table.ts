// A small table from tokens to numbers that finds by hash and believes only a comparison of every byte.
import { mixSigned } from '../base/hash.ts';

/** Where a token's own characters begin: the ones before stand for the pool and are the same in all. */
const HASHED_FROM = 8;

/**
 * Open addressing over fixed rows, at most a quarter full. `find` allocates nothing; its comparison always looks at
 * every byte, so that its time does not tell how much of a guess was right. A full table forgets an old token for
 * each new one. Tokens are at least 24 bytes and at most `bytesMax`.
 */
export class TokenTable {
  readonly #bytesMax: number;
  readonly #mask: number;
  /** Row + 1 by bucket; 0: empty. */
  #buckets: Int32Array;
  readonly #rows: Uint8Array;
  readonly #lengths: Uint8Array;
  readonly #values: Int32Array;
  readonly #capacity: number;
  #count = 0;

  constructor(capacity: number, bytesMax: number) {
    let size = 8;
    while (size < capacity * 4) size *= 2;
    this.#capacity = capacity;
    this.#bytesMax = bytesMax;
    this.#mask = size - 1;
    this.#buckets = new Int32Array(size);
    this.#rows = new Uint8Array(capacity * bytesMax);
    this.#lengths = new Uint8Array(capacity);
    this.#values = new Int32Array(capacity);
  }

  /** The value put with these bytes, or −1. Hot: test/alloc/affinity.test.ts. */
  find(bytes: Uint8Array, start: number, length: number): number {
    let bucket = hashOf(bytes, start, length) & this.#mask;
    for (let row = this.#buckets[bucket]! - 1; row >= 0; row = this.#buckets[bucket]! - 1) {
      if (this.#lengths[row] === length && this.#sameBytes(row, bytes, start, length))
        return this.#values[row]!;
      bucket = (bucket + 1) & this.#mask;
    }
    return -1;
  }

  /** Puts a token that is not in yet, with a value ≥ 0. */
  put(bytes: Uint8Array, start: number, length: number, value: number): void {
    if (this.#count === this.#capacity) {
      // Only the table of remembered ones fills up; starting over costs a bounded number of checks.
      this.#buckets = new Int32Array(this.#buckets.length);
      this.#count = 0;
    }
    const row = this.#count++;
    for (let i = 0; i < length; i++) this.#rows[row * this.#bytesMax + i] = bytes[start + i]!;
    this.#lengths[row] = length;
    this.#values[row] = value;
    let bucket = hashOf(bytes, start, length) & this.#mask;
    while (this.#buckets[bucket] !== 0) bucket = (bucket + 1) & this.#mask;
    this.#buckets[bucket] = row + 1;
  }

  #sameBytes(row: number, bytes: Uint8Array, start: number, length: number): boolean {
    const rows = this.#rows;
    const at = row * this.#bytesMax;
    let differ = 0;
    for (let i = 0; i < length; i++) differ |= rows[at + i]! ^ bytes[start + i]!;
    return differ === 0;
  }
}

/**
 * Four characters that stand for the upstream, and the last four of the signature, which differ by epoch and secret.
 * Outsiders cannot choose either for a token that is put in, so they cannot build long chains.
 */
function hashOf(bytes: Uint8Array, start: number, length: number): number {
  const a = start + HASHED_FROM;
  const b = start + length - 4;
  const head = bytes[a]! | (bytes[a + 1]! << 8) | (bytes[a + 2]! << 16) | (bytes[a + 3]! << 24);
  const tail = bytes[b]! | (bytes[b + 1]! << 8) | (bytes[b + 2]! << 16) | (bytes[b + 3]! << 24);
  return mixSigned(head ^ Math.imul(tail, 0x9e3779b1));
}
