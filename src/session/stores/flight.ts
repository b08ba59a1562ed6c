// One look-up on its way, and the queues it waits in: whoever asks for the same key meanwhile shares it.
import type { Query, StoredValue, StoreFault } from '../store.ts';

export class Flight {
  readonly key: string;
  readonly query: Query;
  /** When it was asked for, ms of the clock. */
  readonly startMs: number;
  readonly promise: Promise<StoredValue | null>;
  /** When it was given to the driver, ms of the clock; −1: it waits in line. */
  begunMs = -1;
  /** How often the store had been away until then. */
  outages = 0;
  /** Its failing was held against the store. */
  counted = false;
  /** Nobody was answered yet. */
  open = true;
  #resolve: (value: StoredValue | null) => void = none;
  #reject: (fault: StoreFault) => void = none;

  constructor(key: string, query: Query, startMs: number) {
    this.key = key;
    this.query = query;
    this.startMs = startMs;
    this.promise = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  resolve(value: StoredValue | null): void {
    this.open = false;
    this.#resolve(value);
    this.#resolve = this.#reject = none;
  }

  reject(fault: StoreFault): void {
    this.open = false;
    this.#reject(fault);
    this.#resolve = this.#reject = none;
  }
}

function none(): void {}

/** First in, first out. Those that were answered meanwhile are passed over. */
export class FlightQueue {
  #flights: (Flight | undefined)[] = [];
  #first = 0;

  push(flight: Flight): void {
    this.#flights.push(flight);
  }

  /** The first that is still open, or null; those before it are dropped. */
  firstOpen(): Flight | null {
    for (; this.#first < this.#flights.length; this.#first++) {
      const flight = this.#flights[this.#first];
      if (flight?.open === true) {
        this.#compact();
        return flight;
      }
      this.#flights[this.#first] = undefined;
    }
    this.#flights.length = 0;
    this.#first = 0;
    return null;
  }

  /** Drops the first. */
  shift(): void {
    this.#flights[this.#first++] = undefined;
  }

  #compact(): void {
    if (this.#first < 1024 || this.#first * 2 < this.#flights.length) return;
    this.#flights = this.#flights.slice(this.#first);
    this.#first = 0;
  }
}

/** The same for two queries exactly when their answers are the same. Only `key` comes from requests; names hold no NUL. */
export function flightKey(query: Query): string {
  switch (query.kind) {
    case 'value':
      return `v${query.key}`;
    case 'hash':
      return `h${query.fields.length}\0${query.fields.join('\0')}\0${query.key}`;
    case 'row':
      return `r${query.columns.length}\0${query.table}\0${query.keyColumn}\0${query.columns.join('\0')}\0${query.key}`;
    case 'document':
      return `d${query.collection}\0${query.key}`;
    case 'ask':
      return `a${query.key}`;
  }
}
