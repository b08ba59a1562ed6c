// Later as an argument: what must happen at a time asks Timers, so that tests let hours pass in a millisecond.
import type { HandClock } from './clock.ts';

/** One thing that will happen. */
export interface Timer {
  /** Keeps it from happening. Does nothing when it has happened. */
  cancel(): void;
}

/** For work that is rare, such as health checks. Requests use `Deadlines`, which makes no object. */
export interface Timers {
  /** Calls `run` once, `ms` (≥ 0) from now. Never calls it before it has returned. */
  after(ms: number, run: () => void): Timer;
}

/** Node's timers. They don't keep the process alive: what waits for nothing but a health check may end. */
export const systemTimers: Timers = {
  after(ms, run) {
    const timeout = setTimeout(run, ms);
    timeout.unref();
    return { cancel: () => clearTimeout(timeout) };
  },
};

/** Timers over a clock that is moved by hand. For tests and simulations. */
export class HandTimers implements Timers {
  readonly #clock: HandClock;
  #waiting: { readonly atMs: number; readonly run: () => void }[] = [];

  constructor(clock: HandClock) {
    this.#clock = clock;
  }

  /** How many are set. */
  get count(): number {
    return this.#waiting.length;
  }

  after(ms: number, run: () => void): Timer {
    const entry = { atMs: this.#clock.nowMs() + ms, run };
    this.#waiting.push(entry);
    return {
      cancel: () => {
        this.#waiting = this.#waiting.filter((other) => other !== entry);
      },
    };
  }

  /**
   * Lets `ms` pass: calls what is due at its own time, in order, also what is set on the way. `lateMs`: each is called so much later
   * than it was due, as by a process that does not get to run.
   */
  advance(ms: number, lateMs = 0): void {
    const endMs = this.#clock.nowMs() + ms;
    for (;;) {
      let next: { readonly atMs: number; readonly run: () => void } | null = null;
      for (const entry of this.#waiting) if (next === null || entry.atMs < next.atMs) next = entry;
      if (next === null || next.atMs + lateMs > endMs) break;
      const due = next;
      this.#waiting = this.#waiting.filter((other) => other !== due);
      this.#clock.advance(Math.max(0, due.atMs + lateMs - this.#clock.nowMs()));
      due.run();
    }
    this.#clock.advance(endMs - this.#clock.nowMs());
  }
}
