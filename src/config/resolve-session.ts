// Turns session blocks as read into those that run, and refuses what could check nothing or lets in what it should not.
// biome-ignore-all lint/suspicious/noTemplateCurlyInString: `${ENV}` is the notation of the config itself.
import { createRequire, isBuiltin } from 'node:module';
import { dirname, resolve } from 'node:path';
import type { DataPath } from '../session/data.ts';
import { type FormatKind, FormatProblem } from '../session/format.ts';
import type { OptionSpecs } from '../session/format-options.ts';
import { FORMAT_KINDS, type FormatName } from '../session/kinds.ts';
import { buildSession } from '../session/open-session.ts';
import type { SessionOptions, SessionStoreOptions } from '../session/options.ts';
import type { StoreFamily } from '../session/store.ts';
import { STORE_KINDS } from '../session/stores/kinds.ts';
import { STORE_DEFAULTS } from '../session/stores/open-store.ts';
import { parseStoreUrl, StoreProblem, type StoreUrl } from '../session/stores/store-url.ts';
import { blame, blameKey, type Draft, items, warn, whole } from './draft.ts';
import { resolveExempt, resolveOnFail, resolvePass } from './resolve-session-policy.ts';
import type { ReadSession } from './schema/root.ts';

/** Below this many bytes a secret can be guessed: 16 random bytes are 128 bits. */
const SECRET_BYTES = 16;

/** All session blocks. */
export function resolveSessions(draft: Draft, file: string): SessionOptions[] {
  const { read, places } = draft;
  const blocks = Object.entries(read.sessions ?? {}).map(([name, block]): [string, ReadSession, string] => [
    name,
    block,
    `sessions.${name}`,
  ]);
  if (places.has('session') && read.session !== undefined) {
    if (read.sessions?.default !== undefined)
      blameKey(
        draft,
        'session',
        '`session` is short for `sessions.default`, which is there too',
        'one of them',
      );
    else blocks.unshift(['default', read.session, 'session']);
  }
  return blocks.flatMap(([name, block, path]) => {
    const options = resolveSession(draft, name, block, path, file);
    return options === null ? [] : [options];
  });
}

/** Names of all session blocks that are written, also of such as could not be read. */
export function sessionNames(draft: Draft): string[] {
  const named = Object.keys(draft.read.sessions ?? {});
  return draft.places.isMeant('session') && !named.includes('default') ? ['default', ...named] : named;
}

function resolveSession(
  draft: Draft,
  name: string,
  read: ReadSession,
  path: string,
  file: string,
): SessionOptions | null {
  const verify = resolveVerify(draft, read, path);
  if (verify === null) return null;
  const kind: FormatKind = FORMAT_KINDS[verify.name];
  checkSecrets(draft, read, kind, verify.name, path);
  if (read.cookie === undefined && kind.cookie === null && !draft.places.isMeant(`${path}.cookie`)) {
    blame(draft, path, `${verify.name} has no cookie name of its own`, 'cookie: NAME');
  }
  if (read.user === undefined && kind.user === null && !draft.places.isMeant(`${path}.user`)) {
    blame(
      draft,
      path,
      `where a session of ${verify.name} holds the user id is the app's choice`,
      'user: userId, or user: passport.user',
    );
  }
  if (read.require === 'nothing') {
    warn(
      draft,
      `${path}.require`,
      '`nothing` observes and refuses nobody',
      'login, once the counts are as expected',
    );
  }
  const options: SessionOptions = {
    name,
    verify: verify.name,
    format: formatOptions(kind.options, verify.written, file),
    cookie: read.cookie ?? kind.cookie ?? '',
    secrets: whole(read.secrets),
    user: pathOf(read.user) ?? kind.user ?? [],
    store: resolveStore(draft, read, kind, verify.name, path),
    rows: resolveRows(draft, read, kind, verify.name, path),
    require: read.require,
    exempt: resolveExempt(draft, read, path),
    onFail: resolveOnFail(draft, read, path),
    ambiguous: read.ambiguous,
    cache: read.cache === false ? null : { ttlMs: read.cache.ttl, entries: read.cache.entries },
    pass: resolvePass(draft, read, path),
  };
  if (!draft.findings.failed) tryFormat(draft, options, path);
  return options;
}

interface Verify {
  readonly name: FormatName;
  readonly written: Readonly<Record<string, unknown>>;
}

function resolveVerify(draft: Draft, read: ReadSession, path: string): Verify | null {
  const { verify } = read;
  // What could not be read is blamed already.
  if (verify === undefined) return null;
  if (typeof verify === 'string') return { name: verify as FormatName, written: {} }; // one of the schema's choices
  const named = Object.keys(verify).filter((name) => draft.places.has(`${path}.verify.${name}`));
  const [name] = named;
  if (named.length !== 1 || name === undefined) {
    blame(draft, `${path}.verify`, 'one framework is needed here', '{ express-session: {} }');
    return null;
  }
  const written = (verify as Readonly<Record<string, unknown>>)[name];
  return { name: name as FormatName, written: (written ?? {}) as Readonly<Record<string, unknown>> }; // keys of the schema
}

