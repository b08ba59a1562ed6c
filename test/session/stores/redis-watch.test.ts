// Redis that tells of changes, with real servers that are stopped, killed, emptied, locked and talked over.
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { Cluster, Redis } from 'ioredis';
import t from 'tap';
import type { StoreGate } from '../../../src/session/stores/gate.ts';
import { ChangeLog } from '../../kit/change-log.ts';
import type { Owner } from '../../kit/child.ts';
import { freePort } from '../../kit/ports.ts';
import { openTestStore, tcpServer, until, value } from '../../kit/store-drill.ts';
import {
  makeCertificates,
  redisTls,
  startRedis,
  startSentinel,
  tempFolder,
} from '../../kit/store-servers.ts';

function writer(t: Owner, port: number, options: object = {}): Redis {
  const client = new Redis({ port, host: '127.0.0.1', ...options });
  client.on('error', () => {});
  t.teardown(() => client.disconnect());
  return client;
}

async function watched(t: Owner, url: string): Promise<{ store: StoreGate; log: ChangeLog }> {
  const store = await openTestStore(t, url, { deadlineMs: 1000 });
  const log = new ChangeLog();
  store.watch!(log);
  return { store, log };
}

/** The store tells of a change of `key` that is read first. */
async function tells(store: StoreGate, log: ChangeLog, key: string, change: () => unknown): Promise<void> {
  await store.get(value(key));
  log.keys = [];
  await change();
  await until(() => log.has(key));
}

t.test('every way in which a session changes is told, once for each time that it is read', async (t) => {
  const { port } = await startRedis(t);
  const app = writer(t, port);
  await app.select(2);
  const { store, log } = await watched(t, `redis://127.0.0.1:${port}/2`);
  await until(() => log.up);
  await app.set('a', 'x', 'EX', 600);
  await tells(store, log, 'a', () => app.expire('a', 900));
  await tells(store, log, 'a', () => app.getex('a', 'EX', 900));
  await tells(store, log, 'a', () => app.set('a', 'y'));
  await tells(store, log, 'a', () => app.del('a'));
  await tells(store, log, 'a', () => app.set('a', 'born again'));
  await tells(store, log, 'kä\0ß', () => app.set('kä\0ß', 'x', 'PX', 30));
  await tells(store, log, 'kä\0ß', () => {});
  await app.hset('h', { user: '1' });
  await store.get({ kind: 'hash', key: 'h', fields: ['user'] });
  await app.hset('h', { user: '2' });
  await until(() => log.has('h'));
  log.keys = [];
  await app.set('unread', 'x');
  await app.set('h', 'told already');
  await tells(store, log, 'a', () => app.del('a'));
  t.same(log.keys, ['a'], 'what nobody read, or has not read since, costs no message');
  for (const times of [1, 2]) {
    await app.flushdb();
    await until(() => log.all >= times);
  }
  t.equal(log.garbage, 0);
  t.same(log.losses, []);
});

t.test('what others publish where changes are pushed is dropped', async (t) => {
  const { port } = await startRedis(t);
  const app = writer(t, port);
  const { store, log } = await watched(t, `redis://127.0.0.1:${port}`);
  await until(() => log.up);
  await store.get(value('a'));
  for (const rubbish of ['', 'a', '*1\r\n$1\r\na\r\n', '\0'.repeat(70_000)])
    await app.publish('__redis__:invalidate', rubbish);
  await until(() => log.garbage === 4);
  t.same([log.keys, log.all, log.up], [[], 0, true]);
  await tells(store, log, 'a', () => app.set('a', 'x'));
});

t.test('a connection that is cut is told at once, and what is read behind it is told of again', async (t) => {
  const { port, child } = await startRedis(t);
  const app = writer(t, port);
  const { store, log } = await watched(t, `redis://127.0.0.1:${port}`);
  await until(() => log.up);
  for (const type of ['pubsub', 'normal']) {
    const before = log.losses.length;
    await app.call('CLIENT', 'KILL', 'TYPE', type, 'SKIPME', 'yes');
    await until(() => log.losses.length > before && log.up);
    await tells(store, log, 'a', () => app.append('a', type));
  }
  t.match(log.losses.join(), /the connection for changes was closed.*the connection for look-ups was closed/);
  await child.kill('SIGSTOP');
  await until(() => !log.up);
  await child.kill('SIGCONT');
  await until(() => log.up);
  await tells(store, log, 'a', () => app.append('a', 'x'));
  await child.kill('SIGKILL');
  await until(() => !log.up);
  await startRedis(t, [], port);
  await until(() => log.up);
  await tells(store, log, 'a', () => app.append('a', 'x'));
});

