// Three Limpets on one Redis, of which one's clock is five minutes ahead and one's five minutes behind: nobody who was revoked comes through by that.
import { createHmac } from 'node:crypto';
import { SignJWT } from 'jose';
import t from 'tap';
import { metric, type RunningLimpet, startLimpet } from '../kit/limpet.ts';
import { askPath, calm, cookieOf, startNamedApp, until } from '../kit/named-app.ts';
import { startRedis } from '../kit/redis-server.ts';

const KEY = 'the signing key of a test, long enough';
const SKEW_MS = 5 * 60_000;

let made = 0;
/** A session that says nothing of when it was given out. */
function sign(user: string): string {
  const value = Buffer.from(JSON.stringify({ user, n: ++made })).toString('base64url');
  return `${value}.${createHmac('sha256', KEY).update(value).digest('base64url')}`;
}
const token = (sub: string, issuedMs: number): Promise<string> =>
  new SignJWT({ n: ++made })
    .setProtectedHeader({ alg: 'HS256' })
    .setSubject(sub)
    .setIssuedAt(Math.floor(issuedMs / 1000))
    .setExpirationTime('1h')
    .sign(new TextEncoder().encode(KEY));

const redis = await startRedis();
const app = await startNamedApp('alpha', t);
app.answer = (request, response) => {
  const { pathname, searchParams } = new URL(request.url ?? '', 'http://app');
  if (pathname === '/login')
    response.setHeader('set-cookie', `sid=${sign(searchParams.get('user') ?? '')}; Path=/`);
  response.end();
};
const config = {
  pools: { app: { upstreams: [app.url], health: calm } },
  sessions: {
    cookies: {
      verify: 'signed-cookie',
      cookie: 'sid',
      secrets: [KEY],
      user: 'user',
      exempt: '/login',
      revocation: redis.url,
    },
    tokens: {
      verify: { jwt: { algorithms: ['HS256'] } },
      secrets: [KEY],
      user: 'sub',
      revocation: redis.url,
    },
  },
  routes: [
    { path: '/', pool: 'app', session: 'cookies' },
    { path: '/api', pool: 'app', session: 'tokens' },
  ],
};
/** Loaded before all else, into each thread: the clock by which Limpet goes. */
const shifted = (byMs: number) => ({
  env: {
    NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(`const now=Date.now;Date.now=()=>now()+${byMs};`)}`,
  },
});
const [right, ahead, behind] = await Promise.all([
  startLimpet(config),
  startLimpet(config, shifted(SKEW_MS)),
  startLimpet(config, shifted(-SKEW_MS)),
]);
const limpets = [right, ahead, behind];
const names = ['right', 'ahead', 'behind'];

async function revoke(limpet: RunningLimpet, body: object): Promise<void> {
  const answer = await fetch(`${limpet.adminUrl}/api/v1/revocations`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  if (answer.status !== 201) throw new Error(await answer.text());
}
const statusOf = async (limpet: RunningLimpet, shown: string): Promise<number> => {
  const isToken = shown.split('.').length === 3;
  const headers: Record<string, string> = isToken
    ? { authorization: `Bearer ${shown}` }
    : { cookie: `sid=${shown}` };
  return (await askPath(limpet.port, isToken ? '/api' : '/', headers)).status;
};
const statuses = (shown: string): Promise<number[]> =>
  Promise.all(limpets.map((limpet) => statusOf(limpet, shown)));
const everywhere = (what: string, shown: string, status: number): Promise<void> =>
  until(what, async () => (await statuses(shown)).every((one) => one === status));
const login = async (limpet: RunningLimpet, user: string): Promise<string> =>
  cookieOf(await askPath(limpet.port, `/login?user=${user}`), 'sid').slice('sid='.length);

t.test('a token that says when it was issued', async (t) => {
  for (const [orders, status] of [
    [right, 200],
    [behind, 200],
    // It is stamped by the clock that is ahead: the safe side of what cannot be known. So is what is revoked within its five minutes, by whomever.
    [ahead, 401],
  ] as const) {
    const user = `bearer ${orders.port}`;
    const old = await token(user, Date.now() - 1000);
    await revoke(orders, { user });
    await everywhere('what was issued before is ended', old, 401);
    const fresh = await token(user, Date.now() + 1000);
    t.same(await statuses(fresh), [status, status, status]);
  }
});

t.test('who orders it and who saw the login may each be of any clock', async (t) => {
  for (const [i, orders] of limpets.entries()) {
    for (const [k, sees] of limpets.entries()) {
      const who = `${names[i]} revokes, ${names[k]} sees the login`;
      const user = `user-${i}-${k}`;
      const old = [await login(sees, user), await token(user, Date.now() - 30_000)];
      for (const one of old) t.same(await statuses(one), [200, 200, 200], who);
      await revoke(orders, { user });
      for (const one of old) await everywhere(`${who}: what was there before is ended`, one, 401);
      const fresh = await login(sees, user);
      await everywhere(`${who}: the login after it lives`, fresh, 200);
      for (const [j, again] of limpets.entries()) {
        const before = await login(sees, user);
        await everywhere(`${who}: so does one more`, before, 200);
        await revoke(again, { user });
        await everywhere(`${who}: ${names[j]} ends that too`, before, 401);
      }
      for (const one of [...old, fresh]) t.same(await statuses(one), [401, 401, 401], who);
    }
  }
});

t.test('a short revocation by the clock that is behind is in force everywhere', async (t) => {
  const sid = await login(right, 'short');
  await revoke(behind, { token: sid, ttl: '60s' });
  await everywhere('it is ended', sid, 401);
  const other = await login(right, 'short');
  await revoke(right, { token: other, ttl: '60s' });
  await everywhere('also by the one that is ahead', other, 401);
  t.pass('none has run out early');
});

t.test('whose clock is apart from that of Redis says so', async (t) => {
  t.match(ahead.logs(), /"redisAheadS":-300\b.*are apart/);
  t.match(behind.logs(), /"redisAheadS":300\b.*are apart/);
  t.notMatch(right.logs(), /are apart/);
  const skew = async (limpet: RunningLimpet): Promise<number> =>
    Math.round(await metric(limpet, 'limpet_revocations_clock_skew_seconds'));
  t.same(await Promise.all(limpets.map(skew)), [0, -300, 300]);
});
