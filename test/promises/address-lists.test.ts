// Lists of addresses: who is not to come is closed unheard or told 403, a file is followed as it changes, and one address has so many connections.
import { renameSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import t from 'tap';
import { metric, type RunningLimpet, startLimpet } from '../kit/limpet.ts';
import { askPath, calm, startNamedApp, until } from '../kit/named-app.ts';
import { askOnce, RawClient } from '../kit/raw-client.ts';

const app = await startNamedApp('app', t);
const pools = { app: { upstreams: [app.url], health: calm } };
const GET = 'GET / HTTP/1.1\r\nHost: x\r\n\r\n';

/** The status that a client from `from` is told at `/`, or 0 where it is closed unheard. */
async function statusFrom(limpet: RunningLimpet, from: string): Promise<number> {
  const client = await RawClient.open(limpet.port, { from, owner: t });
  client.send(GET);
  await client.until(
    () => client.ending !== 'open' || client.received.length > 0 || null,
    'an answer or an end',
  );
  const status = /^HTTP\/1\.1 (\d+)/.exec(client.received.toString('latin1'))?.[1];
  client.destroy();
  return Number(status ?? 0);
}
// Each has a Limpet of its own.
t.jobs = 2;

t.test(
  'routes let in whom they allow and not whom they deny, by what trusted proxies say',
  { buffered: true },
  async (t) => {
    const limpet = await startLimpet(
      {
        pools,
        trustedProxies: ['127.0.0.1'],
        routes: [
          { path: '/', pool: 'app' },
          { path: '/office', pool: 'app', allow: ['10.0.0.0/8', '2001:db8::/32'], deny: '10.9.0.0/16' },
          { path: '/public', respond: { body: 'p' }, deny: { file: 'bad.txt' }, cors: { origins: '*' } },
        ],
      },
      { owner: t, files: { 'bad.txt': '# known\n192.0.2.0/24\n' } },
    );
    const ask = async (path: string, from: string): Promise<number> =>
      (await askPath(limpet.port, path, { 'x-forwarded-for': from })).status;
    for (const [path, from, status] of [
      ['/office', '10.1.2.3', 200],
      ['/office', '::ffff:10.1.2.3', 200],
      ['/office', '2001:db8::9', 200],
      ['/office', '10.9.2.3', 403],
      ['/office', '11.1.2.3', 403],
      ['/office', '2001:db9::9', 403],
      ['/office', 'nonsense', 403],
      ['/public', '192.0.2.77', 403],
      ['/public', '192.0.3.77', 200],
      ['/', '192.0.2.77', 200],
      // As docs/rate-limits.md has it: letter by letter, and nothing that an app may read as the path of the list.
      ['/Office', '11.1.2.3', 200],
      ['/%6Fffice', '11.1.2.3', 400],
      ['//office', '11.1.2.3', 400],
      ['/x/../office', '11.1.2.3', 400],
    ] as const)
      t.equal(await ask(path, from), status, `${from} at ${path}`);
    const preflight = {
      origin: 'http://a',
      'access-control-request-method': 'GET',
      'x-forwarded-for': '192.0.2.7',
    };
    t.equal((await askPath(limpet.port, '/public', preflight, 'OPTIONS')).status, 403, 'a preflight too');
    const told = await askPath(limpet.port, '/office', { accept: 'application/json' });
    t.match(JSON.parse(told.body), { error: { status: 403, code: 'access.denied' } });
    t.notMatch(told.body, '127.0.0.1', 'and nothing is said of the list or the client');
    await until(
      'it is counted',
      async () => (await metric(limpet, 'limpet_refused_total', 'code="access.denied"')) === 7,
    );
  },
);

t.test(
  'who is denied at the top is closed unheard, on connections that he opens',
  { buffered: true },
  async (t) => {
    const limpet = await startLimpet(
      { pools, routes: [{ path: '/', pool: 'app' }], workers: 2, deny: ['127.0.0.2', { file: 'bad.txt' }] },
      { owner: t, files: { 'bad.txt': '127.0.0.3\n' } },
    );
    t.equal(await statusFrom(limpet, '127.0.0.1'), 200);
    t.equal(await statusFrom(limpet, '127.0.0.2'), 0);
    t.equal(await statusFrom(limpet, '127.0.0.3'), 0);
    await until(
      'it is counted',
      async () => (await metric(limpet, 'limpet_connections_shed_total', 'reason="denied"')) === 2,
    );
  },
);

t.test(
  'a file is followed as it changes, by writing or by swapping; a bad one changes nothing',
  { buffered: true },
  async (t) => {
    const limpet = await startLimpet(
      { pools, routes: [{ path: '/', pool: 'app', deny: { file: 'bad.txt' } }], workers: 2 },
      { owner: t, files: { 'bad.txt': '127.0.0.2\n' } },
    );
    const file = join(dirname(limpet.configFile), 'bad.txt');
    t.equal(await statusFrom(limpet, '127.0.0.2'), 403);
    t.equal(await statusFrom(limpet, '127.0.0.3'), 200);
    const open = await RawClient.open(limpet.port, { from: '127.0.0.3', owner: t });
    t.match((await open.ask(GET)).start, / 200 /);
    writeFileSync(file, '127.0.0.3\n');
    await until('every worker denies the new one', async () => {
      for (let i = 0; i < 6; i++) if ((await statusFrom(limpet, '127.0.0.3')) !== 403) return false;
      return true;
    });
    t.equal(await statusFrom(limpet, '127.0.0.2'), 200, 'and not the old one');
    t.match((await open.ask(GET)).start, / 403 /, 'also on a connection that was judged before');
    writeFileSync(file, '127.0.0.2\n127.0.0.x\n');
    await until('the log says so', () => /bad\.txt is not taken: line 2 is no address/.test(limpet.logs()));
    t.equal(await statusFrom(limpet, '127.0.0.3'), 403, 'what was read before stands');
    writeFileSync(`${file}.new`, '127.0.0.2\n');
    renameSync(`${file}.new`, file);
    await until('the swapped one counts', async () => (await statusFrom(limpet, '127.0.0.2')) === 403);
  },
);

t.test(
  'an address has so many connections over all workers, and one more when one has gone',
  { buffered: true },
  async (t) => {
    const limpet = await startLimpet(
      { pools, routes: [{ path: '/', pool: 'app' }], workers: 2, limits: { connectionsPerAddress: 5 } },
      { owner: t },
    );
    const from = '127.0.0.2';
    const clients: RawClient[] = [];
    for (let i = 0; i < 5; i++) {
      clients.push(await RawClient.open(limpet.port, { from, owner: t }));
      t.match((await clients[i]!.ask(GET)).start, / 200 /);
    }
    const late = await askOnce(limpet.port, GET, { from });
    t.match(late.start, / 429 /);
    t.match(late.body.toString(), /too many connections from this address/);
    t.equal(await statusFrom(limpet, '127.0.0.3'), 200, 'others are not concerned');
    for (const client of clients) t.match((await client.ask(GET)).start, / 200 /, 'who is in goes on');
    clients[0]!.destroy();
    await until('there is a place again', async () => (await statusFrom(limpet, from)) === 200);
    await until(
      'it is counted',
      async () => (await metric(limpet, 'limpet_connections_shed_total', 'reason="address"')) >= 1,
    );
    await until(
      'it is counted',
      async () => (await metric(limpet, 'limpet_refused_total', 'code="listener.address-full"')) >= 1,
    );
  },
);

t.test(
  'a flood of connections from one address takes no more than a handful of places',
  { buffered: true },
  async (t) => {
    const limpet = await startLimpet(
      { pools, routes: [{ path: '/', pool: 'app' }], limits: { connectionsPerAddress: 2, connections: 50 } },
      { owner: t },
    );
    const flood = await Promise.all(
      Array.from({ length: 60 }, () => RawClient.open(limpet.port, { from: '127.0.0.2', owner: t })),
    );
    await until('most are closed', () => flood.filter((client) => client.ending !== 'open').length >= 50);
    t.equal(await statusFrom(limpet, '127.0.0.3'), 200, 'there is room for others all the while');
  },
);
