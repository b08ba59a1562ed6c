// A table of MariaDB as a store of sessions, with a real server.
import { readFileSync } from 'node:fs';
import mysql from 'mysql2/promise';
import t from 'tap';
import { type Query, STORED_BYTES_MAX } from '../../../src/session/store.ts';
import { faultKind, faultText, garbageServer, openTestStore, until } from '../../kit/store-drill.ts';
import { makeCertificates, type StoreServer, startMariadb, tempFolder } from '../../kit/store-servers.ts';

let server: StoreServer;
let url = '';
let authority = '';
let app: mysql.Connection;

const row = (key: string, columns: readonly string[], table = 'shop.sessions'): Query => ({
  kind: 'row',
  table,
  keyColumn: 'id',
  key,
  columns,
});

t.before(async () => {
  const folder = tempFolder(t, 'mysql');
  const files = makeCertificates(folder);
  const tls = [`--ssl-cert=${files.certificate}`, `--ssl-key=${files.key}`, '--default-time-zone=+05:00'];
  server = await startMariadb(t, tls);
  authority = readFileSync(files.ca, 'utf8');
  app = await mysql.createConnection({
    host: '127.0.0.1',
    port: server.port,
    user: 'root',
    multipleStatements: true,
  });
  app.on('error', () => {});
  await app.query(`
    CREATE DATABASE shop CHARACTER SET utf8mb4;
    CREATE TABLE shop.sessions (id varchar(128) PRIMARY KEY, payload longtext, raw longblob, last_activity int, big bigint unsigned,
      at datetime(6), stamp timestamp NULL, j json, day date, f double, d decimal(10,2));
    CREATE TABLE shop.\`odd \`\`name\` (\`i d\` varchar(20), \`va\`\`l\` text);
    INSERT INTO shop.\`odd \`\`name\` VALUES ('a', 'v');
    SET time_zone = '+00:00';
    INSERT INTO shop.sessions VALUES ('a', 'täxt', x'00ff0d', 42, 18446744073709551615, '2030-01-01 12:00:00.5', '2030-01-01 12:00:00',
      '{"user": 7}', '2033-05-18', 1.5, 2.25);
    INSERT INTO shop.sessions (id) VALUES ('nulls');
    CREATE USER edge IDENTIFIED BY 'p@ss/w'; GRANT SELECT ON shop.* TO edge;`);
  url = `mysql://edge:p%40ss%2Fw@127.0.0.1:${server.port}/shop`;
});
t.teardown(() => app?.destroy());

t.test('a row comes by its key, each cell by its type, times in UTC', async (t) => {
  const store = await openTestStore(t, url);
  const columns = ['payload', 'raw', 'last_activity', 'big', 'at', 'stamp', 'j', 'day', 'f', 'd'];
  const found = await store.get(row('a', columns));
  const cells = Object.fromEntries(found!.cells);
  const noon = Date.UTC(2030, 0, 1, 12) / 1000;
  t.same(
    { ...cells, raw: [...(cells.raw as Uint8Array)] },
    {
      payload: 'täxt',
      raw: [0, 255, 13],
      last_activity: 42,
      big: 18446744073709551615n,
      at: noon + 0.5,
      stamp: noon,
      j: '{"user": 7}',
      day: Date.UTC(2033, 4, 18) / 1000,
      f: 1.5,
      d: 2.25,
    },
  );
  const nulls = await store.get(row('nulls', columns, 'sessions'));
  t.same(new Set(nulls!.cells.values()), new Set([null]));
});

t.test('a key is a value and never SQL; names are quoted', async (t) => {
  const store = await openTestStore(t, url);
  for (const key of ['nobody', "' OR '1'='1", "a'; DROP TABLE sessions; --", 'a\0', '\ud800', '?', '\\'])
    t.equal(await store.get(row(key, ['payload'])), null);
  const odd: Query = { kind: 'row', table: 'odd `name', keyColumn: 'i d', key: 'a', columns: ['va`l'] };
  t.equal((await store.get(odd))!.cells.get('va`l'), 'v');
});

t.test(
  'a key is found as it is spelled, whatever the collation and the type take for the same',
  async (t) => {
    await app.query(`CREATE TABLE shop.lax (id char(40) COLLATE utf8mb4_general_ci PRIMARY KEY, v text);
    CREATE TABLE shop.counted (id int PRIMARY KEY, v text); CREATE TABLE shop.raw (id varbinary(40) PRIMARY KEY, v text);
    INSERT INTO shop.lax VALUES ('AbCé', 'v'); INSERT INTO shop.counted VALUES (12, 'v'); INSERT INTO shop.raw VALUES ('AbC', 'v');`);
    const store = await openTestStore(t, url);
    const found = async (table: string, key: string): Promise<unknown> =>
      (await store.get(row(key, ['v'], `shop.${table}`)))?.cells.get('v') ?? null;
    for (const key of ['abcé', 'ABCÉ', 'AbCe', 'AbCé ', 'AbCé  '])
      t.equal(await found('lax', key), null, key);
    for (const key of ['012', '12.0', ' 12', '12x', '1.2e1']) t.equal(await found('counted', key), null, key);
    t.equal(await found('raw', 'abc'), null);
    for (const [table, key] of [
      ['lax', 'AbCé'],
      ['counted', '12'],
      ['raw', 'AbC'],
    ] as const)
      t.equal(await found(table, key), 'v', table);
  },
);

