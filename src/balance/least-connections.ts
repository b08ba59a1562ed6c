// Weighted least connections: the upstream that would be least busy with this request, exact over all workers.
import { mixSigned } from '../base/hash.ts';
import type { Avoid, Balancer, BalancerInput } from './balancer.ts';
import { smoothRotation } from './smooth-rotation.ts';

/**
 * Minimises (in flight + 1) / weight, compared by cross multiplication, so that no division rounds (weighted
 * least-connection scheduling: Wensong Zhang, "Linux Virtual Server for Scalable Network Services", 2000). Ties go to
 * each of the tied equally.
 *
 * One exception: when the upstream whose turn it is in the weighted rotation is idle, it takes the request. With
 * equal weights that is a minimum anyway, found without a look at the others. With weights 100 and 99 and one request
 * at a time, the rule alone would never use the second; so a quiet pool keeps its weights too, and an idle upstream
 * makes nobody wait.
 *
 * Cost: O(1) while the pool is quiet, else O(n), below a nanosecond a candidate: the counts lie in one typed array.
 */
export class LeastConnections implements Balancer {
  readonly #slots: Int32Array;
  /** Weights in 1/256, integers: (in flight + 1) x weight stays below 2^53 and exact. */
  readonly #weights: Float64Array;
  readonly #equalWeights: boolean;
  readonly #inFlight: Int32Array;
  readonly #rotation: Int32Array;
  readonly #cursor: Int32Array;
  readonly #cursorAt: number;

  constructor(input: BalancerInput) {
    this.#slots = Int32Array.from(input.candidates, (c) => c.slot);
    this.#weights = Float64Array.from(input.candidates, (c) => Math.max(1, Math.round(c.weight * 256)));
    this.#equalWeights = this.#weights.every((w) => w === this.#weights[0]);
    this.#inFlight = input.load.inFlight;
    this.#rotation = smoothRotation(input.candidates.map((c) => c.weight));
    this.#cursor = input.cursor;
    this.#cursorAt = input.cursorAt;
  }

  /** Hot: test/alloc/balance.test.ts. */
  pick(_key: number, avoid: Avoid | null): number {
    const rotation = this.#rotation;
    const turn = Atomics.add(this.#cursor, this.#cursorAt, 1) & 0x7fffffff;
    const position = rotation[turn % rotation.length]!;
    const slot = this.#slots[position]!;
    if (avoid === null) {
      if (this.#inFlight[slot]! <= 0) return position;
      return this.#equalWeights ? this.#leastOfEqual(turn) : this.#leastOfWeighted(turn, null);
    }
    if (this.#inFlight[slot]! <= 0 && !avoid.has(slot)) return position;
    return this.#leastOfWeighted(turn, avoid);
  }

  /** Equal weights and nobody avoided: the smallest count. */
  #leastOfEqual(turn: number): number {
    const slots = this.#slots;
    const inFlight = this.#inFlight;
    const n = slots.length;
    let least = inFlight[slots[0]!]!;
    let first = 0;
    let ties = 1;
    for (let i = 1; i < n; i++) {
      const count = inFlight[slots[i]!]!;
      if (count > least) continue;
      if (count === least) {
        ties++;
      } else {
        least = count;
        first = i;
        ties = 1;
      }
    }
    if (ties === 1) return first;
    let skip = spread(turn, ties);
    for (let i = first; i < n; i++) if (inFlight[slots[i]!]! === least && skip-- === 0) return i;
    // Because: other workers changed the counts between the two passes; the first of the tied is as good as any.
    return first;
  }

  #leastOfWeighted(turn: number, avoid: Avoid | null): number {
    const slots = this.#slots;
    const weights = this.#weights;
    const inFlight = this.#inFlight;
    const n = slots.length;
    let first = -1;
    let load = 0;
    let weight = 1;
    let ties = 0;
    for (let i = 0; i < n; i++) {
      const slot = slots[i]!;
      const mine = (inFlight[slot]! + 1) * weight;
      const theirs = load * weights[i]!;
      if (first >= 0 && mine > theirs) continue;
      if (avoid?.has(slot)) continue;
      if (first >= 0 && mine === theirs) {
        ties++;
      } else {
        first = i;
        load = inFlight[slot]! + 1;
        weight = weights[i]!;
        ties = 1;
      }
    }
    if (ties <= 1) return first;
    let skip = spread(turn, ties);
    for (let i = first; i < n; i++) {
      const slot = slots[i]!;
      if ((inFlight[slot]! + 1) * weight !== load * weights[i]! || avoid?.has(slot)) continue;
      if (skip-- === 0) return i;
    }
    // Because: see leastOfEqual.
    return first;
  }
}

/**
 * Which of `ties` equals takes this turn. Mixed, because the turn itself already chose the place in the rotation: plain
 * turn % ties would then meet only some of its values.
 */
function spread(turn: number, ties: number): number {
  return (mixSigned(turn) >>> 1) % ties;
}
