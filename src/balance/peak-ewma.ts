// Two random choices, the one that will probably answer sooner wins: steers around slow upstreams before they fail.
import type { Avoid, Balancer, BalancerInput, LoadColumns } from './balancer.ts';
import { LATENCY_DECAY_MS } from './latency.ts';
import { WeightedDraw } from './weighted-draw.ts';

/** The least latency that is told apart, so that in-flight counts decide between upstreams that decayed to nothing. */
const LATENCY_FLOOR_MS = 0.05;

/**
 * What the first request costs while an upstream's latency is unknown and one request already tries it: more than any real
 * latency (an hour), so that a new one is tried by one request at a time until it has answered.
 */
const UNTRIED_COST_MS = 3_600_000;

/** Places in the scratch array. */
const NOW_MS = 0;
/** What the better one of the last two choices costs, and the other one while they are compared. */
const COST = 1;
const COST_OTHER = 2;
/** What those that were picked lately cost. */
const USUAL_COST = 3;

/** How much dearer than usual the better of two must be for two more to be looked at. */
const DEAR = 2;
/** Share of the newest pick in what is usual: the last hundred or so picks count. */
const USUAL_STEP = 1 / 64;

/**
 * Peak EWMA (Finagle's `loadbalancer` documentation, 2015; linkerd): cost = latency x (in flight + 1) / weight, of
 * two choices drawn by weight the lower one. The latency is the peak-sensitive average of feedLatency, decayed by the
 * time since it was fed: an upstream that was slow and is left alone becomes attractive again and is tried by few
 * requests.
 *
 * Where a share f of the pool is slow, two choices are both slow with f² of the requests, whatever the costs say: with a third
 * slow by ten, that is a ninth, more than the third can bear in a pool at half load. So where the better of two is much dearer than
 * what is picked usually, two more are drawn, which leaves f⁴ (docs/simulation.md shows both). Where all are slow, that
 * becomes the usual, and two choices do.
 */
export class PeakEwma implements Balancer {
  readonly #slots: Int32Array;
  readonly #weights: Float64Array;
  readonly #load: LoadColumns;
  readonly #draw: WeightedDraw;
  readonly #nowMs: () => number;
  /** The time of this pick, the costs of its choices and what is usual, in an array because a call that takes or gives a fraction may box it. */
  readonly #scratch = new Float64Array(4);

  constructor(input: BalancerInput) {
    this.#slots = Int32Array.from(input.candidates, (c) => c.slot);
    this.#weights = Float64Array.from(input.candidates, (c) => c.weight);
    this.#load = input.load;
    this.#draw = new WeightedDraw(input.candidates, input.random);
    this.#nowMs = input.nowMs;
  }

  /** Hot: test/alloc/balance.test.ts. */
  pick(_key: number, avoid: Avoid | null): number {
    const scratch = this.#scratch;
    scratch[NOW_MS] = this.#nowMs();
    let chosen = this.#betterOfTwo(avoid);
    if (chosen < 0) return chosen;
    const cost = scratch[COST]!;
    if (cost > DEAR * scratch[USUAL_COST]!) {
      const another = this.#betterOfTwo(avoid);
      if (scratch[COST]! < cost) chosen = another;
      else scratch[COST] = cost;
    }
    this.#noteUsual();
    return chosen;
  }

  /** The lower one of two that are drawn, −1 when all are avoided; its cost is left in `COST`. */
  #betterOfTwo(avoid: Avoid | null): number {
    const a = this.#draw.one(avoid);
    if (a < 0) return -1;
    this.#weigh(a, COST);
    const b = this.#draw.other(a, avoid);
    if (b < 0) return a;
    this.#weigh(b, COST_OTHER);
    const scratch = this.#scratch;
    if (scratch[COST]! <= scratch[COST_OTHER]!) return a;
    scratch[COST] = scratch[COST_OTHER]!;
    return b;
  }

  /** Feeds the cost of the pick into what is usual; of one whose latency is unknown there is nothing to learn. */
  #noteUsual(): void {
    const scratch = this.#scratch;
    const cost = scratch[COST]!;
    if (cost <= 0 || cost >= UNTRIED_COST_MS) return;
    const usual = scratch[USUAL_COST]!;
    scratch[USUAL_COST] = usual + (cost - usual) * USUAL_STEP;
  }

  /** Writes what the candidate costs. */
  #weigh(position: number, into: number): void {
    const slot = this.#slots[position]!;
    const { inFlight, latencyMs, latencyAtMs } = this.#load;
    const weight = this.#weights[position]!;
    const requests = Math.max(0, inFlight[slot]!) + 1;
    const fedMs = latencyMs[slot]!;
    if (fedMs === 0) {
      this.#scratch[into] = requests === 1 ? 0 : (UNTRIED_COST_MS * requests) / weight;
      return;
    }
    const passedMs = Math.max(0, this.#scratch[NOW_MS]! - latencyAtMs[slot]!);
    const decayedMs = fedMs * Math.exp(-passedMs / LATENCY_DECAY_MS);
    this.#scratch[into] = (Math.max(LATENCY_FLOOR_MS, decayedMs) * requests) / weight;
  }
}
