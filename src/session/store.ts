// What a format asks of a store and what it gets: look-ups by key that only read, and faults that are values of a closed table.

/** Kinds of stores, by how they are asked. */
export type StoreFamily = 'redis' | 'memcached' | 'postgres' | 'mysql' | 'sqlite' | 'mongo' | 'file' | 'http';

/** Longest value that is looked at, bytes; a longer one is nothing that a framework writes for one session. */
export const STORED_BYTES_MAX = 1024 * 1024;

/** One look-up. Stores never interpret the key, but for refusing what they cannot hold. */
export type Query =
  /** A whole value: Redis GET, Memcached get, the content of a file named `key`. */
  | { readonly kind: 'value'; readonly key: string }
  /** Fields of a Redis hash; empty: all of them. */
  | { readonly kind: 'hash'; readonly key: string; readonly fields: readonly string[] }
  /** One row of a table by its key column. Names come from the config, never from a request. */
  | {
      readonly kind: 'row';
      readonly table: string;
      readonly keyColumn: string;
      readonly key: string;
      readonly columns: readonly string[];
    }
  /** A document by its `_id`. */
  | { readonly kind: 'document'; readonly collection: string; readonly key: string }
  /**
   * A question to an HTTP service, which is sent `fields`. `key`: all that the answer depends on. The answer's status is the cell
   * `status`, and each of `wanted` (names in lower case) that it has is a cell.
   */
  | {
      readonly kind: 'ask';
      readonly key: string;
      readonly fields: Readonly<Record<string, string>>;
      readonly wanted: readonly string[];
    };

/** A column or a field of a document, as the driver gives it; times are unix seconds, JSON is text again. */
export type StoredCell = string | number | bigint | boolean | null | Uint8Array;

/** What a store holds under a key. */
export interface StoredValue {
  /** The value of a `value` query; empty for the others. */
  readonly bytes: Uint8Array;
  /** Fields of a hash (bytes), columns of a row, members of a document. */
  readonly cells: ReadonlyMap<string, StoredCell>;
  /** Memcached's flags; 0 elsewhere. */
  readonly flags: number;
  /** Last change of a file, unix seconds; null elsewhere. */
  readonly mtimeS: number | null;
  /** When the store itself drops the value, unix seconds; null: never, or the store does not tell. */
  readonly endsAtS: number | null;
}

/** Who is told of changes in a store. */
export interface StoreListener {
  /** What is held under this key of a query was written, touched or dropped. */
  changed(key: string): void;
  /** Anything may have been (FLUSHALL, TRUNCATE). */
  allChanged(): void;
  /** A message that the store itself does not send: it is dropped. */
  garbled(): void;
  /** True: from now on every change is told, also of what is being read at this moment. False: no longer, or still not, and `why`. */
  vouches(up: boolean, why: string | null): void;
}

/** A store that may tell of changes. */
export interface WatchableStore extends StoreReader {
  /** Begins to tell `listener` of changes, for as long as the store is open; null where the store cannot. Told before the first look-up. */
  readonly watch: ((listener: StoreListener) => void) | null;
  /** The whole values under several keys, asked for in one question, without the times at which the store drops them; left out: it cannot. */
  readonly together?: (keys: readonly string[]) => Promise<readonly (StoredValue | null)[]>;
}

/** A store as a format sees it. */
export interface StoreReader {
  /** The value, or null when there is none. Rejects with a StoreFault and nothing else. Names and bounds as the store has them. */
  get(query: Query): Promise<StoredValue | null>;
}

/** Why a look-up came to nothing. `down`: refused, cut off or an error; `late`: over the deadline; `busy`: too many wait. */
export type StoreFaultKind = 'down' | 'late' | 'busy' | 'malformed';

export class StoreFault extends Error {
  readonly kind: StoreFaultKind;

  /** `why` is for the log: it names the store's error, never a key or a value. */
  constructor(kind: StoreFaultKind, why: string) {
    super(why);
    this.name = 'StoreFault';
    this.kind = kind;
  }
}

/** Nobody's store: for formats whose cookie holds all. */
export const NO_STORE: WatchableStore = {
  watch: null,
  get: () => Promise.reject(new StoreFault('down', 'this session has no store')),
};
