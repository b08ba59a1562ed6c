// Most requests at once, of an upstream and of a pool, over all workers; and the line of those who wait for a place.
import type { ServerResponse } from 'node:http';
import t from 'tap';
import { metric, startLimpet } from '../kit/limpet.ts';
import { askPath, calm, type NamedApp, sayName, startNamedApp, type Told, until } from '../kit/named-app.ts';
import { RawClient } from '../kit/raw-client.ts';

const apps: NamedApp[] = [];
for (const name of ['alpha', 'bravo', 'charlie']) apps.push(await startNamedApp(name, t));
const [alpha, bravo, charlie] = apps as [NamedApp, NamedApp, NamedApp];
const spec = ({ name, url }: NamedApp, more: object = {}) => ({ name, url, ...more });
const pools: Record<string, object> = {
  each: {
    upstreams: [spec(alpha, { maxConnections: 2 }), spec(bravo, { maxConnections: 1 })],
    queue: { max: 100, timeout: '10s' },
  },
  whole: { upstreams: apps.map((app) => spec(app)), maxConnections: 4, queue: { max: 100, timeout: '10s' } },
  single: { upstreams: [spec(charlie, { maxConnections: 1 })], queue: { max: 3, timeout: '10s' } },
  short: { upstreams: [spec(charlie, { maxConnections: 1 })], queue: { max: 5, timeout: '300ms' } },
  bare: { upstreams: [spec(charlie, { maxConnections: 1 })] },
  spare: { upstreams: [spec(alpha, { maxConnections: 1 }), spec(bravo, { backup: true })] },
};
const limpet = await startLimpet({
  workers: 2,
  routes: Object.keys(pools).map((pool) => ({ path: `/${pool}`, pool })),
  pools: Object.fromEntries(Object.entries(pools).map(([name, pool]) => [name, { health: calm, ...pool }])),
});
const json = { accept: 'application/json' };
const ask = (path: string): Promise<Told> => askPath(limpet.port, path, json);
const code = (told: Told): string => (JSON.parse(told.body) as { error: { code: string } }).error.code;

interface Held {
  readonly urls: string[];
  readonly most: number;
  /** Answers the one that was held first. */
  next(): void;
  letGo(): void;
}
/** Makes apps keep their answers back. */
function hold(...held: readonly NamedApp[]): Held {
  const waiting: { response: ServerResponse; name: string; url: string }[] = [];
  let most = 0;
  for (const app of held) {
    app.answer = (request, response, name) => {
      // A probe is answered: the app is busy, not hung.
      if (request.method === 'OPTIONS') return void response.end();
      waiting.push({ response, name, url: request.url ?? '' });
      most = Math.max(most, waiting.length);
      request.socket.once('close', () => {
        const at = waiting.findIndex((one) => one.response === response);
        if (at >= 0) waiting.splice(at, 1);
      });
    };
  }
  const next = (): void => {
    const first = waiting.shift();
    first?.response.end(first.name);
  };
  return {
    get urls() {
      return waiting.map(({ url }) => url);
    },
    get most() {
      return most;
    },
    next,
    letGo: () => {
      for (const app of held) app.answer = sayName;
      while (waiting.length > 0) next();
    },
  };
}

/** Answers the held ones one by one until `total` have gone through, and gives the most that were there at once. */
async function work(held: Held, total: number): Promise<number> {
  for (let done = 0; done < total; done++) {
    await until('the next one is there', () => held.urls.length > 0);
    held.next();
  }
  return held.most;
}

t.test('an upstream never has more requests at once than its bound, over both workers', async (t) => {
  const held = hold(alpha, bravo);
  const asked = Array.from({ length: 40 }, (_, i) => ask(`/each/${i}`));
  await until('all places are taken', () => held.urls.length === 3);
  t.equal(await work(held, 40), 3, 'two and one');
  const told = await Promise.all(asked);
  t.ok(told.every((one) => one.status === 200));
  const answered = told.filter((one) => one.body === 'bravo').length;
  t.ok(answered > 0 && answered < 40, `bravo ${answered}`);
  held.letGo();
});

t.test('a pool never has more requests at once than its bound, over both workers', async (t) => {
  const held = hold(...apps);
  const asked = Array.from({ length: 40 }, (_, i) => ask(`/whole/${i}`));
  await until('all places are taken', () => held.urls.length === 4);
  t.equal(await work(held, 40), 4);
  t.ok((await Promise.all(asked)).every((one) => one.status === 200));
  held.letGo();
});

