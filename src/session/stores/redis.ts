// Sessions in Redis: alone, as a cluster or behind sentinels. Only reads, and never more of a value than may be looked at.
import { Cluster, type ClusterOptions, type DNSLookupFunction, Redis, type RedisOptions } from 'ioredis';
import type { Clock } from '../../base/clock.ts';
import { type Query, STORED_BYTES_MAX, type StoredCell, type StoredValue, StoreFault } from '../store.ts';
import {
  atMost,
  backOffMs,
  codeOf,
  type DriverSpec,
  faultOf,
  type StoreDriver,
  settleMs,
  tlsOptions,
} from './driver.ts';
import { RedisBatch } from './redis-batch.ts';
import { StoreProblem, storeLabel } from './store-url.ts';

/** Opens the connections; gives the first one a moment to be ready. Throws StoreProblem. */
export async function openRedis(spec: DriverSpec): Promise<StoreDriver> {
  const kind = spec.url.scheme.split('+')[1] ?? 'single';
  if (spec.replicas && kind !== 'cluster' && kind !== 'sentinel') {
    throw new StoreProblem(
      'replicas are known only to a cluster or to sentinels',
      'redis+cluster:, redis+sentinel:, or the URL of one replica',
    );
  }
  const open = kind === 'cluster' ? openCluster : kind === 'sentinel' ? openSentinel : openSingle;
  const primary = new RedisClient(open(spec, false), spec.clock);
  const replica = spec.replicas ? new RedisClient(open(spec, true), spec.clock) : null;
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

  constructor(primary: RedisClient, replica: RedisClient | null, spec: DriverSpec) {
    this.#primary = primary;
    this.#replica = replica;
    this.#spec = spec;
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

  async close(): Promise<void> {
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
  readonly #client: Redis | Cluster;
  readonly #batch: RedisBatch;
  readonly #clock: Clock;
  #why = 'not connected yet';
  /** The server refused the number of the database: ioredis goes on with database 0, whose keys are not ours. */
  #wrongDatabase = false;

  constructor(client: Redis | Cluster, clock: Clock) {
    this.#client = client;
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

  async ping(): Promise<void> {
    this.#mustBeReady();
    try {
      await this.#client.ping();
    } catch (error) {
      throw replyFault(error);
    }
  }

  close(): void {
    this.#client.disconnect(false);
  }

  #mustBeReady(): void {
    if (this.#client.status === 'ready' && !this.#wrongDatabase) return;
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

/** The first word of a reply's error, which is its kind; the rest may repeat what was asked. */
function replyWord(error: unknown): string {
  if (!(error instanceof Error)) return codeOf(error);
  if (/^(Connection is closed|Stream isn't writeable)/.test(error.message)) return 'not connected';
  if (error.name !== 'ReplyError') return codeOf(error);
  if (/DB index/i.test(error.message)) return 'there is no database of that number';
  if (/invalid password/i.test(error.message)) return 'WRONGPASS';
  return /^[A-Z]{2,20}/.exec(error.message)?.[0] ?? 'an error';
}

function replyFault(error: unknown): StoreFault {
  const word = replyWord(error);
  return word === 'WRONGTYPE'
    ? new StoreFault('malformed', 'redis: the key holds a value of another type')
    : faultOf(error instanceof StoreFault ? error : new StoreFault('down', `redis: ${word}`), 'redis');
}

function common(spec: DriverSpec) {
  const { url, deadlineMs, tls } = spec;
  return {
    ...(url.username === null ? {} : { username: url.username }),
    ...(url.password === null ? {} : { password: url.password }),
    // A cluster or sentinels lead to hosts of other names.
    ...(tls === null ? {} : { tls: tlsOptions(tls, url.scheme === 'rediss' ? url.hosts[0]!.host : '') }),
    connectionName: 'limpet',
    disableClientInfo: true,
    // Nothing of the third version is used, and proxies in front of Redis know only the second.
    protocol: 2,
    connectTimeout: settleMs(deadlineMs),
    // A hung server is cut off, and with it the questions that nobody waits for any more.
    socketTimeout: settleMs(deadlineMs),
    // What cannot be asked now is a fault now; what was cut off is not asked again.
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
  } as const satisfies RedisOptions;
}

function openSingle(spec: DriverSpec): Redis {
  const { url, random } = spec;
  const unix = url.scheme === 'redis+unix';
  const text = unix ? (url.parameters.get('db') ?? '') : url.path.slice(1);
  return new Redis({
    ...common(spec),
    ...(unix ? { path: url.path } : url.hosts[0]),
    db: databaseOf(text, storeLabel(url)),
    retryStrategy: (times) => backOffMs(times, random),
  });
}

function openSentinel(spec: DriverSpec, replica: boolean): Redis {
  const { url, random, tls } = spec;
  const [, name = '', database = '', ...rest] = url.path.split('/');
  if (name === '' || rest.length > 0)
    throw new StoreProblem(
      'the URL does not name the sentinels’ master',
      'redis+sentinel://HOST:26379/MASTER/0',
    );
  const username = url.parameters.get('sentinelUsername');
  const password = url.parameters.get('sentinelPassword');
  return new Redis({
    ...common(spec),
    sentinels: [...url.hosts],
    name,
    role: replica ? 'slave' : 'master',
    db: databaseOf(database, storeLabel(url)),
    ...(username === undefined ? {} : { sentinelUsername: username }),
    ...(password === undefined ? {} : { sentinelPassword: password }),
    ...(tls === null ? {} : { enableTLSForSentinelMode: true, sentinelTLS: tlsOptions(tls, '') }),
    sentinelCommandTimeout: settleMs(spec.deadlineMs),
    sentinelRetryStrategy: (times) => backOffMs(times, random),
    sentinelReconnectStrategy: (times) => backOffMs(times, random),
    retryStrategy: (times) => backOffMs(times, random),
    failoverDetector: true,
  });
}

function openCluster(spec: DriverSpec, replica: boolean): Cluster {
  const { url, random, tls } = spec;
  if (databaseOf(url.path.slice(1), storeLabel(url)) !== 0)
    throw new StoreProblem('a Redis cluster has database 0 only', 'redis+cluster://HOST:6379');
  const { enableOfflineQueue: _single, ...node } = common(spec);
  const options = {
    redisOptions: node,
    scaleReads: replica ? 'slave' : 'master',
    // A node is connected to when it is first asked; the questions wait, for as long as connecting may take.
    enableOfflineQueue: true,
    // Followed, since a slot may have moved; anything else is a fault and not asked again.
    maxRedirections: 3,
    retryDelayOnFailover: 0,
    retryDelayOnClusterDown: 0,
    retryDelayOnTryAgain: 0,
    slotsRefreshTimeout: settleMs(spec.deadlineMs),
    clusterRetryStrategy: (times) => backOffMs(times, random),
    // Certificates name hosts, so hosts stay names.
    ...(tls === null ? {} : { dnsLookup: asName }),
  } satisfies ClusterOptions;
  return new Cluster([...url.hosts], options);
}

const asName: DNSLookupFunction = (host, done) => done(null, host);

function databaseOf(text: string, label: string): number {
  if (text === '' || text === '/') return 0;
  if (/^\d{1,5}$/.test(text)) return Number(text);
  throw new StoreProblem(`${label} does not end in the number of a database`, 'redis://HOST:6379/0');
}
