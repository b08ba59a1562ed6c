// The one switch, on the main thread: takes orders, puts them in force for all workers, and has them kept and shared.
import type { Clock } from '../../base/clock.ts';
import type { Timer, Timers } from '../../base/timers.ts';
import { DigestWords } from './digest-words.ts';
import {
  type KeeperListener,
  type KeeperState,
  type Page,
  RevocationFault,
  type RevocationKeeper,
} from './keeper.ts';
import { LoginNotes } from './login-notes.ts';
import type { Order, OrderReader } from './order.ts';
import {
  letterOf,
  namesOf,
  type RecordLetter,
  type Revocation,
  type RevocationCore,
  readDigest,
  rowOf,
} from './record.ts';
import { RevocationTable, ROW, type TableRow } from './revocation-table.ts';
import type { SwitchMemory } from './shared-revocations.ts';
import { TwoClocks } from './two-clocks.ts';

/** Rows that are looked at in one piece when what has run out is dropped: a millisecond or so. */
const SWEEP_ROWS = 65_536;
/** How often that is begun at most; rows that have run out are in force no more, swept or not. */
const SWEEP_EVERY_MS = 1000;
/** How often what is kept is cleared of what has run out. */
const PURGE_EVERY_MS = 60_000;
/** "Before" a time that is further ahead than this is a mistake, ms. */
const FUTURE_MAX_MS = 60_000;
/** What another replica stamped later than this ahead of our time counts as this: how far clocks may be apart and logins still be told from older ones, ms. */
const SKEW_MAX_MS = 15 * 60_000;
/** The clock of Redis and ours are so far apart that somebody should know, ms; and near enough again. */
const SKEW_TOLD_MS = 10_000;
const SKEW_OVER_MS = 5000;

/** An order with what goes with it. */
export interface RevokeInput {
  readonly order: Order;
  /** Null: as configured. */
  readonly ttlMs: number | null;
  readonly reason: string;
  readonly by: string;
}

/** What became of it. */
export interface Revoked {
  readonly record: Revocation;
  readonly renewed: boolean;
  readonly shared: boolean;
  readonly understood: readonly string[];
}

export interface RegistryInput {
  readonly memory: SwitchMemory;
  /** How long a revocation stays that does not say. */
  readonly ttlMs: number;
  readonly keeper: RevocationKeeper;
  readonly reader: OrderReader;
  readonly clock: Clock;
  readonly timers: Timers;
  /** Told of each order that was carried out. */
  readonly onRevoked?: (kind: Order['kind']) => void;
  /** Told when it gets in touch with the other replicas or loses them. */
  readonly onSynced?: (up: boolean, why: string) => void;
  /** The Redis has lost what it kept; what this process knows stays in force. */
  readonly onLost?: () => void;
  /** Told when the clock of Redis and ours are too far apart, and when they are together again. `aheadMs`: how far that one is ahead. */
  readonly onSkew?: (isFar: boolean, aheadMs: number) => void;
  /** Counts what was dropped: `garbage` on the channel, or `full`, for which the table has no room. */
  readonly onDropped?: (why: 'garbage' | 'full') => void;
}

/** A row as a record of its own. */
function restored({ kind, digest, timeMs, untilS }: TableRow): Omit<Revocation, 'atMs'> {
  const letter = letterOf(kind);
  const reason = 'kept by a Limpet while the Redis had lost it';
  return { ...namesOf(letter, [digest]), letter, timeMs, untilS, by: 'limpet', user: '', reason };
}

export class RevocationRegistry implements KeeperListener {
  readonly #in: RegistryInput;
  readonly #table: RevocationTable;
  readonly #notes: LoginNotes;
  readonly #clocks: TwoClocks;
  readonly #words = new DigestWords();
  #isSkewed = false;
  /** Of the rows that were told since the last reload began. */
  #mark = 1;
  /** The table changed, and the readers are told at the end of this turn. */
  #changed = false;
  /** When the next row runs out, unix s. */
  #soonestS = Number.POSITIVE_INFINITY;
  /** The last end of those that logins are noted for, unix s. */
  #notedUntilS = 0;
  #loginsUnshared = 0;
  #sweepTimer: Timer | null = null;
  #purgeTimer: Timer | null = null;
  #closed = false;

  constructor(input: RegistryInput) {
    this.#in = input;
    this.#table = new RevocationTable(input.memory.table);
    this.#notes = new LoginNotes(input.memory.notes);
    this.#clocks = new TwoClocks(this.#table, () => input.clock.wallMs());
  }

