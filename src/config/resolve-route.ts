// Turns routes as read into the routes that run, with what they inherit, and refuses those that contradict each other.
import type { RoutePath } from './addresses.ts';
import type { FieldEdits, PoolConfig, RouteAction, RouteConfig } from './config.ts';
import { blame, blameKey, type Draft, items, whole } from './draft.ts';
import { nearest } from './nearest.ts';
import { resolveCors } from './resolve-cors.ts';
import { checkNames, resolveEdits } from './resolve-fields.ts';
import { checkErrorStatuses } from './resolve-health.ts';
import { type RateLimits, resolveAccess } from './resolve-limit.ts';
import {
  NO_RETRIES,
  overLimits,
  overRetries,
  overSwitches,
  overTimeouts,
  resolveLimits,
  resolveTimeouts,
} from './resolve-timing.ts';
import type { ReadRoute } from './schema/root.ts';
import { quote } from './units.ts';

const REDIRECTS = [301, 302, 303, 307, 308];
const NO_EDITS: FieldEdits = { set: [], add: [], remove: [] };

/** All routes; without any, the one to the pool that is meant. */
export function resolveRoutes(
  draft: Draft,
  pools: readonly PoolConfig[],
  sessions: readonly string[],
  limits: RateLimits,
): RouteConfig[] {
  const { read, places } = draft;
  if (places.has('routes')) {
    const routes = items(read.routes, 'routes').map(([route, path], at) =>
      resolveSides(draft, route, path, at, pools, sessions, limits),
    );
    checkDuplicates(
      draft,
      routes.map(([first]) => first!),
    );
    checkUnused(draft);
    checkRest(draft, routes.flat());
    checkUnusedSessions(draft, routes.flat(), sessions);
    return routes.flat();
  }
  const names = poolNames(draft);
  const name = names.includes('default') ? 'default' : names.length === 1 ? names[0] : undefined;
  const pool = pools.find((candidate) => candidate.name === name);
  if (name === undefined) {
    if (names.length > 1)
      blameKey(
        draft,
        'pools',
        'nothing says which pool gets which request',
        'routes: [{ path: /, pool: NAME }]',
      );
    return [];
  }
  if (pool === undefined) return [];
  return [
    {
      name: '/',
      host: null,
      path: '/',
      exact: false,
      methods: null,
      action: { kind: 'pool', pool: pool.name },
      split: null,
      requestFields: NO_EDITS,
      responseFields: NO_EDITS,
      rewrite: { stripPrefix: null, addPrefix: null, path: null },
      sessions: sessions.includes('default') ? ['default'] : [],
      cors: null,
      affinity: true,
      rateLimits: [],
      access: null,
      timeouts: pool.timeouts,
      limits: resolveLimits(read.limits),
      retries: pool.retries,
      http: overSwitches(read, {}),
    },
  ];
}

/** Names of all pools that are written, also of such as could not be read. */
export function poolNames(draft: Draft): string[] {
  const named = Object.keys(draft.read.pools ?? {});
  return draft.places.has('upstreams') && !named.includes('default') ? ['default', ...named] : named;
}

/** The route, or one for each pool that shares its users. At least one. */
function resolveSides(
  draft: Draft,
  read: ReadRoute,
  path: string,
  at: number,
  pools: readonly PoolConfig[],
  sessions: readonly string[],
  limits: RateLimits,
): RouteConfig[] {
  const action = resolveAction(draft, read, path);
  if (read.pools === undefined) return [resolveRoute(draft, read, path, pools, sessions, action, limits)];
  checkSplit(draft, read, path, pools);
  return read.pools.map(({ pool, weight }, i) => ({
    ...resolveRoute(draft, read, path, pools, sessions, { kind: 'pool', pool }, limits),
    split: { group: at, first: i === 0, weight },
  }));
}