t.test('connections can only read', async (t) => {
  await app.query(`GRANT ALL ON shop.* TO edge; CREATE TABLE shop.written (id int) ENGINE=InnoDB;
    CREATE FUNCTION shop.note() RETURNS int MODIFIES SQL DATA BEGIN INSERT INTO shop.written VALUES (1); RETURN 1; END;
    CREATE VIEW shop.noting AS SELECT 'a' AS id, shop.note() AS noted`);
  const store = await openTestStore(t, url);
  t.equal(await faultKind(store, row('a', ['noted'], 'noting')), 'down');
  const [rows] = await app.query('SELECT * FROM shop.written');
  t.same(rows, []);
});

t.test('what is missing or refused is told by its kind', async (t) => {
  const store = await openTestStore(t, url);
  t.match(await faultText(store, row('a', ['payload'], 'missing')), /ER_NO_SUCH_TABLE/);
  t.match(await faultText(store, row('a', ['missing'])), /ER_BAD_FIELD_ERROR/);
  const wrong = await openTestStore(t, url.replace('p%40ss%2Fw', 'hunter2'));
  const why = await faultText(wrong, row('a', ['payload']));
  t.match(why, /ER_ACCESS_DENIED_ERROR/);
  t.notMatch(why, /hunter2/);
});

t.test('a row beyond the bound is malformed', async (t) => {
  await app.query(
    `INSERT INTO shop.sessions (id, payload) VALUES ('long', repeat('x', ${STORED_BYTES_MAX + 1}))`,
  );
  const store = await openTestStore(t, url, { deadlineMs: 2000 });
  t.equal(await faultKind(store, row('long', ['payload'])), 'malformed');
});

t.test('TLS by an authority of its own', async (t) => {
  const a = row('a', ['payload']);
  const open = (ca: string | null, verify: boolean, serverName: string | null = null) =>
    openTestStore(t, url, { tls: { ca, verify, serverName } });
  t.equal(await faultKind(await open(authority, true), a), 'found');
  t.equal(await faultKind(await open(authority, true, 'store.test'), a), 'found');
  t.equal(await faultKind(await open(authority, true, 'other.test'), a), 'down');
  t.equal(await faultKind(await open(authority, true, '127.0.0.2'), a), 'down');
  t.equal(await faultKind(await open(null, true), a), 'down');
  t.equal(await faultKind(await open(null, false), a), 'found');
});

t.test('many look-ups at once, and connections that are cut while they run', async (t) => {
  const store = await openTestStore(t, url, { deadlineMs: 1000 });
  const many = (): Promise<string[]> =>
    Promise.all(Array.from({ length: 200 }, (_, i) => faultKind(store, row(`k${i}`, ['payload']))));
  t.same(new Set(await many()), new Set(['none']));
  const [list] = await app.query<mysql.RowDataPacket[]>(
    "SELECT id FROM information_schema.processlist WHERE user = 'edge'",
  );
  for (const { id } of list) await app.query(`KILL ${Number(id)}`);
  await until(async () => new Set(await many()).size === 1 && (await many())[0] === 'none');
});

t.test('a locked table costs the deadline, and connections come back', async (t) => {
  const store = await openTestStore(t, url, { deadlineMs: 100 });
  t.equal(await faultKind(store, row('a', ['payload'])), 'found');
  await app.query('LOCK TABLES shop.sessions WRITE');
  const start = performance.now();
  const kinds = await Promise.all(
    Array.from({ length: 30 }, (_, i) => faultKind(store, row(`k${i}`, ['payload']))),
  );
  t.ok(performance.now() - start < 1000);
  t.notOk(kinds.includes('none'), `${new Set(kinds)}`);
  await app.query('UNLOCK TABLES');
  await until(async () => (await faultKind(store, row('a', ['payload']))) === 'found');
});

t.test('whoever does not speak MySQL is a fault and no crash', async (t) => {
  const answers = [
    'HTTP/1.1 400 Bad\r\n\r\n',
    '\x05\0\0\0\x0a5.7\0',
    '\xff\xff\xff\0'.repeat(99),
    '\0'.repeat(999),
  ];
  for (const answer of answers) {
    const port = await garbageServer(t, Buffer.from(answer, 'latin1'));
    const store = await openTestStore(t, `mysql://u:p@127.0.0.1:${port}/d`, { deadlineMs: 50 });
    t.match(await faultKind(store, row('a', ['payload'])), /^(down|late)$/);
  }
});

t.test('a hung server is late, then down, then found; a killed one is down', async (t) => {
  const store = await openTestStore(t, url, { deadlineMs: 150 });
  t.equal(await faultKind(store, row('a', ['payload'])), 'found');
  await server.child.kill('SIGSTOP');
  // Its threads stop one after the other.
  await until(() => / T /.test(readFileSync(`/proc/${server.child.pid}/stat`, 'latin1')));
  const kinds = await Promise.all(
    Array.from({ length: 9 }, (_, i) => faultKind(store, row(`k${i}`, ['payload']))),
  );
  t.same(new Set(kinds), new Set(['late']));
  t.equal(await faultKind(store, row('a', ['payload'])), 'down');
  await server.child.kill('SIGCONT');
  await until(async () => (await faultKind(store, row('a', ['payload']))) === 'found');
  await server.child.kill('SIGKILL');
  await until(async () => (await faultKind(store, row('a', ['payload']))) === 'down');
});
