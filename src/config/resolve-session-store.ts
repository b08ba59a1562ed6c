// Where sessions are kept, out of the config as read: a store that fits the framework, whose driver is there, and that is not read in the clear.
import { isBuiltin } from 'node:module';
import { isIP } from 'node:net';
import type { FormatKind } from '../session/format.ts';
import type { SessionStoreOptions } from '../session/options.ts';
import type { StoreFamily } from '../session/store.ts';
import { STORE_KINDS } from '../session/stores/kinds.ts';
import { STORE_DEFAULTS } from '../session/stores/open-store.ts';
import { parseStoreUrl, StoreProblem, type StoreUrl } from '../session/stores/store-url.ts';
import type { PoolConfig } from './config.ts';
import { blame, blameKey, type Draft, warn } from './draft.ts';
import { isInstalled } from './installed.ts';
import type { ReadSession } from './schema/root.ts';
import { quote } from './units.ts';

type ReadTls = NonNullable<Exclude<NonNullable<ReadSession['store']>, string>['tls']>;

/** The store of a session block; null: it has none, or one that is blamed. */
export function resolveStore(
  draft: Draft,
  read: ReadSession,
  kind: FormatKind,
  verify: string,
  path: string,
  pools: readonly PoolConfig[],
): SessionStoreOptions | null {
  const at = `${path}.store`;
  if (read.store === undefined) {
    if (!kind.storeless && !draft.places.isMeant(at)) blameMissing(draft, kind, verify, path, pools);
    return null;
  }
  if (kind.stores.length > 0) return readStore(draft, read.store, kind.stores, verify, at);
  blameKey(draft, at, `${verify} keeps its sessions in the cookie, and has no store`, 'leave it out');
  return null;
}

/** Who has no store to name has an app that keeps sessions to itself: that app needs affinity, and no session block. */
function blameMissing(
  draft: Draft,
  { memory, stores }: FormatKind,
  verify: string,
  path: string,
  pools: readonly PoolConfig[],
): void {
  const missing = `${verify} keeps its sessions in a store, and this does not say where`;
  const store = `store: ${exampleOf(stores[0])}`;
  if (memory === undefined) {
    blame(draft, path, missing, store);
    return;
  }
  const scattered = pools.find(({ affinity, upstreams }) => affinity === null && upstreams.length > 1);
  const why =
    `${missing}. An app without one has them in its own memory (${memory}), where nobody else can read them: ` +
    'then leave this block out, and let affinity keep users on the instance that knows them';
  if (scattered === undefined) blame(draft, path, why, `${store}, or no session block`);
  else
    blame(
      draft,
      path,
      `${why} (the pool ${quote(scattered.name)} has none)`,
      `${store}, or no session block and affinity: { cookie: {} }`,
    );
}

/** The second store. */
export function resolveRows(
  draft: Draft,
  read: ReadSession,
  kind: FormatKind,
  verify: string,
  path: string,
): SessionStoreOptions | null {
  if (read.rows === undefined) return null;
  const at = `${path}.rows`;
  if (kind.rows !== undefined) return readStore(draft, read.rows, kind.rows, verify, at);
  blameKey(draft, at, `${verify} has no table behind its store`, 'leave it out');
  return null;
}

function readStore(
  draft: Draft,
  read: NonNullable<ReadSession['store']>,
  families: readonly StoreFamily[],
  verify: string,
  at: string,
): SessionStoreOptions | null {
  const long = typeof read === 'string' ? null : read;
  const url = typeof read === 'string' ? read : read.url;
  // A block without its URL is blamed already.
  if (url === undefined) return null;
  const where = draft.places.has(`${at}.url`) ? `${at}.url` : at;
  const parsed = readStoreUrl(draft, url, families, `${verify} is`, long?.tls !== undefined, where, at);
  if (parsed === null) return null;
  const { family } = parsed;
  return {
    ...STORE_DEFAULTS,
    url,
    family,
    prefix: long?.prefix ?? null,
    table: long?.table ?? null,
    ...(long === null
      ? {}
      : {
          replicas: long.replicas,
          deadlineMs: long.deadline,
          concurrency: long.concurrency,
          waiting: long.waiting,
        }),
    tls: readStoreTls(long?.tls),
  };
}

/** How a store is recognised; null: as its URL says. */
export function readStoreTls(tls: ReadTls | undefined): SessionStoreOptions['tls'] {
  if (tls === undefined) return null;
  return { verify: tls.verify, serverName: tls.serverName ?? null, ca: tls.ca ?? null };
}

/** Reads the URL of a store, and says what is wrong with it. `what`: what is kept there, as in `sessions are`. */
export function readStoreUrl(
  draft: Draft,
  url: string,
  families: readonly StoreFamily[],
  what: string,
  tls: boolean,
  where: string,
  at = where,
): StoreUrl | null {
  const parsed = readUrl(draft, url, where);
  if (parsed === null) return null;
  if (!families.includes(parsed.family)) {
    const right = families.map((each) => exampleOf(each)).join(', ');
    blame(draft, at, `${what} not kept in ${parsed.family}`, right);
  }
  checkDriver(draft, parsed.family, at);
  checkPlain(draft, parsed, tls, at);
  return parsed;
}

function readUrl(draft: Draft, url: string, at: string): StoreUrl | null {
  try {
    return parseStoreUrl(url);
  } catch (error) {
    if (!(error instanceof StoreProblem)) throw error;
    blame(draft, at, error.message, error.right);
    return null;
  }
}

/** Drivers that few need come from outside: whether this one is there is better known before the first user. */
function checkDriver(draft: Draft, family: StoreFamily, at: string): void {
  const { install } = STORE_KINDS[family];
  if (install !== null && !isInstalled(install)) {
    blame(draft, at, `the package ${install} is not installed`, `npm install ${install}`);
  }
  if (family === 'sqlite' && !isBuiltin('node:sqlite')) {
    blame(draft, at, `this Node (${process.version}) has no SQLite`, 'Node 22.13 or later');
  }
}

function exampleOf(family: StoreFamily | undefined): string {
  const examples: Readonly<Record<StoreFamily, string>> = {
    redis: 'redis://host:6379/0',
    memcached: 'memcached://host:11211',
    postgres: 'postgres://user@host/database',
    mysql: 'mysql://user@host/database',
    sqlite: 'sqlite:path',
    mongo: 'mongodb://host/database',
    file: 'file:folder',
    http: 'http://host/path',
  };
  return family === undefined ? '' : examples[family];
}

/** Sessions and passwords that cross a network in the clear are anybody's. */
function checkPlain(draft: Draft, url: StoreUrl, tls: boolean, at: string): void {
  if (tls || asksForTls(url)) return;
  const far = url.hosts.find(({ host }) => isFar(host));
  if (far === undefined) return;
  warn(
    draft,
    at,
    `what is kept there crosses the network to ${far.host} without TLS`,
    'a URL that asks for TLS',
  );
}

function asksForTls({ tls, scheme, parameters, text }: StoreUrl): boolean {
  const mode = parameters.get('sslmode');
  if (mode !== undefined) return mode !== 'disable';
  if (tls || /[?&](?:tls|ssl)=true(?:&|$)/.test(text)) return true;
  // MongoDB's driver takes TLS for granted there.
  return scheme === 'mongodb+srv' && !/[?&](?:tls|ssl)=false(?:&|$)/.test(text);
}

/** A name without a dot is one of a private network, as containers and clusters give. */
function isFar(host: string): boolean {
  if (isIP(host) === 6) return host !== '::1' && !/^::ffff:127\./i.test(host);
  return host.includes('.') && !/^127\.|\.localhost$/.test(host);
}
