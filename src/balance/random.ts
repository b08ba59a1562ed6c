// Two random choices, the less busy one wins: nearly as even as least connections, at a cost that does not grow with the pool.
import type { Avoid, Balancer, BalancerInput } from './balancer.ts';
import { WeightedDraw } from './weighted-draw.ts';

/**
 * The power of two choices (Mitzenmacher 1996, Azar et al. 1999): with one choice the fullest of n gets log n / log
 * log n above the mean, with two only log log n. Both are drawn by weight. The first takes the request when it is
 * idle, so that a quiet pool keeps its weights; else the smaller (in flight + 1) / weight wins.
 */
export class RandomOfTwo implements Balancer {
  readonly #slots: Int32Array;
  readonly #weights: Float64Array;
  readonly #inFlight: Int32Array;
  readonly #draw: WeightedDraw;

  constructor(input: BalancerInput) {
    this.#slots = Int32Array.from(input.candidates, (c) => c.slot);
    this.#weights = Float64Array.from(input.candidates, (c) => c.weight);
    this.#inFlight = input.load.inFlight;
    this.#draw = new WeightedDraw(input.candidates, input.random);
  }

  /** Hot: test/alloc/balance.test.ts. */
  pick(_key: number, avoid: Avoid | null): number {
    const a = this.#draw.one(avoid);
    if (a < 0) return -1;
    const loadOfA = this.#inFlight[this.#slots[a]!]!;
    if (loadOfA <= 0) return a;
    const b = this.#draw.other(a, avoid);
    if (b < 0) return a;
    const loadOfB = this.#inFlight[this.#slots[b]!]!;
    return (loadOfA + 1) * this.#weights[b]! <= (loadOfB + 1) * this.#weights[a]! ? a : b;
  }
}