t.test(
  'a user who may not be told of reads has keyspace events where they are on, and else nothing',
  async (t) => {
    const { port } = await startRedis(t);
    const app = writer(t, port);
    const may = ['+get', '+pttl', '+select', '+ping', '+info', '+psubscribe', '+config|get'];
    await app.acl('SETUSER', 'edge', 'on', '>secret', '~*', 'allchannels', ...may);
    const url = `redis://edge:secret@127.0.0.1:${port}/1`;
    const off = await watched(t, url);
    await until(() => off.log.losses.length > 0);
    t.match(off.log.losses[0], /NOPERM.*keyspace events are off/);
    t.equal(off.log.up, false);
    await app.config('SET', 'notify-keyspace-events', 'Kg$hxe');
    const { store, log } = await watched(t, url);
    await until(() => log.up);
    await app.select(1);
    await tells(store, log, 'a', () => app.set('a', 'x', 'EX', 600));
    await tells(store, log, 'a', () => app.expire('a', 900));
    await tells(store, log, 'a', () => app.del('a'));
    await app.flushdb();
    await until(() => log.all === 1);
    await app.config('SET', 'notify-keyspace-events', '');
    await until(() => !log.up);
    await app.acl('SETUSER', 'edge', '-config|get');
    const blind = await watched(t, url);
    await until(() => blind.log.losses.length > 0);
    t.match(blind.log.losses[0], /CONFIG GET \(NOPERM\)/);
    t.equal(off.log.losses.length, 1, 'which is told once');
  },
);

t.test('the user that the docs give may read and be told, and nothing more', async (t) => {
  const docs = readFileSync(new URL('../../../docs/sessions/push.md', import.meta.url), 'utf8');
  const words = /^ *ACL SETUSER (.*)$/m.exec(docs)![1]!.split(' ');
  const { port } = await startRedis(t);
  const app = writer(t, port);
  await app.call('ACL', 'SETUSER', ...words);
  await app.set('sess:a', 'x');
  const { store, log } = await watched(t, `redis://limpet:PASSWORD@127.0.0.1:${port}`);
  await until(() => log.up);
  await tells(store, log, 'sess:a', () => app.del('sess:a'));
  t.same(log.losses, []);
  const own = writer(t, port, { username: 'limpet', password: 'PASSWORD' });
  await t.rejects(own.set('sess:a', 'x'), /NOPERM/);
  await t.rejects(own.get('other'), /NOPERM/);
});

t.test('changes come by TLS where look-ups do', async (t) => {
  const files = makeCertificates(tempFolder(t));
  const port = await freePort();
  await startRedis(t, redisTls(files, port), port);
  const ca = readFileSync(files.ca, 'utf8');
  const app = writer(t, port, { tls: { ca } });
  const tls = { ca, verify: true, serverName: 'store.test' };
  const store = await openTestStore(t, `rediss://127.0.0.1:${port}`, { tls, deadlineMs: 1000 });
  const log = new ChangeLog();
  store.watch!(log);
  await until(() => log.up);
  await tells(store, log, 'a', () => app.set('a', 'x'));
});

t.test('two servers behind one address are seen to be two', async (t) => {
  const ports = [(await startRedis(t)).port, (await startRedis(t)).port];
  // The number of a connection on the one means another connection on the other.
  const port = await turns(t, ports);
  const { log } = await watched(t, `redis://127.0.0.1:${port}`);
  await until(() => log.losses.length > 0);
  t.match(log.losses[0], /lead to two servers/);
});

/** A replica is sent its first copy without waiting for others that want one, and counts as such soon. */
const AT_ONCE = ['--repl-diskless-sync-delay', '0', '--repl-ping-replica-period', '1'];

/** The masters of a cluster, which share the slots out among them, and behind them a replica of the first. */
async function startCluster(t: Owner, masters: number): Promise<Redis[]> {
  const options = ['--cluster-enabled', 'yes', '--cluster-node-timeout', '1000', ...AT_ONCE];
  const servers = await Promise.all(Array.from({ length: masters + 1 }, () => startRedis(t, options)));
  const nodes = servers.map(({ port }) => writer(t, port));
  const share = Math.ceil(16_384 / masters);
  for (let i = 0; i < masters; i++)
    await nodes[i]!.cluster('ADDSLOTSRANGE', i * share, Math.min(16_383, (i + 1) * share - 1));
  for (const node of nodes) for (const { port } of servers) await node.cluster('MEET', '127.0.0.1', port);
  const [first, replica] = [nodes[0]!, nodes[masters]!];
  const id = String(await first.cluster('MYID'));
  await until(async () => (await replica.cluster('REPLICATE', id).catch(() => 'not known yet')) === 'OK');
  await until(async () => /master_link_status:up/.test(await replica.info('replication')));
  for (const node of nodes) {
    await until(async () => /cluster_state:ok/.test(String(await node.cluster('INFO'))));
    await until(async () =>
      JSON.stringify(await node.cluster('SLOTS')).includes(`,${servers.at(-1)!.port},`),
    );
  }
  return nodes;
}

