// Sessions in Redis: alone, as a cluster or behind sentinels. Only reads, and never more of a value than may be looked at.
import { Cluster, type Redis } from 'ioredis';
import type { Clock } from '../../base/clock.ts';
import {
  type Query,
  STORED_BYTES_MAX,
  type StoredCell,
  type StoredValue,
  StoreFault,
  type StoreListener,
} from '../store.ts';
import { atMost, type DriverSpec, faultOf, type StoreDriver, settleMs } from './driver.ts';
import { RedisBatch } from './redis-batch.ts';
import { openRedisClient, replyWord } from './redis-client.ts';
import { RedisWatch } from './redis-watch.ts';
import { StoreProblem } from './store-url.ts';

/** Opens the connections; gives the first one a moment to be ready. Throws StoreProblem. */
export async function openRedis(spec: DriverSpec): Promise<StoreDriver> {
  const kind = spec.url.scheme.split('+')[1] ?? 'single';
  if (spec.replicas && kind !== 'cluster' && kind !== 'sentinel') {
    throw new StoreProblem(
      'replicas are known only to a cluster or to sentinels',
      'redis+cluster:, redis+sentinel:, or the URL of one replica',
    );
  }
  const primary = new RedisClient(openRedisClient(spec, false), spec.clock);
  const replica = spec.replicas ? new RedisClient(openRedisClient(spec, true), spec.clock) : null;
  await atMost(settleMs(spec.deadlineMs), Promise.all([primary.begun, replica?.begun]));
  return new RedisStore(primary, replica, spec);
}

/** Redis that has replicas: they are asked first, and what they do not have or cannot tell is asked of the primary. */
class RedisStore implements StoreDriver {
  readonly #primary: RedisClient;
  readonly #replica: RedisClient | null;
  readonly #spec: DriverSpec;
  /** A replica that was too slow is left alone until then, ms of the clock. */
  #restUntilMs = Number.NEGATIVE_INFINITY;
  readonly #watches: RedisWatch[] = [];
  readonly together?: (keys: readonly string[]) => Promise<readonly (StoredValue | null)[]>;

  constructor(primary: RedisClient, replica: RedisClient | null, spec: DriverSpec) {
    this.#primary = primary;
    this.#replica = replica;
    this.#spec = spec;
    // Asked of the primary, which has the newest; keys of a cluster are at several.
    if (primary.isOne) this.together = (keys) => primary.together(keys);
  }

  async get(query: Query): Promise<StoredValue | null> {
    if (this.#replica !== null && this.#spec.clock.nowMs() >= this.#restUntilMs) {
      // Because: a replica lags behind, and who has just logged in must not be told that there is no such session.
      const copy = await this.#copyOf(query, this.#replica);
      if (copy !== null) return copy;
    }
    return this.#primary.get(query);
  }

  /** Half of the deadline is the replica's, so that the primary can still answer in time; null: ask the primary. */
  async #copyOf(query: Query, replica: RedisClient): Promise<StoredValue | null> {
    let timeout: NodeJS.Timeout | undefined;
    const late = new Promise<null>((resolve) => {
      timeout = setTimeout(() => {
        this.#restUntilMs = this.#spec.clock.nowMs() + settleMs(this.#spec.deadlineMs);
        resolve(null);
      }, this.#spec.deadlineMs / 2);
    });
    try {
      return await Promise.race([replica.get(query), late]);
    } catch (error) {
      if (error instanceof StoreFault && error.kind === 'malformed') throw error;
      return null;
    } finally {
      clearTimeout(timeout);
    }
  }

  ping(): Promise<void> {
    return this.#primary.ping();
  }

