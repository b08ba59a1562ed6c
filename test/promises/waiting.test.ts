// Bounds of a pool: most requests at once, the line before them, backups, and turns over all workers.
import type { ServerResponse } from 'node:http';
import t from 'tap';
import { startLimpet } from '../kit/limpet.ts';
import { askPath, calm, type NamedApp, startNamedApp, type Told, until } from '../kit/named-app.ts';

const apps: NamedApp[] = [];
for (const name of ['one', 'two', 'three']) apps.push(await startNamedApp(name, t));
const [one, two, three] = apps as [NamedApp, NamedApp, NamedApp];
const spec = ({ name, url }: NamedApp, more: object = {}) => ({ name, url, ...more });
const limpet = await startLimpet({
  workers: 2,
  routes: [
    { path: '/', pool: 'turns' },
    { path: '/least', pool: 'least' },
    { path: '/narrow', pool: 'narrow' },
    { path: '/full', pool: 'full' },
    { path: '/backed', pool: 'backed' },
  ],
  pools: {
    turns: { health: calm, upstreams: [spec(one, { weight: 2 }), spec(two), spec(three)] },
    least: { health: calm, balance: 'least-connections', upstreams: apps.map((app) => spec(app)) },
    narrow: {
      health: calm,
      upstreams: [spec(one, { maxConnections: 1 })],
      queue: { max: 2, timeout: '400ms' },
    },
    full: { health: calm, upstreams: [spec(one, { maxConnections: 1 })] },
    backed: {
      upstreams: [spec(two), spec(three, { backup: true })],
      health: { ...calm, passive: { ejectFor: '200ms' } },
    },
  },
});

t.test('turns are taken by weight over both workers as if there were one', async (t) => {
  const counts = new Map<string, number>();
  for (let i = 0; i < 40; i++) {
    const { body } = await askPath(limpet.port, '/');
    counts.set(body, (counts.get(body) ?? 0) + 1);
  }
  t.same([counts.get('one'), counts.get('two'), counts.get('three')], [20, 10, 10]);
});

/** Makes an app hold every answer until `let go` is called. */
function hold(app: NamedApp): { held: ServerResponse[]; letGo: () => void } {
  const held: ServerResponse[] = [];
  app.answer = (request, response) => {
    // A probe is answered: this app is slow, not hung.
    if (request.method === 'OPTIONS') response.end();
    else held.push(response);
  };
  const letGo = (): void => {
    app.answer = (_request, response, name) => response.end(name);
    for (const response of held.splice(0)) response.end(app.name);
  };
  return { held, letGo };
}

t.test('least-connections counts over both workers', async (t) => {
  const holds = apps.map(hold);
  const asked: Promise<Told>[] = [];
  for (let i = 0; i < 9; i++) {
    asked.push(askPath(limpet.port, '/least'));
    await until('it arrived', () => holds.reduce((sum, h) => sum + h.held.length, 0) === i + 1);
  }
  t.same(
    holds.map((h) => h.held.length),
    [3, 3, 3],
  );
  for (const h of holds) h.letGo();
  t.ok((await Promise.all(asked)).every((told) => told.status === 200));
});

t.test('beyond the bound requests wait in line, in order, and not for ever', async (t) => {
  const { held, letGo } = hold(one);
  const first = askPath(limpet.port, '/narrow/1');
  await until('the first is under way', () => held.length === 1);
  const second = askPath(limpet.port, '/narrow/2', { accept: 'application/json' });
  const late = await second;
  t.equal(late.status, 503);
  t.match(JSON.parse(late.body), { error: { code: 'pool.wait-timeout' } });
  const third = askPath(limpet.port, '/narrow/3');
  await new Promise((resolve) => setTimeout(resolve, 60));
  t.equal(held.length, 1, 'never more than one at once');
  letGo();
  t.equal((await first).status, 200);
  t.equal((await third).status, 200, 'who waited is served');
});

t.test('a full line, or none, is told at once', async (t) => {
  const { held, letGo } = hold(one);
  const first = askPath(limpet.port, '/full');
  await until('the first is under way', () => held.length === 1);
  const told = await askPath(limpet.port, '/full', { accept: 'application/json' });
  t.equal(told.status, 503);
  t.match(JSON.parse(told.body), { error: { code: 'pool.full' } });
  t.ok(told.headers['retry-after']);
  letGo();
  await first;
});

t.test('a backup serves only while no primary does', async (t) => {
  for (let i = 0; i < 6; i++) t.equal((await askPath(limpet.port, '/backed')).body, 'two');
  await two.stop();
  for (let i = 0; i < 6; i++) t.equal((await askPath(limpet.port, '/backed')).body, 'three');
  await two.start();
  await until('the primary is back', async () => (await askPath(limpet.port, '/backed')).body === 'two');
  for (let i = 0; i < 6; i++) t.equal((await askPath(limpet.port, '/backed')).body, 'two');
});
