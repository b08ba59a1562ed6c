// Turns a pool's affinity into its options, and refuses cookies that browsers would refuse or that contradict themselves.
// biome-ignore-all lint/suspicious/noTemplateCurlyInString: `${ENV}` is the notation of the config itself.
import type { AffinityOptions, CookieOptions, SessionHomeOptions } from '../affinity/options.ts';
import { type PoolConfig, type RouteConfig, writtenRoutes } from './config.ts';
import { blame, blameKey, type Draft, items, warn, whole } from './draft.ts';
import { sessionHomes } from './schema/affinity.ts';
import type { ReadPool } from './schema/root.ts';
import { quote } from './units.ts';

type ReadAffinity = Exclude<ReadPool['affinity'], false>;
type ReadCookie = NonNullable<ReadAffinity['cookie']>;

/** How a home may be found. */
const KINDS = ['cookie', 'learned', 'session'];

/** Below this many bytes a secret can be guessed: 16 random bytes are 128 bits. */
const SECRET_BYTES = 16;

export function resolveAffinity(
  draft: Draft,
  read: ReadPool['affinity'],
  path: string,
): AffinityOptions | null {
  if (read === false || read === undefined) return null;
  const { cookie, learned, session, onLost, maxOverload } = read;
  checkKind(draft, session, path);
  const homes = resolveSessionHomes(draft, session);
  return {
    kind: cookie !== undefined ? 'cookie' : homes !== null ? 'session' : 'learned',
    cookie: cookie === undefined ? null : resolveCookie(draft, cookie, `${path}.cookie`),
    learned:
      learned === undefined
        ? null
        : { cookie: learned.cookie, entries: learned.entries, idleMs: learned.idle },
    session: homes,
    onLost,
    maxOverload,
  };
}

/** One way to find a home, not none and not two. */
function checkKind(draft: Draft, session: ReadAffinity['session'], path: string): void {
  const { places } = draft;
  // A block that is written but could not be read is blamed already.
  const [first, second] = KINDS.filter(
    (kind) => places.has(`${path}.${kind}`) && !(kind === 'session' && session === false),
  );
  if (second !== undefined) {
    const why = `\`${first}\` and \`${second}\` are two ways to find a home`;
    blameKey(draft, `${path}.${second}`, why, 'one of them');
  } else if (first === undefined && !KINDS.some((kind) => places.isUnread(`${path}.${kind}`))) {
    const right = 'cookie: {}, session: true or learned: { cookie: session_id }';
    blame(draft, path, 'this does not say how a user is known', right);
  }
}

function resolveSessionHomes(draft: Draft, read: ReadAffinity['session']): SessionHomeOptions | null {
  if (read === undefined || read === false) return null;
  const { by, learn, entries, idle } =
    typeof read === 'object' ? read : draft.reader.defaultsWithin(sessionHomes);
  return { by: read === 'user' ? 'user' : by, learn, entries, idleMs: idle };
}

/** Homes that are found by the session need routes that read one. */
export function checkSessionHomes(
  draft: Draft,
  routes: readonly RouteConfig[],
  pools: readonly PoolConfig[],
): void {
  const paths = items(draft.read.routes, 'routes').map(([, path]) => path);
  for (const { name, affinity } of pools) {
    if (affinity?.kind !== 'session') continue;
    const users = routes.filter((route) => leadsTo(route, name) && route.affinity);
    const blind = users.filter(({ sessions }) => sessions.length === 0);
    if (users.length > blind.length) {
      for (const route of blind) {
        const why = `homes of pool ${quote(name)} are found by the session, and this route reads none: its requests go anywhere`;
        const at = route.split?.group ?? writtenRoutes({ routes }).indexOf(route);
        warn(draft, paths[at] ?? '', why, 'session: NAME, or affinity: false');
      }
    } else if (blind.length > 0) {
      const path = draft.places.has(`pools.${name}.affinity`) ? `pools.${name}.affinity` : 'affinity';
      const why = 'no route to this pool reads a session, so nobody would have a home';
      blameKey(draft, `${path}.session`, why, 'a `session` block, or cookie: {}');
    }
  }
}

/** Two pools that one client meets must not overwrite each other's cookie. The sides of a canary are told apart by the split. */
export function checkCookieNames(
  draft: Draft,
  routes: readonly RouteConfig[],
  pools: readonly PoolConfig[],
): void {
  const users = (pool: string): RouteConfig[] =>
    routes.filter((route) => leadsTo(route, pool) && route.affinity && route.split === null);
  pools.forEach((later, i) => {
    const own = later.affinity?.cookie ?? null;
    if (own === null || own.mode !== 'insert') return;
    const met = users(later.name);
    const earlier = pools.slice(0, i).find(({ name, affinity }) => {
      const cookie = affinity?.cookie ?? null;
      if (cookie === null || cookie.mode !== 'insert') return false;
      if (cookie.name !== own.name || cookie.path !== own.path || cookie.domain !== own.domain) return false;
      return users(name).some((one) => met.some((other) => maySeeOneClient(one, other)));
    });
    if (earlier === undefined) return;
    const at = `pools.${later.name}.affinity`;
    const path = [`${at}.cookie.name`, `${at}.cookie`, at].find((one) => draft.places.has(one)) ?? 'affinity';
    const why = `the cookie ${quote(own.name)} is that of pool ${quote(earlier.name)} too: whoever uses both loses his home at each change`;
    draft.findings.warning(draft.places.key(path), path, why, `cookie: { name: limpet-${later.name} }`);
  });
}

