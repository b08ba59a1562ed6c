// Ends drains that were given a deadline: then the upstream goes into maintenance, and who still lives there moves.
import type { Clock } from '../base/clock.ts';
import type { Timer, Timers } from '../base/timers.ts';

export interface DrainDeadlinesInput {
  readonly clock: Pick<Clock, 'wallMs'>;
  readonly timers: Timers;
  /** The time has come. It is told by name, since a reload may have given the slot to another. */
  readonly onDue: (pool: string, name: string) => void;
}

interface Deadline {
  readonly untilMs: number;
  readonly timer: Timer;
}

/** One deadline an upstream at most. Main thread. */
export class DrainDeadlines {
  readonly #in: DrainDeadlinesInput;
  readonly #byPool = new Map<string, Map<string, Deadline>>();

  constructor(input: DrainDeadlinesInput) {
    this.#in = input;
  }

  /** Sets it, in place of an earlier one. `afterMs`: from now; below the 24 days that a timer reaches. */
  set(pool: string, name: string, afterMs: number): void {
    this.clear(pool, name);
    const { clock, timers, onDue } = this.#in;
    const timer = timers.after(afterMs, () => {
      this.clear(pool, name);
      onDue(pool, name);
    });
    let ofPool = this.#byPool.get(pool);
    if (ofPool === undefined) {
      ofPool = new Map();
      this.#byPool.set(pool, ofPool);
    }
    ofPool.set(name, { untilMs: clock.wallMs() + afterMs, timer });
  }

  /** Takes it back; nothing happens where there is none. */
  clear(pool: string, name: string): void {
    this.#byPool.get(pool)?.get(name)?.timer.cancel();
    this.#byPool.get(pool)?.delete(name);
  }

  /** When it comes, unix ms; null: there is none. */
  untilMs(pool: string, name: string): number | null {
    return this.#byPool.get(pool)?.get(name)?.untilMs ?? null;
  }
}
