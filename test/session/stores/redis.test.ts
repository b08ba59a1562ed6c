// Redis as a store of sessions, with real servers that are stopped, killed, locked and impersonated.
import { readFileSync } from 'node:fs';
import { Redis } from 'ioredis';
import t from 'tap';
import { STORED_BYTES_MAX, type StoredValue } from '../../../src/session/store.ts';
import type { Owner } from '../../kit/child.ts';
import { freeClusterPort, freePort } from '../../kit/ports.ts';
import { faultKind, faultText, garbageServer, openTestStore, until, value } from '../../kit/store-drill.ts';
import {
  type Certificates,
  makeCertificates,
  redisTls,
  startRedis,
  startSentinel,
  tempFolder,
} from '../../kit/store-servers.ts';

const text = (stored: StoredValue | null): string =>
  stored === null ? 'none' : Buffer.from(stored.bytes).toString();

function writer(t: Owner, port: number, options: object = {}): Redis {
  const client = new Redis({ port, host: '127.0.0.1', ...options });
  client.on('error', () => {});
  t.teardown(() => client.disconnect());
  return client;
}

t.test('a value comes as its bytes, with the time that Redis gives it', async (t) => {
  const { port } = await startRedis(t);
  const app = writer(t, port);
  const store = await openTestStore(t, `redis://127.0.0.1:${port}/3`);
  await app.select(3);
  await app.set('a', Buffer.from([0, 255, 13, 10]), 'PX', 60_000);
  await app.set('for ever', 'x');
  await app.set('empty', '');
  const a = await store.get(value('a'));
  t.same([...a!.bytes], [0, 255, 13, 10]);
  const left = a!.endsAtS! - Date.now() / 1000;
  t.ok(left > 55 && left <= 60.1, `ends in ${left} s`);
  t.equal((await store.get(value('for ever')))!.endsAtS, null);
  t.equal(text(await store.get(value('empty'))), '');
  t.equal(await store.get(value('nobody')), null);
  t.equal(await store.get(value('\0\r\n*1')), null);
  await app.set('kä', 'utf-8');
  t.equal(text(await store.get(value('kä'))), 'utf-8');
  t.same([store.counts.hits, store.counts.misses], [4, 2]);
});

t.test('nothing is written, touched or prolonged', async (t) => {
  const { port } = await startRedis(t);
  const app = writer(t, port);
  await app.set('a', 'x', 'EX', 100);
  const store = await openTestStore(t, `redis://127.0.0.1:${port}`);
  const monitor = await app.monitor();
  t.teardown(() => monitor.disconnect());
  const seen: string[] = [];
  monitor.on('monitor', (_time: string, words: string[]) => seen.push(words[0]!.toLowerCase()));
  await store.get(value('a'));
  await store.get({ kind: 'hash', key: 'h', fields: [] });
  await until(() => seen.length >= 4);
  t.same(new Set(seen), new Set(['getrange', 'pttl', 'hgetall']));
});

t.test('a hash comes as its fields, all or those that are asked for', async (t) => {
  const { port } = await startRedis(t);
  const app = writer(t, port);
  await app.hset('h', { a: 'one', b: Buffer.from([0xac, 0xed]), constructor: 'c', __proto__x: 'p' });
  await app.pexpire('h', 90_000);
  const store = await openTestStore(t, `redis://127.0.0.1:${port}`);
  const all = await store.get({ kind: 'hash', key: 'h', fields: [] });
  t.same([...all!.cells.keys()].sort(), ['__proto__x', 'a', 'b', 'constructor']);
  t.same([...(all!.cells.get('b') as Uint8Array)], [0xac, 0xed]);
  t.ok(all!.endsAtS! > Date.now() / 1000 + 80);
  const some = await store.get({ kind: 'hash', key: 'h', fields: ['b', 'missing'] });
  t.same([...some!.cells.keys()], ['b']);
  t.equal(await store.get({ kind: 'hash', key: 'nobody', fields: [] }), null);
  t.equal(await store.get({ kind: 'hash', key: 'nobody', fields: ['a'] }), null);
});

