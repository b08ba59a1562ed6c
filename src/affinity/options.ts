// What a config may say about affinity, after defaults.

export interface CookieOptions {
  readonly name: string;
  /** First signs, all are accepted. Empty: made at start, shared by the workers. */
  readonly secrets: readonly string[];
  /** Seconds; null: a browser-session cookie. */
  readonly maxAgeS: number | null;
  readonly path: string;
  readonly domain: string | null;
  readonly sameSite: 'lax' | 'strict' | 'none';
  /** `auto`: when the client's side is TLS, or a trusted X-Forwarded-Proto says so. */
  readonly secure: 'auto' | boolean;
  readonly httpOnly: boolean;
  readonly partitioned: boolean;
  readonly mode: 'insert' | 'prefix';
  /** The app's own session cookie that `prefix` marks; null for `insert`. */
  readonly of: string | null;
  /** Keep the cookie from the upstream. */
  readonly hide: boolean;
}

export interface LearnedOptions {
  /** The app's own session cookie by which a home is remembered. */
  readonly cookie: string;
  readonly entries: number;
  readonly idleMs: number;
}

export interface SessionHomeOptions {
  /** Who has a home: each session, or each user, however many sessions he has. */
  readonly by: 'session' | 'user';
  /** A session that an answer gives out lives where that answer came from, not where its hash leads. */
  readonly learn: boolean;
  readonly entries: number;
  readonly idleMs: number;
}

/** Exactly one of `cookie`, `learned` and `session` is there, by its kind. */
export interface AffinityOptions {
  readonly kind: 'cookie' | 'learned' | 'session';
  readonly cookie: CookieOptions | null;
  readonly learned: LearnedOptions | null;
  readonly session: SessionHomeOptions | null;
  readonly onLost: 'rebalance' | 'fail';
  /** New users never land on an upstream above this times the mean load; Infinity: no bound. */
  readonly maxOverload: number;
}