const KEYS = ['a', 'b', 'c', 'd', 'e', 'f'];

t.test('every master of a cluster tells, also a new one, and where a slot has moved', async (t) => {
  const nodes = await startCluster(t, 2);
  const [first, second] = nodes as [Redis, Redis];
  const app = new Cluster(nodes.map(({ options }) => ({ host: '127.0.0.1', port: options.port! })));
  app.on('error', () => {});
  t.teardown(() => app.disconnect());
  for (const key of KEYS) await app.set(key, 'x');
  const { store, log } = await watched(t, `redis+cluster://127.0.0.1:${first.options.port}`);
  await until(() => log.up);
  for (const key of KEYS) await tells(store, log, key, () => app.expire(key, 900));

  const slot = await app.cluster('KEYSLOT', 'a');
  const [from, to] = slot < 8192 ? [first, second] : [second, first];
  const [fromId, toId] = [await from.cluster('MYID'), await to.cluster('MYID')];
  await store.get(value('a'));
  log.keys = [];
  await to.cluster('SETSLOT', slot, 'IMPORTING', String(fromId));
  await from.cluster('SETSLOT', slot, 'MIGRATING', String(toId));
  await from.migrate('127.0.0.1', to.options.port!, 'a', 0, 5000);
  await until(() => log.has('a'));
  for (const node of [to, from]) await node.cluster('SETSLOT', slot, 'NODE', String(toId));
  await tells(store, log, 'a', () => to.set('a', 'moved'));

  const replica = nodes[2]!;
  const losses = log.losses.length;
  await replica.cluster('FAILOVER', 'TAKEOVER');
  await until(async () => /role:master/.test(await replica.info('replication')));
  // The next question for one of its keys finds the new master, of which nothing is told yet.
  await until(async () => {
    for (const key of KEYS) await store.get(value(key)).catch(() => null);
    return log.losses.length > losses && log.up;
  });
  for (const key of KEYS) await tells(store, log, key, () => app.append(key, 'y'));
});

t.test('behind sentinels the master tells, and then the next one', async (t) => {
  const master = await startRedis(t, AT_ONCE);
  const replica = await startRedis(t, ['--replicaof', `127.0.0.1 ${master.port}`, ...AT_ONCE]);
  const app = writer(t, master.port);
  const behind = writer(t, replica.port);
  await until(async () => /master_link_status:up/.test(await behind.info('replication')));
  const sentinel = await startSentinel(t, master.port);
  const watcher = writer(t, sentinel.port);
  await until(async () => /slaves=1/.test(await watcher.info('sentinel')));
  const url = `redis+sentinel://127.0.0.1:${sentinel.port}/shop/0`;
  const { store, log } = await watched(t, url);
  await until(() => log.up);
  await app.set('a', 'x');
  await tells(store, log, 'a', () => app.del('a'));
  await until(
    async () => (await watcher.call('SENTINEL', 'FAILOVER', 'shop').catch(() => 'not yet')) === 'OK',
    30_000,
  );
  await until(() => !log.up, 30_000);
  await until(async () => /role:master/.test(await behind.info('replication')));
  await until(() => log.up, 30_000);
  await tells(store, log, 'a', () => behind.set('a', 'of the new master'));
});

t.test('replicas that are read from tell too', async (t) => {
  const nodes = await startCluster(t, 1);
  const store = await openTestStore(t, `redis+cluster://127.0.0.1:${nodes[0]!.options.port}`, {
    deadlineMs: 1000,
    replicas: true,
  });
  const log = new ChangeLog();
  store.watch!(log);
  await until(() => log.up);
  await nodes[0]!.set('a', 'x');
  await tells(store, log, 'a', () => nodes[0]!.set('a', 'y'));
  await until(async () => Buffer.from((await store.get(value('a')))!.bytes).toString() === 'y');
  await tells(store, log, 'a', () => nodes[0]!.del('a'));
});

/** An address behind which connections go to one server and the other by turns. */
async function turns(t: Owner, ports: readonly number[]): Promise<number> {
  let count = 0;
  return await tcpServer(t, (socket) => {
    const server = connect(ports[count++ % ports.length]!, '127.0.0.1');
    server.on('error', () => socket.destroy());
    server.on('close', () => socket.destroy());
    socket.on('close', () => server.destroy());
    socket.pipe(server).pipe(socket);
  });
}
