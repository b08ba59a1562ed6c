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
const COST_A = 1;
const COST_B = 2;

/**
 * Peak EWMA (Finagle's `loadbalancer` documentation, 2015; linkerd): cost = latency x (in flight + 1) / weight, of
 * two choices drawn by weight the lower one. The latency is the peak-sensitive average of feedLatency, decayed by the
 * time since it was fed: an upstream that was slow and is left alone becomes attractive again and is tried by few
 * requests.
 */
export class PeakEwma implements Balancer {
  readonly #slots: Int32Array;
  readonly #weights: Float64Array;
  readonly #load: LoadColumns;
  readonly #draw: WeightedDraw;
  readonly #nowMs: () => number;
  /** The time of this pick and the costs of both choices, in an array because a call that takes or gives a fraction may box it. */
  readonly #scratch = new Float64Array(3);

  constructor(input: BalancerInput) {
    this.#slots = Int32Array.from(input.candidates, (c) => c.slot);
    this.#weights = Float64Array.from(input.candidates, (c) => c.weight);
    this.#load = input.load;
    this.#draw = new WeightedDraw(input.candidates, input.random);
    this.#nowMs = input.nowMs;
  }

  /** Hot: test/alloc/balance.test.ts. */
  pick(_key: number, avoid: Avoid | null): number {
    const a = this.#draw.one(avoid);
    if (a < 0) return -1;
    const b = this.#draw.other(a, avoid);
    if (b < 0) return a;
    const scratch = this.#scratch;
    scratch[NOW_MS] = this.#nowMs();
    this.#weigh(a, COST_A);
    this.#weigh(b, COST_B);
    return scratch[COST_A]! <= scratch[COST_B]! ? a : b;
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
