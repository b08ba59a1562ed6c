// Which values of a store a verdict was read from, so that a change of one of them can end it.
import { hash } from 'node:crypto';
import type { Query, StoredValue, StoreReader } from './store.ts';

/** One value that a verdict rests on. */
export interface Tracked {
  readonly query: Query;
  /** Stands for what was read, but for the time that the store itself drops it. */
  readonly print: number;
  /** When the session ends by what stands in it, unix s; null: only by the store's own time, which moves when the app touches it. */
  readonly ownEndS: number | null;
  /** The verdict's key in the memory of verdicts. */
  readonly remembered: string;
  /** The next value of the same verdict. */
  readonly next: Tracked | null;
}

/** One look-up that was made for a check. */
interface Seen {
  readonly query: Query;
  stored: StoredValue | null;
}

/** A check's reader of the store: notes what is read, and whether it changed before the check was over. */
export class TrackingReader implements StoreReader {
  /** A value changed after it was asked for: what came may be the old one. */
  changed = false;
  readonly #store: StoreReader;
  readonly #begun: (key: string, reader: TrackingReader) => void;
  readonly #seen: Seen[] = [];

  /** `begun` is told of each key before it is read. */
  constructor(store: StoreReader, begun: (key: string, reader: TrackingReader) => void) {
    this.#store = store;
    this.#begun = begun;
  }

  async get(query: Query): Promise<StoredValue | null> {
    const seen: Seen = { query, stored: null };
    this.#seen.push(seen);
    this.#begun(query.key, this);
    seen.stored = await this.#store.get(query);
    return seen.stored;
  }

  get keys(): readonly string[] {
    return this.#seen.map(({ query }) => query.key);
  }

  /** What was read; null: nothing was. `endsAtS`: when the session ends, as the check found it. */
  tracked(remembered: string, endsAtS: number | null): Tracked | null {
    const ownEndS = this.#seen.some(({ stored }) => stored?.endsAtS === endsAtS) ? null : endsAtS;
    let next: Tracked | null = null;
    for (const { query, stored } of this.#seen)
      next = { query, print: printOf(stored), ownEndS, remembered, next };
    return next;
  }
}

/** 48 bits that differ, as good as always, when the app would find something else; 0: nothing is there. */
export function printOf(stored: StoredValue | null): number {
  if (stored === null) return 0;
  let text = `${stored.flags} ${stored.cells.size}`;
  for (const [name, cell] of stored.cells)
    text += `\0${name}\0${cell instanceof Uint8Array ? Buffer.from(cell).toString('latin1') : `${typeof cell} ${cell}`}`;
  const digest = hash('sha256', Buffer.concat([stored.bytes, Buffer.from(text)]), 'hex');
  return Number.parseInt(digest.slice(0, 12), 16) + 1;
}