function checkSplit(draft: Draft, read: ReadRoute, path: string, pools: readonly PoolConfig[]): void {
  const known = poolNames(draft);
  const sides = read.pools ?? [];
  for (const [i, { pool }] of sides.entries()) {
    const at = `${path}.pools[${i}].pool`;
    if (!known.includes(pool))
      blame(draft, at, `there is no pool ${quote(pool)}`, nearest(pool, known) ?? known.join(', '));
    else if (sides.findIndex((side) => side.pool === pool) < i)
      blame(draft, at, `the pool ${quote(pool)} is there twice`, 'each once');
  }
  if (sides.every(({ weight }) => weight === 0))
    blame(draft, `${path}.pools`, 'no side has any weight', 'a weight above 0 for one of them');
  // A pool that is not there has no cookie either, and that is not what is wrong.
  if (sides.some(({ pool }) => !known.includes(pool))) return;
  const cookies = sides.map(({ pool }) => pools.find(({ name }) => name === pool)?.affinity?.cookie ?? null);
  const inserted = cookies.filter((cookie) => cookie !== null && cookie.mode === 'insert');
  const first = inserted[0];
  // Each user has one nonce, by which both pools must know him.
  if (first == null || !read.affinity) return;
  const alike = inserted.every(
    (cookie) => cookie?.name === first.name && cookie.path === first.path && cookie.domain === first.domain,
  );
  if (alike && inserted.length === sides.length) return;
  const why = 'the pools of a split know their users by one cookie';
  blame(draft, `${path}.pools`, why, 'affinity.cookie of the same name, path and domain in each pool');
}

function resolveRoute(
  draft: Draft,
  read: ReadRoute,
  path: string,
  pools: readonly PoolConfig[],
  sessions: readonly string[],
  action: RouteAction,
  limits: RateLimits,
): RouteConfig {
  const top = draft.read;
  const methods = read.methods === undefined ? null : whole(read.methods);
  // A path that could not be read is blamed already.
  const place = read.path ?? { path: '/', exact: false };
  const pool = action.kind === 'pool' ? pools.find((candidate) => candidate.name === action.pool) : undefined;
  if (action.kind !== 'pool') checkPoolKeys(draft, path, action.kind);
  if (read.retries !== undefined && read.retries !== false) {
    checkErrorStatuses(draft, read.retries.statuses ?? [], `${path}.retries.statuses`);
  }
  const name = nameOf(read.host, place, methods);
  const checks = action.kind === 'pool' ? routeSessions(draft, read, path, sessions) : [];
  return {
    name,
    host: read.host ?? null,
    path: place.path,
    exact: place.exact,
    methods,
    action,
    split: null,
    requestFields: resolveEdits(draft, read.headers.request, `${path}.headers.request`, true),
    responseFields: resolveEdits(draft, read.headers.response, `${path}.headers.response`, false),
    rewrite: resolveRewrite(draft, read, place, path),
    sessions: checks,
    cors: resolveCors(draft, read, path),
    affinity: read.affinity,
    rateLimits: limits.ofRoute(read.rateLimit, name, path, checks.length > 0, action.kind === 'pool'),
    access: resolveAccess(draft, read, path, limits.file),
    timeouts: overTimeouts(pool?.timeouts ?? resolveTimeouts(draft, top.timeouts ?? {}), read.timeouts ?? {}),
    limits: overLimits(resolveLimits(top.limits), read.limits),
    retries: overRetries(pool?.retries ?? NO_RETRIES, read.retries),
    http: overSwitches(top, read),
  };
}

