// Time for simulations: events in the order in which they are due, on a clock that is moved by them alone.
import { type Clock, HandClock } from '../../src/base/clock.ts';
import type { Timer, Timers } from '../../src/base/timers.ts';

/**
 * A discrete-event simulation's clock and calendar: a binary heap of what is due, ties in the order of asking. It is a `Timers` and a
 * `Clock`, so that Limpet's own code lives in it. The same events give the same run on any machine; no real time passes.
 */
export class World implements Clock, Timers {
  readonly #clock = new HandClock();
  readonly #dueMs: number[] = [];
  readonly #orders: number[] = [];
  readonly #runs: (() => void)[] = [];
  #asked = 0;

  nowMs(): number {
    return this.#clock.nowMs();
  }

  wallMs(): number {
    return this.#clock.wallMs();
  }

  /** Calls `run` at `atMs`, which is not in the past. */
  at(atMs: number, run: () => void): void {
    let i = this.#dueMs.length;
    const order = this.#asked++;
    while (i > 0) {
      const parent = (i - 1) >> 1;
      if (!this.#isBefore(atMs, order, parent)) break;
      this.#move(parent, i);
      i = parent;
    }
    this.#put(i, atMs, order, run);
  }

  after(ms: number, run: () => void): Timer {
    let cancelled = false;
    this.at(this.nowMs() + ms, () => {
      if (!cancelled) run();
    });
    return {
      cancel: () => {
        cancelled = true;
      },
    };
  }

  /** Lets time pass up to `untilMs`, or to the last event. */
  run(untilMs = Number.POSITIVE_INFINITY): void {
    while (this.#dueMs.length > 0 && this.#dueMs[0]! <= untilMs) {
      const dueMs = this.#dueMs[0]!;
      const run = this.#runs[0]!;
      this.#removeFirst();
      this.#clock.advance(dueMs - this.#clock.nowMs());
      run();
    }
  }

  #removeFirst(): void {
    const lastMs = this.#dueMs.pop()!;
    const lastOrder = this.#orders.pop()!;
    const lastRun = this.#runs.pop()!;
    const n = this.#dueMs.length;
    if (n === 0) return;
    let i = 0;
    for (;;) {
      let child = 2 * i + 1;
      if (child >= n) break;
      if (child + 1 < n && this.#isBefore(this.#dueMs[child + 1]!, this.#orders[child + 1]!, child)) child++;
      if (this.#isBefore(lastMs, lastOrder, child)) break;
      this.#move(child, i);
      i = child;
    }
    this.#put(i, lastMs, lastOrder, lastRun);
  }

  #isBefore(ms: number, order: number, other: number): boolean {
    const otherMs = this.#dueMs[other]!;
    return ms < otherMs || (ms === otherMs && order < this.#orders[other]!);
  }

  #move(from: number, to: number): void {
    this.#put(to, this.#dueMs[from]!, this.#orders[from]!, this.#runs[from]!);
  }

  #put(at: number, dueMs: number, order: number, run: () => void): void {
    this.#dueMs[at] = dueMs;
    this.#orders[at] = order;
    this.#runs[at] = run;
  }
}
