// Hung or merely slow? A stopped process still accepts connections, so one tight HTTP probe decides, and goes on listening.
import type { Clock } from '../base/clock.ts';
import type { Timer, Timers } from '../base/timers.ts';
import type { SuspicionOptions } from './options.ts';
import { type Probe, type ProbeDone, type ProbeResult, spellMs } from './probe.ts';

/** Silence that is never suspicious by itself, ms: scheduling, a garbage collection, a lost packet's first repeat. */
const AFTER_LEAST_MS = 200;
/** Silence in multiples of the upstream's own 99th percentile that is suspicious. */
const AFTER_P99S = 4;
/** Rest after an answered probe, ms: the upstream lives, and the next answer owed may come in peace. */
const REST_MS = 250;
/** After an answered probe it is trusted: the next probes are made in silence. Doubles each time up to the bound. */
const TRUST_FIRST_MS = 1000;
const TRUST_MOST_MS = 60_000;
/** A probe is given twice the time that the last answer to one took, up to this: a slow instance is known to be slow. */
const PATIENCE_MOST_MS = 30_000;
/**
 * The patience is waited out in this many slices. One that ends late by more than its own length says that this process did not
 * get to run, and the answer may lie unread: it is waited out again, with which a verdict may come later, up to so many slices in all.
 */
const SLICES = 4;
const SLICES_MOST = 16;
/** Pause between two probes of a hung upstream, ms; each is held open in between. */
const AGAIN_MS = 1000;

/** For workers: how long an upstream that owes answers may send nothing before it is suspected, ms. `p99Ms`: 0 when unknown. Pure. */
export function suspicionAfterMs(options: SuspicionOptions, p99Ms: number): number {
  return options.afterMs ?? Math.max(AFTER_LEAST_MS, AFTER_P99S * p99Ms);
}

/** What it is made of. */
export interface SuspicionInput {
  readonly options: SuspicionOptions;
  /** How long an unanswered probe is held open, ms: its late answer is how a return is noticed at once. */
  readonly holdMs: number;
  readonly clock: Clock;
  readonly timers: Timers;
  /** Begins a probe for any sign of life within `timeoutMs`; null when there is no address. */
  readonly probe: (timeoutMs: number, done: ProbeDone) => Probe | null;
  /** Takes one probe of the pool's allowance; false: none left now. */
  readonly allow: () => boolean;
  /** Told when `state` has changed. */
  readonly onChange: () => void;
  /** Told when a probe found the door closed rather than silence behind it. */
  readonly onClosed: (result: ProbeResult) => void;
}

/**
 * The states, and what ends each:
 *
 *   none       a worker reports silence            -> suspected, and a probe starts (in `trusted` time: the probe alone)
 *   suspected  the probe is answered in time       -> none, trusted for a growing while, patience twice the time it took
 *              it is not                           -> hung; the probe stays open
 *   hung       the probe, or a later one, answers  -> none, with the patience that would have been enough
 *
 * So an instance that is slow and alive is out at most once, and no longer than one answer of its takes.
 */
export class Suspicion {
  state: 'none' | 'suspected' | 'hung' = 'none';
  /** The reader's sentence for the state. */
  why = '';
  readonly #input: SuspicionInput;
  #probe: Probe | null = null;
  #timer: Timer | null = null;
  #patienceMs: number;
  #probedMs = 0;
  #restUntilMs = Number.NEGATIVE_INFINITY;
  #trustMs = TRUST_FIRST_MS;
  #trustedUntilMs = Number.NEGATIVE_INFINITY;

  constructor(input: SuspicionInput) {
    this.#input = input;
    this.#patienceMs = input.options.probeTimeoutMs;
  }

