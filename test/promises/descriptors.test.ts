// Promise: when descriptors run short, newcomers are refused politely, those who are in are served on, and afterwards all is as before.
import t from 'tap';
import { connectionBound } from '../../src/process/connection-bound.ts';
import { metric, type RunningLimpet, startLimpet } from '../kit/limpet.ts';
import { askPath, cookieOf, type NamedApp, startNamedApp, until } from '../kit/named-app.ts';
import { RawClient } from '../kit/raw-client.ts';

/** So few that Node itself takes a third of them. */
const DESCRIPTORS = 96;
const CROWD = 200;
const GET = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n';

const apps: NamedApp[] = [];
for (const name of ['one', 'two', 'three']) apps.push(await startNamedApp(name, t));
const config = (more: object): object => ({
  upstreams: apps.map(({ name, url }) => ({ name, url })),
  affinity: { cookie: { secrets: ['a secret of this test only'] } },
  log: { format: 'json' },
  ...more,
});

/** Status line and body of what the client was told, or how its connection ended instead. */
async function ask(client: RawClient, request: string): Promise<string> {
  client.send(request);
  try {
    const { start, body } = await client.finalAnswer();
    return `${start} ${body}`;
  } catch (error) {
    if (client.ending === 'open') throw error;
    return client.text === '' ? client.ending : `broken: ${client.text}`;
  }
}

async function crowd(limpet: RunningLimpet): Promise<{ client: RawClient; told: string }[]> {
  const clients: RawClient[] = [];
  for (let i = 0; i < CROWD; i++) clients.push(await RawClient.open(limpet.port));
  return Promise.all(clients.map(async (client) => ({ client, told: await ask(client, GET) })));
}

/** Whether a newcomer is served. */
async function isServed(limpet: RunningLimpet): Promise<boolean> {
  const client = await RawClient.open(limpet.port);
  const told = await ask(client, GET);
  client.destroy();
  return told.startsWith('HTTP/1.1 200 ');
}

for (const workers of [1, 2]) {
  t.test(`${workers} worker(s) with few descriptors and a crowd of clients`, async (t) => {
    const limpet = await startLimpet(config({ workers }), { owner: t, descriptors: DESCRIPTORS });
    const homes = new Map<string, string>();
    for (let i = 0; i < 6; i++) {
      const told = await askPath(limpet.port, '/');
      homes.set(cookieOf(told), told.body);
    }
    const bound = connectionBound(0, workers, DESCRIPTORS);
    const said = `"connectionsMax":${bound.connections * workers}`;
    await until('the log says how many may come', () => limpet.logs().includes(said));
    t.notMatch(limpet.logs(), /is more than the limit of open files/);
    const all = await crowd(limpet);
    const served = all.filter(({ told }) => told.startsWith('HTTP/1.1 200 '));
    const refused = all.filter(({ told }) => /^HTTP\/1\.1 503 .*The connection limit is reached/s.test(told));
    const closed = all.filter(({ told }) => told === 'end' || told === 'reset');
    t.equal(served.length + refused.length + closed.length, CROWD, 'nothing else was told to anybody');
    // The kernel spreads clients over workers as it likes; each that is full refuses.
    t.ok(served.length > bound.connections / 2 && served.length <= bound.connections * workers);
    t.ok(refused.length > 0, 'some were told so in words');
    t.ok((await metric(limpet, 'limpet_refused_total', 'code="listener.full"')) >= refused.length);
    for (let round = 0; round < 3; round++) {
      const again = await Promise.all(served.map(({ client }) => ask(client, GET)));
      t.ok(
        again.every((told) => told.startsWith('HTTP/1.1 200 ')),
        'those who are in go on',
      );
    }
    for (const { client } of all) client.destroy();
    await until('there is room again', () => isServed(limpet));
    for (const [cookie, home] of homes) {
      const told = await askPath(limpet.port, '/', { cookie });
      t.equal(told.status, 200);
      t.equal(told.body, home, 'nobody was moved');
    }
    t.equal(await metric(limpet, 'limpet_ejections_total'), 0, 'no upstream was blamed');
    await until('no connection is left over', async () => (await metric(limpet, 'limpet_connections')) === 0);
    t.equal(await limpet.stop(), 0);
    t.notMatch(limpet.logs(), /ejected|died/);
  });
}

t.test('a bound that is set higher than the descriptors reach harms no upstream and no user', async (t) => {
  const limpet = await startLimpet(config({ limits: { connections: 1000 } }), {
    owner: t,
    descriptors: DESCRIPTORS,
  });
  await until('it is said at the start', () =>
    limpet.logs().includes('limits.connections is more than the limit of open files'),
  );
  const home = await askPath(limpet.port, '/');
  const all = await crowd(limpet);
  const served = all.filter(({ told }) => told.startsWith('HTTP/1.1 200 '));
  const short = all.filter(({ told }) => /^HTTP\/1\.1 503 .*no descriptor or port left/s.test(told));
  const closed = all.filter(({ told }) => told === 'end' || told === 'reset');
  t.equal(served.length + short.length + closed.length, CROWD, 'nothing else was told to anybody');
  t.ok(short.length > 0, 'it did run short');
  for (const { client } of all) client.destroy();
  await until('all is well again', () => isServed(limpet));
  const again = await askPath(limpet.port, '/', { cookie: cookieOf(home) });
  t.equal(again.body, home.body, 'nobody was moved');
  t.equal(await metric(limpet, 'limpet_ejections_total'), 0, 'no upstream was blamed');
  t.equal(await limpet.stop(), 0);
  t.notMatch(limpet.logs(), /ejected|died/);
});

t.test('the bound leaves descriptors for upstreams, refusals and the process itself', async (t) => {
  for (const limit of [64, 96, 256, 1024, 65536, 1 << 20]) {
    for (const workers of [1, 2, 16]) {
      const { connections, refused } = connectionBound(0, workers, limit);
      t.ok(connections >= 1 && refused >= 1);
      // A few workers with very few descriptors keep one client each at least.
      if (limit >= 64 * workers)
        t.ok((2 * connections + refused) * workers <= limit - Math.min(limit / 2, 64));
    }
  }
  t.same(connectionBound(100, 4, 1024), { connections: 25, refused: 16 }, 'as configured');
});