/** Waits until so many stand in the line of `pool`. */
function inLine(pool: string, count: number): Promise<void> {
  return until(
    `${count} wait in ${pool}`,
    async () => (await metric(limpet, 'limpet_pool_waiting', `pool="${pool}"`)) === count,
  );
}

t.test('who waits on one connection after another is served in order', async (t) => {
  const held = hold(charlie);
  const clients: RawClient[] = [];
  for (let i = 0; i < 4; i++) {
    const client = await RawClient.open(limpet.port);
    clients.push(client);
    client.send(`GET /single/${i} HTTP/1.1\r\nHost: x\r\n\r\n`);
    if (i === 0) await until('the first is there', () => held.urls.length === 1);
  }
  await inLine('single', 3);
  for (let i = 0; i < 4; i++) {
    await until('the next is there', () => held.urls.length === 1);
    held.next();
  }
  const starts = await Promise.all(clients.map(async (client) => (await client.answer()).start));
  t.ok(starts.every((start) => start === 'HTTP/1.1 200 OK'));
  held.letGo();
});

t.test('a full line is told at once, and so is none', async (t) => {
  const held = hold(charlie);
  const first = ask('/bare');
  await until('the first is there', () => held.urls.length === 1);
  const began = performance.now();
  const refused = await ask('/bare');
  t.ok(performance.now() - began < 1000);
  t.equal(refused.status, 503);
  t.equal(code(refused), 'pool.full');
  t.ok(refused.headers['retry-after']);
  held.letGo();
  t.equal((await first).body, 'charlie');
  const again = hold(charlie);
  const all = Array.from({ length: 8 }, (_, i) => ask(`/single/${i}`));
  await until('one is there', () => again.urls.length === 1);
  // One runs, three wait; both workers count the line together.
  let over = 0;
  for (const one of all) void one.then((told) => (over += told.status === 503 ? 1 : 0));
  await until('four are refused', () => over === 4);
  again.letGo();
  const told = await Promise.all(all);
  t.equal(told.filter((one) => one.status === 200).length, 4);
  t.ok(told.filter((one) => one.status === 503).every((one) => code(one) === 'pool.full'));
});

t.test('nobody waits longer than the timeout', async (t) => {
  const held = hold(charlie);
  const first = ask('/short');
  await until('the first is there', () => held.urls.length === 1);
  const waits = await Promise.all(
    [1, 2, 3].map(async () => {
      const began = performance.now();
      const told = await ask('/short');
      return { told, ms: performance.now() - began };
    }),
  );
  for (const { told, ms } of waits) {
    t.equal(told.status, 503);
    t.equal(code(told), 'pool.wait-timeout');
    t.ok(ms >= 250 && ms < 1500, `after ${Math.round(ms)} ms`);
  }
  t.equal(held.most, 1, 'they never reached the app');
  held.letGo();
  t.equal((await first).status, 200);
  t.equal((await ask('/short')).status, 200, 'and the line is empty again');
});

t.test('who leaves, in the line or at the app, gives his place to the next', async (t) => {
  const held = hold(charlie);
  const running = await RawClient.open(limpet.port);
  running.send('GET /single/running HTTP/1.1\r\nHost: x\r\n\r\n');
  await until('it runs', () => held.urls.length === 1);
  const leaving: RawClient[] = [];
  for (let i = 0; i < 3; i++) {
    const client = await RawClient.open(limpet.port);
    client.send(`GET /single/leaving HTTP/1.1\r\nHost: x\r\n\r\n`);
    leaving.push(client);
  }
  await inLine('single', 3);
  for (const client of leaving) client.reset();
  await until(
    'they are counted as gone',
    async () => (await metric(limpet, 'limpet_refused_total', 'code="client.gone"')) >= 3,
  );
  const waiting = ask('/single/waiting');
  running.reset();
  await until('the next is at the app', () => held.urls.join() === '/single/waiting');
  held.letGo();
  t.equal((await waiting).status, 200);
  t.notOk(
    charlie.seen.some(({ url }) => url === '/single/leaving'),
    'who left the line was not asked for',
  );
});

t.test('a full primary does not bring the backup in', async (t) => {
  const held = hold(alpha);
  const first = ask('/spare');
  await until('the first is there', () => held.urls.length === 1);
  t.equal(code(await ask('/spare')), 'pool.full');
  held.letGo();
  t.equal((await first).body, 'alpha');
});
