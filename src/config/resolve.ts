// Turns a whole config as read into the Config that runs, and checks what only the whole shows.
// biome-ignore-all lint/suspicious/noTemplateCurlyInString: `${ENV}` is the notation of the config itself.
import { formatBind, isLoopback } from './addresses.ts';
import type {
  AdminConfig,
  AdminToken,
  Bind,
  Config,
  ListenerConfig,
  PoolConfig,
  TimeoutOptions,
} from './config.ts';
import { blame, blameKey, type Draft, items, warn } from './draft.ts';
import { checkChallenges } from './resolve-acme.ts';
import { resolveAdminTls } from './resolve-admin-tls.ts';
import { checkCookieNames, checkSessionHomes } from './resolve-affinity.ts';
import { resolveContinuity } from './resolve-continuity.ts';
import { RateLimits, resolveAccess } from './resolve-limit.ts';
import { resolveLog } from './resolve-log.ts';
import { resolvePools } from './resolve-pool.ts';
import { resolveRevocation } from './resolve-revocation.ts';
import { resolveRoutes } from './resolve-route.ts';
import { resolveSessions, sessionNames } from './resolve-session.ts';
import { overSwitches, resolveLimits, resolveTimeouts } from './resolve-timing.ts';
import { resolveListenerTls } from './resolve-tls.ts';
import { resolveSigning } from './resolve-token.ts';
import { resolveTracing } from './resolve-tracing.ts';
import { quote } from './units.ts';

/** A shorter token can be guessed: 16 random bytes are 128 bits. */
const TOKEN_BYTES = 16;

/** The Config; good only when nothing was found wrong on the way. */
export function resolveConfig(draft: Draft, file: string): Config {
  const { read } = draft;
  const pools = resolvePools(draft);
  const sessions = resolveSessions(draft, file, pools);
  const rateLimits = new RateLimits(draft, file);
  const routes = resolveRoutes(draft, pools, sessionNames(draft), rateLimits);
  rateLimits.checkUnused();
  checkSessionHomes(draft, routes, pools);
  checkCookieNames(draft, routes, pools);
  if (!['upstreams', 'pools', 'routes'].some((key) => draft.places.isMeant(key))) {
    draft.findings.error(
      { start: 0, end: 0 },
      '',
      'there is nothing to serve',
      'upstreams: [http://127.0.0.1:3000]',
    );
  }
  const listeners = resolveListeners(draft, file);
  const admin = resolveAdmin(draft);
  checkBinds(draft, listeners, admin);
  return {
    file,
    listeners,
    workers: read.workers === 0 ? null : read.workers,
    watch: read.watch,
    trustedProxies: items(read.trustedProxies, '').map(([network]) => network),
    routes,
    pools: resolveContinuity(draft, pools, routes, sessions),
    sessions,
    revocation: resolveRevocation(draft),
    signing: resolveSigning(draft, sessions, routes),
    limits: resolveLimits(read.limits),
    access: resolveAccess(draft, read, '', file),
    sharedLimits: rateLimits.shared,
    timeouts: clientTimeouts(draft, pools),
    http: overSwitches(read, {}),
    errors: read.errors,
    admin,
    log: resolveLog(draft, file),
    tracing: resolveTracing(draft),
    shutdown: { delayMs: read.shutdown.delay, deadlineMs: read.shutdown.deadline },
  };
}

function resolveListeners(draft: Draft, file: string): ListenerConfig[] {
  const { read, places } = draft;
  const short = places.has('listen');
  if (short && places.has('listeners')) {
    blameKey(
      draft,
      'listen',
      '`listen` is short for one listener, and `listeners` has them all',
      'one of them',
    );
  }
  if (!places.isMeant('listen') && !places.isMeant('listeners')) {
    draft.findings.error({ start: 0, end: 0 }, '', 'there is nothing to listen on', 'listen: 8080');
  }
  const listeners: ListenerConfig[] = [];
  if (read.listen !== undefined)
    listeners.push({
      name: formatBind(read.listen),
      bind: read.listen,
      proxyProtocol: false,
      tls: null,
      redirectPort: null,
    });
  const names = new Set<string>();
  for (const [listener, path] of items(read.listeners, 'listeners')) {
    if (listener.bind === undefined) continue;
    const name = listener.name ?? formatBind(listener.bind);
    if (listener.name !== undefined && names.has(name)) {
      blame(
        draft,
        `${path}.name`,
        `the name ${quote(name)} is that of another listener`,
        'a name of its own',
      );
    }
    names.add(name);
    listeners.push({
      name,
      bind: listener.bind,
      proxyProtocol: listener.proxyProtocol,
      tls: resolveListenerTls(draft, listener, path, file),
      redirectPort: listener.redirectToHttps === 0 ? null : listener.redirectToHttps,
    });
    checkProxyProtocol(draft, listener.proxyProtocol, listener.bind, `${path}.proxyProtocol`);
  }
  checkChallenges(draft, listeners);
  return listeners;
}

