// Turns pools as read, long or short, into the pools that run, and checks each as a whole.
import type { BalanceOptions } from '../balance/options.ts';
import type { PoolConfig, UpstreamConfig, UpstreamTlsConfig } from './config.ts';
import { blame, blameKey, type Draft, items, warn } from './draft.ts';
import { resolveAffinity } from './resolve-affinity.ts';
import { checkErrorStatuses, resolveHealth } from './resolve-health.ts';
import { resolveRetries, resolveTimeouts } from './resolve-timing.ts';
import { pool as poolSchema } from './schema/pool.ts';
import type { ReadPool, ReadUpstream } from './schema/root.ts';
import { quote } from './units.ts';

/** Top-level keys that stand for the same key of pool `default`. */
const SHORT = ['balance', 'affinity', 'continuity', 'health', 'retries', 'timeouts'] as const;
/** Timeouts that hold before a route, and so a pool, is known. */
const CLIENT_TIMEOUTS = ['head', 'idle'];

/** All pools, the one of the short keys among them. */
export function resolvePools(draft: Draft): PoolConfig[] {
  const { read, places } = draft;
  const pools: PoolConfig[] = [];
  const short = places.has('upstreams');
  if (short && places.has('pools.default')) {
    blameKey(
      draft,
      'upstreams',
      '`upstreams` is short for pool `default`, which `pools` has too',
      'one of them',
    );
  }
  if (short) pools.push(resolvePool(draft, 'default', shortPool(draft), (key) => key));
  for (const [name, pool] of Object.entries(read.pools ?? {})) {
    const path = `pools.${name}`;
    const own = (key: string) => `${path}.${key}`;
    if (name !== 'default' || short) {
      if (name !== 'default' || !short) pools.push(resolvePool(draft, name, pool, own));
      continue;
    }
    const given = SHORT.filter((key) => places.has(key));
    for (const key of given.filter((key) => places.has(own(key)))) {
      blameKey(draft, key, `\`${key}\` stands for pool \`default\`, which has its own`, 'one of them');
    }
    const taken = Object.fromEntries(given.map((key) => [key, read[key]])) as Partial<ReadPool>;
    const at = (key: string) => ((given as readonly string[]).includes(key) ? key : own(key));
    pools.push(resolvePool(draft, name, { ...pool, ...taken }, at));
  }
  if (!short && !places.has('pools.default')) checkIdleShortKeys(draft);
  return pools;
}

/** Pool `default` as its short keys say it. */
function shortPool(draft: Draft): ReadPool {
  const { read, reader } = draft;
  const rest = reader.defaultsWithin(poolSchema);
  const { balance, affinity, continuity, health, retries, timeouts } = read;
  const own = { balance, affinity, continuity, health, retries, timeouts };
  return { ...rest, upstreams: read.upstreams ?? [], ...own };
}

/** Short keys for a pool that is not there would do nothing; of the timeouts, those of the client's side hold for all. */
function checkIdleShortKeys(draft: Draft): void {
  const known = Object.keys(draft.read.pools ?? {})[0] ?? 'NAME';
  for (const key of SHORT) {
    if (key !== 'timeouts' && draft.places.has(key)) {
      blameKey(
        draft,
        key,
        `\`${key}\` stands for pool \`default\`, which is not there`,
        `pools.${known}.${key}`,
      );
    }
  }
  for (const key of Object.keys(draft.read.timeouts ?? {})) {
    const path = `timeouts.${key}`;
    if (!draft.places.has(path) || CLIENT_TIMEOUTS.includes(key)) continue;
    blameKey(
      draft,
      path,
      `\`${path}\` stands for pool \`default\`, which is not there`,
      `pools.${known}.${path}`,
    );
  }
}

function resolvePool(draft: Draft, name: string, read: ReadPool, at: (key: string) => string): PoolConfig {
  const upstreams = items(read.upstreams, at('upstreams')).map(([upstream, path]) =>
    resolveUpstream(draft, upstream, path, read.proxyProtocol),
  );
  checkUpstreams(draft, upstreams, read, at('upstreams'));
  const { keepAlive, host, queue } = read;
  const bounded = read.maxConnections > 0 || upstreams.some((upstream) => upstream.maxConnections > 0);
  if (queue.max > 0 && !bounded) {
    warn(
      draft,
      at('queue.max'),
      'nobody ever waits, since nothing here has `maxConnections`',
      'maxConnections: 100',
    );
  }
  if (read.retries !== false) checkErrorStatuses(draft, read.retries.statuses, `${at('retries')}.statuses`);
  const kept = keepAlive === false ? null : keepAlive;
  return {
    name,
    upstreams,
    balance: resolveBalance(read.balance),
    affinity: resolveAffinity(draft, read.affinity, at('affinity')),
    // The session blocks before it have a word in this, which are read later.
    continuity: null,
    health: resolveHealth(draft, read.health, at('health')),
    timeouts: resolveTimeouts(draft, read.timeouts ?? {}),
    retries: resolveRetries(read.retries),
    host: host === 'keep' || host === 'upstream' ? host : { value: host },
    maintenance: read.maintenance ?? null,
    maxConnections: read.maxConnections,
    queue: { max: queue.max, timeoutMs: queue.timeout },
    slowStartMs: read.slowStart,
    keepAlive: {
      idle: kept?.idle ?? 0,
      idleTimeoutMs: kept?.idleTimeout ?? 0,
      maxAgeMs: kept?.maxAge ?? 0,
      requests: kept?.requests ?? 1,
    },
    resolveMs: read.resolve,
  };
}

