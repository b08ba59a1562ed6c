// Pushed truth: the store tells what changed, and a remembered verdict stands only as long as what it was read from.
import type { Timers } from '../base/timers.ts';
import { ENDED_MS, type TrackedStanding } from './standing.ts';
import type { StoredValue, StoreListener, StoreReader, WatchableStore } from './store.ts';
import { AGAIN, printOf, type Tracked, TrackingReader } from './tracked.ts';

/** What became of a change that the store told, by number: the verdict still holds; it ended; nobody here uses it; too many; the store failed; no such message is known. */
export const PUSH_NAMES = ['confirmed', 'ended', 'unneeded', 'dropped', 'failed', 'garbled'] as const;
export const PUSH = { confirmed: 0, ended: 1, unneeded: 2, dropped: 3, failed: 4, garbled: 5 } as const;

/** How long a verdict stands whose value was touched, ms: by then it is read again, or waits for the next request that wants it. */
const DOUBT_MS = 50;
/** From one reading to the next, ms: an app touches a session with every answer, and one reading does for all that come meanwhile. */
const GATHER_MS = 40;
/** Values that are asked for in one question. */
const TOGETHER_MAX = 64;
/** Verdicts that wait to be read again; what comes on top is read when it is next wanted. */
const WAITING_MAX = 10_000;
/** Keys that are being read by checks at this moment, for which a change is listened for. */
const READING_MAX = 20_000;
/** Verdicts that fall back to their time in one go, when the store ceases to tell: measured cold, 1 µs each. */
const SHORTENED_AT_ONCE = 5000;

/** The memory of verdicts, as the watch sees it. Each call takes a verdict that it keeps, or kept a moment ago. */
export interface WatchedMemory {
  /** What it was read from has not changed. `endsAtS`: when the store drops it, unix s; null: not known. `vouched`: of each later change it is told. */
  confirm(standing: TrackedStanding, endsAtS: number | null, vouched: boolean): void;
  /** The same, where its end was not read with it: it stands for a moment, and not beyond the end that is known. */
  confirmBriefly(standing: TrackedStanding): void;
  /** It is not true any more. */
  end(standing: TrackedStanding): void;
  /** Whether it is true is not looked after any more: the next request asks the store. */
  drop(standing: TrackedStanding): void;
  /** Nothing that was read from the store can be relied on. */
  endAll(): void;
  /** The store tells no more: it falls back to its time, counted from `fromMs` (monotonic), until when the store would have told. */
  shorten(standing: TrackedStanding, fromMs: number): void;
}

export interface WatchTools {
  readonly store: StoreReader & Pick<WatchableStore, 'together'>;
  readonly memory: WatchedMemory;
  readonly timers: Timers;
  readonly nowMs: () => number;
  /** Verdicts that are read again at a time: others than those who wait for their first verdict want to ask the store too. */
  readonly readings: number;
  /** Counts a change (PUSH). */
  readonly onPush: (result: number) => void;
  /** Told when the store begins or ceases to tell, and why it does not. */
  readonly onVouch: (up: boolean, why: string | null) => void;
}

/** One a session block and worker whose store tells of changes. */
export class StoreWatch implements StoreListener {
  /** Odd while every change is told; another number after each interruption. */
  generation = 0;
  readonly #in: WatchTools;
  /** The verdict that rests on a key. Of two that rest on one key the newer is kept. */
  readonly #byKey = new Map<string, TrackedStanding>();
  readonly #reading = new Map<string, TrackingReader[]>();
  /**
   * Those to be read again, and among them some that are to be no more (AGAIN). Because: a set that fills and empties all the time leaves
   * its old tables behind as a chain, each of which keeps the next alive until the whole heap is collected.
   */
  readonly #waiting: TrackedStanding[] = [];
  #timed = false;
  /** When it was last begun to read, monotonic ms. */
  #readMs = Number.NEGATIVE_INFINITY;
  #underWay = 0;
  /** Readers of keys that are not listened for. */
  #unheard = 0;
  #why: string | null = null;

  constructor(tools: WatchTools) {
    this.#in = tools;
  }

  get vouching(): boolean {
    return this.generation % 2 === 1;
  }

