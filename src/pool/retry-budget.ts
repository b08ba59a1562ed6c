// How many retries a worker may spend: a share of its recent requests, so that a sick pool is not hammered by its own proxy.

/** Length of the window, seconds. Long enough to bridge a pause in traffic, short enough that an old peak pays for nothing. */
const WINDOW_S = 10;
/** Retries a second, over all workers, that are allowed whatever the traffic: a lone visitor's request is retried too. */
const FLOOR_PER_S = 3;

/**
 * The retry budget of one pool in one worker: in any ten seconds, retries ≤ share × requests, or three a second over all workers,
 * whichever is more. Time is kept in one-second buckets that are emptied when they are met again, so it needs no timer; the window
 * is therefore between nine and ten seconds long. All of them may be spent within one second: a short outage is bridged whole, and
 * none is left for a long one.
 *
 * A retry after a failed connect is not asked for here: nothing was sent, so nothing is multiplied.
 * Source of the idea: Finagle's RetryBudget (a deposit per request, a withdrawal per retry); the form here is a plain window.
 */
export class RetryBudget {
  readonly #share: number;
  /** Retries per window that need no requests to pay for them: this worker's part of the floor, and never less than one. */
  readonly #floor: number;
  readonly #requests = new Int32Array(WINDOW_S);
  readonly #retries = new Int32Array(WINDOW_S);
  #requestsSum = 0;
  #retriesSum = 0;
  /** The second that the newest bucket stands for. */
  #second = 0;

  /** `share`: 0 … 1. `workers`: how many workers there are (≥ 1); each is given its part of the floor. */
  constructor(share: number, workers: number) {
    this.#share = share;
    this.#floor = Math.max(1, (FLOOR_PER_S * WINDOW_S) / workers);
  }

  /** Counts a request (its first try). Hot: no allocation. */
  note(nowMs: number): void {
    this.#turn(nowMs);
    this.#requests[this.#second % WINDOW_S]!++;
    this.#requestsSum++;
  }

  /** Takes one retry. False: the budget is spent, and the fault at hand is the answer. */
  take(nowMs: number): boolean {
    this.#turn(nowMs);
    const allowed = Math.max(this.#floor, this.#requestsSum * this.#share);
    if (this.#retriesSum + 1 > allowed) return false;
    this.#retries[this.#second % WINDOW_S]!++;
    this.#retriesSum++;
    return true;
  }

  /** Empties the buckets of the seconds that have gone by. */
  #turn(nowMs: number): void {
    const second = Math.floor(nowMs / 1000);
    // Monotonic time: `second` never falls; at most one round of the buckets is worth walking.
    if (second <= this.#second) return;
    const passed = Math.min(second - this.#second, WINDOW_S);
    for (let i = 0; i < passed; i++) {
      const at = (second - i) % WINDOW_S;
      this.#requestsSum -= this.#requests[at]!;
      this.#retriesSum -= this.#retries[at]!;
      this.#requests[at] = 0;
      this.#retries[at] = 0;
    }
    this.#second = second;
  }
}
