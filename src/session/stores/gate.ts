// Stands before every store, so that no store, however slow or dead, holds up more than its share: a deadline, bounds, single flight.
import type { Clock } from '../../base/clock.ts';
import type { Random } from '../../base/random.ts';
import type { Timers } from '../../base/timers.ts';
import {
  type Query,
  type StoredValue,
  StoreFault,
  type StoreFaultKind,
  type StoreListener,
  type WatchableStore,
} from '../store.ts';
import { backOffMs, codeOf, faultOf, type StoreDriver } from './driver.ts';
import { Flight, FlightQueue, flightKey } from './flight.ts';

export interface GateOptions {
  /** How long a look-up may take, waiting in line included. */
  readonly deadlineMs: number;
  /** Look-ups in flight at a time. */
  readonly concurrency: number;
  /** Look-ups that may wait for a place; more are refused as `busy`. */
  readonly waiting: number;
}

export interface GateTools {
  readonly clock: Clock;
  readonly timers: Timers;
  readonly random: Random;
  /** Told of every change between up and down. */
  readonly changed?: (state: StoreState) => void;
}

export interface StoreState {
  readonly up: boolean;
  /** Wall clock, ms. */
  readonly sinceMs: number;
  /** Why it is down: for logs, names no key and no value. */
  readonly why: string | null;
}

/** All since the start. */
export interface StoreCounts {
  /** Look-ups that were asked for, but for those that joined one in flight. */
  lookups: number;
  /** Look-ups that joined one in flight for the same key. */
  shared: number;
  hits: number;
  misses: number;
  readonly faults: Record<StoreFaultKind, number>;
  /** Sum over hits and misses, from the look-up's arrival. */
  latencyMs: number;
}

/** Faults without a success between them after which the store is taken for down. */
const FAULTS_MAX = 5;
/** A timer that comes so much later than it was due says that this process did not get to run, not that the store is slow. */
const STALL_MS = 25;
/** After a stall: time for answers that already came to be read. */
const GRACE_MS = 5;

/**
 * A store with its bounds. A look-up that joins one in flight shares its deadline. A late look-up keeps its place until its driver
 * lets go of it, so that a hung store never has more than `concurrency` questions. While the store is down every look-up fails at
 * once, and the driver is pinged with back-off; the back-off starts anew only after a look-up that succeeded.
 */
export class StoreGate implements WatchableStore {
  readonly watch: ((listener: StoreListener) => void) | null;
  readonly counts: StoreCounts = {
    lookups: 0,
    shared: 0,
    hits: 0,
    misses: 0,
    faults: { down: 0, late: 0, busy: 0, malformed: 0 },
    latencyMs: 0,
  };
  readonly #driver: StoreDriver;
  readonly #options: GateOptions;
  readonly #tools: GateTools;
  readonly #flights = new Map<string, Flight>();
  /** All that are not answered, in the order of their deadlines. */
  readonly #open = new FlightQueue();
  readonly #line = new FlightQueue();
  #inFlight = 0;
  #waiting = 0;
  #state: StoreState;
  #faultsInRow = 0;
  #pings = 0;
  /** Numbers the times that it went down, so that pings of an earlier one are recognised. */
  #outages = 0;
  #timerDueMs = 0;
  #timed = false;
  #closed = false;

  constructor(driver: StoreDriver, options: GateOptions, tools: GateTools) {
    this.#driver = driver;
    this.watch = driver.watch === undefined ? null : (listener) => driver.watch?.(listener);
    this.#options = options;
    this.#tools = tools;
    this.#state = { up: true, sinceMs: tools.clock.wallMs(), why: null };
  }

  get state(): StoreState {
    return this.#state;
  }

  /** Look-ups that the driver has not let go of. */
  get inFlight(): number {
    return this.#inFlight;
  }

  /** Look-ups in line. */
  get waiting(): number {
    return this.#waiting;
  }

