// Stands before every store, so that no store, however slow or dead, holds up more than its share: a deadline, bounds, single flight.
import {
  type Query,
  type StoredValue,
  StoreFault,
  type StoreFaultKind,
  type StoreListener,
  type WatchableStore,
} from '../store.ts';
import { faultOf, type StoreDriver } from './driver.ts';
import { Flight, FlightQueue, flightKey } from './flight.ts';
import { Places } from './places.ts';
import { Pulse, type PulseTools, type StoreState } from './pulse.ts';

export interface GateOptions {
  /** How long a look-up may take, waiting in line included. */
  readonly deadlineMs: number;
  /** Look-ups in flight at a time. */
  readonly concurrency: number;
  /** Look-ups that may wait for a place; more are refused as `busy`. */
  readonly waiting: number;
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

/** A timer that comes so much later than it was due says that this process did not get to run, not that the store is slow. */
const STALL_MS = 25;
/** After a stall: time for answers that already came to be read. */
const GRACE_MS = 5;
const LATE = 'no answer within the deadline';

/**
 * A store with its bounds. A look-up that joins one in flight shares its deadline. A late look-up keeps its place until its driver
 * lets go of it, so that a hung store never has more than `concurrency` questions. While the store is down every look-up fails at
 * once. When it is back, look-ups ramp up: most wait in line at first, and those that find no place in time are `busy`.
 */
export class StoreGate implements WatchableStore {
  readonly watch: ((listener: StoreListener) => void) | null;
  readonly together?: (keys: readonly string[]) => Promise<readonly (StoredValue | null)[]>;
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
  readonly #tools: PulseTools;
  readonly #pulse: Pulse;
  readonly #flights = new Map<string, Flight>();
  /** All that are not answered, in the order of their deadlines. */
  readonly #open = new FlightQueue();
  readonly #line = new FlightQueue();
  readonly #places: Places;
  #inFlight = 0;
  #waiting = 0;
  #timerDueMs = 0;
  #timed = false;
  #closed = false;

  constructor(driver: StoreDriver, options: GateOptions, tools: PulseTools) {
    this.#driver = driver;
    this.watch = driver.watch === undefined ? null : (listener) => driver.watch?.(listener);
    if (driver.together !== undefined) this.together = (keys) => this.#readTogether(driver, keys);
    this.#options = options;
    this.#places = new Places(options.concurrency);
    this.#tools = tools;
    this.#pulse = new Pulse({
      ping: () => driver.ping(),
      deadlineMs: options.deadlineMs,
      tools: { ...tools, changed: (state) => this.#onChanged(state) },
    });
  }

  get state(): StoreState {
    return this.#pulse.state;
  }

  /** Look-ups that the driver has not let go of. */
  get inFlight(): number {
    return this.#inFlight;
  }

  /** Look-ups that may be in flight now; fewer than all while it ramps up after an outage. */
  get places(): number {
    return this.#places.count;
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
    if (!this.state.up) return this.#refuse('down', this.state.why ?? 'the store is down');
    const full = this.#inFlight >= this.#places.count;
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
    this.#pulse.look(() => this.counts.hits + this.counts.misses > 0);
  }

  /** Ends the store and everything that waits for it. Never rejects. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#pulse.close();
    this.#abandonLine('the store was closed');
    for (const flight of [...this.#flights.values()])
      this.#fault(flight, new StoreFault('down', 'the store was closed'));
    await this.#driver.close();
  }

  /** Takes one place, and never waits in line: who is read again has a verdict, and can do without for now. */
  async #readTogether(
    driver: StoreDriver,
    keys: readonly string[],
  ): Promise<readonly (StoredValue | null)[]> {
    this.counts.lookups++;
    if (this.#closed || !this.state.up) return this.#refuse('down', this.state.why ?? 'the store is down');
    if (this.#inFlight >= this.#places.count) return this.#refuse('busy', 'no place is free');
    this.#inFlight++;
    try {
      const values = await (driver.together?.(keys) ?? []);
      this.counts.hits++;
      return values;
    } catch (error) {
      const fault = faultOf(error, 'store');
      this.counts.faults[fault.kind]++;
      throw fault;
    } finally {
      this.#inFlight--;
      this.#next();
    }
  }

  #refuse(kind: StoreFaultKind, why: string): Promise<never> {
    this.counts.faults[kind]++;
    return Promise.reject(new StoreFault(kind, why));
  }

  #start(flight: Flight): void {
    flight.begunMs = this.#tools.clock.nowMs();
    flight.outages = this.#pulse.outages;
    this.#inFlight++;
    this.#driver.get(flight.query).then(
      (value) => {
        this.#inFlight--;
        if (flight.open) this.#answer(flight, value);
        else this.#judge(flight, null);
        this.#next();
      },
      (error: unknown) => {
        this.#inFlight--;
        const fault = faultOf(error, 'store');
        if (flight.open) this.#fault(flight, fault);
        this.#judge(flight, fault);
        this.#next();
      },
    );
  }

  /** What a look-up that nobody waits for any more, or that failed, says of the store. `fault` null: it was answered after all. */
  #judge(flight: Flight, fault: StoreFault | null): void {
    if (flight.counted || flight.outages !== this.#pulse.outages) return;
    const tookMs = this.#tools.clock.nowMs() - flight.begunMs;
    if (fault?.kind === 'down' || fault?.kind === 'late') this.#struck(fault.message);
    else if (tookMs >= this.#options.deadlineMs) this.#struck(LATE);
    else this.#well();
  }

  #well(): void {
    this.#places.answered();
    this.#pulse.well();
  }

  #struck(why: string): void {
    this.#places.struck();
    this.#pulse.struck(why);
  }

  #onChanged(state: StoreState): void {
    if (state.up) this.#places.begin();
    this.#tools.changed?.(state);
    if (!state.up) this.#abandonLine(state.why ?? LATE);
  }

  #answer(flight: Flight, value: StoredValue | null): void {
    this.#flights.delete(flight.key);
    if (value === null) this.counts.misses++;
    else this.counts.hits++;
    this.counts.latencyMs += this.#tools.clock.nowMs() - flight.startMs;
    this.#well();
    flight.resolve(value);
    // What is answered is let go of with its value now, and not when its deadline comes.
    this.#open.firstOpen();
  }

  #fault(flight: Flight, fault: StoreFault): void {
    this.#flights.delete(flight.key);
    if (flight.begunMs < 0) this.#waiting--;
    this.counts.faults[fault.kind]++;
    flight.reject(fault);
  }

  #next(): void {
    while (this.#inFlight < this.#places.count) {
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
      if (flight.begunMs < 0) {
        this.#fault(flight, new StoreFault('busy', 'no place within the deadline'));
        continue;
      }
      this.#fault(flight, new StoreFault('late', LATE));
      // One that stood in line for most of its time is held against the store only when the driver lets go of it.
      flight.counted = nowMs - flight.begunMs >= this.#options.deadlineMs / 2;
      if (flight.counted) this.#struck(LATE);
    }
    this.#timed = false;
    this.#arm();
  }
}
