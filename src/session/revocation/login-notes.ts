// Logins that went by while a revocation is in force which a later login lifts for itself: written and read by all workers at once.
import { BUSY, type DigestWords, EMPTY } from './digest-words.ts';

/** A row is six cells: four of the digest, then when it was given out: unix seconds, and the milliseconds of them. */
const CELLS = 6;
const TIME_S = 4;
const MILLIS = 5;

/** Stands above the milliseconds of a login that let a session live: somebody's who is known, where any visitor can be given a session. */
const USED = 1 << 10;
/** Makes every login that was used later than all that were not, ms. */
const USED_MS = 2 ** 45;

/** Rows that a key may live in. */
const WINDOW = 16;
/** Tries to write against other workers that want the same rows. */
const TRIES = 16;

/** Cells of the head, of 64 bits. */
const NEWEST = 0;
const NEEDED = 1;
const WRITTEN = 2;
const LOST = 3;
const HEAD_CELLS = 4;

export interface NotesMemory {
  readonly head: SharedArrayBuffer;
  readonly rows: SharedArrayBuffer;
}

/**
 * Fixed in size: in a full window a login gives way, which is counted, and whose session is then refused: the oldest of those that let nobody
 * live yet, so that a flood of visitors' sessions logs nobody out, else the oldest. The first word is a
 * row's lock, as in the table of learned homes: a writer swaps BUSY in, writes the rest, and puts the word last; a reader believes a row
 * only when the word is the same before and after. A worker that dies between the two loses one row to all.
 */
export class LoginNotes {
  readonly #head: BigInt64Array;
  readonly #cells: Int32Array;
  readonly #rows: number;
  /** Set by `#roomFor`: the first word of the row as it was chosen by. */
  #was = EMPTY;

  constructor(memory: NotesMemory) {
    this.#head = new BigInt64Array(memory.head);
    this.#cells = new Int32Array(memory.rows);
    this.#rows = this.#cells.length / CELLS;
  }

  /** Memory for about `entries` logins, 24 bytes each. */
  static allocate(entries: number): NotesMemory {
    return {
      head: new SharedArrayBuffer(HEAD_CELLS * 8),
      rows: new SharedArrayBuffer(Math.max(WINDOW, entries) * CELLS * 4),
    };
  }

  /** The latest time that was noted, unix ms: a revocation that comes after it is later than that, whatever the clocks say. */
  get newestMs(): number {
    return Number(Atomics.load(this.#head, NEWEST));
  }

  /** The time of the latest revocation that logins are noted for, unix ms: a login that goes by now is not before it. */
  get neededMs(): number {
    return Number(Atomics.load(this.#head, NEEDED));
  }

  needFrom(timeMs: number): void {
    this.#raise(NEEDED, timeMs);
  }

  get written(): number {
    return Number(Atomics.load(this.#head, WRITTEN));
  }

  /** Logins that gave way to newer ones, or found no room. */
  get lost(): number {
    return Number(Atomics.load(this.#head, LOST));
  }

  /** When this was given out, unix ms; −1: not seen. */
  find(digest: DigestWords): number {
    const cells = this.#cells;
    let foundMs = -1;
    for (let i = 0; i < WINDOW; i++) {
      const at = this.#placeOf(digest, i);
      if (Atomics.load(cells, at) !== digest.a || !this.#isRest(at, digest)) continue;
      const timeMs = this.#timeAt(at);
      if (Atomics.load(cells, at) === digest.a && timeMs > foundMs) foundMs = timeMs;
    }
    return foundMs;
  }

  /** It has let a session live: it gives way later than those that have not. */
  use(digest: DigestWords): void {
    const cells = this.#cells;
    for (let i = 0; i < WINDOW; i++) {
      const at = this.#placeOf(digest, i);
      // Where the row goes to another in this moment, that one stays longer than it need.
      if (Atomics.load(cells, at) === digest.a && this.#isRest(at, digest))
        Atomics.or(cells, at + MILLIS, USED);
    }
  }

  /** Notes that this was given out at `timeMs` (unix ms). Of two times the later one holds. */
  note(digest: DigestWords, timeMs: number): void {
    const wholeMs = Math.floor(timeMs);
    this.#raise(NEWEST, wholeMs);
    if (this.find(digest) >= wholeMs) return;
    for (let i = 0; i < TRIES; i++) {
      const at = this.#roomFor(digest);
      if (at < 0) continue;
      // As it was chosen by, and not as it is by now: what somebody has written there since must not give way.
      const was = this.#was;
      const isOther = was !== EMPTY && !(was === digest.a && this.#isRest(at, digest));
      if (!this.#write(at, was, digest, wholeMs)) continue;
      Atomics.add(this.#head, WRITTEN, 1n);
      if (isOther) Atomics.add(this.#head, LOST, 1n);
      return;
    }
    Atomics.add(this.#head, LOST, 1n);
  }

  /** The row that it has, else an empty one, else the oldest of those that were not used, else the oldest; −1: all are being written. */
  #roomFor(digest: DigestWords): number {
    const cells = this.#cells;
    let best = -1;
    let bestMs = Number.POSITIVE_INFINITY;
    for (let i = 0; i < WINDOW; i++) {
      const at = this.#placeOf(digest, i);
      const a = Atomics.load(cells, at);
      if (a === digest.a && this.#isRest(at, digest)) {
        this.#was = a;
        return at;
      }
      if (a === BUSY) continue;
      const used = (Atomics.load(cells, at + MILLIS) & USED) === 0 ? 0 : USED_MS;
      const timeMs = a === EMPTY ? -1 : this.#timeAt(at) + used;
      if (timeMs >= bestMs) continue;
      best = at;
      bestMs = timeMs;
      this.#was = a;
    }
    return best;
  }

  /** Takes the row from the one whose first word is `was`. False when somebody else was faster. */
  #write(at: number, was: number, digest: DigestWords, timeMs: number): boolean {
    const cells = this.#cells;
    if (was === BUSY || Atomics.compareExchange(cells, at, was, BUSY) !== was) return false;
    Atomics.store(cells, at + 1, digest.b);
    Atomics.store(cells, at + 2, digest.c);
    Atomics.store(cells, at + 3, digest.d);
    Atomics.store(cells, at + TIME_S, Math.floor(timeMs / 1000));
    Atomics.store(cells, at + MILLIS, timeMs % 1000);
    Atomics.store(cells, at, digest.a);
    return true;
  }

  #raise(cell: number, timeMs: number): void {
    const time = BigInt(Math.floor(timeMs));
    for (let seen = Atomics.load(this.#head, cell); seen < time; ) {
      const now = Atomics.compareExchange(this.#head, cell, seen, time);
      if (now === seen) return;
      seen = now;
    }
  }

  #timeAt(at: number): number {
    const cells = this.#cells;
    return (Atomics.load(cells, at + TIME_S) >>> 0) * 1000 + (Atomics.load(cells, at + MILLIS) & (USED - 1));
  }

  #isRest(at: number, { b, c, d }: DigestWords): boolean {
    const cells = this.#cells;
    return (
      Atomics.load(cells, at + 1) === b &&
      Atomics.load(cells, at + 2) === c &&
      Atomics.load(cells, at + 3) === d
    );
  }

  #placeOf(digest: DigestWords, step: number): number {
    return (((digest.a >>> 0) + step) % this.#rows) * CELLS;
  }
}