  /** Memory for so many revocations. */
  static allocate(entries: number): SwitchMemory {
    return { table: RevocationTable.allocate(entries), notes: LoginNotes.allocate(entries) };
  }

  /** In force now; one whose rows have just run out may still be among them. */
  get count(): number {
    return this.#table.size;
  }

  /** Logins that had to give way to newer ones, or could not be told to other replicas. */
  get loginsLost(): number {
    return this.#notes.lost + this.#loginsUnshared;
  }

  /** How far the clock that replicas share is ahead of ours, ms; negative: behind; 0 where there is none. */
  get clockAheadMs(): number {
    return this.#table.aheadMs;
  }

  get state(): KeeperState {
    return this.#in.keeper.state;
  }

  /** Resolves when what is kept is in force, or when it is plain that this must wait. */
  async start(): Promise<void> {
    await this.#in.keeper.start(this);
    this.#sweepLater();
    this.#purgeLater();
  }

  /** Puts an order in force at once and has it kept. Rejects with a RevocationFault. */
  async revoke({ order, ttlMs, reason, by }: RevokeInput): Promise<Revoked> {
    const { clock, keeper, reader, onRevoked } = this.#in;
    const atMs = Math.floor(clock.wallMs());
    const laterMs = Math.floor(this.#clocks.laterMs);
    if (order.kind === 'before' && order.beforeMs > laterMs + FUTURE_MAX_MS)
      throw new RevocationFault('future', '"before" must not be a time to come');
    const { letter, digests, understood } = reader.read(order, atMs / 1000);
    // After every login that was noted, whatever clock that was noted by: what was let in before is ended.
    const afterNotesMs = Math.max(laterMs, this.#notes.newestMs + 1);
    const record: Revocation = {
      ...namesOf(letter, digests),
      letter,
      timeMs: order.kind === 'before' ? Math.floor(order.beforeMs) : afterNotesMs,
      untilS: Math.ceil((laterMs + (ttlMs ?? this.#in.ttlMs)) / 1000),
      atMs,
      by,
      user: 'user' in order && order.user !== null ? order.user : '',
      reason,
    };
    if (!this.#hasRoom(record)) {
      this.#in.onDropped?.('full');
      throw new RevocationFault('full', 'there is no room for more revocations: raise `revocation.entries`');
    }
    this.core(record);
    this.#announce();
    onRevoked?.(order.kind);
    return { ...(await keeper.keep(record)), understood };
  }

  /** Lifts one; null: there is none of this id. Rejects with a RevocationFault. */
  async lift(id: string): Promise<Revocation | null> {
    const record = await this.#in.keeper.take(id);
    if (record === null) return null;
    this.lifted(record);
    this.#announce();
    return record;
  }

  page(limit: number, after: string | null): Promise<Page> {
    return this.#in.keeper.page(limit, after);
  }

  /** A worker noted a login. `key`: SHA-256 of the identity, one character a byte. */
  shareLogin(key: string, timeMs: number): void {
    const short = Buffer.from(key.slice(0, 16), 'latin1').toString('base64url');
    this.#in.keeper.noteLogin(short, timeMs, this.#notedUntilS);
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#sweepTimer?.cancel();
    this.#purgeTimer?.cancel();
    await this.#in.keeper.close();
  }

  core(core: RevocationCore): void {
    const { letter, timeMs, untilS } = core;
    let owner = 0;
    for (let i = 0; readDigest(core, i, this.#words); i++) {
      // The first digest is the one that the revocation goes by.
      if (i === 0) owner = this.#words.a;
      this.#put(this.#words, letter, timeMs, untilS, owner);
    }
  }

  row(digest: DigestWords, letter: RecordLetter, timeMs: number, untilS: number): void {
    this.#put(digest, letter, timeMs, untilS, digest.a);
  }

  #put(digest: DigestWords, letter: RecordLetter, timeMs: number, untilS: number, owner: number): void {
    const nowS = this.#clocks.earlierMs / 1000;
    if (untilS <= nowS) return;
    const kind = rowOf(letter);
    const put = this.#table.put(digest, kind, timeMs, untilS, this.#mark, nowS, owner);
    if (put === 'full') {
      this.#in.onDropped?.('full');
      return;
    }
    if (untilS < this.#soonestS) this.#soonestS = untilS;
    if (kind === ROW.user || kind === ROW.userBefore || kind === ROW.before) {
      this.#notes.needFrom(Math.min(timeMs, this.#clocks.laterMs + SKEW_MAX_MS));
      if (untilS > this.#notedUntilS) this.#notedUntilS = untilS;
    }
    if (put !== 'same') this.#announceSoon();
  }

  lifted(core: RevocationCore): void {
    const row = rowOf(core.letter);
    let isOthers = false;
    for (let i = 0; readDigest(core, i, this.#words); i++) {
      // What another revocation ends too stays ended: it goes when everything was told again and nobody named it.
      if (this.#table.isShared(this.#words, row)) isOthers = true;
      else if (this.#table.remove(this.#words, row)) this.#announceSoon();
    }
    if (isOthers) this.#in.keeper.reread();
  }

  noted(key: string, timeMs: number): void {
    const words = this.#words.read(Buffer.from(key, 'base64url').toString('latin1'));
    this.#notes.note(words, Math.min(timeMs, this.#clocks.laterMs + SKEW_MAX_MS));
  }

  reloading(): void {
    this.#mark = (this.#mark + 1) & 0x7fff_ffff;
  }

  reloaded(lost: boolean): void {
    if (!lost) this.#sweep(0, this.#mark);
    else {
      this.#in.onLost?.();
      void this.#restore(0, this.#mark);
    }
  }

  synced(up: boolean, why: string): void {
    this.#in.onSynced?.(up, why);
  }

  clock(aheadMs: number): void {
    this.#table.aheadMs = aheadMs;
    const apartMs = Math.abs(aheadMs);
    if (this.#isSkewed ? apartMs >= SKEW_OVER_MS : apartMs <= SKEW_TOLD_MS) return;
    this.#isSkewed = !this.#isSkewed;
    this.#in.onSkew?.(this.#isSkewed, aheadMs);
  }

  loginDropped(): void {
    this.#loginsUnshared++;
  }

  garbage(): void {
    this.#in.onDropped?.('garbage');
  }

  /** What only renews rows needs none. */
  #hasRoom(record: RevocationCore): boolean {
    let rows = this.#table.size;
    for (let i = 0; readDigest(record, i, this.#words); i++)
      if (!this.#table.has(this.#words, rowOf(record.letter))) rows++;
    return rows <= this.#table.entries;
  }

  /** Tells the workers once for all that changes in this turn: each telling has them compare every verdict that is used again. */
  #announceSoon(): void {
    if (this.#changed) return;
    this.#changed = true;
    queueMicrotask(() => this.#announce());
  }

  #announce(): void {
    if (!this.#changed) return;
    this.#changed = false;
    this.#table.announce();
  }

  #sweepLater(): void {
    if (this.#closed) return;
    this.#sweepTimer = this.#in.timers.after(SWEEP_EVERY_MS, () => {
      if (this.#soonestS > this.#clocks.earlierMs / 1000) this.#sweepLater();
      else this.#beginSweep();
    });
  }

  #beginSweep(): void {
    this.#soonestS = Number.POSITIVE_INFINITY;
    this.#sweep(0, null, () => this.#sweepLater());
  }

  /** Drops what has run out or was not told by the last reload, a piece at a time. */
  #sweep(start: number, keepMark: number | null, done: () => void = () => {}): void {
    // A reload that began meanwhile has a mark of its own.
    if (this.#closed || (keepMark !== null && keepMark !== this.#mark)) return;
    const end = Math.min(start + SWEEP_ROWS, this.#table.rows);
    const nowS = this.#clocks.earlierMs / 1000;
    if (this.#table.sweep(start, end, nowS, keepMark) > 0) this.#announceSoon();
    this.#soonestS = Math.min(this.#soonestS, this.#table.untilS);
    if (end === this.#table.rows) done();
    else this.#in.timers.after(0, () => this.#sweep(end, keepMark, done));
  }

  /** Gives back to the keeper what it has lost, as far as it is known here: whose it was and why is not. */
  async #restore(start: number, mark: number): Promise<void> {
    for (let from = start; from < this.#table.rows && mark === this.#mark; from += SWEEP_ROWS) {
      const atMs = Math.floor(this.#in.clock.wallMs());
      const rows = this.#table.unmarked(from, Math.min(from + SWEEP_ROWS, this.#table.rows), mark);
      await this.#in.keeper.restore(rows.map((row) => ({ ...restored(row), atMs })));
    }
  }

  #purgeLater(): void {
    if (this.#closed) return;
    this.#purgeTimer = this.#in.timers.after(PURGE_EVERY_MS, () => {
      void this.#in.keeper.purge(Math.floor(this.#clocks.earlierMs / 1000)).finally(() => this.#purgeLater());
    });
  }
}
