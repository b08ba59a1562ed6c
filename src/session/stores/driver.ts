// What a driver of one kind of store must do for the gate in front of it, and what it is opened from.
import { isIP } from 'node:net';
import type { Clock } from '../../base/clock.ts';
import type { Random } from '../../base/random.ts';
import { type StoredValue, StoreFault, type StoreListener, type StoreReader } from '../store.ts';
import type { StoreUrl } from './store-url.ts';

/**
 * A store without its gate. Every promise of `get` and `ping` settles, by `settleMs` at the latest where the store hangs: the gate
 * frees the place of a look-up only then. `get` rejects with a StoreFault and nothing else.
 */
export interface StoreDriver extends StoreReader {
  /** Rejects unless the store answers a question that needs no session. */
  ping(): Promise<void>;
  /** Begins to tell of changes, for as long as it is open; left out: this store cannot. Connections that break are made again. */
  watch?(listener: StoreListener): void;
  /** `WatchableStore.together`. */
  together?(keys: readonly string[]): Promise<readonly (StoredValue | null)[]>;
  /** Ends all connections; what is in flight is rejected. Never rejects. */
  close(): Promise<void>;
}

/** How the store is recognised where the URL asks for TLS, or where this is given at all. */
export interface StoreTls {
  /** Certificates of authorities, PEM; null: those that Node knows. */
  readonly ca: string | null;
  /** False: any certificate will do. */
  readonly verify: boolean;
  /** The name that the certificate must be for; null: the host of the URL. */
  readonly serverName: string | null;
}

/** What a driver is opened from. */
export interface DriverSpec {
  readonly url: StoreUrl;
  /** Null: no TLS. */
  readonly tls: StoreTls | null;
  /** Ask read replicas first. */
  readonly replicas: boolean;
  readonly deadlineMs: number;
  /** Look-ups that may be in flight at a time. */
  readonly concurrency: number;
  /** Relative paths in the URL are from this folder. */
  readonly folder: string;
  readonly clock: Clock;
  readonly random: Random;
}

/** When a driver gives up on a question that nobody waits for any more, ms after it was asked. */
export function settleMs(deadlineMs: number): number {
  return Math.max(1000, 4 * deadlineMs);
}

/** Connections to a database that answers one question at a time on each. */
export function poolSize(concurrency: number): number {
  return Math.max(1, Math.min(10, concurrency));
}

/** Names an error without its text, which may hold a key, a value or a password: its code, else its type. */
export function codeOf(error: unknown): string {
  if (error instanceof AggregateError && error.errors.length > 0 && !('code' in error))
    return codeOf(error.errors[0]);
  if (!(error instanceof Error)) return 'an error without a name';
  // Node's and the drivers' errors have a code that is a word; the type says only that it is an Error.
  const code: unknown = (error as Error & { readonly code?: unknown }).code;
  return typeof code === 'string' || typeof code === 'number' ? String(code).slice(0, 64) : error.name;
}

/** The fault that an error of a driver comes to, if it is not one already. */
export function faultOf(error: unknown, store: string): StoreFault {
  return error instanceof StoreFault ? error : new StoreFault('down', `${store}: ${codeOf(error)}`);
}

/** Waits for `promise`, but no longer than `ms`; resolves either way. For connections that are nice to have before the first look-up. */
export function atMost(ms: number, promise: Promise<unknown>): Promise<void> {
  return new Promise((resolve) => {
    const timeout = setTimeout(resolve, ms);
    const end = (): void => {
      clearTimeout(timeout);
      resolve();
    };
    promise.then(end, end);
  });
}

/**
 * Back-off for the `times`-th (1 …) try: doubles from 50 ms to 1 s, between three and five quarters of that by chance. No longer, since
 * a try costs a store next to nothing, and users wait for the one that finds it back.
 */
export function backOffMs(times: number, random: Random): number {
  const ms = Math.min(1000, 50 * 2 ** Math.min(times - 1, 10));
  return Math.round(ms * 0.75) + random.below(Math.max(1, Math.round(ms * 0.5)));
}

/**
 * What `node:tls` is told. `host`: sent as the name that is wanted where the server has several, unless another one is
 * configured; empty: none.
 */
export function tlsOptions(
  tls: StoreTls,
  host: string,
): { ca?: string; rejectUnauthorized: boolean; servername?: string } {
  const servername = tls.serverName ?? (host === '' || isIP(host) !== 0 ? null : host);
  return {
    rejectUnauthorized: tls.verify,
    ...(tls.ca === null ? {} : { ca: tls.ca }),
    ...(servername === null ? {} : { servername }),
  };
}
