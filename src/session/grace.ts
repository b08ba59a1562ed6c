// Which verdicts outlive the store that they were read from: those that were true not long ago, and that nothing speaks against.
import type { Standing } from './standing.ts';

export interface GraceOptions {
  /** How long after it was last known to be true a verdict still stands; 0: not at all. */
  readonly graceMs: number;
  /** How long a verdict is used without asking. */
  readonly ttlMs: number;
  /** Monotonic ms. */
  readonly nowMs: () => number;
  /** Wall clock, ms. */
  readonly wallMs: () => number;
}

/** Times of standings are whole seconds, rounded down. */
const SECOND_MS = 1000;

export class Grace {
  readonly #in: GraceOptions;

  constructor(options: GraceOptions) {
    this.#in = options;
  }

  /** Whether a remembered verdict stands now although its store cannot be asked. Never beyond the end of the session itself. */
  covers(standing: Standing): boolean {
    const { graceMs, nowMs, wallMs } = this.#in;
    if (graceMs === 0 || standing.heldS < 0) return false;
    if (standing.endsS >= 0 && wallMs() >= standing.endsS * SECOND_MS) return false;
    return nowMs() - this.#lastTrueMs(standing) <= graceMs;
  }

  #lastTrueMs({ heldS, untilMs }: Standing): number {
    const heldMs = heldS * SECOND_MS;
    // What stands for longer than its time is vouched for: had it changed before it ran out, the store would have told.
    return untilMs > heldMs + this.#in.ttlMs + SECOND_MS ? Math.min(untilMs, this.#in.nowMs()) : heldMs;
  }
}
