// Chance for simulations: the distributions that the papers speak of, drawn from a seed.
import { mix } from '../../src/base/hash.ts';
import { type Random, SeededRandom } from '../../src/base/random.ts';

const ONE = 0x7fffffff;

/** Seeds that are near each other give streams that are not: each is mixed, as the system's own would be. */
export function seeded(seed: number, stream = 0): SeededRandom {
  return new SeededRandom(mix(mix(seed + 1) ^ (stream * 0x9e3779b9)));
}

export class Draws {
  readonly random: Random;

  constructor(seed: number, stream = 0) {
    this.random = seeded(seed, stream);
  }

  /** Uniform in (0, 1). */
  share(): number {
    return (this.random.below(ONE) + 0.5) / ONE;
  }

  exponential(mean: number): number {
    return -mean * Math.log(this.share());
  }

  /** Bounded Pareto on [least, most] by inversion: heavy-tailed where `alpha` < 2. */
  pareto(alpha: number, least: number, most: number): number {
    const reach = 1 - (least / most) ** alpha;
    return least / (1 - this.share() * reach) ** (1 / alpha);
  }
}

/** The k-th moment of the bounded Pareto distribution, k ≠ alpha. */
export function paretoMoment(k: number, alpha: number, least: number, most: number): number {
  const scale = (alpha * least ** alpha) / (1 - (least / most) ** alpha);
  return (scale * (most ** (k - alpha) - least ** (k - alpha))) / (k - alpha);
}

/** Draws ranks 0 … n − 1 by Zipf's law, rank r in proportion to 1 / (r + 1)^exponent. */
export class Zipf {
  readonly #sums: Float64Array;

  constructor(n: number, exponent: number) {
    this.#sums = new Float64Array(n);
    let sum = 0;
    for (let r = 0; r < n; r++) {
      sum += 1 / (r + 1) ** exponent;
      this.#sums[r] = sum;
    }
  }

  draw(draws: Draws): number {
    const sums = this.#sums;
    const aim = draws.share() * sums.at(-1)!;
    let low = 0;
    let high = sums.length - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (sums[middle]! < aim) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
