// When a request under way is to be looked at again: its whole time, the pace of its body, a 100 that is due, a client that is not read.
import type { Fault } from '../base/fault.ts';
import type { RoutePlan } from '../plan/route-plan.ts';
import { BodyPace } from './body-pace.ts';

/** A client whose reading is paused is looked at this often, ms, for a reset is to be noticed within a second (rule C8). */
const WATCH_MS = 500;

/** Part of a client connection. Times are of the shared tick. */
export class RequestTimes {
  /** When the request must be over; Infinity: it need not. */
  totalAtMs = Number.POSITIVE_INFINITY;
  #pace: BodyPace | null = null;
  /** When a client that waits for a 100 gets ours. */
  #continueAtMs = 0;
  /** A request begins, whose body is not there yet or which has none. */
  begin(): void {
    this.totalAtMs = Number.POSITIVE_INFINITY;
    this.#pace = null;
  }

  /** A body is to come from now on. */
  beginBody(plan: RoutePlan, nowMs: number): void {
    this.#pace = new BodyPace(plan.limits.minRateBytes, nowMs);
    this.#continueAtMs = nowMs + plan.timeouts.expectMs;
  }

  /** The body is complete, or nobody wants it any more. */
  endBody(): void {
    this.#pace = null;
  }

  noteBody(bytes: number): void {
    this.#pace?.note(bytes);
  }

  /** The body is not read for now: its pace does not count. */
  pauseBody(): void {
    this.#pace?.pause();
  }

  resumeBody(nowMs: number): void {
    this.#pace?.resume(nowMs);
  }

  /** When to look next; Infinity: not at all. `expects`: the client waits for a 100; `paused`: it is not read. */
  nextMs(plan: RoutePlan, nowMs: number, expects: boolean, paused: boolean): number {
    let at = this.totalAtMs;
    if (this.#pace !== null) {
      at = Math.min(at, nowMs + plan.timeouts.bodyIdleMs, this.#pace.nextCheckMs);
      if (expects) at = Math.min(at, this.#continueAtMs);
    }
    return paused ? Math.min(at, nowMs + WATCH_MS) : at;
  }

  /** Whether a client that waits for a 100 has waited long enough for the upstream's. */
  continueIsDue(nowMs: number): boolean {
    return this.#pace !== null && nowMs >= this.#continueAtMs;
  }

  /** What is wrong with the body's pace, or null. */
  judgeBody(plan: RoutePlan, nowMs: number): Fault | null {
    return this.#pace === null ? null : this.#pace.judge(nowMs, plan.timeouts.bodyIdleMs);
  }
}
