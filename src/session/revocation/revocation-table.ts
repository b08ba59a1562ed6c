// What is revoked, in one table of shared memory: the main thread writes it, every worker reads it without a lock or a message.
import { BUSY, type DigestWords, EMPTY, GONE } from './digest-words.ts';

/**
 * What a row ends. `named`: one session or token; `user`: what the user held at the row's time; `userBefore`: what the user was
 * issued before that time; `block`: everything of the user; `before`: everything issued before the time, whoever's it is.
 */
export const ROW = { named: 1, user: 2, userBefore: 3, block: 4, before: 5 } as const;
export type RowKind = (typeof ROW)[keyof typeof ROW];

/** A row is eight cells, 32 bytes: four of the digest, kind with milliseconds, two times in unix seconds, and the mark. */
const CELLS = 8;
const KIND = 4;
const TIME_S = 5;
const UNTIL_S = 6;
const MARK = 7;
/**
 * Bits of the kind; above them stand the milliseconds of the time, then a few bits of whose row it is, then whether it is another's too: two
 * tokens may be ways to name one session.
 */
const KIND_BITS = 4;
const MILLIS_BITS = 10;
const MILLIS = (1 << MILLIS_BITS) - 1;
const OWNER_AT = KIND_BITS + MILLIS_BITS;
const OWNER = 0x1ffff;
const SHARED = 1 << 31;

/** A third empty at its fullest, so that what is not there is known after five rows: 48 bytes an entry. */
const ROWS_PER_ENTRY = 1.5;

/** Cells of the head. */
const SEQUENCE = 0;
const USED = 1;
/** By kind of row from here on: how many there are, so that nobody hashes for a kind that there is none of. */
const COUNTS = 2;
/** Odd while a row is being written or cleared; another number after each. */
const WRITES = 10;
/** How far the clock of Redis is ahead of ours, ms; negative: behind. */
const AHEAD_MS = 11;
const HEAD_CELLS = 16;

/** How often a reader tries to read a row, or to look again, while the writer is at work; what it misses then is announced in a moment. */
const TRIES = 64;

/** Made once by the main thread and handed to every worker. What is never touched takes no memory. */
export interface RevocationMemory {
  readonly head: SharedArrayBuffer;
  readonly rows: SharedArrayBuffer;
  /** Rows that may be in use. */
  readonly entries: number;
}

/** A row as it stands. */
export interface TableRow {
  readonly kind: RowKind;
  /** 128 bits, one character a byte. */
  readonly digest: string;
  readonly timeMs: number;
  readonly untilS: number;
}

/** What became of a row that was put. */
export type Put = 'added' | 'changed' | 'same' | 'full';

/**
 * Open addressing with one writer and many readers. A row becomes visible by its first word, which is written last; a reader believes it
 * only when that word is still there and nothing was written meanwhile. What changes is written anew in another row before the old one
 * goes; who looked for both at the wrong moments sees by `writes` that he should look again.
 */
export class RevocationTable {
  /** Of the row that `find` gave last. */
  kind: number = 0;
  timeMs = 0;
  untilS = 0;
  readonly entries: number;
  readonly #head: Int32Array;
  readonly #cells: Int32Array;
  readonly #rows: number;

  constructor(memory: RevocationMemory) {
    this.#head = new Int32Array(memory.head);
    this.#cells = new Int32Array(memory.rows);
    this.#rows = this.#cells.length / CELLS;
    this.entries = memory.entries;
  }

  /** Memory for `entries` rows, 48 bytes each when it is full. */
  static allocate(entries: number): RevocationMemory {
    return {
      head: new SharedArrayBuffer(HEAD_CELLS * 4),
      // Two more, so that a row can be written anew beside the old one in the smallest.
      rows: new SharedArrayBuffer(Math.ceil(entries * ROWS_PER_ENTRY + 2) * CELLS * 4),
      entries,
    };
  }