/** The session blocks of a route. */
function routeSessions(draft: Draft, read: ReadRoute, path: string, sessions: readonly string[]): string[] {
  const at = `${path}.session`;
  if (read.session === false) return [];
  if (read.session === undefined)
    return sessions.includes('default') && !draft.places.isMeant(at) ? ['default'] : [];
  const names = typeof read.session === 'string' ? [read.session] : whole(read.session);
  names.forEach((name, i) => {
    const item = draft.places.has(`${at}[${i}]`) ? `${at}[${i}]` : at;
    if (!sessions.includes(name)) {
      const right =
        sessions.length === 0 ? 'sessions: { members: { verify: express-session } }' : sessions.join(', ');
      blame(draft, item, `there is no session block ${quote(name)}`, nearest(name, sessions) ?? right);
    } else if (names.indexOf(name) < i) {
      blame(draft, item, `the session block ${quote(name)} is there twice`, 'each once');
    }
  });
  return names;
}

/** A block that checks nothing is a door that somebody believes to be closed. */
function checkUnusedSessions(
  draft: Draft,
  routes: readonly RouteConfig[],
  sessions: readonly string[],
): void {
  for (const name of sessions) {
    if (routes.some((route) => route.sessions.includes(name))) continue;
    const path = draft.places.has(`sessions.${name}`) ? `sessions.${name}` : 'session';
    const why = `no route is checked by the session block ${quote(name)}`;
    draft.findings.warning(draft.places.key(path), path, why, `session: ${name}, at a route`);
  }
}

/** `shop.example.com/path`; `= ` stands before the path that is exact, and methods come last. */
function nameOf(host: string | undefined, place: RoutePath, methods: readonly string[] | null): string {
  const path = `${host ?? ''}${place.exact ? '=' : ''}${place.path}`;
  return methods === null ? path : `${path} ${methods.join(',')}`;
}

function resolveAction(draft: Draft, read: ReadRoute, path: string): RouteAction {
  const actions = ['pool', 'pools', 'redirect', 'respond', 'jwks'];
  const kinds = actions.filter((key) => draft.places.has(`${path}.${key}`));
  const meant = actions.some((key) => draft.places.isMeant(`${path}.${key}`));
  if (!meant) {
    blame(draft, path, 'this route does not say what becomes of its requests', 'pool, redirect or respond');
  } else if (kinds.length > 1) {
    const why = `a route has one of \`pool\`, \`pools\`, \`redirect\`, \`respond\` and \`jwks\`, not ${kinds.length} of them`;
    blameKey(draft, `${path}.${kinds[1]}`, why, 'one of them');
  }
  if (read.redirect !== undefined) {
    const { to, status } = read.redirect;
    if (!REDIRECTS.includes(status)) {
      blame(draft, `${path}.redirect.status`, `${status} does not lead anywhere`, REDIRECTS.join(', '));
    }
    return { kind: 'redirect', to, status };
  }
  if (read.respond !== undefined) return resolveRespond(draft, read.respond, `${path}.respond`);
  if (draft.places.has(`${path}.jwks`) && !draft.places.isUnread(`${path}.jwks`)) {
    if (!read.jwks) blameKey(draft, `${path}.jwks`, '`jwks` is true, or is left out', 'jwks: true');
    return { kind: 'jwks' };
  }
  const pool = read.pool ?? read.pools?.[0]?.pool ?? '';
  const known = poolNames(draft);
  if (read.pool !== undefined && !known.includes(pool)) {
    const right = nearest(pool, known) ?? (known.join(', ') || 'a pool in `pools`');
    blame(draft, `${path}.pool`, `there is no pool ${quote(pool)}`, right);
  }
  return { kind: 'pool', pool };
}

function resolveRespond(draft: Draft, read: NonNullable<ReadRoute['respond']>, path: string): RouteAction {
  const { status, body } = read;
  if ((status === 204 || status === 304) && body !== '') {
    blameKey(draft, `${path}.body`, `an answer with ${status} has no body`, 'status: 200');
  }
  checkNames(draft, Object.keys(read.headers), `${path}.headers`, false);
  return { kind: 'respond', status, body, headers: Object.entries(read.headers) };
}

