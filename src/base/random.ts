// Chance as an argument: integers below a bound, from the machine or from a seed, and unguessable bytes in bulk.
import { randomFillSync } from 'node:crypto';

/** A source of integers. An integer interface, because a `() => number` boxes its double on every call. */
export interface Random {
  /** A uniform integer in [0, n). `n` is 1 … 2^31−1. */
  below(n: number): number;
}

/**
 * xorshift32 (Marsaglia, "Xorshift RNGs", 2003): small, fast and repeatable by its seed. Fit for balancing and simulation,
 * not for secrets.
 */
export class SeededRandom implements Random {
  #state: number;

  constructor(seed: number) {
    // Zero is the generator's fixed point; any other start will do.
    this.#state = seed | 0 || 0x9e3779b9 | 0;
  }

  below(n: number): number {
    let x = this.#state;
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    this.#state = x;
    // Multiply-shift maps 32 bits onto [0, n) without the modulo's bias for small n (Lemire 2019, without rejection: the
    // bias is below n / 2^32).
    return Math.floor(((x >>> 0) / 4294967296) * n);
  }
}

/** A generator seeded from the operating system. */
export function systemRandom(): Random {
  const seed = new Int32Array(1);
  randomFillSync(seed);
  return new SeededRandom(seed[0]!);
}

/** Unguessable bytes, drawn from the operating system 8 KiB at a time, so that a request's share costs a few nanoseconds. */
export class RandomBytes {
  readonly bytes = new Uint8Array(8192);
  #next = 8192;

  /** Returns an offset into `bytes` at which `n` (≤ 256) fresh bytes stand; they are given out once. */
  take(n: number): number {
    if (this.#next + n > this.bytes.length) {
      randomFillSync(this.bytes);
      this.#next = 0;
    }
    const at = this.#next;
    this.#next += n;
    return at;
  }
}
