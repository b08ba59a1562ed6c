// Whether a store is up: taken for down after faults in a row, pinged until it answers again, and then on trial.
import type { Clock } from '../../base/clock.ts';
import type { Random } from '../../base/random.ts';
import type { Timers } from '../../base/timers.ts';
import { StoreFault } from '../store.ts';
import { backOffMs, codeOf } from './driver.ts';

export interface StoreState {
  readonly up: boolean;
  /** Wall clock, ms. */
  readonly sinceMs: number;
  /** Why it is down: for logs, names no key and no value. */
  readonly why: string | null;
}

export interface PulseTools {
  readonly clock: Clock;
  readonly timers: Timers;
  readonly random: Random;
  /** Told of every change between up and down. */
  readonly changed?: (state: StoreState) => void;
}

/** What a pulse is of. */
export interface PulseInput {
  /** Rejects unless the store answers. */
  readonly ping: () => Promise<void>;
  /** A ping that takes longer is none, ms. */
  readonly deadlineMs: number;
  readonly tools: PulseTools;
}

/** Faults without a success between them after which the store is taken for down. */
const FAULTS_MAX = 5;

/** While the store is down it is pinged with back-off, which starts anew only after a look-up that succeeded. */
export class Pulse {
  /** Times that it went down, so that what was begun in an earlier one is recognised. */
  outages = 0;
  readonly #in: PulseInput;
  #state: StoreState;
  #faultsInRow = 0;
  #pings = 0;
  #closed = false;

  constructor(input: PulseInput) {
    this.#in = input;
    this.#state = { up: true, sinceMs: input.tools.clock.wallMs(), why: null };
  }

  get state(): StoreState {
    return this.#state;
  }

  /** Asks once whether the store is there at all. `answered`: a look-up was answered meanwhile, which knows better. */
  look(answered: () => boolean): void {
    this.#in.ping().then(
      () => {},
      (error: unknown) => {
        if (this.#closed || !this.#state.up || answered()) return;
        this.#faultsInRow = FAULTS_MAX - 1;
        this.struck(whyOf(error));
      },
    );
  }

  /** The store answered a look-up. */
  well(): void {
    this.#faultsInRow = 0;
    this.#pings = 0;
    if (!this.#state.up) this.#turn(true, null);
  }

  /** It did not. */
  struck(why: string): void {
    if (!this.#state.up || this.#closed || ++this.#faultsInRow < FAULTS_MAX) return;
    this.outages++;
    this.#turn(false, why);
    this.#pingLater();
  }

  /** Pings no more. */
  close(): void {
    this.#closed = true;
  }

  #pingLater(): void {
    // From 100 ms on: a connection that merely broke is back by then.
    const ms = backOffMs(++this.#pings + 1, this.#in.tools.random);
    const outage = this.outages;
    this.#in.tools.timers.after(ms, () => this.#ping(outage));
  }

  #ping(outage: number): void {
    if (this.#over(outage)) return;
    const { clock } = this.#in.tools;
    const startMs = clock.nowMs();
    this.#in.ping().then(
      () => {
        if (this.#over(outage)) return;
        if (clock.nowMs() - startMs > this.#in.deadlineMs) {
          this.#pingLater();
          return;
        }
        // On trial: the next fault takes it down again, the next success clears it.
        this.#faultsInRow = FAULTS_MAX - 1;
        this.#turn(true, null);
      },
      (error: unknown) => {
        if (this.#over(outage)) return;
        const why = whyOf(error);
        if (why !== this.#state.why) this.#state = { ...this.#state, why };
        this.#pingLater();
      },
    );
  }

  #over(outage: number): boolean {
    return this.#closed || this.#state.up || outage !== this.outages;
  }

  #turn(up: boolean, why: string | null): void {
    const { clock, changed } = this.#in.tools;
    this.#state = { up, sinceMs: clock.wallMs(), why };
    changed?.(this.#state);
  }
}

function whyOf(error: unknown): string {
  return error instanceof StoreFault ? error.message : codeOf(error);
}
