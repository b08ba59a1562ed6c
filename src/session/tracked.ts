// Which values of a store a verdict was read from, so that a change of one of them can end it.
import { hash, randomBytes } from 'node:crypto';
import { HalfSipHash } from '../base/half-sip-hash.ts';
import type { Query, StoredValue, StoreReader } from './store.ts';
import type { Finding } from './verdict.ts';

/** `Tracked.again`, where it is not the time of a change that came while it was read, monotonic ms. */
export const AGAIN = { no: 0, waits: -1, isRead: -2 } as const;

/** One value that a verdict rests on, and the question for it in one: a million of them are remembered. */
export type Tracked = Query & TrackedRest;

interface TrackedRest {
  /** Stands for what was read, but for the time that the store itself drops it. */
  readonly print: number;
  /** When the session ends by what stands in it, unix s; null: it does not say. The store's own time moves when the app touches it. */
  readonly ownEndS: number | null;
  /** The verdict's key in the memory of verdicts. */
  readonly remembered: string;
  /** The next value of the same verdict. */
  readonly next: Tracked | null;
  // Of the whole verdict, and told of by its first value alone. Here, since only a verdict whose store tells of changes needs them.
  /** When it was last read together with its end, monotonic s. */
  endReadS: number;
  /** Whether it is to be read again, or is read at this moment together with others (AGAIN). */
  again: number;
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
  /** When that was told, monotonic ms; −1: what came may be older than the asking. */
  changedMs = -1;
  /** Of its keys those that are not listened for. */
  unheard = 0;
  /** `StoreWatch.generation` when it was made: what it reads is vouched for while that is the same. */
  readonly generation: number;
  readonly #store: StoreReader;
  readonly #begun: (key: string, reader: TrackingReader) => void;
  readonly #seen: Seen[] = [];

  /** `begun` is told of each key before it is read. */
  constructor(store: StoreReader, generation: number, begun: (key: string, reader: TrackingReader) => void) {
    this.#store = store;
    this.generation = generation;
    this.#begun = begun;
  }

  /** The value without the time at which the store drops it: that may move, which must not be mixed up with what stands in the value. */
  async get(query: Query): Promise<StoredValue | null> {
    const seen: Seen = { query, stored: null };
    this.#seen.push(seen);
    this.#begun(query.key, this);
    const stored = await this.#store.get(query);
    seen.stored = stored;
    return stored === null || stored.endsAtS === null ? stored : { ...stored, endsAtS: null };
  }

  get keys(): readonly string[] {
    return this.#seen.map(({ query }) => query.key);
  }

  /** When the store drops the first of what was read, unix s; null: it does not say. */
  get endsAtS(): number | null {
    let first: number | null = null;
    for (const { stored } of this.#seen) first = earlier(first, stored?.endsAtS ?? null);
    return first;
  }

  /** The finding of a check that read here, which ends at the latest when the store drops what it rests on. */
  bounded(finding: Finding): Finding {
    const endsAtS = earlier(finding.endsAtS, this.endsAtS);
    return endsAtS === finding.endsAtS ? finding : { ...finding, endsAtS };
  }

  /**
   * What was read; null: nothing was. `ownEndS`: when the session ends by what stands in it, as the check found. `endReadS`: now, monotonic s.
   */
  tracked(remembered: string, ownEndS: number | null, endReadS: number): Tracked | null {
    let next: Tracked | null = null;
    for (const { query, stored } of this.#seen) {
      const print = printOf(stored);
      next =
        query.kind === 'value'
          ? // One by one: what is spread takes more room.
            {
              kind: 'value',
              key: query.key,
              print,
              ownEndS,
              remembered,
              next,
              endReadS,
              again: AGAIN.no,
            }
          : { ...query, print, ownEndS, remembered, next, endReadS, again: AGAIN.no };
    }
    return next;
  }
}

export function earlier(a: number | null, b: number | null): number | null {
  return a === null || b === null ? (a ?? b) : Math.min(a, b);
}

/** So that nobody can look for another value with the same print. */
const SALT = randomBytes(16);

/** Where the common case, a short value alone, is put behind the salt without memory of its own. */
const SCRATCH_BYTES = 16 * 1024;
const SCRATCH = Buffer.concat([SALT, Buffer.alloc(SCRATCH_BYTES)]);

/** Values up to this length, as most sessions are, are hashed by hand: a native call costs more. */
const BY_HAND_BYTES_MAX = 256;
const BY_HAND = new HalfSipHash(SALT.readInt32LE(0), SALT.readInt32LE(4));

/**
 * 32 bits, which take no room of their own, that differ when the app would find something else, but for one change in 4 thousand million;
 * 0: nothing is there.
 */
export function printOf(stored: StoredValue | null): number {
  if (stored === null) return 0;
  const { bytes } = stored;
  if (stored.cells.size === 0 && stored.flags === 0 && bytes.length <= SCRATCH_BYTES) {
    if (bytes.length <= BY_HAND_BYTES_MAX) {
      BY_HAND.run(bytes, 0, bytes.length);
      return BY_HAND.lo || 1;
    }
    SCRATCH.set(bytes, SALT.length);
    return firstWord(SCRATCH.subarray(0, SALT.length + bytes.length));
  }
  let text = `${stored.flags} ${stored.cells.size}`;
  for (const [name, cell] of stored.cells)
    text += `\0${name}\0${cell instanceof Uint8Array ? Buffer.from(cell).toString('latin1') : `${typeof cell} ${cell}`}`;
  return firstWord(Buffer.concat([SALT, bytes, Buffer.from(text)]));
}

function firstWord(bytes: Buffer): number {
  return hash('sha256', bytes, 'buffer').readInt32LE() || 1;
}
