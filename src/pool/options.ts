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
