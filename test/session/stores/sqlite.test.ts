// An SQLite file as a store of sessions, read on a thread of its own.
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { type Query, STORED_BYTES_MAX } from '../../../src/session/store.ts';
import { faultKind, openTestStore, until } from '../../kit/store-drill.ts';
import { tempFolder } from '../../kit/store-servers.ts';

const sqlite = await import('node:sqlite').catch(() => null);

const row = (key: string, columns: readonly string[], table = 'sessions'): Query => ({
  kind: 'row',
  table,
  keyColumn: 'id',
  key,
  columns,
});

if (sqlite === null) {
  t.test('a Node without SQLite is told so', async (t) => {
    await t.rejects(openTestStore(t, 'sqlite:///tmp/x'), { name: 'StoreProblem', right: /Node/ });
  });
} else {
  const open = (path: string): InstanceType<typeof sqlite.DatabaseSync> => new sqlite.DatabaseSync(path);

  t.test('a row comes by its key, each cell by its type', async (t) => {
    const folder = tempFolder(t);
    const app = open(join(folder, 'db.sqlite3'));
    t.teardown(() => app.close());
    app.exec(`CREATE TABLE sessions (id text PRIMARY KEY, data text, raw blob, n integer, f real, at datetime, day date, note text);
      INSERT INTO sessions VALUES ('a', 'täxt', x'00ff', 9007199254740993, 1.5, '2030-01-01 12:00:00.250000', '2033-05-18', '2030-01-01');
      INSERT INTO sessions (id, n, at) VALUES ('b', 42, '2030-01-01T12:00:00+02:00');
      INSERT INTO sessions (id, data) VALUES ('long', printf('%.*c', ${STORED_BYTES_MAX + 1}, 'x'))`);
    const store = await openTestStore(t, 'sqlite:db.sqlite3', { folder, deadlineMs: 5000 });
    // A starved machine takes its time to start a thread.
    await until(async () => (await faultKind(store, row('a', ['data']))) === 'found');
    const found = await store.get(row('a', ['data', 'raw', 'n', 'f', 'at', 'day', 'note']));
    const cells = Object.fromEntries(found!.cells);
    t.same(
      { ...cells, raw: [...(cells.raw as Uint8Array)] },
      {
        data: 'täxt',
        raw: [0, 255],
        n: 9007199254740993n,
        f: 1.5,
        at: Date.UTC(2030, 0, 1, 12) / 1000 + 0.25,
        day: Date.UTC(2033, 4, 18) / 1000,
        note: '2030-01-01',
      },
    );
    const b = Object.fromEntries((await store.get(row('b', ['n', 'at', 'data'])))!.cells);
    t.same(b, { n: 42, at: Date.UTC(2030, 0, 1, 10) / 1000, data: null });
    t.equal(await faultKind(store, row('long', ['data'])), 'malformed');
    for (const key of ['nobody', "' OR 1=1 --", 'a\0', '\ud800'])
      t.equal(await store.get(row(key, ['data'])), null);
    t.equal(await faultKind(store, row('a', ['data'], 'missing')), 'down');
    t.equal(await faultKind(store, row('a', ['data'])), 'found');
    const many = await Promise.all(
      Array.from({ length: 300 }, (_, i) => faultKind(store, row(`k${i}`, ['n']))),
    );
    t.same(new Set(many), new Set(['none']));
  });

  t.test('a key is found as it is spelled, whatever the column takes for the same', async (t) => {
    const folder = tempFolder(t);
    const app = open(join(folder, 'db.sqlite3'));
    t.teardown(() => app.close());
    app.exec(`CREATE TABLE lax (id text COLLATE NOCASE PRIMARY KEY, v text); CREATE TABLE counted (id integer PRIMARY KEY, v text);
      INSERT INTO lax VALUES ('AbC', 'v'); INSERT INTO counted VALUES (12, 'v')`);
    const store = await openTestStore(t, 'sqlite:db.sqlite3', { folder, deadlineMs: 5000 });
    await until(async () => (await faultKind(store, row('AbC', ['v'], 'lax'))) === 'found');
    const found = async (table: string, key: string): Promise<unknown> =>
      (await store.get(row(key, ['v'], table)))?.cells.get('v') ?? null;
    for (const key of ['abc', 'ABC']) t.equal(await found('lax', key), null, key);
    for (const key of ['012', '12.0', ' 12', '1.2e1']) t.equal(await found('counted', key), null, key);
    t.equal(await found('counted', '12'), 'v');
  });

  t.test('a file that is not there, or is none, is down until it is', async (t) => {
    const folder = tempFolder(t);
    const path = join(folder, 'db');
    const store = await openTestStore(t, `sqlite://${path}`);
    t.equal(await faultKind(store, row('a', ['data'])), 'down');
    writeFileSync(path, 'no database at all '.repeat(100));
    t.equal(await faultKind(store, row('a', ['data'])), 'down');
    rmSync(path);
    const app = open(path);
    t.teardown(() => app.close());
    app.exec(`CREATE TABLE sessions (id text, data text); INSERT INTO sessions VALUES ('a', 'x')`);
    await until(async () => (await faultKind(store, row('a', ['data']))) === 'found');
  });

  t.test('a writer’s lock is waited for without holding up this thread, and is late', async (t) => {
    const folder = tempFolder(t);
    const path = join(folder, 'db');
    const app = open(path);
    t.teardown(() => app.close());
    app.exec(`CREATE TABLE sessions (id text, data text); INSERT INTO sessions VALUES ('a', 'x')`);
    const store = await openTestStore(t, `sqlite://${path}`, { deadlineMs: 100 });
    await until(async () => (await faultKind(store, row('a', ['data']))) === 'found');
    app.exec('BEGIN EXCLUSIVE');
    let turns = 0;
    const counting = setInterval(() => turns++, 5);
    t.match(await faultKind(store, row('a', ['data'])), /^(late|down)$/);
    clearInterval(counting);
    t.ok(turns > 0, `${turns} turns meanwhile`);
    app.exec('ROLLBACK');
    await until(async () => (await faultKind(store, row('a', ['data']))) === 'found');
  });
}