t.test(
  'a key of another type and a value beyond the bound are malformed, and the store stays up',
  async (t) => {
    const { port } = await startRedis(t);
    const app = writer(t, port);
    await app.lpush('list', 'x');
    await app.set('long', Buffer.alloc(STORED_BYTES_MAX + 1));
    await app.set('longest', Buffer.alloc(STORED_BYTES_MAX));
    const store = await openTestStore(t, `redis://127.0.0.1:${port}`);
    for (let i = 0; i < 10; i++) t.equal(await faultKind(store, value('list')), 'malformed');
    t.equal(await faultKind(store, value('long')), 'malformed');
    t.equal((await store.get(value('longest')))!.bytes.length, STORED_BYTES_MAX);
    t.equal(store.state.up, true);
  },
);

t.test('users and passwords are percent-decoded; wrong ones are told apart without being told', async (t) => {
  const { port } = await startRedis(t, ['--requirepass', 'p@ss/wörd']);
  const app = writer(t, port, { password: 'p@ss/wörd' });
  await app.set('a', 'x');
  await app.acl('SETUSER', 'edge', 'on', '>s:e#c', '~*', '+get', '+pttl', '+select');
  const good = await openTestStore(t, `redis://:p%40ss%2Fw%C3%B6rd@127.0.0.1:${port}`);
  t.equal(text(await good.get(value('a'))), 'x');
  const narrow = await openTestStore(t, `redis://edge:s%3Ae%23c@127.0.0.1:${port}/0`);
  t.equal(text(await narrow.get(value('a'))), 'x', 'a user that may GET and no more will do');
  const wrong = await openTestStore(t, `redis://edge:hunter2@127.0.0.1:${port}`);
  const why = await faultText(wrong, value('a'));
  t.match(why, /WRONGPASS/);
  t.notMatch(why, /hunter2/);
  const none = await openTestStore(t, `redis://127.0.0.1:${port}`);
  t.equal(await faultKind(none, value('a')), 'down');
});

t.test('a database that the server does not have is a fault, never another database', async (t) => {
  const { port } = await startRedis(t, ['--databases', '2']);
  await writer(t, port).set('a', 'of database 0');
  const store = await openTestStore(t, `redis://127.0.0.1:${port}/7`);
  t.match(await faultText(store, value('a')), /no database of that number/);
});

t.test('TLS by an authority of its own: known, unknown, another name, and not verified', async (t) => {
  const files = makeCertificates(tempFolder(t));
  const port = await freePort();
  await startRedis(t, redisTls(files, port), port);
  const ca = readFileSync(files.ca, 'utf8');
  const url = `rediss://127.0.0.1:${port}`;
  const open = (tls: { ca: string | null; verify: boolean; serverName: string | null } | null) =>
    openTestStore(t, url, { tls });
  t.equal(await faultKind(await open({ ca, verify: true, serverName: null }), value('a')), 'none');
  t.equal(await faultKind(await open({ ca, verify: true, serverName: 'store.test' }), value('a')), 'none');
  t.equal(await faultKind(await open({ ca, verify: true, serverName: 'other.test' }), value('a')), 'down');
  t.match(await faultText(await open(null), value('a')), /SELF_SIGNED|UNABLE_TO/);
  t.equal(await faultKind(await open({ ca: null, verify: false, serverName: null }), value('a')), 'none');
});

t.test(
  'a hung server costs the deadline a few times and then nothing, and is found when it goes on',
  async (t) => {
    const { port, child } = await startRedis(t);
    await writer(t, port).set('a', 'x');
    const store = await openTestStore(t, `redis://127.0.0.1:${port}`, { deadlineMs: 150 });
    t.equal(await faultKind(store, value('a')), 'found');
    await child.kill('SIGSTOP');
    const start = performance.now();
    const kinds = await Promise.all(Array.from({ length: 8 }, (_, i) => faultKind(store, value(`k${i}`))));
    const took = performance.now() - start;
    t.same(new Set(kinds), new Set(['late']));
    t.ok(took >= 145 && took < 1000, `the deadline holds: ${took} ms`);
    t.equal(store.state.up, false);
    const fast = performance.now();
    for (let i = 0; i < 1000; i++) t.equal(await faultKind(store, value('a')), 'down') || t.bailout();
    t.ok(performance.now() - fast < 1000, 'while it is down nobody waits');
    await child.kill('SIGCONT');
    await until(async () => (await faultKind(store, value('a'))) === 'found');
    t.equal(store.state.up, true);
  },
);

