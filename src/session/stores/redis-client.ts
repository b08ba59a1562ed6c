// Connections to Redis: alone, a cluster or behind sentinels, each by the URL of its store.
import { Cluster, type ClusterOptions, type DNSLookupFunction, Redis, type RedisOptions } from 'ioredis';
import { backOffMs, codeOf, type DriverSpec, settleMs, tlsOptions } from './driver.ts';
import { LastingRedis } from './lasting-redis.ts';
import { StoreProblem, storeLabel } from './store-url.ts';

/** Connects to the primary, or to the cluster's or the sentinels' replicas. Throws StoreProblem where the URL will never do. */
export function openRedisClient(spec: DriverSpec, replica: boolean): Redis | Cluster {
  const kind = spec.url.scheme.split('+')[1] ?? 'single';
  if (kind === 'cluster') return openCluster(spec, replica);
  return kind === 'sentinel' ? openSentinel(spec, replica) : openSingle(spec);
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
  const options = {
    ...common(spec),
    sentinels: [...url.hosts],
    name,
    role: replica ? ('slave' as const) : ('master' as const),
    db: databaseOf(database, storeLabel(url)),
    ...(username === undefined ? {} : { sentinelUsername: username }),
    ...(password === undefined ? {} : { sentinelPassword: password }),
    ...(tls === null ? {} : { enableTLSForSentinelMode: true, sentinelTLS: tlsOptions(tls, '') }),
    sentinelCommandTimeout: settleMs(spec.deadlineMs),
    sentinelRetryStrategy: (times) => backOffMs(times, random),
    sentinelReconnectStrategy: (times) => backOffMs(times, random),
    retryStrategy: (times) => backOffMs(times, random),
    failoverDetector: true,
  } satisfies RedisOptions;
  return new LastingRedis(options, random);
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

/** The first word of a reply's error, which is its kind; the rest may repeat what was asked. */
export function replyWord(error: unknown): string {
  if (!(error instanceof Error)) return codeOf(error);
  if (/^(Connection is closed|Stream isn't writeable)/.test(error.message)) return 'not connected';
  // ioredis tells so what was asked on a connection that broke.
  if (error.name === 'MaxRetriesPerRequestError') return 'the connection was closed';
  if (error.name !== 'ReplyError') return codeOf(error);
  if (/DB index/i.test(error.message)) return 'there is no database of that number';
  if (/invalid password/i.test(error.message)) return 'WRONGPASS';
  return /^[A-Z]{2,20}/.exec(error.message)?.[0] ?? 'an error';
}
