// The closed table of stores: a new one is a file beside this, its schemes in store-url.ts, a row here and a row in the docs.
import type { StoreFamily } from '../store.ts';
import type { DriverSpec, StoreDriver } from './driver.ts';
import { StoreProblem } from './store-url.ts';

/** All that is known of one family of stores. */
export interface StoreKind {
  /** The package that an operator installs beside Limpet; null: none. */
  readonly install: string | null;
  /** One sentence for the docs and `explain`. */
  readonly about: string;
  /** Throws StoreProblem where the URL or its driver does not do. A store that is away is no problem: its look-ups are faults. */
  open(spec: DriverSpec): Promise<StoreDriver>;
}

export const STORE_KINDS: Readonly<Record<StoreFamily, StoreKind>> = {
  redis: {
    install: null,
    about: 'Redis or what speaks like it: alone, a cluster, or behind sentinels.',
    open: async (spec) => (await import('./redis.ts')).openRedis(spec),
  },
  memcached: {
    install: null,
    about: 'Memcached; where there are several servers all are asked.',
    open: async (spec) => (await import('./memcached.ts')).openMemcached(spec),
  },
  postgres: {
    install: 'pg',
    about: 'a table in PostgreSQL.',
    open: async (spec) =>
      (await import('./postgres.ts')).openPostgres(spec, await driver('pg', () => import('pg'))),
  },
  mysql: {
    install: 'mysql2',
    about: 'a table in MySQL or MariaDB.',
    open: async (spec) =>
      (await import('./mysql.ts')).openMysql(spec, await driver('mysql2', () => import('mysql2'))),
  },
  sqlite: {
    install: null,
    about: 'a table in an SQLite file, read on a thread of its own.',
    open: async (spec) => (await import('./sqlite.ts')).openSqlite(spec),
  },
  mongo: {
    install: 'mongodb',
    about: 'a collection in MongoDB.',
    open: async (spec) =>
      (await import('./mongo.ts')).openMongo(spec, await driver('mongodb', () => import('mongodb'))),
  },
  file: {
    install: null,
    about: 'a folder with a file for each session.',
    open: async (spec) => (await import('./file.ts')).openFile(spec),
  },
  http: {
    install: null,
    about: 'an HTTP service that is asked about each session.',
    open: async (spec) => (await import('./http.ts')).openHttp(spec),
  },
};

/** Loads an optional package. Throws StoreProblem with what to type where it is not there. */
export async function driver<T>(name: string, load: () => Promise<T>): Promise<T> {
  try {
    return await load();
  } catch (error) {
    const missing = (error as { readonly code?: unknown }).code === 'ERR_MODULE_NOT_FOUND';
    throw new StoreProblem(
      missing ? `the package ${name} is not installed` : `the package ${name} cannot be loaded`,
      `npm install ${name}`,
    );
  }
}
