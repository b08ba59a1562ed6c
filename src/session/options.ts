// A session block of the config after loading: every default filled in, every unit turned to a number.
import type { DataPath } from './data.ts';
import type { FormatName } from './kinds.ts';
import type { PassedField } from './passed-fields.ts';
import type { TokenOptions } from './phantom/token-options.ts';
import type { StoreFamily } from './store.ts';
import type { StoreOptions } from './stores/open-store.ts';

/** Who may pass. `login`: a known user; `session`: any genuine session; `nothing`: everybody, observed and annotated. */
export type Require = 'login' | 'session' | 'nothing';

/** A path that needs no session. */
export interface ExemptPath {
  /** Upper-case, or null for every method. */
  readonly method: string | null;
  /** Begins with `/`. A prefix by segments, or that path alone if `exact`. */
  readonly path: string;
  readonly exact: boolean;
}

/** What a client is answered that may not pass. */
export type OnFail =
  /** 401, as JSON or text by what it accepts. */
  | { readonly kind: 'auto' }
  /** `to` may hold `{path}`, which is the path and query that were asked for, encoded. */
  | { readonly kind: 'redirect'; readonly to: string }
  | {
      readonly kind: 'answer';
      readonly status: number;
      readonly body: string;
      readonly headers: readonly (readonly [string, string])[];
    };

/** Where sessions are kept, and how they are asked for. */
export interface SessionStoreOptions extends Omit<StoreOptions, 'folder'> {
  readonly family: StoreFamily;
  /** What keys begin with; null: the framework's default. */
  readonly prefix: string | null;
  /** Table or collection; null: the framework's default. */
  readonly table: string | null;
}

export interface SessionOptions {
  readonly name: string;
  readonly verify: FormatName;
  /** By the format's own `options`, whose defaults are in. */
  readonly format: Readonly<Record<string, unknown>>;
  readonly cookie: string;
  readonly secrets: readonly string[];
  readonly user: DataPath;
  readonly store: SessionStoreOptions | null;
  /** A second store with rows behind what the first one caches; null: none. */
  readonly rows: SessionStoreOptions | null;
  readonly require: Require;
  readonly exempt: readonly ExemptPath[];
  readonly onFail: OnFail;
  /** What becomes of a cookie that can be read in two ways: the app decides, or 400. */
  readonly ambiguous: 'forward' | 'refuse';
  /** Verdicts that are remembered, per worker; null: none. `push`: the store is asked to tell of changes. */
  readonly cache: { readonly ttlMs: number; readonly entries: number; readonly push: boolean } | null;
  readonly outage: {
    /** How long after it was last known to be true a verdict still stands while the store is away; 0: not at all. */
    readonly graceMs: number;
    /** What becomes of those whose verdict the store would have to give. */
    readonly unjudged: 'forward' | '503';
    /** While the store is away the process is not ready. */
    readonly readyz: boolean;
  };
  readonly pass: {
    /** Field for the user id; null: it is not told. */
    readonly user: string | null;
    readonly fields: readonly PassedField[];
    /** A token in place of the session; left out: none. */
    readonly token?: TokenOptions;
  };
}
