// Whether anybody listens at an upstream's address at all: looked at when a request met a closed door, and until the door opens.
import type { Clock } from '../base/clock.ts';
import type { Timer, Timers } from '../base/timers.ts';
import type { Probe, ProbeDone, ProbeResult } from './probe.ts';

/** Least time between two looks that failed requests ask for, ms: under load a look answers for many requests. */
const LOOK_EVERY_MS = 20;
/** How often a closed door is tried: sooner at first, since most restarts are quick, then steadily. */
const RETURN_FIRST_MS = 100;
const RETURN_MOST_MS = 1000;
/** Looks in a row that must be answered grow with each repeat, to this bound: who crashes in a loop is trusted less each time. */
const ANSWERS_MOST = 10;
/** So long without going away, and one going away is forgotten, ms. */
const FORGET_MS = 30_000;

/** What it is made of. */
export interface ReachabilityInput {
  readonly clock: Clock;
  readonly timers: Timers;
  /** Begins to connect; null when there is no address. */
  readonly connect: (done: ProbeDone) => Probe | null;
  /** Told when `gone` has changed. */
  readonly onChange: () => void;
}

/**
 * One refused connection may be chance (a full backlog, a restart); a second one, made at once and by ourselves, is proof: the
 * upstream is gone, whatever the traffic and whatever share of the pool is gone with it. It is back as soon as it accepts a
 * connection again: the n-th time in a short while, as soon as it accepts n in a row.
 */
export class Reachability {
  /** Nobody listens. */
  gone = false;
  /** The reader's sentence for it. */
  why = '';
  readonly #input: ReachabilityInput;
  #probe: Probe | null = null;
  #timer: Timer | null = null;
  /** The next look is not the last word: a request failed after it began, or it may have met a process that is just dying. */
  #again = false;
  #lookedMs = Number.NEGATIVE_INFINITY;
  #returnMs = RETURN_FIRST_MS;
  #answers = 0;
  #timesGone = 0;
  #backMs = 0;

  constructor(input: ReachabilityInput) {
    this.#input = input;
  }

  /** A request's connection was refused, reset or not made: look for yourself. */
  doubt(): void {
    if (this.gone) return;
    if (this.#probe !== null) {
      this.#again = true;
      return;
    }
    if (this.#timer !== null) return;
    // A process that is killed may still accept while its connections are being reset, so a good look is made twice.
    this.#again = true;
    const waitMs = this.#lookedMs + LOOK_EVERY_MS - this.#input.clock.nowMs();
    if (waitMs <= 0) this.#look();
    else this.#lookAfter(waitMs);
  }

  /** Somebody else's probe found nobody listening. */
  refused(why: string): void {
    if (this.gone) return;
    this.#probe?.cancel();
    this.#probe = null;
    this.#timer?.cancel();
    this.#leave(why);
  }

  /** The address has changed: if nobody listened at the old one, look at the new one now. */
  addressChanged(): void {
    if (!this.gone) return;
    this.stop();
    this.#look();
  }

  stop(): void {
    this.#timer?.cancel();
    this.#probe?.cancel();
    this.#timer = null;
    this.#probe = null;
  }

  #lookAfter(ms: number): void {
    this.#timer = this.#input.timers.after(ms, () => {
      this.#timer = null;
      this.#look();
    });
  }

  #look(): void {
    this.#lookedMs = this.#input.clock.nowMs();
    this.#probe = this.#input.connect((result) => {
      this.#probe = null;
      if (this.gone) this.#heardWhileGone(result);
      else this.#heard(result);
    });
    // Without an address there is nobody to look at; that it is down is told elsewhere.
    if (this.#probe === null && this.gone) this.#lookAfter(RETURN_MOST_MS);
  }

  #heard(result: ProbeResult): void {
    if (!result.ok && !result.inconclusive) this.#leave(result.why);
    else if (this.#again) {
      this.#again = false;
      this.#lookAfter(LOOK_EVERY_MS);
    }
  }

  #leave(why: string): void {
    const nowMs = this.#input.clock.nowMs();
    const forgotten = Math.floor((nowMs - this.#backMs) / FORGET_MS);
    this.#timesGone = Math.max(0, this.#timesGone - forgotten) + 1;
    this.gone = true;
    this.why = why;
    this.#answers = 0;
    this.#returnMs = RETURN_FIRST_MS;
    this.#lookAfter(RETURN_FIRST_MS);
    this.#input.onChange();
  }

  #heardWhileGone(result: ProbeResult): void {
    if (!result.ok) {
      this.#answers = 0;
      this.#returnMs = Math.min(RETURN_MOST_MS, this.#returnMs * 2);
      this.#lookAfter(this.#returnMs);
      return;
    }
    this.#answers++;
    if (this.#answers < Math.min(ANSWERS_MOST, this.#timesGone)) {
      this.#lookAfter(RETURN_MOST_MS);
      return;
    }
    this.gone = false;
    this.#backMs = this.#input.clock.nowMs();
    this.#input.onChange();
  }
}
