// Pushed truth: the store tells what changed, and a remembered verdict stands only as long as what it was read from.
import type { Timers } from '../base/timers.ts';
import { ENDED_MS, type Standing } from './standing.ts';
import type { StoreListener, StoreReader } from './store.ts';
import { printOf, TrackingReader } from './tracked.ts';

/** What became of a change that the store told, by number: the verdict still holds; it ended; nobody remembered it; too many; the store failed. */
export const PUSH_NAMES = ['confirmed', 'ended', 'unneeded', 'dropped', 'failed'] as const;
export const PUSH = { confirmed: 0, ended: 1, unneeded: 2, dropped: 3, failed: 4 } as const;

/** How long a verdict stands whose value was touched, ms: by then it is read again, or waits for the next request that wants it. */
const DOUBT_MS = 50;
/** Changes are gathered for so long before they are read: an app touches a session with every answer, and one reading does for all, ms. */
const GATHER_MS = 20;
/** Verdicts that wait to be read again; what comes on top is read when it is next wanted. */
const WAITING_MAX = 10_000;
/** Keys that are being read by checks at this moment, for which a change is listened for. */
const READING_MAX = 20_000;

/** The memory of verdicts, as the watch sees it. */
export interface WatchedMemory {
  /** What it was read from has not changed. `endsAtS`: when the store drops it, unix s; null: not known. */
  confirm(standing: Standing, endsAtS: number | null): void;
  /** It is not true any more: drop it. */
  end(standing: Standing): void;
  /** Nothing that was read from the store can be relied on. */
  endAll(): void;
  /** The store tells no more: what it vouched for falls back to its time. */
  shorten(): void;
}

export interface WatchTools {
  readonly store: StoreReader;
  readonly memory: WatchedMemory;
  readonly timers: Timers;
  readonly nowMs: () => number;
  /** Counts a change (PUSH). */
  readonly onPush: (result: number) => void;
  /** Told when the store begins or ceases to tell. */
  readonly onVouch: (up: boolean, why: string | null) => void;
}

/** One a session block and worker whose store tells of changes. */
export class StoreWatch implements StoreListener {
  /** Odd while every change is told; another number after each interruption. */
  generation = 0;
  readonly #in: WatchTools;
  /** The verdict that rests on a key. Of two that rest on one key the newer is kept. */
  readonly #byKey = new Map<string, Standing>();
  readonly #reading = new Map<string, TrackingReader[]>();
  readonly #waiting = new Set<Standing>();
  #timed = false;

  constructor(tools: WatchTools) {
    this.#in = tools;
  }

  get vouching(): boolean {
    return this.generation % 2 === 1;
  }

  /** A reader for one check, to be given to `release` when it is over. */
  reader(): TrackingReader {
    return new TrackingReader(this.#in.store, (key, reader) => this.#begin(key, reader));
  }

  #begin(key: string, reader: TrackingReader): void {
    const readers = this.#reading.get(key);
    if (readers !== undefined) readers.push(reader);
    else if (this.#reading.size < READING_MAX) this.#reading.set(key, [reader]);
    // What cannot be listened for counts as changed.
    else reader.changed = true;
  }

  release(reader: TrackingReader): void {
    for (const key of reader.keys) {
      const readers = this.#reading.get(key)?.filter((other) => other !== reader) ?? [];
      if (readers.length === 0) this.#reading.delete(key);
      else this.#reading.set(key, readers);
    }
  }

  /** A verdict is remembered: from now on changes of what it rests on are its own. */
  keep(standing: Standing): void {
    for (let at = standing.tracked; at !== null; at = at.next) {
      const other = this.#byKey.get(at.query.key);
      if (other !== undefined && other !== standing) this.#in.memory.end(other);
      this.#byKey.set(at.query.key, standing);
    }
  }

  /** A verdict is no longer remembered. */
  forget(standing: Standing): void {
    for (let at = standing.tracked; at !== null; at = at.next) {
      if (this.#byKey.get(at.query.key) === standing) this.#byKey.delete(at.query.key);
    }
    this.#waiting.delete(standing);
  }

  changed(key: string): void {
    for (const reader of this.#reading.get(key) ?? []) reader.changed = true;
    const standing = this.#byKey.get(key);
    if (standing === undefined || standing.untilMs === ENDED_MS) this.#in.onPush(PUSH.unneeded);
    else this.doubt(standing);
  }

  /** Lets a verdict stand for a moment more, within which it is read again. */
  doubt(standing: Standing): void {
    standing.untilMs = Math.min(standing.untilMs, Math.floor(this.#in.nowMs()) + DOUBT_MS);
    standing.heldS = -1;
    if (this.#waiting.has(standing)) return;
    if (this.#waiting.size >= WAITING_MAX) {
      this.#in.onPush(PUSH.dropped);
      return;
    }
    this.#waiting.add(standing);
    if (this.#timed) return;
    this.#timed = true;
    this.#in.timers.after(GATHER_MS, () => this.#readAll());
  }

  allChanged(): void {
    for (const readers of this.#reading.values()) for (const reader of readers) reader.changed = true;
    this.#in.memory.endAll();
    this.#byKey.clear();
    this.#waiting.clear();
  }

  vouches(up: boolean, why: string | null): void {
    if (up === this.vouching) return;
    this.generation++;
    if (!up) this.#in.memory.shorten();
    this.#in.onVouch(up, why);
  }

  #readAll(): void {
    this.#timed = false;
    const standings = [...this.#waiting];
    this.#waiting.clear();
    for (const standing of standings) void this.#readAgain(standing);
  }

  /** Never rejects. */
  async #readAgain(standing: Standing): Promise<void> {
    const reader = this.reader();
    let endsAtS: number | null = null;
    let same = true;
    try {
      for (let at = standing.tracked; at !== null && same; at = at.next) {
        const stored = await reader.get(at.query);
        same = printOf(stored) === at.print;
        const ends = stored?.endsAtS ?? null;
        if (ends !== null && (endsAtS === null || ends < endsAtS)) endsAtS = ends;
      }
    } catch {
      // It stays in doubt: when it has run out the next request asks the store, and no outage lengthens it.
      this.#in.onPush(PUSH.failed);
      return;
    } finally {
      this.release(reader);
    }
    if (standing.untilMs === ENDED_MS) return;
    this.#in.onPush(same ? PUSH.confirmed : PUSH.ended);
    if (!same) this.#in.memory.end(standing);
    else if (reader.changed) this.doubt(standing);
    else this.#in.memory.confirm(standing, endsAtS);
  }
}