  watch(listener: StoreListener): void {
    const clients = [this.#primary, this.#replica].flatMap((each) => (each === null ? [] : [each.client]));
    this.#watches.push(new RedisWatch(clients, this.#spec.random, listener));
  }

  async close(): Promise<void> {
    for (const watch of this.#watches) watch.close();
    this.#primary.close();
    this.#replica?.close();
  }
}

const EMPTY = new Uint8Array(0);
const NO_CELLS: ReadonlyMap<string, StoredCell> = new Map();

/** One client of ioredis and what went wrong with it last. */
class RedisClient {
  /** Settles when the first connection is ready or has failed. */
  readonly begun: Promise<void>;
  readonly client: Redis | Cluster;
  readonly #batch: RedisBatch;
  readonly #clock: Clock;
  #why = 'not connected yet';
  /** The server refused the number of the database: ioredis goes on with database 0, whose keys are not ours. */
  #wrongDatabase = false;

  constructor(client: Redis | Cluster, clock: Clock) {
    this.client = client;
    this.#clock = clock;
    this.#batch = new RedisBatch(client);
    this.begun = new Promise((resolve) => {
      client.once('ready', resolve);
      client.once('error', () => resolve());
    });
    client.on('connect', () => {
      this.#wrongDatabase = false;
    });
    client.on('error', (error: unknown) => {
      this.#why = replyWord(error);
      if (/DB index/i.test((error as Error).message ?? '')) this.#wrongDatabase = true;
    });
    client.on('close', () => {
      if (this.#why === '') this.#why = 'the connection was closed';
    });
    client.on('ready', () => {
      if (!this.#wrongDatabase) this.#why = '';
    });
  }

  async get(query: Query): Promise<StoredValue | null> {
    this.#mustBeReady();
    try {
      if (query.kind === 'value') return this.#value(await this.#batch.value(query.key));
      if (query.kind === 'hash')
        return this.#hash(query.fields, await this.#batch.hash(query.key, query.fields));
    } catch (error) {
      throw replyFault(error);
    }
    throw new StoreFault('malformed', 'Redis holds values and hashes only');
  }

  /** One server at a time, not a cluster. */
  get isOne(): boolean {
    return !(this.client instanceof Cluster);
  }

  /** Whole values: how long one may be is only known when it is there, but each of these was read before, and was not too long then. */
  async together(keys: readonly string[]): Promise<readonly (StoredValue | null)[]> {
    this.#mustBeReady();
    try {
      return (await this.#batch.values(keys)).map((value) =>
        value === null ? null : { bytes: value, cells: NO_CELLS, flags: 0, mtimeS: null, endsAtS: null },
      );
    } catch (error) {
      throw replyFault(error);
    }
  }

  async ping(): Promise<void> {
    this.#mustBeReady();
    try {
      await this.client.ping();
    } catch (error) {
      throw replyFault(error);
    }
  }

  close(): void {
    this.client.disconnect(false);
  }

  #mustBeReady(): void {
    if (this.client.status === 'ready' && !this.#wrongDatabase) return;
    throw new StoreFault('down', `redis: ${this.#why === '' ? 'not connected' : this.#why}`);
  }

  #value([value, ttlMs]: readonly [unknown, unknown]): StoredValue | null {
    // No such key, or it ended between the two commands.
    if (value === null || ttlMs === -2) return null;
    if (!(value instanceof Uint8Array) || value.length > STORED_BYTES_MAX) throw tooLong();
    return { bytes: value, cells: NO_CELLS, flags: 0, mtimeS: null, endsAtS: this.#endsAtS(ttlMs) };
  }

  #hash(names: readonly string[], [reply, ttlMs]: readonly [unknown, unknown]): StoredValue | null {
    if (ttlMs === -2) return null;
    const entries: readonly (readonly [string, unknown])[] = Array.isArray(reply)
      ? names.map((name, i) => [name, reply[i]])
      : Object.entries(Object(reply));
    const cells = new Map<string, StoredCell>();
    let bytes = 0;
    for (const [name, value] of entries) {
      if (!(value instanceof Uint8Array)) continue;
      bytes += value.length;
      cells.set(name, value);
    }
    if (bytes > STORED_BYTES_MAX) throw tooLong();
    return { bytes: EMPTY, cells, flags: 0, mtimeS: null, endsAtS: this.#endsAtS(ttlMs) };
  }

  #endsAtS(ttlMs: unknown): number | null {
    if (typeof ttlMs !== 'number') throw new StoreFault('down', 'redis: no number was answered to PTTL');
    return ttlMs < 0 ? null : (this.#clock.wallMs() + ttlMs) / 1000;
  }
}

function tooLong(): StoreFault {
  return new StoreFault('malformed', 'redis: a value is longer than the bound');
}

function replyFault(error: unknown): StoreFault {
  const word = replyWord(error);
  return word === 'WRONGTYPE'
    ? new StoreFault('malformed', 'redis: the key holds a value of another type')
    : faultOf(error instanceof StoreFault ? error : new StoreFault('down', `redis: ${word}`), 'redis');
}