/** Keys of a route that only mean something with a pool behind it. */
function checkPoolKeys(draft: Draft, path: string, kind: string): void {
  for (const key of ['rewrite', 'retries', 'affinity', 'session', 'headers.request']) {
    if (!draft.places.has(`${path}.${key}`)) continue;
    blameKey(
      draft,
      `${path}.${key}`,
      `\`${key}\` means nothing for \`${kind}\`, which asks no upstream`,
      'leave it out',
    );
  }
}

function resolveRewrite(draft: Draft, read: ReadRoute, place: RoutePath, at: string): RouteConfig['rewrite'] {
  const path = `${at}.rewrite`;
  const { stripPrefix, addPrefix, path: instead } = read.rewrite;
  if (instead !== undefined && (stripPrefix !== undefined || addPrefix !== undefined)) {
    const why = '`path` replaces the whole path, so `stripPrefix` and `addPrefix` would mean nothing';
    blameKey(draft, `${path}.path`, why, 'path alone, or the others');
  }
  const strip = trimmed(stripPrefix);
  if (strip !== null && !draft.places.isUnread(`${at}.path`) && !`${place.path}/`.startsWith(`${strip}/`)) {
    const why = `the route's path ${quote(place.path)} does not begin with ${quote(strip)}`;
    blame(draft, `${path}.stripPrefix`, why, place.path);
  }
  return { stripPrefix: strip, addPrefix: trimmed(addPrefix), path: instead ?? null };
}

/** A prefix without the `/` at its end; null where that leaves nothing. */
function trimmed(prefix: string | undefined): string | null {
  const bare = prefix?.replace(/\/$/, '') ?? '';
  return bare === '' ? null : bare;
}

/** Two routes for the same request: neither could be said to be the one. */
function checkDuplicates(draft: Draft, routes: readonly RouteConfig[]): void {
  const seen = new Map<string, [route: RouteConfig, path: string][]>();
  items(draft.read.routes, 'routes').forEach(([, path], i) => {
    const route = routes[i]!;
    if (['host', 'path', 'methods'].some((part) => draft.places.isUnread(`${path}.${part}`))) return;
    const key = `${route.host} ${route.exact} ${route.path}`;
    const rivals = seen.get(key) ?? [];
    const rival = rivals.find(([other]) => overlap(other.methods, route.methods));
    if (rival !== undefined) {
      blame(
        draft,
        path,
        `this route is for the same requests as ${rival[1]}`,
        'another host, path or methods',
      );
    }
    seen.set(key, [...rivals, [route, path]]);
  });
}

/** A route that names a method goes before one for all, so those two do not compete. */
function overlap(a: readonly string[] | null, b: readonly string[] | null): boolean {
  if (a === null || b === null) return a === b;
  return a.some((method) => b.includes(method));
}

/** Whoever writes `upstreams` at the top has a site in mind, which a first route for some of it takes off the air. */
function checkRest({ findings, places }: Draft, routes: readonly RouteConfig[]): void {
  if (!places.has('upstreams') || findings.failed) return;
  if (routes.some(({ path, exact }) => path === '/' && !exact)) return;
  findings.warning(
    places.key('routes'),
    'routes',
    'no route is for `/`: what none of them names is answered 404',
    '- { path: /, pool: default } beside them',
  );
}

function checkUnused(draft: Draft): void {
  const used = new Set(
    items(draft.read.routes, 'routes').flatMap(([route]) => [
      route.pool,
      ...(route.pools ?? []).map((side) => side.pool),
    ]),
  );
  const known = poolNames(draft);
  // A route that leads nowhere was probably meant for one of them.
  if ([...used].some((name) => name !== undefined && !known.includes(name))) return;
  for (const name of known) {
    if (used.has(name)) continue;
    const path = draft.places.has(`pools.${name}`) ? `pools.${name}` : 'upstreams';
    draft.findings.warning(
      draft.places.key(path),
      path,
      `no route leads to pool ${quote(name)}`,
      `pool: ${name}`,
    );
  }
}
