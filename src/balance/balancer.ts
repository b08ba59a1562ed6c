// What every balancer is: built when the set of eligible upstreams changes, asked once per request.
import { invariant } from '../base/invariant.ts';
import type { Random } from '../base/random.ts';

/** One eligible upstream as a balancer sees it. */
export interface Candidate {
  /** Row in the upstream table. */
  readonly slot: number;
  /** Effective weight, > 0; slow start included. */
  readonly weight: number;
  /** Stable identity: what rings and rendezvous hash. */
  readonly name: string;
}

/** The live columns that a balancer may read, by slot. Shared memory in production, plain arrays in tests. */
export interface LoadColumns {
  readonly inFlight: Int32Array;
  readonly latencyMs: Float64Array;
  readonly latencyAtMs: Float64Array;
}

/** What a balancer is built from. Never empty: a pool without candidates has no balancer. */
export interface BalancerInput {
  readonly candidates: readonly Candidate[];
  readonly load: LoadColumns;
  readonly random: Random;
  /** A shared counter: `Atomics.add(cursor, cursorAt, 1)` gives turns over all workers as if there were one. */
  readonly cursor: Int32Array;
  readonly cursorAt: number;
  readonly nowMs: () => number;
}

/**
 * Slots that this request must not get again (tried, full or overloaded). Small, reused, never allocated per request.
 * Setting `count` back forgets what was added since.
 *
 * A sparse set (Briggs and Torczon, "An efficient representation for sparse sets", 1993): asking takes one look, however many
 * are avoided. Where all of a large pool are full, each of its upstreams is asked for once by each that is tried; a walk
 * along the list would make that cubic in the size of the pool.
 */
export class Avoid {
  readonly slots: Int32Array;
  count = 0;
  /** Where in `slots` a slot was put last, if it is still there. Grows to the highest slot that was ever avoided. */
  #places = new Uint16Array(0);
  /** What a full list overwrites next. */
  #oldest = 0;

  /** `capacity`: 1 … 65535. */
  constructor(capacity = 64) {
    invariant(capacity >= 1 && capacity <= 65535, 'between 1 and 65535 slots are avoided');
    this.slots = new Int32Array(capacity);
  }

  has(slot: number): boolean {
    const places = this.#places;
    if (slot >= places.length) return false;
    const at = places[slot]!;
    return at < this.count && this.slots[at] === slot;
  }

  /** Remembers a slot; beyond capacity the oldest is overwritten. One that is there already changes nothing. */
  add(slot: number): void {
    if (this.has(slot)) return;
    if (slot >= this.#places.length) this.#grow(slot);
    let at = this.#oldest;
    if (this.count < this.slots.length) {
      at = this.count++;
      this.#oldest = 0;
    } else {
      this.#oldest = at + 1 === this.slots.length ? 0 : at + 1;
    }
    this.slots[at] = slot;
    this.#places[slot] = at;
  }

  clear(): void {
    this.count = 0;
  }

  #grow(slot: number): void {
    // Doubled, so that a walk over slots in order grows it a few times only.
    const places = new Uint16Array(Math.max(64, 2 ** Math.ceil(Math.log2(slot + 1))));
    places.set(this.#places);
    this.#places = places;
  }
}

/** A way of choosing. `pick` never filters, sorts or allocates. */
export interface Balancer {
  /**
   * Position in `candidates` of the upstream for this request, or −1 when every candidate is avoided.
   * `key`: unsigned 32-bit hash of what the pool hashes on; balancers that hash nothing ignore it.
   * `avoid`: null on a first try.
   */
  pick(key: number, avoid: Avoid | null): number;
}
