// Draws candidates at random by weight in constant time, for the balancers that compare two choices.
import type { Random } from '../base/random.ts';
import type { Avoid, Candidate } from './balancer.ts';

/** Resolution of a column's threshold. */
const THRESHOLD_ONE = 1 << 30;
/** Draws in search of a candidate that will do, before a scan ends the search. */
const DRAWS_MAX = 8;

/**
 * The alias method (Walker 1977, built as Vose 1991): n columns of equal width, each shared by at most two candidates, so
 * that a weighted draw is one column and one comparison. With equal weights the comparison is left out. A draw is O(1), but
 * O(n) at the worst where nearly all are avoided, or one has nearly all the weight and is not to be drawn again.
 */
export class WeightedDraw {
  readonly #slots: Int32Array;
  readonly #random: Random;
  /** Below it the column's own candidate is meant, else its alias; null: equal weights. */
  readonly #thresholds: Int32Array | null;
  readonly #aliases: Int32Array;

  constructor(candidates: readonly Candidate[], random: Random) {
    const n = candidates.length;
    this.#slots = Int32Array.from(candidates, (c) => c.slot);
    this.#random = random;
    this.#aliases = new Int32Array(n);
    if (candidates.every((c) => c.weight === candidates[0]!.weight)) {
      this.#thresholds = null;
      return;
    }
    const thresholds = new Int32Array(n).fill(THRESHOLD_ONE);
    this.#thresholds = thresholds;
    const sum = candidates.reduce((total, c) => total + c.weight, 0);
    const shares = candidates.map((c) => (c.weight * n) / sum);
    const poor: number[] = [];
    const rich: number[] = [];
    for (let i = 0; i < n; i++) (shares[i]! < 1 ? poor : rich).push(i);
    // A poor column is filled up by a rich one, which may turn poor by that. What is left over by rounding stays whole.
    while (poor.length > 0 && rich.length > 0) {
      const low = poor.pop()!;
      const high = rich.pop()!;
      thresholds[low] = Math.round(shares[low]! * THRESHOLD_ONE);
      this.#aliases[low] = high;
      shares[high]! -= 1 - shares[low]!;
      (shares[high]! < 1 ? poor : rich).push(high);
    }
  }

  /** A position by weight whose slot is not avoided; −1 when all are avoided. */
  one(avoid: Avoid | null): number {
    const position = this.#draw();
    if (avoid === null || !avoid.has(this.#slots[position]!)) return position;
    for (let i = 0; i < DRAWS_MAX; i++) {
      const next = this.#draw();
      if (!avoid.has(this.#slots[next]!)) return next;
    }
    return this.#scan(-1, avoid);
  }

  /**
   * Another position than `first`, neither avoided; −1 when there is none. With equal weights every pair is as likely as
   * every other.
   */
  other(first: number, avoid: Avoid | null): number {
    const n = this.#slots.length;
    if (n === 1) return -1;
    if (avoid === null) {
      if (n === 2) return 1 - first;
      if (this.#thresholds === null) {
        const position = this.#random.below(n - 1);
        return position < first ? position : position + 1;
      }
    }
    for (let i = 0; i < DRAWS_MAX; i++) {
      const position = this.#draw();
      if (position !== first && (avoid === null || !avoid.has(this.#slots[position]!))) return position;
    }
    return this.#scan(first, avoid);
  }

  #draw(): number {
    const column = this.#random.below(this.#slots.length);
    const thresholds = this.#thresholds;
    if (thresholds === null) return column;
    return this.#random.below(THRESHOLD_ONE) < thresholds[column]! ? column : this.#aliases[column]!;
  }

  /** The first that will do, from a random place on. */
  #scan(except: number, avoid: Avoid | null): number {
    const n = this.#slots.length;
    const from = this.#random.below(n);
    for (let i = 0; i < n; i++) {
      const position = from + i < n ? from + i : from + i - n;
      if (position !== except && (avoid === null || !avoid.has(this.#slots[position]!))) return position;
    }
    return -1;
  }
}
