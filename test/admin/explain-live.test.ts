// POST /api/v1/explain of a running proxy: it decides as the workers do at this moment, and leaves no trace.
import t from 'tap';
import type { Explanation } from '../../src/proxy/explanation.ts';
import { startLimpet } from '../kit/limpet.ts';
import { askPath, calm, cookieOf, startNamedApp, until } from '../kit/named-app.ts';

const apps = [await startNamedApp('one', t), await startNamedApp('two', t)];
const limpet = await startLimpet({
  workers: 2,
  pools: {
    // Without secrets: only the running proxy can read its cookies.
    shop: { upstreams: apps.map(({ name, url }) => ({ name, url })), affinity: { cookie: {} }, health: calm },
  },
});

async function explain(headers: Record<string, string | string[]> = {}, url = '/cart'): Promise<Explanation> {
  const response = await fetch(`${limpet.adminUrl}/api/v1/explain`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ method: 'GET', url, headers }),
  });
  t.equal(response.status, 200);
  return (await response.json()) as Explanation; // as src/proxy/explanation.ts has it
}
const change = (name: string, body: object): Promise<Response> =>
  fetch(`${limpet.adminUrl}/api/v1/upstreams/shop/${name}`, {
    method: 'PATCH',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
const rows = async () =>
  (await (await fetch(`${limpet.adminUrl}/api/v1/upstreams`)).json()) as {
    name: string;
    observed: string;
    requests: number;
    users: number;
  }[];
const textOf = ({ steps }: Explanation): string =>
  steps.map(({ step, text }) => `${step} ${text}\n`).join('');

t.test('a user is found at home, a stranger gets any that takes new users', async (t) => {
  const told = await askPath(limpet.port, '/');
  const cookie = cookieOf(told);
  const before = await rows();
  const home = await explain({ cookie });
  t.match(home, { ok: true, affinity: 'kept', choice: told.body, pool: 'shop' });
  t.match(await explain({ cookie: 'limpet=forged' }), { ok: true, affinity: 'forged' });
  const stranger = await explain();
  t.same(stranger.candidates, ['one', 'two']);
  t.equal(stranger.choice, null);
  t.notMatch(textOf(stranger), 'not asked here', 'it is asked here');
  t.same(await rows(), before, 'nothing was sent or counted');
});

t.test('what the operator wants and what health sees count at once', async (t) => {
  const users: Record<string, string> = {};
  while (users.one === undefined || users.two === undefined) {
    const told = await askPath(limpet.port, '/');
    users[told.body] ??= cookieOf(told);
  }
  await change('one', { wanted: 'drain' });
  const drained = await explain();
  t.same([drained.candidates, drained.choice], [['two'], 'two']);
  t.match(textOf(drained), 'pool no candidate: one, wanted drain');
  t.match(await explain({ cookie: users.one! }), { affinity: 'kept', choice: 'one' });
  await change('one', { wanted: 'maintenance' });
  t.match(await explain({ cookie: users.one! }), { affinity: 'moved', choice: 'two' });
  await change('one', { wanted: 'ready' });
  await apps[1]!.stop();
  await until('it is seen to be down', async () => {
    await askPath(limpet.port, '/', { cookie: users.two! });
    return (await rows()).some(({ name, observed }) => name === 'two' && observed === 'ejected');
  });
  const ejected = await explain({ cookie: users.two! });
  t.match(ejected, { affinity: 'moved', choice: 'one', candidates: ['one'] });
  t.match(textOf(ejected), 'pool no candidate: two, ejected');
});

t.test('what would be refused is told with its code, and no line of a head can be smuggled in', async (t) => {
  t.match(await explain({ 'content-length': ['1', '2'] }), { ok: false, status: 400 });
  const response = await fetch(`${limpet.adminUrl}/api/v1/explain`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ method: 'GET', url: '/', headers: { a: 'b\r\nc: d' } }),
  });
  t.equal(response.status, 400);
  t.match(await response.json(), { error: { code: 'explain.line' } });
});
