// Seeded choices in the shapes that generators need. The same seed makes the same case on every machine.
import { SeededRandom } from '../../src/base/random.ts';

const CUT_ALL_MAX = 1500;

/** Choices of one case. */
export class Chance {
  readonly #random: SeededRandom;

  /** `seed` of the run and `number` of the case in it: each case can be made again without those before it. */
  constructor(seed: number, number: number) {
    // Neighbouring seeds of xorshift give alike first numbers, so that the two are mixed first (Murmur3's finalizer).
    let mixed = (Math.imul(seed, 0x9e3779b1) ^ Math.imul(number + 1, 0x85ebca6b)) | 0;
    mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b);
    mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
    this.#random = new SeededRandom(mixed ^ (mixed >>> 16));
  }

  /** A uniform integer in [0, n). */
  below(n: number): number {
    return this.#random.below(n);
  }

  /** True once in `n` times. */
  one(n: number): boolean {
    return this.#random.below(n) === 0;
  }

  /** One of `list`, which is not empty. */
  pick<T>(list: readonly T[]): T {
    return list[this.#random.below(list.length)]!;
  }

  /** Mostly one of `common`; once in `n` times one of `rare`. */
  mostly<T>(common: readonly T[], n: number, rare: readonly T[]): T {
    return this.one(n) ? this.pick(rare) : this.pick(common);
  }

  /** `length` characters of Latin-1, of any octet. */
  octets(length: number): string {
    let text = '';
    for (let i = 0; i < length; i++) text += String.fromCharCode(this.#random.below(256));
    return text;
  }

  /** Where `length` bytes are cut: up to four rising offsets, or after each byte of a short case. */
  cuts(length: number): number[] {
    if (length < 2) return [];
    if (length <= CUT_ALL_MAX && this.one(8)) return Array.from({ length: length - 1 }, (_, i) => i + 1);
    const cuts = new Set<number>();
    for (let i = this.below(5); i > 0; i--) cuts.add(1 + this.below(length - 1));
    return [...cuts].sort((a, b) => a - b);
  }
}
