// Between the check of a request and its way to the app there may be time: a place in line, a body that must be there first. Who is revoked
// or logs out meanwhile does not reach the app.
import type { ServerResponse } from 'node:http';
import { sign } from 'cookie-signature';
import t from 'tap';
import { metric, startLimpet } from '../kit/limpet.ts';
import { askPath, calm, startNamedApp, until } from '../kit/named-app.ts';
import { startRedis } from '../kit/redis-server.ts';

const SECRET = 'the session secret of a test';
const redis = await startRedis();
await redis.client.connect();
const app = await startNamedApp('alpha', t);
const held: ServerResponse[] = [];
const seen: string[] = [];
app.answer = (request, response) => {
  const { url = '' } = request;
  seen.push(`${url} ${request.headers.cookie === undefined ? '-' : String(request.headers['limpet-user'])}`);
  if (url === '/hold') held.push(response);
  else response.end('ok');
};
const limpet = await startLimpet({
  pools: {
    narrow: {
      health: calm,
      upstreams: [{ name: app.name, url: app.url, maxConnections: 1 }],
      queue: { max: 10, timeout: '60s' },
    },
  },
  session: {
    verify: 'express-session',
    secrets: [SECRET],
    user: 'userId',
    store: redis.url,
    exempt: '/login',
  },
  routes: [
    { path: '/', pool: 'narrow' },
    { path: '/hold', pool: 'narrow', session: false },
  ],
});

async function login(userId: string): Promise<string> {
  const id = `id-${userId}`;
  await redis.client.set(`sess:${id}`, JSON.stringify({ cookie: {}, userId }), 'EX', 600);
  return `connect.sid=${encodeURIComponent(`s:${sign(id, SECRET)}`)}`;
}
const ask = (path: string, cookie: string): ReturnType<typeof askPath> =>
  askPath(limpet.port, path, { cookie });
async function revoke(body: object): Promise<void> {
  const answer = await fetch(`${limpet.adminUrl}/api/v1/revocations`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  if (answer.status !== 201) throw new Error(await answer.text());
}
const waiting = (count: number): Promise<void> =>
  until(
    `${count} wait`,
    async () => (await metric(limpet, 'limpet_pool_waiting', 'pool="narrow"')) === count,
  );

t.test(
  'who is revoked while he waits in line is refused, and is a visitor where that may pass',
  async (t) => {
    const [ada, bob] = [await login('ada'), await login('bob')];
    for (const cookie of [ada, bob]) t.equal((await ask('/first', cookie)).status, 200);
    const first = askPath(limpet.port, '/hold');
    await until('the only place is taken', () => held.length === 1);
    const answers = [ask('/a', ada), ask('/login', ada), ask('/b', bob)];
    await waiting(3);
    await revoke({ user: 'ada' });
    held.pop()?.end('held');
    const told = await Promise.all(answers);
    await first;
    t.same(
      told.map(({ status }) => status),
      [401, 200, 200],
    );
    t.same(seen.slice(3).sort(), ['/b bob', '/login -'], 'no more of her reaches the app');
  },
);

t.test('and so is who logs out', async (t) => {
  await until(
    'the store tells of changes',
    async () => (await metric(limpet, 'limpet_session_push_up')) === 1,
  );
  const carl = await login('carl');
  t.equal((await ask('/first', carl)).status, 200);
  const first = askPath(limpet.port, '/hold');
  await until('the only place is taken', () => held.length === 1);
  const answer = ask('/c', carl);
  await waiting(1);
  await redis.client.del('sess:id-carl');
  await until(
    'the change was told',
    async () => (await metric(limpet, 'limpet_session_pushes_total', 'result="ended"')) > 0,
  );
  held.pop()?.end('held');
  t.equal((await answer).status, 401);
  await first;
  t.notOk(seen.includes('/c carl'));
});