t.test('a killed server is a fault at once, and is found when it is back', async (t) => {
  const first = await startRedis(t);
  const store = await openTestStore(t, `redis://127.0.0.1:${first.port}`);
  t.equal(await faultKind(store, value('a')), 'none');
  await first.child.kill('SIGKILL');
  const start = performance.now();
  await until(async () => (await faultKind(store, value('a'))) === 'down', 1000);
  t.ok(performance.now() - start < 1000);
  await startRedis(t, [], first.port);
  await until(async () => (await faultKind(store, value('a'))) === 'none');
});

t.test('a server that is not there yet is waited for in the background', async (t) => {
  const probe = await startRedis(t);
  await probe.child.kill('SIGKILL');
  const store = await openTestStore(t, `redis://127.0.0.1:${probe.port}`);
  t.match(await faultText(store, value('a')), /ECONNREFUSED/);
  await startRedis(t, [], probe.port);
  await until(async () => (await faultKind(store, value('a'))) === 'none');
});

t.test('whoever does not speak Redis is a fault and no crash', async (t) => {
  const answers = [
    'HTTP/1.1 400 Bad Request\r\n\r\n',
    '$-5\r\n',
    '*99999999\r\n',
    ':1\r\n',
    '\0'.repeat(5000),
  ];
  for (const answer of answers) {
    const port = await garbageServer(t, answer);
    const store = await openTestStore(t, `redis://127.0.0.1:${port}`, { deadlineMs: 50 });
    t.match(await faultKind(store, value('a')), /^(down|late)$/, JSON.stringify(answer.slice(0, 20)));
  }
});

t.test('a cluster is asked where the key is, and replicas first where they are wanted', async (t) => {
  const options = ['--cluster-enabled', 'yes', '--cluster-node-timeout', '1000'];
  const nodes = [await startRedis(t, options), await startRedis(t, options), await startRedis(t, options)];
  const [a, b, c] = nodes.map(({ port }) => writer(t, port)) as [Redis, Redis, Redis];
  await a.cluster('ADDSLOTSRANGE', 0, 8000);
  await b.cluster('ADDSLOTSRANGE', 8001, 16_383);
  // Each meets each: word of the others alone takes them seconds.
  for (const node of [a, b, c]) for (const { port } of nodes) await node.cluster('MEET', '127.0.0.1', port);
  const id = String(await a.cluster('MYID'));
  await until(async () => String(await c.cluster('NODES')).includes(id));
  await until(async () => (await c.cluster('REPLICATE', id).catch(() => 'no')) === 'OK');
  // Everyone has heard of the replica when CLUSTER SLOTS lists it.
  for (const node of [a, b])
    await until(async () => JSON.stringify(await node.cluster('SLOTS')).includes(`,${nodes[2]!.port},`));
  await until(async () => /cluster_state:ok/.test(String(await b.cluster('INFO'))));
  await until(async () => /master_link_status:up/.test(await c.info('replication')));
  for (const key of ['a', 'b', 'c', 'd', 'e', 'f'])
    await Promise.any([a.set(key, key, 'EX', 100), b.set(key, key, 'EX', 100)]);
  const url = `redis+cluster://127.0.0.1:${nodes[0]!.port},127.0.0.1:${nodes[1]!.port}`;
  for (const replicas of [false, true]) {
    const store = await openTestStore(t, url, { replicas, deadlineMs: 1000 });
    for (const key of ['a', 'b', 'c', 'd', 'e', 'f']) {
      const found = await store.get(value(key));
      t.equal(text(found), key);
      t.ok(found!.endsAtS! > Date.now() / 1000 + 50);
    }
    t.equal(await store.get(value('nobody')), null);
  }
  const commands = await c.info('commandstats');
  t.match(commands, /cmdstat_getrange/, 'the replica was asked');
});

