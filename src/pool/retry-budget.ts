// How many retries a worker may spend: a share of its requests of the last second, so that a sick pool is not hammered by its own proxy.

/** Time is kept in buckets of this length, ms: the window is a second within a twentieth. */
const BUCKET_MS = 50;
/** Buckets of requests that are counted: 0.95 to 1 s. */
const REQUEST_BUCKETS = 20;
/** Retries are counted for one bucket more, 1 to 1.05 s, so that no second is missed whose edges fall within buckets. */
const BUCKETS = REQUEST_BUCKETS + 1;
/** Retries a second, over all workers, that are allowed whatever the traffic: a lone visitor's request is retried too. */
const FLOOR_PER_S = 3;
/** How long the floor is saved up for, seconds: a page asks for several things at once. */
const SAVED_S = 3;

/**
 * The retry budget of one pool in one worker. In any second, retries ≤ share × requests of that second + what the floor gives: three
 * a second over all workers, of which those of the last three seconds may be saved up. So the load that retries add is bounded
 * second by second; what a quiet minute has not spent is gone, since a sick upstream cannot take it in one go either.
 *
 * What is not asked for here: a retry after a failed connect (nothing was sent, so nothing is multiplied), after a hang (the hung one is
 * put out), and of a request that was with an instance when that died (`Upstream.letGo`): the living take over what the dead one
 * had, which may be more than a second's share where answers take long.
 *
 * Time is kept in buckets that are emptied when they are met again, so it needs no timer. Source of the idea: Finagle's RetryBudget (a
 * deposit per request, kept for ten seconds, a withdrawal per retry, and a floor a second). There a long outage meets all that ten good seconds have saved.
 */
export class RetryBudget {
  readonly #share: number;
  /** This worker's part of the floor, a millisecond; and the most of it that is saved, never less than one retry. */
  readonly #floorPerMs: number;
  readonly #savedMax: number;
  readonly #requests = new Int32Array(BUCKETS);
  readonly #retries = new Int32Array(BUCKETS);
  #requestsSum = 0;
  #retriesSum = 0;
  /** The number of the newest bucket since time began. */
  #bucket = 0;
  #saved: number;
  #savedAtMs = 0;

  /** `share`: 0 … 1. `workers`: how many workers there are (≥ 1); each is given its part of the floor. */
  constructor(share: number, workers: number) {
    this.#share = share;
    this.#floorPerMs = FLOOR_PER_S / workers / 1000;
    this.#savedMax = Math.max(1, (FLOOR_PER_S * SAVED_S) / workers);
    this.#saved = this.#savedMax;
  }

  /** Counts a request (its first try). Hot: no allocation. */
  note(nowMs: number): void {
    this.#turn(nowMs);
    this.#requests[this.#bucket % BUCKETS]!++;
    this.#requestsSum++;
  }

  /** Takes one retry. False: the budget is spent, and the fault at hand is the answer. */
  take(nowMs: number): boolean {
    this.#turn(nowMs);
    if (this.#retriesSum + 1 > this.#requestsSum * this.#share) return this.#takeSaved(nowMs);
    this.#retries[this.#bucket % BUCKETS]!++;
    this.#retriesSum++;
    return true;
  }

  /** Takes one of the floor, which is on top of the share. */
  #takeSaved(nowMs: number): boolean {
    // Monotonic time, yet a coarse one: callers may be a tick apart.
    const passedMs = Math.max(0, nowMs - this.#savedAtMs);
    this.#saved = Math.min(this.#savedMax, this.#saved + passedMs * this.#floorPerMs);
    this.#savedAtMs = nowMs;
    if (this.#saved < 1) return false;
    this.#saved--;
    return true;
  }

  /** Empties the buckets whose time has gone by. */
  #turn(nowMs: number): void {
    const bucket = Math.floor(nowMs / BUCKET_MS);
    if (bucket <= this.#bucket) return;
    // At most one round of the buckets is worth walking.
    let at = Math.max(this.#bucket, bucket - BUCKETS);
    while (++at <= bucket) {
      const fresh = at % BUCKETS;
      this.#retriesSum -= this.#retries[fresh]!;
      this.#retries[fresh] = 0;
      this.#requestsSum -= this.#requests[fresh]!;
      this.#requests[fresh] = 0;
      // The oldest that is left counts for retries only.
      const oldest = (at + 1) % BUCKETS;
      this.#requestsSum -= this.#requests[oldest]!;
      this.#requests[oldest] = 0;
    }
    this.#bucket = bucket;
  }
}
