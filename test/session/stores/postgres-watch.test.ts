// PostgreSQL that tells of changes by the trigger that the docs give, with a real server.
import pg from 'pg';
import t from 'tap';
import type { Query } from '../../../src/session/store.ts';
import { ChangeLog } from '../../kit/change-log.ts';
import { PUSH_FUNCTION, PUSH_TRIGGERS } from '../../kit/push-sql.ts';
import { openTestStore, until } from '../../kit/store-drill.ts';
import { type StoreServer, startPostgres } from '../../kit/store-servers.ts';

let server: StoreServer;
let url = '';
let app: pg.Client;

const row = (key: string, table = 'session'): Query => ({
  kind: 'row',
  table,
  keyColumn: 'sid',
  key,
  columns: ['sess'],
});

t.before(async () => {
  server = await startPostgres(t);
  url = `postgres://limpet:secret@127.0.0.1:${server.port}/postgres?notify=limpet_session`;
  app = new pg.Client(`postgres://postgres:secret@127.0.0.1:${server.port}/postgres`);
  app.on('error', () => {});
  await app.connect();
  await app.query(`
    CREATE TABLE session (sid varchar PRIMARY KEY, sess json, expire timestamp(6));
    CREATE TABLE other (sid varchar PRIMARY KEY, sess json);
    CREATE USER limpet PASSWORD 'secret';
    GRANT SELECT ON session, other TO limpet;`);
  await app.query(PUSH_FUNCTION);
  await app.query(PUSH_TRIGGERS);
});
t.teardown(() => app.end());

t.test('what changes a row is told when it is committed, and what empties the table', async (t) => {
  const store = await openTestStore(t, url);
  const log = new ChangeLog();
  store.watch!(log);
  await until(() => log.up);
  await app.query(`INSERT INTO session VALUES ('ä''b', '{}'), ('c', '{}')`);
  t.equal((await store.get(row("ä'b")))?.cells.get('sess'), '{}');
  await app.query(`BEGIN; UPDATE session SET expire = now() WHERE sid <> 'c'`);
  await store.get(row('c'));
  t.same(log.keys, []);
  await app.query('COMMIT');
  await until(() => log.has("ä'b"));
  await app.query(`DELETE FROM session WHERE sid = 'c'`);
  await until(() => log.has('c'));
  await app.query(`INSERT INTO session VALUES (repeat('k', 8100), '{}')`);
  await app.query(`UPDATE session SET expire = now() WHERE length(sid) > 8000`);
  await until(() => log.all === 1);
  await app.query('TRUNCATE session');
  await until(() => log.all === 2);
  t.same(log.keys, ["ä'b", 'c']);
  t.same(log.losses, []);
});

t.test('a connection that is cut, and a server that hangs, are told and mended', async (t) => {
  const store = await openTestStore(t, url);
  const log = new ChangeLog();
  store.watch!(log);
  await until(() => log.up);
  await app.query(
    `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'limpet-push'`,
  );
  await until(() => log.losses.length > 0 && log.up);
  t.match(log.losses[0], /postgres: .*(57P01|closed)/);
  const [listening] = (
    await app.query(`SELECT pid FROM pg_stat_activity WHERE application_name = 'limpet-push'`)
  ).rows as { readonly pid: number }[];
  process.kill(listening!.pid, 'SIGSTOP');
  try {
    await until(() => !log.up);
  } finally {
    process.kill(listening!.pid, 'SIGCONT');
  }
  t.match(log.losses.at(-1), /does not arrive/);
  await until(() => log.up);
});

t.test('a table without a trigger is not vouched for', async (t) => {
  const store = await openTestStore(t, url);
  const log = new ChangeLog();
  store.watch!(log);
  await until(() => log.up);
  await store.get(row('a', 'other'));
  await until(() => !log.up);
  t.match(log.losses, ['postgres: a table has no trigger that tells of changes']);
});

t.test('without a channel PostgreSQL tells nothing, and a channel is a plain name', async (t) => {
  const store = await openTestStore(t, url.replace(/\?.*/, ''));
  t.equal(store.watch, null);
  await t.rejects(openTestStore(t, url.replace(/=.*/, '=a;b')), { name: 'StoreProblem' });
});
