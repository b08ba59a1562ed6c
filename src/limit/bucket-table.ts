// How far each client has used up its allowance: one number a key, in one table that all workers share.
import { randomFillSync } from 'node:crypto';

/** A row is four cells: hash low, hash high, the theoretical arrival time, second when last asked. */
const CELLS = 4;
const HASH_LO = 0;
const HASH_HI = 1;
const ARRIVAL = 2;
const SEEN_S = 3;

/** In place of the low hash: nobody has this row; somebody is being moved in. No hash is given these values. */
const EMPTY = 0;
const BUSY = 1;

/** Rows that a key may live in: two cache lines ahead of its own place, at a load of a half hardly ever all taken. */
const WINDOW = 16;
/** Tries to move in, or to count, against other workers that want the same row. */
const TRIES = 16;
/** Bits of the farthest that an arrival may lie ahead: a quarter of the circle, so that a time long past is never taken for one to come. */
const AHEAD_BITS = 30;
/** Finest unit of time: 2^28 of them a second. A nine-year-old clock still tells them apart (2^53). */
const UNITS_A_SECOND_MAX = 2 ** 28;

/** The memory of the table; made once by the main thread and handed to every worker. */
export interface BucketMemory {
  readonly buffer: SharedArrayBuffer;
  /** What the keys of all limits are hashed with: random, so that nobody outside can make two clients collide. */
  readonly key: readonly [number, number];
}

/** How fast an allowance comes back, in the units of one limit. Of a limit, computed once. */
export interface Pace {
  readonly unitsPerMs: number;
  /** From one request to the next at the limit's rate. */
  readonly interval: number;
  /** How far ahead of its time a request may come: one interval less than the whole burst. */
  readonly tolerance: number;
  /** What lies farther ahead was not counted by this limit: a time that the circle has come round to. */
  readonly farthest: number;
  /** After so long unseen a bucket is full again, s. */
  readonly fullS: number;
}

/** The pace of `count` requests in `perMs`, of which `burst` (≥ 1) may come at once. Exact to a quarter of a percent at a million a second. */
export function paceOf(count: number, perMs: number, burst: number): Pace {
  const intervalS = perMs / 1000 / count;
  const unitsPerS = Math.min(UNITS_A_SECOND_MAX, 2 ** AHEAD_BITS / (intervalS * burst));
  const interval = Math.max(1, Math.round(intervalS * unitsPerS));
  return {
    unitsPerMs: unitsPerS / 1000,
    interval,
    tolerance: interval * (burst - 1),
    // Workers read the clock in any order: a second's difference is no other time.
    farthest: interval * burst + unitsPerS,
    fullS: Math.ceil(intervalS * burst) + 1,
  };
}

/**
 * Token buckets as the generic cell rate algorithm keeps them (ITU-T I.371, annex A; "leaky bucket as a meter"): of each key only the time
 * at which its next request would be on time if it had kept to the rate. A request that comes no more than the burst ahead of that time is
 * let in, and moves it on by one interval. So one swap of one number both asks and counts, and N workers count as one.
 *
 * The number is a time on a circle of 2^32 units of the limit's own; `SEEN_S` tells a bucket that has long been full from one that the circle
 * has come round to. Holds a keyed hash of 64 bits, never an address or a name. Fixed in size: a new key in a full window replaces the one unseen
 * for longest, whose allowance is then full again: a flood of keys can free, but never lock out.
 *
 * The low hash is a row's lock, as in LearnedTable: a writer swaps BUSY in, writes the rest, and puts the new hash last. A worker that dies
 * between the two loses one row to all, and nothing else.
 */
export class BucketTable {
  /** Keys that lost their row to another, since this worker began. */
  replaced = 0;
  /** Requests that were let in uncounted, since other workers kept every row of theirs busy. */
  missed = 0;
  readonly #cells: Int32Array;
  readonly #mask: number;
  /** Because: a number with a fraction in a field of its own would be a new object for each refusal. */
  readonly #waitMs = new Float64Array(1);

  constructor(memory: BucketMemory) {
    this.#cells = new Int32Array(memory.buffer);
    this.#mask = this.#cells.length / CELLS - 1;
  }

  /** After `take`: how long until a request would be let in, ms; 0 where it was. */
  get waitMs(): number {
    return this.#waitMs[0]!;
  }

  /** Memory for `entries` keys (32 to 64 bytes each). */
  static allocate(entries: number): BucketMemory {
    let rows = WINDOW;
    while (rows < entries * 2) rows *= 2;
    const key = randomFillSync(new Int32Array(2));
    return { buffer: new SharedArrayBuffer(rows * CELLS * 4), key: [key[0]!, key[1]!] };
  }