  get(query: Query): Promise<StoredValue | null> {
    const key = flightKey(query);
    const same = this.#flights.get(key);
    if (same !== undefined) {
      this.counts.shared++;
      return same.promise;
    }
    this.counts.lookups++;
    if (this.#closed) return this.#refuse('down', 'the store was closed');
    if (!this.#state.up) return this.#refuse('down', this.#state.why ?? 'the store is down');
    const full = this.#inFlight >= this.#options.concurrency;
    if (full && this.#waiting >= this.#options.waiting)
      return this.#refuse('busy', 'the waiting line is full');
    const flight = new Flight(key, query, this.#tools.clock.nowMs());
    this.#flights.set(key, flight);
    this.#open.push(flight);
    this.#arm();
    if (full) {
      this.#waiting++;
      this.#line.push(flight);
    } else {
      this.#start(flight);
    }
    return flight.promise;
  }

  /** Asks once whether the store is there at all, so that one that is away is told of before the first user comes. */
  look(): void {
    this.#driver.ping().then(
      () => {},
      (error: unknown) => {
        // A look-up that was answered meanwhile knows better.
        if (this.#closed || !this.#state.up || this.counts.hits + this.counts.misses > 0) return;
        this.#faultsInRow = FAULTS_MAX - 1;
        this.#struck(error instanceof StoreFault ? error.message : codeOf(error));
      },
    );
  }

  /** Ends the store and everything that waits for it. Never rejects. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#abandonLine('the store was closed');
    for (const flight of [...this.#flights.values()])
      this.#fault(flight, new StoreFault('down', 'the store was closed'));
    await this.#driver.close();
  }

  #refuse(kind: StoreFaultKind, why: string): Promise<never> {
    this.counts.faults[kind]++;
    return Promise.reject(new StoreFault(kind, why));
  }

  #start(flight: Flight): void {
    flight.started = true;
    this.#inFlight++;
    this.#driver.get(flight.query).then(
      (value) => {
        this.#inFlight--;
        if (flight.open) this.#answer(flight, value);
        this.#next();
      },
      (error: unknown) => {
        this.#inFlight--;
        // One that was late was counted then.
        if (flight.open) {
          const fault = faultOf(error, 'store');
          this.#fault(flight, fault);
          if (fault.kind === 'down' || fault.kind === 'late') this.#struck(fault.message);
        }
        this.#next();
      },
    );
  }

  #answer(flight: Flight, value: StoredValue | null): void {
    this.#flights.delete(flight.key);
    if (value === null) this.counts.misses++;
    else this.counts.hits++;
    this.counts.latencyMs += this.#tools.clock.nowMs() - flight.startMs;
    this.#faultsInRow = 0;
    this.#pings = 0;
    if (!this.#state.up) this.#rise();
    flight.resolve(value);
  }

  #fault(flight: Flight, fault: StoreFault): void {
    this.#flights.delete(flight.key);
    if (!flight.started) this.#waiting--;
    this.counts.faults[fault.kind]++;
    flight.reject(fault);
  }

  #next(): void {
    while (this.#inFlight < this.#options.concurrency) {
      const flight = this.#line.firstOpen();
      if (flight === null) return;
      this.#line.shift();
      this.#waiting--;
      this.#start(flight);
    }
  }

  #abandonLine(why: string): void {
    for (let flight = this.#line.firstOpen(); flight !== null; flight = this.#line.firstOpen())
      this.#fault(flight, new StoreFault('down', why));
  }

  #arm(): void {
    if (this.#timed) return;
    const first = this.#open.firstOpen();
    if (first === null) return;
    this.#timed = true;
    this.#timerDueMs = first.startMs + this.#options.deadlineMs;
    const ms = Math.max(1, Math.ceil(this.#timerDueMs - this.#tools.clock.nowMs()));
    this.#tools.timers.after(ms, () => this.#onDeadline(true));
  }

  #onDeadline(mayWait: boolean): void {
    const nowMs = this.#tools.clock.nowMs();
    if (mayWait && nowMs - this.#timerDueMs > STALL_MS) {
      this.#tools.timers.after(GRACE_MS, () => this.#onDeadline(false));
      return;
    }
    const latestStartMs = nowMs - this.#options.deadlineMs;
    for (;;) {
      const flight = this.#open.firstOpen();
      if (flight === null || flight.startMs > latestStartMs) break;
      const { started } = flight;
      const why = started ? 'no answer within the deadline' : 'no place within the deadline';
      this.#fault(flight, new StoreFault(started ? 'late' : 'busy', why));
      if (started) this.#struck(why);
    }
    this.#timed = false;
    this.#arm();
  }

  #struck(why: string): void {
    if (!this.#state.up || this.#closed || ++this.#faultsInRow < FAULTS_MAX) return;
    this.#outages++;
    this.#turn(false, why);
    this.#abandonLine(why);
    this.#pingLater();
  }

  #pingLater(): void {
    // From 100 ms on: a connection that merely broke is back by then.
    const ms = backOffMs(++this.#pings + 1, this.#tools.random);
    const outage = this.#outages;
    this.#tools.timers.after(ms, () => this.#ping(outage));
  }

  #ping(outage: number): void {
    if (this.#over(outage)) return;
    const startMs = this.#tools.clock.nowMs();
    this.#driver.ping().then(
      () => {
        if (this.#over(outage)) return;
        if (this.#tools.clock.nowMs() - startMs > this.#options.deadlineMs) this.#pingLater();
        else this.#rise();
      },
      (error: unknown) => {
        if (this.#over(outage)) return;
        const why = error instanceof StoreFault ? error.message : codeOf(error);
        if (why !== this.#state.why) this.#state = { ...this.#state, why };
        this.#pingLater();
      },
    );
  }

  #over(outage: number): boolean {
    return this.#closed || this.#state.up || outage !== this.#outages;
  }

  /** On trial: the next fault takes it down again, the next success clears it. */
  #rise(): void {
    this.#faultsInRow = this.#pings === 0 ? 0 : FAULTS_MAX - 1;
    this.#turn(true, null);
  }

  #turn(up: boolean, why: string | null): void {
    this.#state = { up, sinceMs: this.#tools.clock.wallMs(), why };
    this.#tools.changed?.(this.#state);
  }
}
