// The URL of a store, read by our own rules: several hosts may stand in it, which URL of the web standard does not allow.
import type { StoreFamily } from '../store.ts';

export interface StoreHost {
  readonly host: string;
  readonly port: number;
}

/** A store's URL in parts. Holds credentials: it is never printed, `storeLabel` is. */
export interface StoreUrl {
  readonly family: StoreFamily;
  /** In lower case, without the colon. */
  readonly scheme: string;
  /** The scheme asks for TLS. */
  readonly tls: boolean;
  readonly hosts: readonly StoreHost[];
  /** Percent-decoded; null: none. */
  readonly username: string | null;
  readonly password: string | null;
  /** Percent-decoded, with its leading slash; for `sqlite:` and `file:` that of the file or folder. */
  readonly path: string;
  readonly parameters: ReadonlyMap<string, string>;
  /** As it was configured, for drivers that read it themselves. */
  readonly text: string;
}

/** What is wrong with how a store is configured. Holds no part of the URL but its scheme and names of parameters. */
export class StoreProblem extends Error {
  readonly right: string;

  constructor(wrong: string, right: string) {
    super(wrong);
    this.name = 'StoreProblem';
    this.right = right;
  }
}

interface Scheme {
  readonly family: StoreFamily;
  readonly tls: boolean;
  /** 0: the URL names no host. */
  readonly port: number;
  readonly parameters: readonly string[];
  /** More than one host makes sense. */
  readonly many?: true;
}

const scheme = (
  family: StoreFamily,
  tls: boolean,
  port: number,
  parameters: readonly string[] = [],
): Scheme => ({ family, tls, port, parameters });
const SENTINEL = ['sentinelUsername', 'sentinelPassword'];
const POSTGRES = scheme('postgres', false, 5432, ['sslmode', 'host', 'timezone', 'notify']);
const MYSQL = scheme('mysql', false, 3306, ['socket']);

/** Every scheme that a store's URL may have. */
export const STORE_SCHEMES: Readonly<Record<string, Scheme>> = {
  redis: scheme('redis', false, 6379),
  rediss: scheme('redis', true, 6379),
  'redis+unix': scheme('redis', false, 0, ['db']),
  'redis+cluster': { ...scheme('redis', false, 6379), many: true },
  'rediss+cluster': { ...scheme('redis', true, 6379), many: true },
  'redis+sentinel': { ...scheme('redis', false, 26379, SENTINEL), many: true },
  'rediss+sentinel': { ...scheme('redis', true, 26379, SENTINEL), many: true },
  memcached: { ...scheme('memcached', false, 11211), many: true },
  memcacheds: { ...scheme('memcached', true, 11211), many: true },
  postgres: POSTGRES,
  postgresql: POSTGRES,
  mysql: MYSQL,
  mariadb: MYSQL,
  sqlite: scheme('sqlite', false, 0),
  // The driver reads its own URL, with options that are its own.
  mongodb: { ...scheme('mongo', false, 27017), many: true },
  'mongodb+srv': scheme('mongo', false, 27017),
  file: scheme('file', false, 0),
  http: scheme('http', false, 80),
  https: scheme('http', true, 443),
};

/** Families whose URL is read by others: any parameter may stand in it. */
const OPEN: readonly StoreFamily[] = ['mongo', 'http'];

/** Reads a store's URL. Throws StoreProblem. */
export function parseStoreUrl(text: string): StoreUrl {
  const parts = /^([a-z][a-z0-9+]*):(?:\/\/([^/?#]*))?([^?#]*)(?:\?([^#]*))?(#)?/i.exec(text);
  const known = Object.keys(STORE_SCHEMES).join(', ');
  if (parts === null) throw new StoreProblem('the store is no URL', 'redis://127.0.0.1:6379/0');
  const name = parts[1]!.toLowerCase();
  const found = Object.hasOwn(STORE_SCHEMES, name) ? STORE_SCHEMES[name] : undefined;
  if (found === undefined) throw new StoreProblem(`no store has the scheme ${name}:`, `one of ${known}`);
  if (parts[5] !== undefined)
    throw new StoreProblem("a # cannot stand in a store's URL", 'in a password it is written %23');
  const authority = parts[2] ?? '';
  const at = authority.lastIndexOf('@');
  const user = at < 0 ? '' : authority.slice(0, at);
  const colon = user.indexOf(':');
  const path = decoded(parts[3]!, 'path');
  const hostless = found.port === 0;
  if (hostless && authority !== '')
    throw new StoreProblem(`a ${name}: URL names a path and no host`, `${name}:///path`);
  if (hostless && path.replaceAll('/', '') === '')
    throw new StoreProblem(`the ${name}: URL names no path`, `${name}:///path`);
  const hosts = hostless ? [] : readHosts(authority.slice(at + 1), found, name, parts[4] ?? '');
  return {
    family: found.family,
    scheme: name,
    tls: found.tls,
    hosts,
    username: user === '' || colon === 0 ? null : decoded(colon < 0 ? user : user.slice(0, colon), 'user'),
    password: colon < 0 ? null : decoded(user.slice(colon + 1), 'password'),
    path,
    parameters: readParameters(parts[4] ?? '', found, name),
    text,
  };
}

/** The URL for people and logs: no user, no password, no parameters. */
export function storeLabel(url: StoreUrl): string {
  const hosts = url.hosts.map(({ host, port }) => `${host.includes(':') ? `[${host}]` : host}:${port}`);
  return `${url.scheme}://${hosts.join(',')}${url.path}`;
}

function readHosts(text: string, scheme: Scheme, name: string, query: string): StoreHost[] {
  // PostgreSQL's and MySQL's URLs may name a socket in a parameter instead.
  if (text === '' && /(^|&)(host|socket)=/.test(query)) return [];
  const words = text.split(',');
  if (words.length > 1 && scheme.many !== true)
    throw new StoreProblem(`a ${name}: URL names one host`, `${name}://HOST:${scheme.port}`);
  return words.map((word) => {
    const match = /^(?:\[([0-9a-f:.]+)\]|([^:[\]\s\p{C}]+))(?::(\d{1,5}))?$/iu.exec(word);
    const port = match?.[3] === undefined ? scheme.port : Number(match[3]);
    if (match === null || port < 1 || port > 65_535) {
      throw new StoreProblem(
        `the ${name}: URL has a host that cannot be read`,
        `${name}://HOST:${scheme.port}, and in a user or password @ is %40, / is %2F, : is %3A`,
      );
    }
    return { host: match[1] ?? match[2]!, port };
  });
}

function readParameters(query: string, scheme: Scheme, name: string): Map<string, string> {
  const parameters = new Map<string, string>();
  if (OPEN.includes(scheme.family)) return parameters;
  for (const word of query === '' ? [] : query.split('&')) {
    const equals = word.indexOf('=');
    const key = equals < 0 ? word : word.slice(0, equals);
    if (equals < 0 || !scheme.parameters.includes(key)) {
      const right = scheme.parameters.length === 0 ? 'it has none' : scheme.parameters.join(', ');
      throw new StoreProblem(`a ${name}: URL has no parameter ${key.slice(0, 40)}`, right);
    }
    parameters.set(key, decoded(word.slice(equals + 1), key));
  }
  return parameters;
}

function decoded(text: string, what: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new StoreProblem(
      `the ${what} in the store's URL is not percent-encoded rightly`,
      'a % itself is written %25',
    );
  }
}