  /** A reader for one check, to be given to `release` when it is over. */
  reader(): TrackingReader {
    return new TrackingReader(this.#in.store, this.generation, (key, reader) => this.#begin(key, reader));
  }

  /** Whether every change of what it reads was told since it was made, or will be. */
  vouchesFor({ generation }: TrackingReader): boolean {
    return this.vouching && generation === this.generation;
  }

  #begin(key: string, reader: TrackingReader): void {
    const readers = this.#reading.get(key);
    // The store lets a question join an equal one, which may have been answered before the change that was told since, or before
    // changes were told at all. Every such one is among the readers: a store is one block's, and its gate lets none outlive its reader.
    if (
      this.#unheard > 0 ||
      readers?.some((other) => other.changed || other.generation !== reader.generation)
    )
      reader.changed = true;
    if (readers !== undefined) readers.push(reader);
    else if (this.#reading.size < READING_MAX) this.#reading.set(key, [reader]);
    else {
      // What cannot be listened for counts as changed.
      reader.changed = true;
      reader.unheard++;
      this.#unheard++;
    }
  }

  release(reader: TrackingReader): void {
    this.#unheard -= reader.unheard;
    for (const key of reader.keys) {
      const readers = this.#reading.get(key)?.filter((other) => other !== reader) ?? [];
      if (readers.length === 0) this.#reading.delete(key);
      else this.#reading.set(key, readers);
    }
  }

  /** A verdict is remembered: from now on changes of what it rests on are its own. */
  keep(standing: TrackedStanding): void {
    for (let at: Tracked | null = standing.tracked; at !== null; at = at.next) {
      const other = this.#byKey.get(at.key);
      if (other !== undefined && other !== standing) this.#in.memory.end(other);
      this.#byKey.set(at.key, standing);
    }
  }

  /** A verdict is no longer remembered. */
  forget(standing: TrackedStanding): void {
    for (let at: Tracked | null = standing.tracked; at !== null; at = at.next) {
      if (this.#byKey.get(at.key) === standing) this.#byKey.delete(at.key);
    }
    standing.tracked.again = AGAIN.no;
  }

  changed(key: string): void {
    const readers = this.#reading.get(key);
    if (readers !== undefined) {
      for (const reader of readers) {
        if (!reader.changed) reader.changedMs = this.#in.nowMs();
        reader.changed = true;
      }
    }
    const standing = this.#byKey.get(key);
    if (standing === undefined || standing.untilMs === ENDED_MS) this.#in.onPush(PUSH.unneeded);
    else this.doubt(standing);
  }

  /** Lets a verdict stand for a moment more, within which it is read again. */
  doubt(standing: TrackedStanding): void {
    const { tracked } = standing;
    const nowMs = Math.floor(this.#in.nowMs());
    standing.untilMs = Math.min(standing.untilMs, nowMs + DOUBT_MS);
    standing.heldS = -1;
    if (tracked.again !== AGAIN.no) {
      // What is read at this moment may be from before this change.
      if (tracked.again === AGAIN.isRead) tracked.again = Math.max(1, nowMs);
      return;
    }
    if (standing.rereads <= 0 || this.#waiting.length >= WAITING_MAX) {
      this.#in.onPush(standing.rereads <= 0 ? PUSH.unneeded : PUSH.dropped);
      this.#in.memory.drop(standing);
      return;
    }
    standing.rereads--;
    tracked.again = AGAIN.waits;
    this.#waiting.push(standing);
    if (this.#timed) return;
    this.#timed = true;
    const waitMs = Math.max(0, Math.ceil(this.#readMs + GATHER_MS - this.#in.nowMs()));
    this.#in.timers.after(waitMs, () => {
      this.#timed = false;
      this.#readMs = this.#in.nowMs();
      this.#readOn();
    });
  }

  allChanged(): void {
    for (const readers of this.#reading.values()) for (const reader of readers) reader.changed = true;
    this.#byKey.clear();
    this.#waiting.length = 0;
    this.#in.memory.endAll();
  }

  garbled(): void {
    this.#in.onPush(PUSH.garbled);
  }

  vouches(up: boolean, why: string | null): void {
    if (up === this.vouching && why === this.#why) return;
    this.#why = why;
    if (up !== this.vouching) {
      this.generation++;
      if (!up) this.#shorten(this.#byKey.values(), this.#in.nowMs());
    }
    this.#in.onVouch(up, why);
  }

  /** A piece at a time, since there may be millions; a map may change while it is gone through. */
  #shorten(rest: Iterator<TrackedStanding>, fromMs: number): void {
    for (let left = SHORTENED_AT_ONCE; left > 0; left--) {
      const { done, value } = rest.next();
      if (done === true) return;
      this.#in.memory.shorten(value, fromMs);
    }
    this.#in.timers.after(0, () => this.#shorten(rest, fromMs));
  }

  #readOn(): void {
    const { together } = this.#in.store;
    let group: TrackedStanding[] = [];
    let begun = 0;
    for (const standing of this.#waiting) {
      if (this.#underWay >= this.#in.readings) break;
      begun++;
      if (standing.tracked.again !== AGAIN.waits) continue;
      if (together === undefined || !this.#isBusy(standing)) {
        standing.tracked.again = AGAIN.no;
        this.#readOne(this.#readAgain(standing));
        continue;
      }
      standing.tracked.again = AGAIN.isRead;
      if (group.push(standing) < TOGETHER_MAX) continue;
      this.#readOne(this.#readTogether(group, together));
      group = [];
    }
    this.#waiting.splice(0, begun);
    if (group.length > 0 && together !== undefined) this.#readOne(this.#readTogether(group, together));
  }

  #readOne(reading: Promise<void>): void {
    this.#underWay++;
    void reading.then(() => {
      this.#underWay--;
      // Those that came meanwhile are gathered first.
      if (!this.#timed) this.#readOn();
    });
  }

  /** Rests on one value, which was read with its end a moment ago: its app touches it with every answer. */
  #isBusy({ tracked }: TrackedStanding): boolean {
    const one = tracked.next === null && tracked.kind === 'value';
    return one && tracked.endReadS >= Math.floor(this.#in.nowMs() / 1000) - 1;
  }

  /** Never rejects. `standings`: each rests on one value, and is marked as read. A question for several joins no other. */
  async #readTogether(
    standings: readonly TrackedStanding[],
    together: NonNullable<WatchableStore['together']>,
  ): Promise<void> {
    let values: readonly (StoredValue | null)[] | null = null;
    try {
      values = await together(standings.map(({ tracked }) => tracked.key));
    } catch {
      // As in `#readAgain`, but that what changed meanwhile is read once more.
    }
    for (let i = 0; i < standings.length; i++) {
      const standing = standings[i]!;
      const changedMs = standing.tracked.again;
      standing.tracked.again = AGAIN.no;
      if (values === null) {
        this.#in.onPush(PUSH.failed);
        if (changedMs > 0 && standing.untilMs > 0) this.doubt(standing);
        continue;
      }
      const same = printOf(values[i] ?? null) === standing.tracked.print;
      if (this.#judge(standing, changedMs > 0, changedMs, same)) this.#in.memory.confirmBriefly(standing);
    }
  }

  /** Never rejects. */
  async #readAgain(standing: TrackedStanding): Promise<void> {
    const { onPush } = this.#in;
    const reader = this.reader();
    let same = true;
    try {
      for (let at: Tracked | null = standing.tracked; at !== null && same; at = at.next)
        same = printOf(await reader.get(at)) === at.print;
    } catch {
      // It stays in doubt: when it has run out the next request asks the store, and no outage lengthens it.
      onPush(PUSH.failed);
      return;
    } finally {
      this.release(reader);
    }
    const vouched = this.vouchesFor(reader);
    if (this.#judge(standing, reader.changed, reader.changedMs, same))
      this.#in.memory.confirm(standing, reader.endsAtS, vouched);
  }

  /** True: it is to be confirmed. `changed`: since it was asked for, and when that was told (negative: it is not known). */
  #judge(standing: TrackedStanding, changed: boolean, changedMs: number, same: boolean): boolean {
    const { memory, onPush } = this.#in;
    // Somebody else has ended it meanwhile, or let it go.
    if (standing.untilMs <= 0) return false;
    onPush(same ? PUSH.confirmed : PUSH.ended);
    if (!same) {
      memory.end(standing);
    } else if (changed) {
      // What was told before it was asked for is settled: only what came since is in doubt, and as long as any change is.
      if (changedMs >= 0) {
        memory.confirmBriefly(standing);
        standing.untilMs = Math.min(standing.untilMs, Math.floor(changedMs) + DOUBT_MS);
      }
      this.doubt(standing);
    }
    return same && !changed;
  }
}
