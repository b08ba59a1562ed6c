// What may be configured about Django's sessions, and which engine follows from it.
import { FormatProblem } from '../format.ts';
import type { StoreFamily } from '../store.ts';

export const DJANGO_OPTIONS = {
  engine: {
    kind: 'choice',
    of: ['auto', 'db', 'cache', 'cached_db', 'file', 'signed_cookies'],
    default: 'auto',
    about: 'Last word of SESSION_ENGINE; `auto`: cache, db or file by the store, signed_cookies without one.',
  },
  serializer: {
    kind: 'choice',
    of: ['json', 'pickle'],
    default: 'json',
    about: 'SESSION_SERIALIZER, for all engines but cache.',
  },
  age: {
    kind: 'seconds',
    default: 14 * 86_400,
    about: 'SESSION_COOKIE_AGE, which the engines file and signed_cookies check.',
  },
  backends: {
    kind: 'texts',
    default: ['django.contrib.auth.backends.ModelBackend'],
    about: 'AUTHENTICATION_BACKENDS: a user of another one is nobody; an empty list: any.',
  },
  hash: {
    kind: 'choice',
    of: ['sha256', 'sha1', 'either'],
    default: 'sha256',
    about: 'Hash of signatures: sha1 before Django 3.1, either in 3.1 and 3.2 while old sessions live.',
  },
  class: {
    kind: 'text',
    default: 'SessionStore',
    about: 'Name of the engine’s class, which is in the salt of its signatures.',
  },
  cacheSerializer: {
    kind: 'choice',
    of: ['pickle', 'json', 'msgpack'],
    default: 'pickle',
    about: 'How the cache’s backend writes values.',
  },
  cacheCompressor: {
    kind: 'choice',
    of: ['none', 'zlib', 'gzip', 'zstd'],
    default: 'none',
    about: 'COMPRESSOR of django-redis; lzma and lz4 cannot be read by Node.',
  },
  keyPrefix: { kind: 'text', default: '', about: 'KEY_PREFIX of the cache.' },
  keyVersion: { kind: 'text', default: '1', about: 'VERSION of the cache.' },
} as const;

export type Engine = 'db' | 'cache' | 'cached_db' | 'file' | 'signed_cookies';

const CACHES: readonly StoreFamily[] = ['redis', 'memcached'];
const TABLES: readonly StoreFamily[] = ['postgres', 'mysql', 'sqlite'];

export function isCache(family: StoreFamily | null): boolean {
  return family !== null && CACHES.includes(family);
}

export function isTable(family: StoreFamily | null): boolean {
  return family !== null && TABLES.includes(family);
}

/** The engine that was configured, or that follows from the store; FormatProblem when they do not go together. */
export function engineOf(configured: string, store: StoreFamily | null): Engine {
  const fitting: Engine =
    store === null ? 'signed_cookies' : isCache(store) ? 'cache' : isTable(store) ? 'db' : 'file';
  if (configured === 'auto' || configured === fitting) return fitting;
  if (configured === 'cached_db' && (isCache(store) || isTable(store))) return 'cached_db';
  throw new FormatProblem(
    'store',
    `the engine ${configured} does not keep sessions there`,
    RIGHT[configured as Engine],
  );
}

const RIGHT: Readonly<Record<Engine, string>> = {
  db: 'a store of PostgreSQL, MySQL or SQLite',
  cache: 'a store of Redis or Memcached',
  cached_db: 'the cache’s store (Redis, Memcached) with the table’s beside it, or the table’s alone',
  file: 'a store of files, in the folder SESSION_FILE_PATH',
  signed_cookies: 'no store: the cookie holds all',
};
