// The seam between the check of a session and the frameworks that wrote it: what a format is given, and what it must answer.
import type { KeysChange } from './crypto/public-keys.ts';
import type { DataPath } from './data.ts';
import type { OptionSpecs, OptionValues } from './format-options.ts';
import type { StoreFamily, StoreReader } from './store.ts';
import type { Finding } from './verdict.ts';

/** What a format reads of a request. Bytes are one character each (latin1), as they came. */
export interface CredentialSource {
  /** All `Cookie` lines joined by `; `; empty: none. */
  readonly cookies: string;
  /** `Authorization`, or null. */
  readonly authorization: string | null;
  /** `User-Agent`, or null: some frameworks bind a session to it. */
  readonly userAgent: string | null;
  /** The client's address as the app will see it (first of X-Forwarded-For). */
  readonly clientAddress: string;
}

/** A credential that has the right shape, not yet checked. */
export interface Pending {
  /**
   * What the verdict is remembered by: everything of the request that the check looks at, so that two requests with the same identity
   * cannot deserve two verdicts; and canonical, so that several spellings which the app takes for one token are one. Not yet verified.
   */
  readonly identity: string;
  /** The id that the framework gave the session, where that is not the identity itself: what an operator revokes it by. */
  readonly session?: string;
  /**
   * The identity that the same session has where a remember-me cookie comes beside it, or no longer does, or that its holder can give it;
   * left out or undefined: it has but one.
   */
  readonly alias?: string | undefined;
  /**
   * Checks it. Without a store the finding comes at once; otherwise later. Never throws for what a client sent or a store holds:
   * that is a finding. Throws StoreFault only by passing on what `stores` threw; whoever called makes `unknown` of it.
   */
  check(stores: StoreReader, nowS: number): Finding | Promise<Finding>;
}

/** One configured session block's way to read and judge credentials. */
export interface SessionFormat {
  /** The credential of a request; a Finding when the request alone decides (none sent, wrong shape). Bounded, allocates little, never throws. */
  read(request: CredentialSource, nowS: number): Pending | Finding;
  /** Work before the first check that takes long (deriving a key from a password); null: none. */
  readonly prepare: (() => Promise<void>) | null;
  /** Says whom to tell when its keys can no longer be read, and when they can again; for formats whose keys live elsewhere. */
  readonly watch?: (told: (change: KeysChange) => void) => void;
  /** True: a bearer token in `Authorization` is read too. */
  readonly readsBearer?: boolean;
  /** True: `Authorization` is read whatever its scheme. */
  readonly readsAuthorization?: boolean;
  /**
   * Names of the cookies beside the session cookie that have a say in who the user is: its pieces, its signature, remember-me cookies. One
   * that ends in `*` stands for all that begin so. They are withheld from the app together with a revoked session.
   */
  readonly alsoReads?: readonly string[];
  /** True: the check also depends on `userAgent` or `clientAddress`, so that the same cookie may deserve two verdicts. */
  readonly looksAround?: boolean;
  /** One sentence a line for `explain`: what is checked, without values. */
  readonly steps: readonly string[];
}

/** What a format is built from: the session block of the config, its defaults filled in. */
export interface FormatSpec<O> {
  /** Name of the session cookie. */
  readonly cookie: string;
  /** The first signs, all are accepted. Never printed. */
  readonly secrets: readonly string[];
  /** Where the user id is. */
  readonly user: DataPath;
  /** Which family of store the sessions are in; null: none, the cookie holds all. */
  readonly store: StoreFamily | null;
  /** Family of a second store that `row` queries go to, for frameworks that keep a cache before a table; null or absent: none. */
  readonly rows?: StoreFamily | null;
  /** What keys of the store begin with, as configured; null: the framework's default. */
  readonly prefix: string | null;
  /** Name of the table or collection, as configured; null: the framework's default. */
  readonly table: string | null;
  readonly options: O;
}

/** What is wrong with a session block, told at its key. Thrown by `build`. */
export class FormatProblem extends Error {
  /** Path inside the session block: `secrets[0]`, `verify.rails-cookie.digest`, `store`. */
  readonly at: string;
  readonly right: string;

  constructor(at: string, wrong: string, right: string) {
    super(wrong);
    this.name = 'FormatProblem';
    this.at = at;
    this.right = right;
  }
}

/** All that is known of one framework's sessions: the row in `kinds.ts`. */
export interface FormatKind<S extends OptionSpecs = OptionSpecs> {
  /** Default cookie name; null: the framework has none, so the config must name it. */
  readonly cookie: string | null;
  /** Default place of the user id; null: the config must name it. */
  readonly user: DataPath | null;
  readonly secrets: 'needed' | 'optional' | 'none';
  /** Families of stores that the framework keeps sessions in; empty: the cookie holds all. */
  readonly stores: readonly StoreFamily[];
  /** True: it also works without a store. */
  readonly storeless: boolean;
  /** What an app that names no store keeps its sessions in, which is its own memory; left out: it is not so in this framework. */
  readonly memory?: string;
  /** Families of the second store, whose rows stand beside what the first one caches; left out: there is none. */
  readonly rows?: readonly StoreFamily[];
  readonly options: S;
  /** One sentence for the docs, the editor schema and `explain`. */
  readonly about: string;
  build(spec: FormatSpec<OptionValues<S>>): SessionFormat;
}

/** Gives a kind its exact option types. */
export function formatKind<const S extends OptionSpecs>(kind: FormatKind<S>): FormatKind<S> {
  return kind;
}