/** Without anybody whose header is believed nobody can connect. A unix socket's peers have no address: who may open it is trusted. */
function checkProxyProtocol(draft: Draft, on: boolean, bind: Bind, path: string): void {
  if (!on || bind.kind === 'unix' || draft.read.trustedProxies.length > 0) return;
  if (draft.places.isUnread('trustedProxies')) return;
  const why =
    'nobody can connect here: PROXY headers are believed from `trustedProxies` only, and there are none';
  warn(draft, path, why, 'trustedProxies: [10.0.0.0/8]');
}

function resolveAdmin(draft: Draft): AdminConfig | null {
  const { admin } = draft.read;
  if (admin === false) return null;
  const tokens: AdminToken[] = [];
  const names = new Set<string>();
  for (const [written, path] of items(admin.tokens, 'admin.tokens')) {
    const long =
      typeof written === 'string' ? { token: written, name: undefined, access: 'full' as const } : written;
    if (long.token === undefined) continue;
    const at = draft.places.has(`${path}.token`) ? `${path}.token` : path;
    const name = long.name ?? `token-${tokens.length + 1}`;
    // RFC 6750 section 2.1: what a bearer token is made of.
    if (!/^[A-Za-z0-9._~+/-]+=*$/.test(long.token)) {
      blame(
        draft,
        at,
        'this token holds characters that `Authorization` cannot carry',
        'openssl rand -hex 32',
      );
    } else if (long.token.length < TOKEN_BYTES) {
      warn(
        draft,
        at,
        `a token of less than ${TOKEN_BYTES} characters can be guessed`,
        'openssl rand -hex 32',
      );
    }
    if (names.has(name))
      blame(draft, `${path}.name`, `the name ${quote(name)} is that of another token`, 'a name of its own');
    if (tokens.some((other) => other.token === long.token))
      blame(draft, at, 'this token is there twice', 'a token each');
    names.add(name);
    tokens.push({ name, token: long.token, access: long.access });
  }
  if (!isLoopback(admin.bind) && !draft.places.isMeant('admin.tokens')) {
    const why = 'the admin API listens beyond this machine, where it needs `tokens`';
    blame(draft, 'admin.bind', why, 'tokens: ["${LIMPET_ADMIN_TOKEN}"], or bind: 127.0.0.1:9090');
  } else if (!isLoopback(admin.bind) && admin.tokens.length === 0 && !draft.places.isUnread('admin.tokens')) {
    blame(
      draft,
      'admin.tokens',
      'the admin API listens beyond this machine, where it needs a token',
      '["${LIMPET_ADMIN_TOKEN}"]',
    );
  }
  return {
    bind: admin.bind,
    tokens,
    probes: admin.probes === false ? null : admin.probes,
    userWindowMs: admin.userWindow,
    tls: resolveAdminTls(draft),
  };
}

/** Two servers cannot have one address, and an address of every interface takes its port on each. */
function checkBinds(draft: Draft, listeners: readonly ListenerConfig[], admin: AdminConfig | null): void {
  const binds: [path: string, bind: Bind][] = [];
  let next = draft.read.listen === undefined ? 0 : 1;
  if (next === 1) binds.push(['listen', listeners[0]!.bind]);
  for (const [listener, path] of items(draft.read.listeners, 'listeners')) {
    if (listener.bind !== undefined) binds.push([`${path}.bind`, listeners[next++]!.bind]);
  }
  if (admin !== null) {
    binds.push(['admin.bind', admin.bind]);
    if (admin.probes !== null) binds.push(['admin.probes', admin.probes]);
  }
  binds.forEach((later, i) => {
    const earlier = binds.slice(0, i).find(([, other]) => collide(later[1], other));
    if (earlier === undefined) return;
    // What is not written cannot be blamed: the admin API's default address gives way to no one, but stands nowhere.
    const [[path, bind], [first, taken]] = draft.places.has(later[0]) ? [later, earlier] : [earlier, later];
    blame(draft, path, `${formatBind(bind)} is taken by \`${first}\` (${formatBind(taken)})`, 'another port');
  });
}

function collide(a: Bind, b: Bind): boolean {
  if (a.kind === 'unix' || b.kind === 'unix')
    return a.kind === 'unix' && b.kind === 'unix' && a.path === b.path;
  // The system gives each its own port for 0.
  if (a.port !== b.port || a.port === 0) return false;
  return (
    a.host.toLowerCase() === b.host.toLowerCase() ||
    [a.host, b.host].some((host) => host === '0.0.0.0' || host === '::')
  );
}

/** Timeouts before a route is known: those at the top, else those of the one pool that there can be no doubt about. */
function clientTimeouts(draft: Draft, pools: readonly PoolConfig[]): TimeoutOptions {
  const { places, read } = draft;
  const only = pools.find((pool) => pool.name === 'default') ?? (pools.length === 1 ? pools[0] : undefined);
  const top = places.has('timeouts');
  for (const pool of pools) {
    if (pool === only && !top) continue;
    for (const key of ['head', 'idle']) {
      const path = `pools.${pool.name}.timeouts.${key}`;
      if (!places.has(path)) continue;
      const why = `\`${key}\` holds before a pool is known, so it does nothing here`;
      draft.findings.warning(places.key(path), path, why, `timeouts: { ${key}: … } at the top`);
    }
  }
  return only !== undefined && !top ? only.timeouts : resolveTimeouts(draft, read.timeouts ?? {});
}
