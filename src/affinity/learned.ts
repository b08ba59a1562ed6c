// Homes remembered by the app's own session cookie, in one table that all workers share.
import { randomFillSync } from 'node:crypto';
import { HalfSipHash } from '../base/half-sip-hash.ts';
import type { AffinityOptions } from './options.ts';

/** A row is four cells: hash low, hash high, home, second when last seen. */
const CELLS = 4;
const HASH_LO = 0;
const HASH_HI = 1;
const HOME = 2;
const SEEN_S = 3;

/** In place of the low hash: nobody lives here; somebody is being moved in. No hash is given these values. */
const EMPTY = 0;
const BUSY = 1;

/** Rows that a key may live in: two cache lines ahead of its own place, at a load of a half hardly ever all taken. */
const WINDOW = 16;
/** Tries to move in against other workers that want the same rows. */
const TRIES = 16;

/** The memory of the table; made once by the main thread and handed to every worker. */
export interface LearnedMemory {
  readonly buffer: SharedArrayBuffer;
  /** The hash's key: random, so that nobody outside can make two sessions collide. */
  readonly key: readonly [number, number];
  readonly idleS: number;
}

/**
 * From the value of the app's session cookie to the id of the upstream that gave it out. Holds a keyed hash of 64
 * bits, never the value itself. Fixed in size: it remembers at least the last `entries` sessions or so (up to four
 * times as many); a new one in a full window replaces the one unseen for longest. A session unseen for the idle time
 * is forgotten.
 *
 * All workers write at once. The low hash is a row's lock: a writer swaps BUSY in, writes the rest, and puts the new
 * hash last; a reader believes a row only when the hash is the same before and after. So nobody is ever sent to
 * another user's home. A worker that dies between the two loses one row to all, and nothing else.
 */
export class LearnedTable {
  /** Set by `find`: 64 bits that stand for the session, two signed halves. Keyed, so that nobody outside can choose them. */
  keyHi = 0;
  keyLo = 0;
  /** Set by `recall`: where the session stands, for `recallAt` and `change`; −1: it is not known. */
  row = -1;
  readonly #cells: Int32Array;
  readonly #mask: number;
  readonly #idleS: number;
  /** A row's time is refreshed when it is this old: a busy session writes to shared memory only now and then. */
  readonly #touchAfterS: number;
  readonly #hash: HalfSipHash;
  /** Set by `#roomFor`: the low hash of the row as it was chosen by. */
  #was = EMPTY;

  constructor(memory: LearnedMemory) {
    this.#cells = new Int32Array(memory.buffer);
    this.#mask = this.#cells.length / CELLS - 1;
    this.#idleS = memory.idleS;
    this.#touchAfterS = Math.max(1, Math.floor(memory.idleS / 64));
    this.#hash = new HalfSipHash(memory.key[0], memory.key[1]);
  }

  /** The memory that this way of affinity needs; null: none. `entriesMax`: remember fewer than the options say. */
  static allocateFor(
    options: AffinityOptions | null,
    entriesMax = Number.POSITIVE_INFINITY,
  ): LearnedMemory | null {
    const table = options?.learned ?? options?.session ?? null;
    return table === null ? null : LearnedTable.allocate(Math.min(table.entries, entriesMax), table.idleMs);
  }

  /** Memory for `entries` sessions (32 to 64 bytes each) that are forgotten when unseen for `idleMs`. */
  static allocate(entries: number, idleMs: number): LearnedMemory {
    let rows = WINDOW;
    while (rows < entries * 2) rows *= 2;
    const key = randomFillSync(new Int32Array(2));
    return {
      buffer: new SharedArrayBuffer(rows * CELLS * 4),
      key: [key[0]!, key[1]!],
      idleS: Math.max(1, Math.ceil(idleMs / 1000)),
    };
  }

  /**
   * Forgets all who live at the upstream with this id, so that the id may be another's from now on. Main thread, when no worker can learn it any
   * more.
   */
  static forget({ buffer }: LearnedMemory, upstreamId: number): void {
    const cells = new Int32Array(buffer);
    for (let at = 0; at < cells.length; at += CELLS) {
      const hash = Atomics.load(cells, at + HASH_LO);
      if (hash === EMPTY || hash === BUSY || Atomics.load(cells, at + HOME) !== upstreamId) continue;
      if (Atomics.compareExchange(cells, at + HASH_LO, hash, BUSY) !== hash) continue;
      // It may have become somebody else's between the look and the swap.
      const gone = Atomics.load(cells, at + HOME) === upstreamId;
      Atomics.store(cells, at + HASH_LO, gone ? EMPTY : hash);
    }
  }

  /**
   * The id that was learned for the cookie value `bytes[start, end)`, or 0. `nowS`: monotonic seconds, integer ≥ 0,
   * the same clock in all workers. Hot: test/alloc/affinity.test.ts.
   */
  find(bytes: Uint8Array, start: number, end: number, nowS: number): number {
    this.keyOf(bytes, start, end);
    return this.recall(this.keyHi, this.keyLo, nowS);
  }

  /** Leaves the key of the cookie value `bytes[start, end)` in `keyHi` and `keyLo`, and looks nothing up. Hot. */
  keyOf(bytes: Uint8Array, start: number, end: number): void {
    this.keyLo = this.#run(bytes, start, end);
    this.keyHi = this.#hash.hi;
  }