t.test('sentinels name the master, also the next one; a replica that lags sends nobody away', async (t) => {
  const master = await startRedis(t);
  const replica = await startRedis(t, ['--replicaof', `127.0.0.1 ${master.port}`]);
  const app = writer(t, master.port);
  const behind = writer(t, replica.port);
  await until(async () => /master_link_status:up/.test(await behind.info('replication')));
  const sentinel = await startSentinel(t, master.port);
  const watcher = writer(t, sentinel.port);
  await until(async () => /slaves=1/.test(await watcher.info('sentinel')));
  await app.set('a', 'x');
  const url = `redis+sentinel://127.0.0.1:${sentinel.port}/shop/0`;
  const store = await openTestStore(t, url);
  t.equal(text(await store.get(value('a'))), 'x');
  const near = await openTestStore(t, url, { replicas: true, deadlineMs: 500 });
  await until(async () => (await faultKind(near, value('a'))) === 'found');
  await replica.child.kill('SIGSTOP');
  const kinds = await Promise.all(Array.from({ length: 20 }, (_, i) => faultKind(near, value(`k${i}`))));
  t.same(new Set(kinds), new Set(['none']), 'a replica that hangs costs half a deadline, and no verdict');
  await replica.child.kill('SIGCONT');
  // The replica no longer follows, so that what is written now is known to the master alone.
  await behind.replicaof('127.0.0.1', '1');
  await app.set('fresh', 'just logged in');
  t.equal(text(await near.get(value('fresh'))), 'just logged in');
  await behind.replicaof('127.0.0.1', String(master.port));
  await until(async () => /master_link_status:up/.test(await behind.info('replication')));
  await until(
    async () => (await watcher.call('SENTINEL', 'FAILOVER', 'shop').catch(() => 'not yet')) === 'OK',
    30_000,
  );
  await until(async () => /role:master/.test(await behind.info('replication')));
  await behind.set('b', 'of the new master');
  await until(async () => (await faultKind(store, value('b'))) === 'found');
});

/** A store over TLS with and without the authority that signed for its servers. */
const tlsStores = (t: Owner, files: Certificates, url: string) => {
  const open = (ca: string | null, serverName: string | null) =>
    openTestStore(t, url, { deadlineMs: 1000, tls: { ca, verify: true, serverName } });
  return { known: () => open(readFileSync(files.ca, 'utf8'), null), unknown: () => open(null, null) };
};

t.test('the nodes of a cluster are spoken to by TLS, also those that the first one names', async (t) => {
  const files = makeCertificates(tempFolder(t));
  const start = async (): Promise<number> => {
    const port = await freeClusterPort();
    const cluster = ['--cluster-enabled', 'yes', '--cluster-node-timeout', '5000'];
    await startRedis(t, [...cluster, ...redisTls(files, port)], port);
    return port;
  };
  const ports = await Promise.all([start(), start()]);
  const ca = readFileSync(files.ca, 'utf8');
  const [a, b] = ports.map((port) => writer(t, port, { tls: { ca } })) as [Redis, Redis];
  await a.cluster('ADDSLOTSRANGE', 0, 8000);
  await b.cluster('ADDSLOTSRANGE', 8001, 16_383);
  await a.cluster('MEET', '127.0.0.1', ports[1]);
  for (const node of [a, b])
    await until(async () => /cluster_state:ok/.test(String(await node.cluster('INFO'))));
  const keys = ['a', 'b', 'c', 'd', 'e', 'f'];
  for (const key of keys) await Promise.any([a.set(key, key), b.set(key, key)]);
  const { known, unknown } = tlsStores(t, files, `rediss+cluster://127.0.0.1:${ports[0]}`);
  const store = await known();
  for (const key of keys) t.equal(text(await store.get(value(key))), key);
  t.equal(await store.get(value('nobody')), null);
  t.match(await faultKind(await unknown(), value('a')), /^(down|late)$/);
});

t.test('sentinels and the master that they name are spoken to by TLS', async (t) => {
  const files = makeCertificates(tempFolder(t));
  const port = await freePort();
  await startRedis(t, redisTls(files, port), port);
  await writer(t, port, { tls: { ca: readFileSync(files.ca, 'utf8') } }).set('a', 'x');
  const sentinel = await startSentinel(t, port, files);
  const { known, unknown } = tlsStores(t, files, `rediss+sentinel://127.0.0.1:${sentinel.port}/shop/0`);
  const store = await known();
  await until(async () => (await faultKind(store, value('a'))) === 'found');
  t.match(await faultKind(await unknown(), value('a')), /^(down|late)$/);
});

t.test('replicas of a single server are a problem, told with what would be right', async (t) => {
  await t.rejects(openTestStore(t, 'redis://127.0.0.1:1', { replicas: true }), {
    name: 'StoreProblem',
    right: /redis\+cluster/,
  });
});