function resolveBalance(read: ReadPool['balance']): BalanceOptions {
  if (typeof read === 'string') return { kind: read, hash: null, hashLoad: Number.POSITIVE_INFINITY };
  // A block without its required key is blamed already, and read without it.
  const hash: typeof read.hash | undefined = read.hash;
  return { kind: 'hash', hash: hash?.on ?? null, hashLoad: hash?.load ?? Number.POSITIVE_INFINITY };
}

function resolveUpstream(
  draft: Draft,
  read: ReadUpstream,
  path: string,
  poolsProtocol: ReadPool['proxyProtocol'],
): UpstreamConfig {
  const long = 'weight' in read;
  const address = long ? read.url : read;
  const { url, scheme, host, port, socketPath } = address ?? UNREAD;
  return {
    name: (long ? read.name : undefined) ?? address?.defaultName ?? '',
    url,
    scheme,
    host,
    port,
    socketPath,
    weight: long ? read.weight : 1,
    maxConnections: long ? read.maxConnections : 0,
    backup: long ? read.backup : false,
    wanted: long ? read.wanted : 'ready',
    tls: resolveTls(draft, long ? read : null, scheme, path),
    proxyProtocol: ((long ? read.proxyProtocol : undefined) ?? poolsProtocol) || null,
  };
}

/** Stands in for an address that could not be read and is blamed already. */
const UNREAD = { url: '', scheme: 'https', host: null, port: 0, socketPath: null } as const;

function resolveTls(
  draft: Draft,
  read: Extract<ReadUpstream, { weight: number }> | null,
  scheme: 'http' | 'https',
  path: string,
): UpstreamTlsConfig | null {
  const tls = read?.tls;
  if (scheme === 'http') {
    if (tls !== undefined)
      blameKey(draft, `${path}.tls`, '`tls` is for `https:` upstreams', 'url: https://…');
    return null;
  }
  const at = `${path}.tls`;
  if (draft.places.has(`${at}.cert`) !== draft.places.has(`${at}.key`)) {
    blame(draft, at, 'a certificate and its key belong together', 'cert: client.pem, key: client.key');
  }
  if (tls?.serverName?.startsWith('*')) {
    blame(draft, `${at}.serverName`, 'this is the name of one host', tls.serverName.slice(2));
  }
  if (tls?.verify === false) {
    warn(
      draft,
      `${at}.verify`,
      'anybody on the way can pose as this upstream',
      'ca: the authority that signed its certificate',
    );
  }
  return {
    verify: tls?.verify ?? true,
    serverName: tls?.serverName ?? null,
    ca: tls?.ca ?? null,
    cert: tls?.cert ?? null,
    key: tls?.key ?? null,
  };
}

function checkUpstreams(
  draft: Draft,
  upstreams: readonly UpstreamConfig[],
  read: ReadPool,
  path: string,
): void {
  const names = new Map<string, string>();
  const addresses = new Map<string, string>();
  let next = 0;
  for (const [, at] of items(read.upstreams, path)) {
    const upstream = upstreams[next++]!;
    if (upstream.name === '') continue;
    const address = upstream.socketPath ?? `${upstream.scheme}://${upstream.host}:${upstream.port}`;
    const named = draft.places.has(`${at}.name`) ? `${at}.name` : at;
    if (names.has(upstream.name)) {
      const why = `the name ${quote(upstream.name)} is that of ${names.get(upstream.name)} too`;
      blame(draft, named, why, 'a name of its own: users are kept by it');
    } else if (addresses.has(address)) {
      warn(
        draft,
        at,
        `this is the address of ${addresses.get(address)} too`,
        'one upstream with a greater `weight`',
      );
    }
    names.set(upstream.name, at);
    addresses.set(address, at);
  }
  // An item that could not be read might be the one that is missing here.
  if (upstreams.length === 0 || upstreams.length < (read.upstreams ?? []).length) return;
  if (upstreams.every((upstream) => upstream.backup)) {
    blameKey(draft, path, 'all upstreams are backups, of nothing', 'one without `backup: true`');
  }
  if (upstreams.every((upstream) => upstream.weight === 0)) {
    draft.findings.warning(
      draft.places.key(path),
      path,
      'with every weight 0 nobody new is let in',
      'a `weight` of 1 or more',
    );
  }
}
