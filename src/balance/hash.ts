// Consistent hashing with bounded load: a key keeps its upstream while that is there and not overfull.
import { mixSigned } from '../base/hash.ts';
import { invariant } from '../base/invariant.ts';
import type { Avoid, Balancer, BalancerInput } from './balancer.ts';
import { rendezvousDraw, rendezvousSeed } from './rendezvous.ts';

/** Owners that are remembered, per upstream and at the least and the most: 6 bytes each, 24 KiB to 1.5 MiB a pool and worker. */
const REMEMBERED_EACH = 256;
const REMEMBERED_MIN = 1 << 12;
const REMEMBERED_MAX = 1 << 18;
/** Above the rounding of a logarithm and a division, which may be some 1e-16 of the value. */
const ROUNDING = 1 + 1e-9;

/**
 * Each key belongs to an upstream by weighted rendezvous (see rendezvousCost), worked out when it comes and remembered in a table
 * until another key wants the place. Chosen over a ring of points (Karger et al. 1997) and over any table of buckets: every
 * key draws for itself, hence shares follow weights exactly in pools of any size, whereas an upstream of a thousand has some
 * 65 of 65,536 buckets, more or less by a fifth; and where a ring hands all of a leaver's or an overfull one's keys to its neighbour,
 * here they spread over all others. The size of the table is about speed alone: nothing moves when it follows that of the pool.
 *
 * Bounded load (Mirrokni, Thorup and Zadimoghaddam, "Consistent hashing with bounded loads", 2016/2018): an upstream
 * takes a request only up to ceil(load x (all in flight + 1) x its share of the weights); else the key's next best
 * takes it, which is the same one each time. The bounds of all add up to more than there is in flight, so somebody is
 * always below his. Hence a request that comes while others of its upstream's are in flight may go to the key's next best,
 * though nobody left: the price of the bound (docs/simulation.md counts it). `Infinity` leaves every key where it is.
 *
 * Cost: O(1) for a key that is remembered, where there is no bound or the owner is idle; else O(n): all in flight are added up (below a
 * nanosecond a candidate), and a key that is new or whose owner is full is drawn for, some 7 ns a candidate.
 */
export class ConsistentHash implements Balancer {
  readonly #slots: Int32Array;
  readonly #weights: Float64Array;
  readonly #seeds: Int32Array;
  readonly #inFlight: Int32Array;
  /** Share of all weights, times the allowed load; Infinity: no bound. */
  readonly #allowance: Float64Array;
  readonly #bounded: boolean;
  /** Keys by their lower bits, two beside each other, the newer first; and the position + 1 of the owner of each, 0: nothing is there. */
  readonly #keys: Int32Array;
  readonly #owners: Int16Array;

  /** `load`: how far above the mean an upstream may go, ≥ 1; Infinity for no bound. */
  constructor(input: BalancerInput, load: number) {
    const { candidates } = input;
    invariant(candidates.length < 32768, 'a pool has fewer than 32768 upstreams');
    invariant(load >= 1, 'the load bound is at least 1');
    this.#slots = Int32Array.from(candidates, (c) => c.slot);
    this.#weights = Float64Array.from(candidates, (c) => c.weight);
    this.#seeds = Int32Array.from(candidates, (c) => rendezvousSeed(c.name));
    this.#inFlight = input.load.inFlight;
    const sum = this.#weights.reduce((a, b) => a + b, 0);
    this.#allowance = this.#weights.map((w) => (load * w) / sum);
    this.#bounded = load !== Number.POSITIVE_INFINITY;
    const wanted = 2 ** Math.ceil(Math.log2(candidates.length * REMEMBERED_EACH));
    const remembered = Math.min(REMEMBERED_MAX, Math.max(REMEMBERED_MIN, wanted));
    this.#keys = new Int32Array(remembered);
    this.#owners = new Int16Array(remembered);
  }

  /** Hot: test/alloc/balance.test.ts. */
  pick(key: number, avoid: Avoid | null): number {
    const signed = key | 0;
    const keys = this.#keys;
    const owners = this.#owners;
    const at = (signed << 1) & (keys.length - 1);
    let owner = -1;
    if (keys[at] === signed) owner = owners[at]! - 1;
    else if (keys[at + 1] === signed) owner = owners[at + 1]! - 1;
    if (owner < 0) {
      owner = this.#best(signed, null, 0);
      keys[at + 1] = keys[at]!;
      owners[at + 1] = owners[at]!;
      keys[at] = signed;
      owners[at] = owner + 1;
    }
    const slot = this.#slots[owner]!;
    const avoided = avoid?.has(slot) === true;
    // An idle one is below any bound, so a quiet pool adds nothing up.
    if (!avoided && (!this.#bounded || this.#inFlight[slot]! <= 0)) return owner;
    const total = this.#bounded ? this.#inFlightOfAll() : 0;
    if (!avoided && this.#hasRoom(owner, total)) return owner;
    const next = this.#best(signed, avoid, total + 1);
    // Only those that are avoided have room: the bound yields, not the request.
    return next >= 0 ? next : this.#best(signed, avoid, 0);
  }

  /** The cheapest position for the key that is not avoided and, where `withTotal` > 0, has room beside `withTotal` − 1 in flight. */
  #best(signed: number, avoid: Avoid | null, withTotal: number): number {
    const slots = this.#slots;
    const key = mixSigned(signed);
    let best = -1;
    let bestCost = Number.POSITIVE_INFINITY;
    for (let i = 0; i < slots.length; i++) {
      const seed = this.#seeds[i]!;
      const draw = rendezvousDraw(key, seed);
      const weight = this.#weights[i]!;
      // −log x ≥ 1 − x, so that most are ruled out without a logarithm.
      if (1 - draw > bestCost * weight * ROUNDING) continue;
      const cost = -Math.log(draw) / weight;
      if (best >= 0 && (cost > bestCost || (cost === bestCost && seed >= this.#seeds[best]!))) continue;
      if (avoid?.has(slots[i]!) || (withTotal > 0 && !this.#hasRoom(i, withTotal - 1))) continue;
      best = i;
      bestCost = cost;
    }
    return best;
  }

  #hasRoom(position: number, total: number): boolean {
    const mine = this.#inFlight[this.#slots[position]!]!;
    return mine <= 0 || mine + 1 <= Math.ceil(this.#allowance[position]! * (total + 1));
  }

  #inFlightOfAll(): number {
    let total = 0;
    for (let i = 0; i < this.#slots.length; i++) total += this.#inFlight[this.#slots[i]!]!;
    return total;
  }
}
