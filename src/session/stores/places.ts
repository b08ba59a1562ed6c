// How many look-ups may be in flight: all that the config allows, but after an outage few at first, so that whoever waited does not
// throw a store that has just come back down again.

/** The share of all places that there are first after an outage: with 100 places, 7. */
const FIRST_SHARE = 1 / 16;

/**
 * Places for look-ups. After an outage they begin with a sixteenth and grow by one with each answer, so that they double in the time
 * of a look-up while all are taken: slow start, as TCP has it (RFC 5681 section 3.1).
 */
export class Places {
  readonly #all: number;
  readonly #first: number;
  #now: number;

  /** `all`: at least 1. */
  constructor(all: number) {
    this.#all = all;
    this.#first = Math.ceil(all * FIRST_SHARE);
    this.#now = all;
  }

  /** How many there are now. */
  get count(): number {
    return this.#now;
  }

  /** The store is back. */
  begin(): void {
    this.#now = this.#first;
  }

  /** A look-up was answered. */
  answered(): void {
    if (this.#now < this.#all) this.#now++;
  }

  /** A look-up failed: halves them while they still grow. A store that has all of them is left to the gate's own count of faults. */
  struck(): void {
    if (this.#now < this.#all) this.#now = Math.max(this.#first, this.#now >> 1);
  }
}