/** The format's options in its own units: seconds for durations, null for what was left out, absolute paths. */
function formatOptions(
  specs: OptionSpecs,
  written: Readonly<Record<string, unknown>>,
  file: string,
): Readonly<Record<string, unknown>> {
  const entries = Object.entries(specs).map(([name, spec]) => {
    const value = written[name];
    if (value === undefined) {
      if ('default' in spec) return [name, spec.default];
      return [name, spec.kind === 'secrets' ? [] : null];
    }
    if (spec.kind === 'seconds') {
      const seconds = (value as number) / 1000; // the schema reads durations to numbers
      return [name, Number.isFinite(seconds) ? seconds : null];
    }
    if (spec.kind === 'texts' || spec.kind === 'secrets') return [name, whole(value as readonly unknown[])];
    return [name, spec.kind === 'path' ? resolve(dirname(file), String(value)) : value];
  });
  return Object.fromEntries(entries);
}

function checkSecrets(draft: Draft, read: ReadSession, kind: FormatKind, verify: string, path: string): void {
  const at = `${path}.secrets`;
  const secrets = whole(read.secrets);
  if (kind.secrets === 'none' && secrets.length > 0) {
    blameKey(draft, at, `${verify} signs nothing, so it has no use for \`secrets\``, 'leave it out');
  } else if (kind.secrets === 'needed' && secrets.length === 0 && !draft.places.isMeant(at)) {
    blame(
      draft,
      path,
      `without the app's secret ${verify} cannot be checked`,
      'secrets: ["${SESSION_SECRET}"]',
    );
  }
  for (const [secret, item] of items(read.secrets, at)) {
    if (Buffer.byteLength(secret) < SECRET_BYTES) {
      const here = draft.places.has(item) ? item : at;
      warn(draft, here, `a secret of less than ${SECRET_BYTES} bytes can be guessed`, 'openssl rand -hex 32');
    }
  }
}

function resolveStore(
  draft: Draft,
  read: ReadSession,
  kind: FormatKind,
  verify: string,
  path: string,
): SessionStoreOptions | null {
  const at = `${path}.store`;
  if (read.store === undefined) {
    if (kind.storeless || draft.places.isMeant(at)) return null;
    blame(
      draft,
      path,
      `${verify} keeps its sessions in a store, and this does not say where. Sessions in the memory of the app cannot be checked from outside: they need affinity`,
      `store: ${exampleOf(kind.stores[0])}`,
    );
    return null;
  }
  if (kind.stores.length > 0) return readStore(draft, read.store, kind.stores, verify, at);
  blameKey(draft, at, `${verify} keeps its sessions in the cookie, and has no store`, 'leave it out');
  return null;
}

/** The second store. */
function resolveRows(
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
  const parsed = readUrl(draft, url, draft.places.has(`${at}.url`) ? `${at}.url` : at);
  if (parsed === null) return null;
  const { family } = parsed;
  if (!families.includes(family)) {
    blame(
      draft,
      at,
      `${verify} is not kept in ${family}`,
      families.map((each) => exampleOf(each)).join(', '),
    );
  }
  checkDriver(draft, family, at);
  checkPlain(draft, parsed, long?.tls !== undefined, at);
  const tls = long?.tls;
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
    tls:
      tls === undefined
        ? null
        : { verify: tls.verify, serverName: tls.serverName ?? null, ca: tls.ca ?? null },
  };
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

function isInstalled(name: string): boolean {
  try {
    createRequire(import.meta.url).resolve(name);
    return true;
  } catch {
    return false;
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
  if (url.tls || tls || url.parameters.has('sslmode') || /[?&]tls=true/.test(url.text)) return;
  // A name without a dot is one of a private network, as containers and clusters give.
  const far = url.hosts.find(({ host }) => host.includes('.') && !host.startsWith('127.'));
  if (far === undefined) return;
  warn(draft, at, `sessions cross the network to ${far.host} without TLS`, 'a URL that asks for TLS');
}

function pathOf(read: ReadSession['user']): DataPath | null {
  if (read === undefined) return null;
  return typeof read === 'string' ? read.split('.') : whole(read);
}

/** Builds the format once, so that what it refuses is told here and not at start. */
function tryFormat(draft: Draft, options: SessionOptions, path: string): void {
  try {
    buildSession(options);
  } catch (error) {
    if (!(error instanceof FormatProblem)) throw error;
    blame(draft, placeOf(error.at, options.verify, path), error.message, error.right);
  }
}

/** Keys of a session block itself; any other name is an option of its format. */
const BLOCK_KEYS = /^(verify|secrets|cookie|user|store|rows)\b/;

function placeOf(at: string, verify: string, path: string): string {
  if (at === '') return path;
  return BLOCK_KEYS.test(at) ? `${path}.${at}` : `${path}.verify.${verify}.${at}`;
}