/** Hosts are told apart by browsers; wildcards may be any. */
function maySeeOneClient({ host: a }: RouteConfig, { host: b }: RouteConfig): boolean {
  return a === null || b === null || a === b || a.startsWith('*') || b.startsWith('*');
}

function leadsTo({ action }: RouteConfig, pool: string): boolean {
  return action.kind === 'pool' && action.pool === pool;
}

function resolveCookie(draft: Draft, read: ReadCookie, path: string): CookieOptions {
  const secrets = whole(read.secrets);
  checkSecrets(draft, secrets, path);
  if (read.mode === 'prefix') checkPrefix(draft, read, path);
  else checkAttributes(draft, read, path);
  if (read.mode === 'insert' && read.of !== undefined) {
    blameKey(draft, `${path}.of`, '`of` is for `mode: prefix`', 'mode: prefix');
  }
  return {
    name: read.name,
    secrets,
    maxAgeS: read.maxAge === 0 ? null : Math.floor(read.maxAge / 1000),
    path: read.path,
    domain: read.domain ?? null,
    sameSite: read.sameSite,
    secure: read.secure,
    httpOnly: read.httpOnly,
    partitioned: read.partitioned,
    mode: read.mode,
    of: read.mode === 'prefix' ? (read.of ?? null) : null,
    hide: read.hide,
  };
}

function checkSecrets(draft: Draft, secrets: readonly string[], path: string): void {
  const at = `${path}.secrets`;
  if (!draft.places.isMeant(at)) {
    draft.findings.warning(
      draft.places.key(path),
      path,
      'without `secrets` one is made at start, and users move at every restart',
      'secrets: ["${LIMPET_SECRET}"]',
    );
    return;
  }
  const seen = new Set<string>();
  secrets.forEach((secret, i) => {
    const item = draft.places.has(`${at}[${i}]`) ? `${at}[${i}]` : at;
    if (Buffer.byteLength(secret) < SECRET_BYTES) {
      warn(draft, item, `a secret of less than ${SECRET_BYTES} bytes can be guessed`, 'openssl rand -hex 32');
    }
    if (seen.has(secret)) warn(draft, item, 'this secret is there twice', 'each secret once');
    seen.add(secret);
  });
}

/** The app makes the cookie in `prefix` mode, so its attributes are the app's. */
function checkPrefix(draft: Draft, read: ReadCookie, path: string): void {
  if (read.of === undefined && !draft.places.isMeant(`${path}.of`)) {
    blame(draft, path, "`mode: prefix` needs the name of the app's own cookie", 'of: session_id');
  }
  const own = ['name', 'maxAge', 'path', 'domain', 'sameSite', 'secure', 'httpOnly', 'partitioned', 'hide'];
  for (const key of own) {
    if (draft.places.has(`${path}.${key}`)) {
      blameKey(
        draft,
        `${path}.${key}`,
        `\`${key}\` means nothing for \`mode: prefix\`: the cookie is the app's`,
        'leave it out',
      );
    }
  }
}

/** RFC 6265bis: section 4.1.3 (name prefixes), 4.1.2.7 (`SameSite=None`); CHIPS (`Partitioned`). */
function checkAttributes(draft: Draft, read: ReadCookie, path: string): void {
  const { name, secure, sameSite, partitioned, domain } = read;
  if (sameSite === 'none') needSecure(draft, secure, `${path}.sameSite`, '`sameSite: none`');
  if (partitioned) needSecure(draft, secure, `${path}.partitioned`, '`partitioned`');
  const lower = name.toLowerCase();
  const prefix = ['__host-', '__secure-'].find((start) => lower.startsWith(start));
  if (prefix !== undefined)
    needSecure(draft, secure, `${path}.name`, `a name with \`${name.slice(0, prefix.length)}\``);
  if (prefix === '__host-') {
    if (read.path !== '/') blame(draft, `${path}.path`, 'a name with `__Host-` needs `path: /`', '/');
    if (domain !== undefined) {
      blameKey(
        draft,
        `${path}.domain`,
        'a name with `__Host-` allows no `domain`',
        'leave it out, or use __Secure-',
      );
    }
  }
  // The reader gives 1.5 days as it is written; a cookie's age is in whole seconds.
  if (read.maxAge % 1000 !== 0)
    warn(draft, `${path}.maxAge`, 'a cookie lives whole seconds', `${Math.floor(read.maxAge / 1000)}s`);
}

function needSecure(draft: Draft, secure: ReadCookie['secure'], at: string, what: string): void {
  if (secure === true) return;
  if (secure === false) {
    blame(draft, at, `browsers refuse ${what} without \`secure\``, 'secure: true');
  } else {
    const why = `browsers refuse ${what} without \`secure\`, and \`auto\` leaves it out where the client came without TLS`;
    warn(draft, at, why, 'secure: true');
  }
}
