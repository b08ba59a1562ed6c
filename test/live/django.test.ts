// Django's session engines from Debian's packages, behind Limpet: in a real MariaDB, a real Memcached, SQLite and the cookie.
import { join } from 'node:path';
import mysql from 'mysql2/promise';
import t from 'tap';
import { startMariadb, startMemcached, tempFolder } from '../kit/store-servers.ts';
import { appFile, drill } from './session-drill.ts';
import { endInMariadb, endInMemcached, endInSqlite } from './session-ends.ts';

interface Settings {
  readonly engine: string;
  readonly database: string;
  /** Port of Memcached. */
  readonly cache?: number;
  /** Of sessions, seconds. */
  readonly age?: number;
}

const django =
  ({ engine, database, cache, age }: Settings) =>
  (port: number, [secret = '']: readonly string[]) => [
    '/usr/bin/python3',
    appFile('django_app.py'),
    engine,
    `${port}`,
    database,
    secret,
    cache === undefined ? '-' : `127.0.0.1:${cache}`,
    ...(age === undefined ? [] : [`${age}`]),
  ];
/** Django's first user is number 1. */
const user = '1';
const CACHE_KEY = ':1:django.contrib.sessions.cache';

t.test('db on MariaDB, and cached_db with Memcached before it', async (t) => {
  const [server, memcached] = await Promise.all([startMariadb(t), startMemcached(t)]);
  const root = await mysql.createConnection({
    host: '127.0.0.1',
    port: server.port,
    user: 'root',
    multipleStatements: true,
  });
  // The app writes, Limpet may read that table and no more. Two apps have two databases, and so two first users.
  await root.query(`CREATE DATABASE plain; CREATE DATABASE cached; CREATE USER app IDENTIFIED BY 'p@ss/w';
    GRANT ALL ON plain.* TO app; GRANT ALL ON cached.* TO app; CREATE USER edge IDENTIFIED BY 'edge s';`);
  const url = (who: string, database: string): string =>
    `mysql://${who}@127.0.0.1:${server.port}/${database}`;
  const grant = (database: string) => async (): Promise<void> => {
    await root.query(`GRANT SELECT ON ${database}.django_session TO edge`);
  };
  await t.test('db', (t) =>
    drill(t, {
      command: django({ engine: 'db', database: url('app:p%40ss%2Fw', 'plain') }),
      started: grant('plain'),
      block: (secrets) => ({ verify: 'django', secrets, store: url('edge:edge%20s', 'plain') }),
      user,
      // The cookie is a bare key, and the signature is in the row.
      signed: false,
      end: endInMariadb(url('app:p%40ss%2Fw', 'plain')),
    }),
  );
  await t.test('cached_db', (t) => {
    const endInCache = endInMemcached(memcached.port, CACHE_KEY.replace(/cache$/, 'cached_db'));
    const endInTable = endInMariadb(url('app:p%40ss%2Fw', 'cached'));
    return drill(t, {
      command: django({
        engine: 'cached_db',
        database: url('app:p%40ss%2Fw', 'cached'),
        cache: memcached.port,
      }),
      started: grant('cached'),
      block: (secrets) => ({
        verify: { django: { engine: 'cached_db' } },
        secrets,
        store: `memcached://127.0.0.1:${memcached.port}`,
        rows: url('edge:edge%20s', 'cached'),
      }),
      user,
      signed: false,
      end: async (cookie) => {
        await endInTable(cookie);
        await endInCache(cookie);
      },
    });
  });
  root.destroy();
});

t.test('cache on Memcached', async (t) => {
  const { port } = await startMemcached(t);
  const database = join(tempFolder(t), 'users.sqlite3');
  await drill(t, {
    command: django({ engine: 'cache', database, cache: port }),
    block: () => ({ verify: 'django', store: `memcached://127.0.0.1:${port}` }),
    user,
    signed: false,
    end: endInMemcached(port, CACHE_KEY),
  });
});

t.test('db on SQLite', async (t) => {
  const database = join(tempFolder(t), 'db.sqlite3');
  await drill(t, {
    command: django({ engine: 'db', database }),
    block: (secrets) => ({ verify: 'django', secrets, store: `sqlite:${database}` }),
    user,
    signed: false,
    end: endInSqlite(database),
  });
});

t.test('signed_cookies', async (t) => {
  const folder = tempFolder(t);
  const engine = 'signed_cookies';
  await drill(t, {
    command: django({ engine, database: join(folder, 'db.sqlite3') }),
    block: (secrets) => ({ verify: { django: { engine } }, secrets }),
    user,
    revocable: false,
    end: {
      command: django({ engine, database: join(folder, 'brief.sqlite3'), age: 2 }),
      block: (secrets) => ({ verify: { django: { engine, age: '2s' } }, secrets }),
    },
  });
});
