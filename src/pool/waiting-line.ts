// The line in which exchanges wait while every upstream of a pool is at its bound: first in, first out, bounded over all workers.
import type { UpstreamTable } from '../upstream/upstream-table.ts';

/**
 * What stands in a line. The exchange carries these fields itself, so that waiting allocates nothing. They belong to the line from
 * `enter` until the node has left; outside of that, `line` is null.
 */
export interface Waiter {
  line: WaitingLine | null;
  ahead: Waiter | null;
  behind: Waiter | null;
  /** Monotonic ms at which its patience ends. */
  waitUntilMs: number;
}

/**
 * One worker's line for one pool. The bound `max` holds over all workers: the count is in shared memory, and each worker's own part
 * stands beside it, so that a worker that dies gives its places back (`UpstreamTable.releaseWorker`).
 * Everyone waits equally long, so the one in front is always the one whose time is up first.
 */
export class WaitingLine {
  /** How many wait here, in this worker. */
  length = 0;
  readonly #table: UpstreamTable;
  readonly #poolId: number;
  readonly #ownAt: number;
  readonly #max: number;
  readonly #timeoutMs: number;
  #first: Waiter | null = null;
  #last: Waiter | null = null;

  /** `max`: most that wait at once over all workers; 0: nobody ever waits. `timeoutMs`: how long each may. */
  constructor(table: UpstreamTable, poolId: number, worker: number, max: number, timeoutMs: number) {
    this.#table = table;
    this.#poolId = poolId;
    this.#ownAt = worker * table.memory.capacity + poolId;
    this.#max = max;
    this.#timeoutMs = timeoutMs;
  }

  /** Stands `waiter` at the end. False when the line is full over all workers; nothing has changed then. */
  enter(waiter: Waiter, nowMs: number): boolean {
    // One add decides: had each worker looked first, two could take the last place.
    if (Atomics.add(this.#table.waiting, this.#poolId, 1) >= this.#max) {
      Atomics.sub(this.#table.waiting, this.#poolId, 1);
      return false;
    }
    this.#table.ownWaiting[this.#ownAt]!++;
    waiter.line = this;
    waiter.waitUntilMs = nowMs + this.#timeoutMs;
    waiter.behind = null;
    waiter.ahead = this.#last;
    if (this.#last === null) this.#first = waiter;
    else this.#last.behind = waiter;
    this.#last = waiter;
    this.length++;
    return true;
  }

  /** Takes `waiter` out, wherever it stands: its client went. Does nothing when it is not in this line. */
  leave(waiter: Waiter): void {
    if (waiter.line !== this) return;
    if (waiter.ahead === null) this.#first = waiter.behind;
    else waiter.ahead.behind = waiter.behind;
    if (waiter.behind === null) this.#last = waiter.ahead;
    else waiter.behind.ahead = waiter.ahead;
    waiter.line = null;
    waiter.ahead = null;
    waiter.behind = null;
    this.length--;
    this.#table.ownWaiting[this.#ownAt]!--;
    Atomics.sub(this.#table.waiting, this.#poolId, 1);
  }

  /** Takes out and returns the one in front, or null: a place at an upstream became free. */
  next(): Waiter | null {
    const first = this.#first;
    if (first !== null) this.leave(first);
    return first;
  }

  /** Takes out and returns one whose time is up, or null. Called from the tick until it says null. */
  nextExpired(nowMs: number): Waiter | null {
    const first = this.#first;
    if (first === null || first.waitUntilMs > nowMs) return null;
    this.leave(first);
    return first;
  }
}
