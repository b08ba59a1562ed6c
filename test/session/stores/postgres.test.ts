// A table of PostgreSQL as a store of sessions, with a real server.
import { chmodSync, chownSync, copyFileSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';
import t from 'tap';
import { type Query, STORED_BYTES_MAX } from '../../../src/session/store.ts';
import { faultKind, faultText, garbageServer, openTestStore, until } from '../../kit/store-drill.ts';
import { makeCertificates, type StoreServer, startPostgres, tempFolder } from '../../kit/store-servers.ts';

let server: StoreServer;
let url = '';
let app: pg.Client;

const row = (key: string, columns: readonly string[], table = 'shop.session'): Query => ({
  kind: 'row',
  table,
  keyColumn: 'sid',
  key,
  columns,
});

t.before(async () => {
  const files = makeCertificates(tempFolder(t));
  server = await startPostgres(t);
  // The server reads its certificate from its own folder, as its own user.
  const { uid, gid } = statSync(join(server.folder, 'data'));
  for (const [from, to] of [
    [files.certificate, 'server.crt'],
    [files.key, 'server.key'],
  ] as const) {
    copyFileSync(from, join(server.folder, 'data', to));
    chownSync(join(server.folder, 'data', to), uid, gid);
    chmodSync(join(server.folder, 'data', to), 0o600);
  }
  authority = readFileSync(files.ca, 'utf8');
  url = `postgres://postgres:secret@127.0.0.1:${server.port}/postgres`;
  app = new pg.Client(url);
  app.on('error', () => {});
  await app.connect();
  await app.query(`
    CREATE SCHEMA shop;
    CREATE TABLE shop.session (sid varchar PRIMARY KEY, sess json, expire timestamp(6), at timestamptz,
      n bigint, i int, b bool, raw bytea, txt text, day date, f float8);
    CREATE TABLE "odd ""name" ("s id" uuid PRIMARY KEY, "va""l" text);`);
  await app.query('ALTER SYSTEM SET ssl = on');
  await app.query('SELECT pg_reload_conf()');
  await app.query(
    `INSERT INTO shop.session VALUES ('a', '{"user": {"id": 7}}', to_timestamp(2000000000.5), to_timestamp(2000000001),
      9007199254740993, 42, true, '\\x00ff', 'täxt', '2033-05-18', 1.5)`,
  );
  await app.query(`INSERT INTO shop.session (sid) VALUES ('nulls')`);
  await app.query(`INSERT INTO "odd ""name" VALUES ('123e4567-e89b-12d3-a456-426614174000', 'v')`);
});
let authority = '';

t.test('a row comes by its key, each cell by its type', async (t) => {
  const store = await openTestStore(t, url);
  const columns = ['sess', 'expire', 'at', 'n', 'i', 'b', 'raw', 'txt', 'day', 'f'];
  const found = await store.get(row('a', columns));
  const cells = Object.fromEntries(found!.cells);
  t.same(
    { ...cells, raw: [...(cells.raw as Uint8Array)] },
    {
      sess: '{"user": {"id": 7}}',
      expire: 2_000_000_000.5,
      at: 2_000_000_001,
      n: 9007199254740993n,
      i: 42,
      b: true,
      raw: [0, 255],
      txt: 'täxt',
      day: Date.UTC(2033, 4, 18) / 1000,
      f: 1.5,
    },
  );
  t.equal(found!.endsAtS, null);
  const nulls = await store.get(row('nulls', columns));
  t.same(new Set(nulls!.cells.values()), new Set([null]));
});

t.test('a key is a value and never SQL', async (t) => {
  const store = await openTestStore(t, url);
  for (const key of ['nobody', "' OR '1'='1", "a'; DROP TABLE shop.session; --", 'a\0', '\ud800', '$1'])
    t.equal(await store.get(row(key, ['sess'])), null);
  t.equal((await app.query('SELECT count(*)::int FROM shop.session')).rows[0].count, 2);
});

t.test('a key is found as it is spelled, whatever the type takes for the same', async (t) => {
  const uuid = '123e4567-e89b-12d3-a456-426614174000';
  await app.query(`CREATE TABLE as_uuid (id uuid, v text); CREATE TABLE as_int (id int, v text); CREATE TABLE as_char (id char(40), v text);
    CREATE TABLE as_bytes (id bytea, v text); INSERT INTO as_uuid VALUES ('${uuid}', 'v'); INSERT INTO as_int VALUES (12, 'v');
    INSERT INTO as_char VALUES ('AbC', 'v'); INSERT INTO as_bytes VALUES ('AbC', 'v');`);
  const store = await openTestStore(t, url);
  const found = async (table: string, key: string): Promise<unknown> =>
    (await store.get({ kind: 'row', table, keyColumn: 'id', key, columns: ['v'] }))?.cells.get('v') ?? null;
  for (const key of [uuid.toUpperCase(), `{${uuid}}`, uuid.replaceAll('-', '')])
    t.equal(await found('as_uuid', key), null, key);
  for (const key of ['012', ' 12', '+12', '0xc']) t.equal(await found('as_int', key), null, key);
  for (const key of ['AbC ', 'abc']) t.equal(await found('as_char', key), null, key);
  for (const key of ['\\x416243', 'Ab\\103']) t.equal(await found('as_bytes', key), null, key);
  for (const [table, key] of [
    ['as_uuid', uuid],
    ['as_int', '12'],
    ['as_char', 'AbC'],
    ['as_bytes', 'AbC'],
  ] as const)
    t.equal(await found(table, key), 'v', table);
});

t.test('names are quoted, and a key that the column cannot hold is no session', async (t) => {
  const store = await openTestStore(t, url);
  const odd = (key: string): Query => ({
    kind: 'row',
    table: 'odd "name',
    keyColumn: 's id',
    key,
    columns: ['va"l'],
  });
  t.equal((await store.get(odd('123e4567-e89b-12d3-a456-426614174000')))!.cells.get('va"l'), 'v');
  for (let i = 0; i < 8; i++) t.equal(await store.get(odd('no uuid')), null);
  t.equal(store.state.up, true);
});

t.test('a timestamp without zone is read in the zone of the connection, or in that of the URL', async (t) => {
  await app.query(`CREATE TABLE zoned (sid text, expire timestamp)`);
  await app.query(`INSERT INTO zoned VALUES ('a', '2030-01-01 12:00:00')`);
  const store = await openTestStore(t, `${url}?timezone=America/New_York`);
  const found = await store.get(row('a', ['expire'], 'zoned'));
  t.equal(found!.cells.get('expire'), Date.UTC(2030, 0, 1, 17) / 1000);
});

t.test('connections can only read', async (t) => {
  const store = await openTestStore(t, url);
  await app.query(`CREATE TABLE written (sid text);
    CREATE FUNCTION shop.note(text) RETURNS text LANGUAGE sql AS $$ INSERT INTO written VALUES ($1) RETURNING sid $$;
    CREATE VIEW noting AS SELECT 'a'::text AS sid, shop.note('x') AS noted`);
  t.equal(await faultKind(store, row('a', ['noted'], 'noting')), 'down');
  t.equal((await app.query('SELECT count(*)::int FROM written')).rows[0].count, 0);
});

t.test('a table, column or right that is missing is told by its kind', async (t) => {
  const store = await openTestStore(t, url);
  t.match(await faultText(store, row('a', ['sess'], 'missing')), /no such table/);
  t.match(await faultText(store, row('a', ['missing'])), /no such column/);
  t.equal(await faultKind(store, row('a', ['sess'])), 'found');
  const wrong = await openTestStore(t, url.replace('secret', 'hunter2'));
  const why = await faultText(wrong, row('a', ['sess']));
  t.match(why, /wrong password/);
  t.notMatch(why, /hunter2/);
});

t.test('a table that is made anew with other types is read again after one fault', async (t) => {
  const store = await openTestStore(t, url);
  await app.query(`CREATE TABLE moving (sid text, v int)`);
  await app.query(`INSERT INTO moving VALUES ('a', 1)`);
  t.equal((await store.get(row('a', ['v'], 'moving')))!.cells.get('v'), 1);
  await app.query(`ALTER TABLE moving ALTER v TYPE text`);
  await faultKind(store, row('a', ['v'], 'moving'));
  await until(async () => (await faultKind(store, row('a', ['v'], 'moving'))) === 'found');
  t.equal((await store.get(row('a', ['v'], 'moving')))!.cells.get('v'), '1');
});

t.test('a row beyond the bound is malformed', async (t) => {
  await app.query(
    `INSERT INTO shop.session (sid, txt) VALUES ('long', repeat('x', ${STORED_BYTES_MAX + 1}))`,
  );
  const store = await openTestStore(t, url, { deadlineMs: 2000 });
  t.equal(await faultKind(store, row('long', ['txt'])), 'malformed');
});

t.test('TLS by an authority of its own, or unverified as libpq does it', async (t) => {
  const with_ = (tls: { ca: string | null; verify: boolean; serverName: string | null } | null, more = '') =>
    openTestStore(t, url + more, { tls });
  const a = row('a', ['sess']);
  t.equal(await faultKind(await with_({ ca: authority, verify: true, serverName: null }), a), 'found');
  t.equal(
    await faultKind(await with_({ ca: authority, verify: true, serverName: 'store.test' }), a),
    'found',
  );
  t.equal(await faultKind(await with_({ ca: authority, verify: true, serverName: 'other.test' }), a), 'down');
  t.equal(await faultKind(await with_({ ca: null, verify: true, serverName: null }), a), 'down');
  t.equal(await faultKind(await with_(null, '?sslmode=require'), a), 'found');
  t.equal(await faultKind(await with_(null, '?sslmode=verify-full'), a), 'down');
});

t.test('many look-ups at once, and a connection that is cut while they run', async (t) => {
  const store = await openTestStore(t, url, { deadlineMs: 1000 });
  const many = (): Promise<string[]> =>
    Promise.all(Array.from({ length: 200 }, (_, i) => faultKind(store, row(`k${i}`, ['sess']))));
  t.same(new Set(await many()), new Set(['none']));
  await app.query(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'limpet'`);
  await until(async () => new Set(await many()).size === 1 && (await many())[0] === 'none');
});

t.test('a locked table costs the deadline, and connections come back', async (t) => {
  const store = await openTestStore(t, url, { deadlineMs: 100 });
  t.equal(await faultKind(store, row('a', ['sess'])), 'found');
  await app.query('BEGIN; LOCK TABLE shop.session IN ACCESS EXCLUSIVE MODE');
  const start = performance.now();
  const kinds = await Promise.all(
    Array.from({ length: 30 }, (_, i) => faultKind(store, row(`k${i}`, ['sess']))),
  );
  t.ok(performance.now() - start < 1000);
  t.notOk(kinds.includes('none'), `${new Set(kinds)}`);
  await app.query('ROLLBACK');
  await until(async () => (await faultKind(store, row('a', ['sess']))) === 'found');
});

t.test('whoever does not speak PostgreSQL is a fault and no crash', async (t) => {
  for (const answer of [
    'HTTP/1.1 400 Bad\r\n\r\n',
    'R\0\0\0\x08\0\0\0\0Z\0\0\0\x05I',
    'E\xff\xff\xff\xff',
    '\0'.repeat(999),
  ]) {
    const port = await garbageServer(t, Buffer.from(answer, 'latin1'));
    const store = await openTestStore(t, `postgres://u:p@127.0.0.1:${port}/d`, { deadlineMs: 50 });
    t.match(await faultKind(store, row('a', ['sess'])), /^(down|late)$/);
  }
});

t.test('a hung server is late, then down, then found', async (t) => {
  const store = await openTestStore(t, url, { deadlineMs: 150 });
  t.equal(await faultKind(store, row('a', ['sess'])), 'found');
  const { rows } = await app.query(`SELECT pid FROM pg_stat_activity WHERE application_name = 'limpet'`);
  const pids = [server.child.pid, ...rows.map(({ pid }) => Number(pid))];
  for (const pid of pids) process.kill(pid, 'SIGSTOP');
  t.teardown(() => {
    for (const pid of pids) if (!server.child.gone) process.kill(pid, 'SIGCONT');
  });
  const kinds = await Promise.all(
    Array.from({ length: 9 }, (_, i) => faultKind(store, row(`k${i}`, ['sess']))),
  );
  t.same(new Set(kinds), new Set(['late']));
  t.equal(await faultKind(store, row('a', ['sess'])), 'down');
  for (const pid of pids) process.kill(pid, 'SIGCONT');
  await until(async () => (await faultKind(store, row('a', ['sess']))) === 'found');
});

t.test('a server that is killed is down', async (t) => {
  const store = await openTestStore(t, url);
  await app.end();
  await server.child.kill('SIGKILL');
  await until(async () => (await faultKind(store, row('a', ['sess']))) === 'down');
  await until(() => !store.state.up || store.counts.faults.down > 0);
  t.pass('and nothing crashed');
});