  /** Another number after every change. Hot. */
  get sequence(): number {
    return Atomics.load(this.#head, SEQUENCE);
  }

  /**
   * Whether nothing has changed since `sequence` was read. A plain read, which costs a fifth of an ordered one: it may be a moment old, as if it were
   * asked for that much earlier; so what it says must not be noted as seen. Hot.
   */
  isAt(sequence: number): boolean {
    return this.#head[SEQUENCE] === sequence;
  }

  /** Another number after every row that was written or cleared: what was not found must be looked for again. */
  get writes(): number {
    return Atomics.load(this.#head, WRITES);
  }

  /** How far the clock that replicas share is ahead of this machine's, ms, cut to the 24 days that a cell holds. Hot. */
  get aheadMs(): number {
    return Atomics.load(this.#head, AHEAD_MS);
  }

  /** Main thread. */
  set aheadMs(ms: number) {
    Atomics.store(this.#head, AHEAD_MS, Math.max(-0x7fff_ffff, Math.min(0x7fff_ffff, Math.round(ms))));
  }

  /** Rows in use, those that have run out and were not swept yet among them. */
  get size(): number {
    return this.#head[USED]!;
  }

  get rows(): number {
    return this.#rows;
  }

  /** How many rows of a kind there are. Hot. */
  count(kind: RowKind): number {
    return Atomics.load(this.#head, COUNTS + kind);
  }

  /** Tells the readers that something changed. Main thread, after the change. */
  announce(): void {
    // It stays positive, so that −1 is a number that it never has.
    Atomics.store(this.#head, SEQUENCE, (this.#head[SEQUENCE]! + 1) & 0x7fff_ffff);
  }

  /**
   * The first row of this digest at its `step`-th place or later, whose `kind`, `timeMs` and `untilS` it leaves; gives the step to go
   * on from, or 0: there is none. Begin with 0. Allocates nothing.
   */
  find(digest: DigestWords, step: number): number {
    const cells = this.#cells;
    for (let i = step; i < this.#rows; i++) {
      const at = this.#placeOf(digest, i);
      const a = Atomics.load(cells, at);
      if (a === EMPTY) return 0;
      if (a !== digest.a || !this.#isRest(at, digest)) continue;
      if (this.#readRow(at, a)) return i + 1;
    }
    return 0;
  }

  /**
   * Puts a row in force. Where there is one of this digest and kind, the later of their times and ends holds: a revocation only grows
   * until it is lifted. `timeMs`: unix ms. `untilS`: unix s. `mark`: see `sweep`. `owner`: any number that stays the same for what brings it
   * here, of which the low 17 bits are kept. Main thread.
   */
  put(
    digest: DigestWords,
    kind: RowKind,
    timeMs: number,
    untilS: number,
    mark: number,
    nowS: number,
    owner: number = digest.a,
  ): Put {
    const at = this.#rowOf(digest, kind);
    if (at < 0) return this.#insert(digest, kind, timeMs, untilS, mark, owner) ? 'added' : 'full';
    const cells = this.#cells;
    const isOver = this.untilS <= nowS;
    // Whoever brings it first under a mark is its owner; whoever comes after him, one more.
    const isFirst = isOver || cells[at + MARK] !== mark;
    const was = cells[at + KIND]!;
    const isShared = !isFirst && (was < 0 || ((was >>> OWNER_AT) & OWNER) !== (owner & OWNER));
    Atomics.store(cells, at + KIND, kindCell(kind, (was >>> KIND_BITS) & MILLIS, owner, isShared));
    Atomics.store(cells, at + MARK, mark);
    if (!isOver && timeMs <= this.timeMs) {
      if (untilS <= this.untilS) return 'same';
      Atomics.store(cells, at + UNTIL_S, untilS | 0);
      return 'changed';
    }
    const end = isOver ? untilS : Math.max(untilS, this.untilS);
    // A third of the table is empty at least, so that there is always room for one more beside the old one.
    this.#write(this.#roomFor(digest), digest, kind, timeMs, end, mark, owner, isShared);
    this.#clear(at, kind);
    return 'changed';
  }

  /** Whether there is a row of this digest and kind. Main thread. */
  has(digest: DigestWords, kind: RowKind): boolean {
    return this.#rowOf(digest, kind) >= 0;
  }

  /** Whether more than one revocation has put this row in force. Main thread. */
  isShared(digest: DigestWords, kind: RowKind): boolean {
    const at = this.#rowOf(digest, kind);
    return at >= 0 && this.#cells[at + KIND]! < 0;
  }

  /** Takes a row out; false: there is none. Main thread. */
  remove(digest: DigestWords, kind: RowKind): boolean {
    const at = this.#rowOf(digest, kind);
    if (at < 0) return false;
    this.#clear(at, kind);
    return true;
  }

  /**
   * Drops what has run out of the rows from `start` to `end`, and, where `keepMark` is given, what has another mark. Gives how many
   * went, and leaves the first end to come of those that stay in `untilS` (Infinity: nothing is there). Main thread.
   */
  sweep(start: number, end: number, nowS: number, keepMark: number | null): number {
    const cells = this.#cells;
    let dropped = 0;
    let soonest = Number.POSITIVE_INFINITY;
    for (let row = start; row < end; row++) {
      const at = row * CELLS;
      const a = cells[at]!;
      if (a === EMPTY || a === GONE) continue;
      const untilS = cells[at + UNTIL_S]! >>> 0;
      if (untilS <= nowS || (keepMark !== null && cells[at + MARK] !== keepMark)) {
        this.#clear(at, (cells[at + KIND]! & ((1 << KIND_BITS) - 1)) as RowKind); // as `#write` put it there
        dropped++;
      } else if (untilS < soonest) soonest = untilS;
    }
    this.untilS = soonest;
    return dropped;
  }

  /** The rows from `start` to `end` that have another mark. Main thread. */
  unmarked(start: number, end: number, mark: number): TableRow[] {
    const cells = this.#cells;
    const found: TableRow[] = [];
    for (let row = start; row < end; row++) {
      const at = row * CELLS;
      const a = cells[at]!;
      if (a === EMPTY || a === GONE || cells[at + MARK] === mark) continue;
      const bytes = Buffer.alloc(16);
      for (let i = 0; i < 4; i++) bytes.writeInt32LE(cells[at + i]!, i * 4);
      const kind = cells[at + KIND]!;
      found.push({
        kind: (kind & ((1 << KIND_BITS) - 1)) as RowKind, // as `#write` put it there
        digest: bytes.toString('latin1'),
        timeMs: (cells[at + TIME_S]! >>> 0) * 1000 + ((kind >>> KIND_BITS) & MILLIS),
        untilS: cells[at + UNTIL_S]! >>> 0,
      });
    }
    return found;
  }

  /** False: it is another row by now. */
  #readRow(at: number, a: number): boolean {
    const cells = this.#cells;
    for (let tries = 0; ; tries++) {
      const writes = Atomics.load(this.#head, WRITES);
      const kind = cells[at + KIND]!;
      const timeS = cells[at + TIME_S]! >>> 0;
      const untilS = cells[at + UNTIL_S]! >>> 0;
      if (Atomics.load(cells, at) !== a) return false;
      const isWhole = Atomics.load(this.#head, WRITES) === writes && (writes & 1) === 0;
      if (!isWhole && tries < TRIES) continue;
      this.kind = kind & ((1 << KIND_BITS) - 1);
      this.timeMs = timeS * 1000 + ((kind >>> KIND_BITS) & MILLIS);
      this.untilS = untilS;
      return true;
    }
  }

  #insert(
    digest: DigestWords,
    kind: RowKind,
    timeMs: number,
    untilS: number,
    mark: number,
    owner: number,
  ): boolean {
    if (this.size >= this.entries) return false;
    this.#write(this.#roomFor(digest), digest, kind, timeMs, untilS, mark, owner, false);
    return true;
  }

  #write(
    at: number,
    digest: DigestWords,
    kind: RowKind,
    timeMs: number,
    untilS: number,
    mark: number,
    owner: number,
    isShared: boolean,
  ): void {
    const cells = this.#cells;
    const wholeMs = Math.floor(timeMs);
    Atomics.add(this.#head, WRITES, 1);
    Atomics.store(cells, at, BUSY);
    cells[at + 1] = digest.b;
    cells[at + 2] = digest.c;
    cells[at + 3] = digest.d;
    cells[at + KIND] = kindCell(kind, wholeMs % 1000, owner, isShared);
    cells[at + TIME_S] = Math.floor(wholeMs / 1000);
    cells[at + UNTIL_S] = untilS;
    cells[at + MARK] = mark;
    Atomics.add(this.#head, USED, 1);
    Atomics.add(this.#head, COUNTS + kind, 1);
    Atomics.store(cells, at, digest.a);
    Atomics.add(this.#head, WRITES, 1);
  }

  /** The row of this digest and kind, whose times it leaves; −1: none. */
  #rowOf(digest: DigestWords, kind: RowKind): number {
    for (let step = this.find(digest, 0); step > 0; step = this.find(digest, step))
      if (this.kind === kind) return this.#placeOf(digest, step - 1);
    return -1;
  }

  #roomFor(digest: DigestWords): number {
    for (let i = 0; ; i++) {
      const at = this.#placeOf(digest, i);
      const a = this.#cells[at]!;
      if (a === EMPTY || a === GONE) return at;
    }
  }

  /** A row that others may be looked for behind stays a stone to step on; where nobody is behind, it and those before it are empty again. */
  #clear(at: number, kind: RowKind): void {
    const cells = this.#cells;
    Atomics.add(this.#head, WRITES, 1);
    Atomics.store(cells, at, GONE);
    Atomics.add(this.#head, WRITES, 1);
    Atomics.sub(this.#head, USED, 1);
    Atomics.sub(this.#head, COUNTS + kind, 1);
    if (cells[(at + CELLS) % cells.length] !== EMPTY) return;
    for (let back = at; cells[back] === GONE; back = (back + cells.length - CELLS) % cells.length)
      Atomics.store(cells, back, EMPTY);
  }

  #placeOf(digest: DigestWords, step: number): number {
    return (((digest.a >>> 0) + step) % this.#rows) * CELLS;
  }

  #isRest(at: number, { b, c, d }: DigestWords): boolean {
    const cells = this.#cells;
    return cells[at + 1] === b && cells[at + 2] === c && cells[at + 3] === d;
  }
}

function kindCell(kind: RowKind, millis: number, owner: number, isShared: boolean): number {
  return kind | (millis << KIND_BITS) | ((owner & OWNER) << OWNER_AT) | (isShared ? SHARED : 0);
}
