// Whether a request's body keeps coming: not silent for too long, and not slower than the least rate.
import type { Fault } from '../base/fault.ts';
import { PROXY_FAULT } from './faults.ts';

/** The least rate is asked for over this long. */
const WINDOW_MS = 10_000;

/** The pace of one body. Time during which we did not read it does not count. */
export class BodyPace {
  readonly #windowBytesMin: number;
  #windowStartMs: number;
  #windowBytes = 0;
  #heardMs: number;
  #fresh = 0;
  #paused = false;

  /** `minRate`: bytes a second over ten seconds; 0: no least rate. */
  constructor(minRate: number, nowMs: number) {
    this.#windowBytesMin = (minRate * WINDOW_MS) / 1000;
    this.#windowStartMs = nowMs;
    this.#heardMs = nowMs;
  }

  /** When to judge again at the latest. */
  get nextCheckMs(): number {
    return this.#windowStartMs + WINDOW_MS;
  }

  note(bytes: number): void {
    this.#fresh += bytes;
  }

  pause(): void {
    this.#paused = true;
  }

  resume(nowMs: number): void {
    if (!this.#paused) return;
    this.#paused = false;
    this.#restart(nowMs);
  }

  /** The fault of this body, or null while it keeps its pace. */
  judge(nowMs: number, idleMs: number): Fault | null {
    if (this.#paused) {
      this.#restart(nowMs);
      return null;
    }
    if (this.#fresh > 0) {
      this.#windowBytes += this.#fresh;
      this.#fresh = 0;
      this.#heardMs = nowMs;
    } else if (nowMs - this.#heardMs >= idleMs) {
      return PROXY_FAULT.bodyTimeout;
    }
    if (nowMs - this.#windowStartMs >= WINDOW_MS) {
      if (this.#windowBytes < this.#windowBytesMin) return PROXY_FAULT.bodyTooSlow;
      this.#windowStartMs = nowMs;
      this.#windowBytes = 0;
    }
    return null;
  }

  #restart(nowMs: number): void {
    this.#windowStartMs = nowMs;
    this.#windowBytes = 0;
    this.#heardMs = nowMs;
    this.#fresh = 0;
  }
}