  /** As `find`, for a session whose key is known. Hot. */
  recall(hi: number, lo: number, nowS: number): number {
    for (let i = 0; i < WINDOW; i++) {
      const at = ((lo + i) & this.#mask) * CELLS;
      const home = this.#homeAt(at, hi, lo, nowS);
      if (home < 0) continue;
      this.row = at;
      return home;
    }
    this.row = -1;
    return 0;
  }

  /** As `recall`, looking first where the session stood the last time. Hot. */
  recallAt(row: number, hi: number, lo: number, nowS: number): number {
    const home = row < 0 ? -1 : this.#homeAt(row, hi, lo, nowS);
    if (home < 0) return this.recall(hi, lo, nowS);
    this.row = row;
    return home;
  }

  /** The home in the row `at`, 0 where it was forgotten; −1: somebody else's row. */
  #homeAt(at: number, hi: number, lo: number, nowS: number): number {
    const cells = this.#cells;
    // Two loads in order cost what the whole look does otherwise: the home, then the lock. Who writes takes the lock before anything else, so what
    // is read before it still has the hash is the session's.
    if (cells[at + HASH_LO] !== lo) return -1;
    const home = Atomics.load(cells, at + HOME);
    const idleS = nowS - cells[at + SEEN_S]!;
    if (cells[at + HASH_HI] !== hi || Atomics.load(cells, at + HASH_LO) !== lo) return -1;
    if (idleS > this.#idleS) return 0;
    if (idleS >= this.#touchAfterS) Atomics.store(cells, at + SEEN_S, nowS);
    return home;
  }

  /**
   * Puts `next` in place of `home`, which `recall` has just found in `row`. False: somebody else was faster, and `settle` must do it. For what is no
   * home to anybody: between look and change the row may have become another session's that had the same. Hot.
   */
  change(row: number, home: number, next: number): boolean {
    return Atomics.compareExchange(this.#cells, row + HOME, home, next) === home;
  }

  /**
   * Remembers that `bytes[start, end)` was given out by the upstream with this id (1 … 2^31−1, never given to another
   * upstream while the table lives). An empty value is not learned. False when other workers kept all its rows busy.
   */
  learn(bytes: Uint8Array, start: number, end: number, upstreamId: number, nowS: number): boolean {
    if (start >= end) return true;
    const lo = this.#run(bytes, start, end);
    return this.settle(this.#hash.hi, lo, upstreamId, nowS);
  }

  /** As `learn`, for the session that `find` left `keyHi` and `keyLo` of: its home was lost, and this is the new one. */
  settle(hi: number, lo: number, upstreamId: number, nowS: number): boolean {
    if (this.#relearn(lo, hi, upstreamId, nowS)) return true;
    for (let i = 0; i < TRIES; i++) {
      const at = this.#roomFor(lo, nowS);
      // As it was chosen by, and not as it is by now: who has moved in there since must not give way.
      if (at >= 0 && this.#moveIn(at, this.#was, lo, hi, upstreamId, nowS)) return true;
    }
    return false;
  }

  /** True when the session is known: its home is now `upstreamId`, in every row where two workers may have put it. */
  #relearn(lo: number, hi: number, upstreamId: number, nowS: number): boolean {
    const cells = this.#cells;
    let known = false;
    for (let i = 0; i < WINDOW; i++) {
      const at = ((lo + i) & this.#mask) * CELLS;
      if (Atomics.load(cells, at + HASH_LO) !== lo || Atomics.load(cells, at + HASH_HI) !== hi) continue;
      if (Atomics.load(cells, at + HOME) === upstreamId) {
        Atomics.store(cells, at + SEEN_S, nowS);
        known = true;
      } else if (this.#moveIn(at, lo, lo, hi, upstreamId, nowS)) {
        known = true;
      }
    }
    return known;
  }

  /** Where a new session goes: an empty row, else the one unseen for longest; −1 when all are busy. */
  #roomFor(lo: number, nowS: number): number {
    const cells = this.#cells;
    let oldest = -1;
    let oldestS = -1;
    for (let i = 0; i < WINDOW; i++) {
      const at = ((lo + i) & this.#mask) * CELLS;
      const hash = Atomics.load(cells, at + HASH_LO);
      if (hash === EMPTY) {
        this.#was = EMPTY;
        return at;
      }
      const unseenS = nowS - Atomics.load(cells, at + SEEN_S);
      if (hash === BUSY || unseenS <= oldestS) continue;
      oldest = at;
      oldestS = unseenS;
      this.#was = hash;
    }
    return oldest;
  }

  /** Takes the row from the one whose hash is `was`. False when somebody else was faster. */
  #moveIn(at: number, was: number, lo: number, hi: number, upstreamId: number, nowS: number): boolean {
    const cells = this.#cells;
    if (was === BUSY || Atomics.compareExchange(cells, at + HASH_LO, was, BUSY) !== was) return false;
    Atomics.store(cells, at + HASH_HI, hi);
    Atomics.store(cells, at + HOME, upstreamId);
    Atomics.store(cells, at + SEEN_S, nowS);
    Atomics.store(cells, at + HASH_LO, lo);
    return true;
  }

  /** The low hash, never EMPTY or BUSY; the high one is left in the hash. */
  #run(bytes: Uint8Array, start: number, end: number): number {
    this.#hash.run(bytes, start, end);
    const lo = this.#hash.lo;
    return lo === EMPTY || lo === BUSY ? lo + 2 : lo;
  }
}
