// When an upstream is checked: at once, then again and again, never twice at the same time, and not all of them in step.
import type { Clock } from '../base/clock.ts';
import type { Random } from '../base/random.ts';
import type { Timer, Timers } from '../base/timers.ts';
import type { Probe, ProbeDone, ProbeResult } from './probe.ts';

/** Least pause between two checks, ms: a check that takes longer than its interval is not followed by the next without a breath. */
const PAUSE_MIN_MS = 10;

/** What a schedule is made of. */
export interface ActiveScheduleInput {
  readonly intervalMs: number;
  /** Share 0 … 1 of the interval by which each check comes earlier or later, at random. */
  readonly jitter: number;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly random: Random;
  /** Begins a check; null when there is nothing to check now (the name does not resolve). */
  readonly check: (done: ProbeDone) => Probe | null;
  readonly onResult: (result: ProbeResult) => void;
}

/**
 * The schedule of one upstream's active check. The first check is at once, since traffic waits for it; the second after a random
 * part of the interval, which spreads many upstreams and many proxies evenly; from then on every interval, with jitter, so that
 * they don't fall into step again.
 */
export class ActiveSchedule {
  readonly #input: ActiveScheduleInput;
  #running = false;
  #first = true;
  #dueMs = 0;
  #probe: Probe | null = null;
  #timer: Timer | null = null;

  constructor(input: ActiveScheduleInput) {
    this.#input = input;
  }

  start(): void {
    if (this.#running) return;
    this.#running = true;
    this.#check();
  }

  /** Checks now instead of later, unless a check is under way: something has changed. */
  hurry(): void {
    if (!this.#running || this.#probe !== null) return;
    this.#timer?.cancel();
    this.#check();
  }

  /** Ends it; a check under way gives no result. */
  stop(): void {
    this.#running = false;
    this.#timer?.cancel();
    this.#probe?.cancel();
    this.#timer = null;
    this.#probe = null;
  }

  #check(): void {
    this.#dueMs = this.#input.clock.nowMs() + this.#pauseMs();
    this.#first = false;
    this.#probe = this.#input.check((result) => {
      this.#probe = null;
      this.#wait();
      this.#input.onResult(result);
    });
    if (this.#probe === null) this.#wait();
  }

  #wait(): void {
    const pauseMs = Math.max(PAUSE_MIN_MS, this.#dueMs - this.#input.clock.nowMs());
    this.#timer = this.#input.timers.after(pauseMs, () => this.#check());
  }

  #pauseMs(): number {
    const { intervalMs, jitter, random } = this.#input;
    if (this.#first) return random.below(Math.max(1, Math.round(intervalMs)));
    const spreadMs = Math.round(intervalMs * jitter);
    return intervalMs - spreadMs + random.below(2 * spreadMs + 1);
  }
}
