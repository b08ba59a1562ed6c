// What every balancer is: built when the set of eligible upstreams changes, asked once per request.
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
 */
export class Avoid {
  readonly slots: Int32Array;
  count = 0;
  /** What a full list overwrites next. */
  #oldest = 0;

  constructor(capacity = 64) {
    this.slots = new Int32Array(capacity);
  }

  has(slot: number): boolean {
    for (let i = 0; i < this.count; i++) if (this.slots[i] === slot) return true;
    return false;
  }

  /** Remembers a slot; beyond capacity the oldest is overwritten. */
  add(slot: number): void {
    if (this.count < this.slots.length) {
      this.slots[this.count++] = slot;
      this.#oldest = 0;
      return;
    }
    this.slots[this.#oldest] = slot;
    this.#oldest = this.#oldest + 1 === this.slots.length ? 0 : this.#oldest + 1;
  }

  clear(): void {
    this.count = 0;
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