  /** A worker reports that answers are owed and none came for long. Many workers may say so at once: one probe decides. */
  suspect(): void {
    if (this.state !== 'none' || this.#probe !== null) return;
    const nowMs = this.#input.clock.nowMs();
    if (nowMs < this.#restUntilMs || !this.#input.allow()) return;
    if (!this.#startProbe()) return;
    this.#wait(SLICES, SLICES_MOST);
    if (nowMs >= this.#trustedUntilMs)
      this.#enter('suspected', 'owes answers and sends nothing; being probed');
  }

  /** It answered a request meanwhile: it lives. */
  sawLife(): void {
    if (this.state !== 'none') this.#alive(this.#input.clock.nowMs() - this.#probedMs);
  }

  /** Forgets state and probe: the upstream is out for a better reason, or the board stops. */
  reset(): void {
    this.#timer?.cancel();
    this.#probe?.cancel();
    this.#timer = null;
    this.#probe = null;
    this.state = 'none';
    this.why = '';
  }

  #startProbe(): boolean {
    this.#probedMs = this.#input.clock.nowMs();
    const timeoutMs = Math.max(this.#input.holdMs, 2 * this.#patienceMs);
    this.#probe = this.#input.probe(timeoutMs, (result) => {
      this.#probe = null;
      this.#heard(result);
    });
    return this.#probe !== null;
  }

  /** Waits `left` slices out, of which those do not count that came late; `most` are waited in any case. */
  #wait(left: number, most: number): void {
    const sliceMs = this.#patienceMs / SLICES;
    const dueMs = this.#input.clock.nowMs() + sliceMs;
    this.#timer = this.#input.timers.after(sliceMs, () => {
      const isLate = this.#input.clock.nowMs() > dueMs + sliceMs;
      const rest = isLate ? left : left - 1;
      if (rest === 0 || most === 1) this.#silent();
      else this.#wait(rest, most - 1);
    });
  }

  #silent(): void {
    this.#timer = null;
    this.#enter('hung', `hung: owes answers and gave a probe none within ${spellMs(this.#patienceMs)}`);
  }

  #heard(result: ProbeResult): void {
    if (result.ok) {
      this.#alive(result.latencyMs);
      return;
    }
    const hung = this.state === 'hung';
    if (!hung || result.refused) {
      // Cut off, refused or not made for want of a descriptor: whatever it is, it is not silence.
      this.reset();
      this.#restUntilMs = this.#input.clock.nowMs() + REST_MS;
      this.#input.onChange();
    } else {
      this.#timer = this.#input.timers.after(AGAIN_MS, () => this.#probeAgain());
    }
    if (!result.inconclusive) this.#input.onClosed(result);
  }

  #probeAgain(): void {
    this.#timer = null;
    if (!this.#startProbe()) this.#timer = this.#input.timers.after(AGAIN_MS, () => this.#probeAgain());
  }

  #alive(latencyMs: number): void {
    const nowMs = this.#input.clock.nowMs();
    this.reset();
    // A trust that was left unused for as long as it lasted begins anew.
    this.#trustMs =
      nowMs - this.#trustedUntilMs > this.#trustMs
        ? TRUST_FIRST_MS
        : Math.min(TRUST_MOST_MS, this.#trustMs * 2);
    this.#trustedUntilMs = nowMs + this.#trustMs;
    this.#restUntilMs = nowMs + REST_MS;
    this.#patienceMs = Math.min(
      Math.max(this.#input.options.probeTimeoutMs, PATIENCE_MOST_MS),
      Math.max(this.#input.options.probeTimeoutMs, 2 * latencyMs),
    );
    this.#input.onChange();
  }

  #enter(state: 'suspected' | 'hung', why: string): void {
    this.state = state;
    this.why = why;
    this.#input.onChange();
  }
}

/** A bounded number of probes a second for a whole pool: a bucket that fills at `perS` up to `most`, and starts full. */
export class ProbeAllowance {
  readonly #perS: number;
  readonly #most: number;
  #left: number;
  #atMs: number;

  constructor(perS: number, most: number, nowMs: number) {
    this.#perS = perS;
    this.#most = most;
    this.#left = most;
    this.#atMs = nowMs;
  }

  /** Takes one; false when the bucket is empty. */
  take(nowMs: number): boolean {
    this.#left = Math.min(this.#most, this.#left + ((nowMs - this.#atMs) / 1000) * this.#perS);
    this.#atMs = nowMs;
    if (this.#left < 1) return false;
    this.#left--;
    return true;
  }
}
