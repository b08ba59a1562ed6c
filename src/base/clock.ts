// Time as an argument: everything below the process layer asks a Clock, so that tests crank it by hand.
import { performance } from 'node:perf_hooks';

/** What time it is. Monotonic milliseconds order events; wall time only labels them. */
export interface Clock {
  /** Monotonic time in milliseconds, fractional, from an arbitrary origin. Never goes back. */
  nowMs(): number;
  /** Wall-clock time in milliseconds since 1970, for logs, dates and cookie epochs. May jump. */
  wallMs(): number;
}

/** The machine's own clock. */
export const systemClock: Clock = {
  nowMs: () => performance.now(),
  wallMs: () => Date.now(),
};

/** A clock that moves only when told to. For tests and simulations. */
export class HandClock implements Clock {
  #nowMs: number;
  readonly #startWallMs: number;

  constructor(startMs = 0, startWallMs = 1_700_000_000_000) {
    this.#nowMs = startMs;
    this.#startWallMs = startWallMs - startMs;
  }

  nowMs(): number {
    return this.#nowMs;
  }

  wallMs(): number {
    return this.#startWallMs + this.#nowMs;
  }

  /** Moves time forward by `ms` (≥ 0). */
  advance(ms: number): void {
    this.#nowMs += ms;
  }
}
