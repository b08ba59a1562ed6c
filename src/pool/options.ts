// What a config may say about a pool's connections, line and retries, after defaults.
import type { StatusRange } from '../health/options.ts';

export interface RetryOptions {
  /** Tries after the first. */
  readonly attempts: number;
  /** Share of the last ten seconds' requests that may be retries, 0 … 1; three a second are always allowed. */
  readonly budget: number;
  /** Statuses of an answer that are tried again elsewhere; empty: none. */
  readonly statuses: readonly StatusRange[];
  /** Largest request body that is held for a retry, bytes. */
  readonly bodyBufferBytes: number;
}

/** Which of the app's sessions are watched for being lost, and how a loss is told from a login or logout. */
export interface ContinuityOptions {
  /** The app's own session cookie. */
  readonly cookie: string;
  /**
   * What is in it. `id`: the name of a session that the app keeps, so that another id is another session. `session`: the session itself, which
   * is written anew with every change, so that only a login page tells that it was lost.
   */
  readonly holds: 'id' | 'session';
  /** Where the app sends those who must log in, beside what is known by its name: paths by segments, or the beginning of an address elsewhere. */
  readonly login: readonly string[];
  /** Paths by segments on which a session may rightly change or end. */
  readonly ignore: readonly string[];
  /** Most sessions remembered. */
  readonly entries: number;
  /** A session that was not seen for so long is forgotten, ms: less than the app itself waits, since its end by time is no loss. */
  readonly idleMs: number;
}

export interface PoolOptions {
  /** Most requests at once over all workers and upstreams; 0: no bound. */
  readonly maxConnections: number;
  readonly queue: { readonly max: number; readonly timeoutMs: number };
  readonly slowStartMs: number;
  readonly keepAlive: {
    /** Idle connections kept per upstream and worker. */
    readonly idle: number;
    readonly idleTimeoutMs: number;
    readonly maxAgeMs: number;
    readonly requests: number;
  };
  /** How often names are looked up again, ms; 0: only when a connect fails. */
  readonly resolveMs: number;
}