  /**
   * Counts one request of the key `hi`, `lo` at `nowMs` (monotonic, the same clock in all workers), and says whether it is let in. Where it
   * is not, nothing is counted and `waitMs` says for how long. Hot: test/alloc/limit.test.ts.
   */
  take(hi: number, lo: number, pace: Pace, nowMs: number): boolean {
    const low = hashLow(lo);
    const at = this.#rowOf(hi, low, pace, nowMs);
    if (at < 0) {
      this.missed++;
      this.#waitMs[0] = 0;
      return true;
    }
    const cells = this.#cells;
    const nowS = Math.floor(nowMs / 1000);
    const now = (nowMs * pace.unitsPerMs) | 0;
    const seenS = Atomics.load(cells, at + SEEN_S);
    const full = nowS - seenS > pace.fullS;
    if (seenS !== nowS) Atomics.store(cells, at + SEEN_S, nowS);
    for (let tries = 0; tries < TRIES; tries++) {
      const was = Atomics.load(cells, at + ARRIVAL);
      const ahead = full && tries === 0 ? 0 : aheadOf(was, now, pace.farthest);
      if (ahead > pace.tolerance) {
        this.#waitMs[0] = (ahead - pace.tolerance) / pace.unitsPerMs;
        return false;
      }
      const next = (now + ahead + pace.interval) | 0;
      if (Atomics.compareExchange(cells, at + ARRIVAL, was, next) !== was) continue;
      this.#waitMs[0] = 0;
      if (Atomics.load(cells, at + HASH_LO) === low) return true;
      // The row was given to another key meanwhile, which is not to pay for this one.
      Atomics.sub(cells, at + ARRIVAL, (next - was) | 0);
      break;
    }
    this.missed++;
    this.#waitMs[0] = 0;
    return true;
  }

  /** Gives back what `take` counted for a request that another limit refused. Hot. */
  giveBack(hi: number, lo: number, pace: Pace): void {
    const at = this.#find(hi, hashLow(lo));
    if (at >= 0) Atomics.sub(this.#cells, at + ARRIVAL, pace.interval);
  }

  /**
   * Others have let the key come as well: its next request would be on time no sooner than `debtMs` after `nowMs`. Only ever lengthens what is
   * known here.
   */
  raise(hi: number, lo: number, pace: Pace, debtMs: number, nowMs: number): void {
    const low = hashLow(lo);
    const at = this.#rowOf(hi, low, pace, nowMs);
    if (at < 0) return;
    const cells = this.#cells;
    const now = (nowMs * pace.unitsPerMs) | 0;
    const debt = Math.min(debtMs * pace.unitsPerMs, pace.tolerance + pace.interval) | 0;
    for (let tries = 0; tries < TRIES; tries++) {
      const was = Atomics.load(cells, at + ARRIVAL);
      if (aheadOf(was, now, pace.farthest) >= debt) return;
      if (Atomics.compareExchange(cells, at + ARRIVAL, was, (now + debt) | 0) === was) return;
    }
  }

  #find(hi: number, low: number): number {
    const cells = this.#cells;
    for (let i = 0; i < WINDOW; i++) {
      const at = ((low + i) & this.#mask) * CELLS;
      if (Atomics.load(cells, at + HASH_LO) === low && Atomics.load(cells, at + HASH_HI) === hi) return at;
    }
    return -1;
  }

  /** The row of the key, which is moved in where it has none; −1 when others keep all its rows busy. */
  #rowOf(hi: number, low: number, pace: Pace, nowMs: number): number {
    const found = this.#find(hi, low);
    if (found >= 0) return found;
    const nowS = Math.floor(nowMs / 1000);
    for (let i = 0; i < TRIES; i++) {
      const at = this.#roomFor(low, nowS);
      if (at < 0) continue;
      const was = Atomics.load(this.#cells, at + HASH_LO);
      if (this.#moveIn(at, was, hi, low, (nowMs * pace.unitsPerMs) | 0, nowS)) return at;
      // Another worker may just have moved the very key in.
      const other = this.#find(hi, low);
      if (other >= 0) return other;
    }
    return -1;
  }

  /** Where a new key goes: an empty row, else the one unseen for longest; −1 when all are busy. */
  #roomFor(low: number, nowS: number): number {
    const cells = this.#cells;
    let oldest = -1;
    let oldestS = -1;
    for (let i = 0; i < WINDOW; i++) {
      const at = ((low + i) & this.#mask) * CELLS;
      const hash = Atomics.load(cells, at + HASH_LO);
      if (hash === EMPTY) return at;
      const unseenS = Math.max(0, nowS - Atomics.load(cells, at + SEEN_S));
      if (hash === BUSY || unseenS <= oldestS) continue;
      oldest = at;
      oldestS = unseenS;
    }
    return oldest;
  }

  /** Takes the row from the one whose hash is `was`. False when somebody else was faster. */
  #moveIn(at: number, was: number, hi: number, low: number, arrival: number, nowS: number): boolean {
    const cells = this.#cells;
    if (was === BUSY || Atomics.compareExchange(cells, at + HASH_LO, was, BUSY) !== was) return false;
    Atomics.store(cells, at + HASH_HI, hi);
    Atomics.store(cells, at + ARRIVAL, arrival);
    Atomics.store(cells, at + SEEN_S, nowS);
    Atomics.store(cells, at + HASH_LO, low);
    if (was !== EMPTY) this.replaced++;
    return true;
  }
}

/** How far `arrival` lies ahead of `now`, units; 0 where it is past. */
function aheadOf(arrival: number, now: number, farthest: number): number {
  const ahead = (arrival - now) | 0;
  return ahead > 0 && ahead <= farthest ? ahead : 0;
}

/** A low hash that is neither EMPTY nor BUSY. */
function hashLow(lo: number): number {
  return lo === EMPTY || lo === BUSY ? lo + 2 : lo;
}
