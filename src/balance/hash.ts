// Consistent hashing with bounded load: a key keeps its upstream while that is there and not overfull.
import { mixSigned } from '../base/hash.ts';
import { invariant } from '../base/invariant.ts';
import type { Avoid, Balancer, BalancerInput } from './balancer.ts';
import { rendezvousCost, rendezvousSeed } from './rendezvous.ts';

/** Keys fall into 2^16 buckets by their upper bits. Fixed, since keys would move if it followed the size of the pool. */
const BUCKETS_LOG2 = 16;

/**
 * Each bucket belongs to an upstream by weighted rendezvous (see rendezvousCost), worked out when its first key comes
 * and kept in a table. Chosen over a ring of points (Karger et al. 1997): a look-up is one load and no search; shares
 * are as good as 65,536 points and follow weights exactly; and where a ring hands all of a leaver's or an overfull
 * one's keys to its neighbour, here they spread over all others.
 *
 * Bounded load (Mirrokni, Thorup and Zadimoghaddam, "Consistent hashing with bounded loads", 2016/2018): an upstream
 * takes a request only up to ceil(load x (all in flight + 1) x its share of the weights); else the key's next best
 * takes it, which is the same one each time. The bounds of all add up to more than there is in flight, so somebody is
 * always below his. Hence a request that comes while others of its upstream's are in flight may go to the key's next best,
 * though nobody left: the price of the bound (docs/simulation.md counts it). `Infinity` leaves every key where it is.
 *
 * Cost: O(1) where there is no bound or the owner is idle; else O(n), since all in flight are added up (below a nanosecond a
 * candidate), and some 10 ns a candidate where the owner is full. The first key of a bucket costs O(n), too, once.
 */
export class ConsistentHash implements Balancer {
  readonly #slots: Int32Array;
  readonly #weights: Float64Array;
  readonly #seeds: Float64Array;
  readonly #inFlight: Int32Array;
  /** Share of all weights, times the allowed load; Infinity: no bound. */
  readonly #allowance: Float64Array;
  readonly #bounded: boolean;
  /** Position + 1 by bucket; 0: not worked out yet. */
  readonly #owners = new Int16Array(1 << BUCKETS_LOG2);

  /** `load`: how far above the mean an upstream may go, ≥ 1; Infinity for no bound. */
  constructor(input: BalancerInput, load: number) {
    const { candidates } = input;
    invariant(candidates.length < 32768, 'a pool has fewer than 32768 upstreams');
    invariant(load >= 1, 'the load bound is at least 1');
    this.#slots = Int32Array.from(candidates, (c) => c.slot);
    this.#weights = Float64Array.from(candidates, (c) => c.weight);
    this.#seeds = Float64Array.from(candidates, (c) => rendezvousSeed(c.name));
    this.#inFlight = input.load.inFlight;
    const sum = this.#weights.reduce((a, b) => a + b, 0);
    this.#allowance = this.#weights.map((w) => (load * w) / sum);
    this.#bounded = load !== Number.POSITIVE_INFINITY;
  }

  /** Hot: test/alloc/balance.test.ts. */
  pick(key: number, avoid: Avoid | null): number {
    const bucket = key >>> (32 - BUCKETS_LOG2);
    let owner = this.#owners[bucket]! - 1;
    if (owner < 0) {
      owner = this.#best(bucket, null, 0);
      this.#owners[bucket] = owner + 1;
    }
    const slot = this.#slots[owner]!;
    const avoided = avoid?.has(slot) === true;
    // An idle one is below any bound, so a quiet pool adds nothing up.
    if (!avoided && (!this.#bounded || this.#inFlight[slot]! <= 0)) return owner;
    const total = this.#bounded ? this.#inFlightOfAll() : 0;
    if (!avoided && this.#hasRoom(owner, total)) return owner;
    const next = this.#best(bucket, avoid, total + 1);
    // Only those that are avoided have room: the bound yields, not the request.
    return next >= 0 ? next : this.#best(bucket, avoid, 0);
  }

  /** The cheapest position for the bucket that is not avoided and, where `withTotal` > 0, has room beside `withTotal` − 1 in flight. */
  #best(bucket: number, avoid: Avoid | null, withTotal: number): number {
    const slots = this.#slots;
    const key = mixSigned(bucket);
    let best = -1;
    let bestCost = Number.POSITIVE_INFINITY;
    for (let i = 0; i < slots.length; i++) {
      const seed = this.#seeds[i]!;
      const cost = rendezvousCost(key, seed, this.#weights[i]!);
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
