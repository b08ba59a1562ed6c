// The one switch in one process: what is revoked is refused at once, by every worker, until it is lifted or has run out.
import { hash } from 'node:crypto';
import { sign } from 'cookie-signature';
import { SignJWT } from 'jose';
import t from 'tap';
import { metric, startLimpet } from '../kit/limpet.ts';
import { askPath, startNamedApp, until } from '../kit/named-app.ts';
import { startRedis } from '../kit/redis-server.ts';

const SECRET = 'the session secret of a test';
const KEY = new TextEncoder().encode('the signing key of a test, long enough');
const redis = await startRedis();
await redis.client.connect();
const app = await startNamedApp('alpha', t);
const limpet = await startLimpet({
  workers: 2,
  upstreams: [{ name: app.name, url: app.url }],
  sessions: {
    site: {
      verify: 'express-session',
      secrets: [SECRET],
      user: 'userId',
      store: redis.url,
      exempt: '/login',
    },
    api: {
      verify: { jwt: { algorithms: ['HS256'] } },
      secrets: [new TextDecoder().decode(KEY)],
      user: 'sub',
    },
  },
  routes: [
    { path: '/site', pool: 'default', session: 'site' },
    { path: '/api', pool: 'default', session: 'api' },
  ],
});

interface Told {
  readonly id: string;
  readonly understood: readonly string[];
  readonly renewed: boolean;
  readonly shared: boolean;
}
const api = (path: string, init: RequestInit = {}): Promise<Response> =>
  fetch(`${limpet.adminUrl}/api/v1/revocations${path}`, init);
async function revoke(body: object): Promise<Told> {
  const answer = await api('', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  const told = await answer.text();
  if (answer.status !== 201) throw new Error(`${answer.status} ${told}`);
  return JSON.parse(told) as Told;
}
const lift = async (id: string): Promise<number> => (await api(`/${id}`, { method: 'DELETE' })).status;

let made = 0;
interface Session {
  readonly id: string;
  readonly cookie: string;
}
async function login(userId: string): Promise<Session> {
  const id = `id-${++made}`;
  await redis.client.set(`sess:${id}`, JSON.stringify({ cookie: {}, userId }), 'EX', 600);
  return { id, cookie: `connect.sid=${encodeURIComponent(`s:${sign(id, SECRET)}`)}` };
}
const token = (sub: string, iat: number | undefined, jti?: string): Promise<string> => {
  const jwt = new SignJWT({ ...(jti === undefined ? {} : { jti }) })
    .setProtectedHeader({ alg: 'HS256' })
    .setSubject(sub)
    .setExpirationTime('1h');
  return (iat === undefined ? jwt : jwt.setIssuedAt(iat)).sign(KEY);
};

/** What so many requests on connections of their own are answered, so that both workers are among those asked. */
async function statuses(path: string, headers: Record<string, string>): Promise<number[]> {
  const told = await Promise.all(Array.from({ length: 12 }, () => askPath(limpet.port, path, headers)));
  return [...new Set(told.map(({ status }) => status))];
}
const site = ({ cookie }: Session): Promise<number[]> => statuses('/site', { cookie });
const bearer = (jwt: string): Promise<number[]> => statuses('/api', { authorization: `Bearer ${jwt}` });

t.test('one session ends, the user’s others live on; lifted, it lives again', async (t) => {
  const [one, other] = [await login('ada'), await login('ada')];
  t.same([await site(one), await site(other)], [[200], [200]]);
  const { id, renewed, shared } = await revoke({ session: one.id, reason: 'lost phone' });
  t.same([renewed, shared], [false, true]);
  t.same([await site(one), await site(other)], [[401], [200]]);
  t.equal((await revoke({ session: one.id })).id, id, 'again is the same');
  t.equal(await lift(id), 204);
  t.same(await site(one), [200]);
  t.equal(await lift(id), 404);
});

t.test('a token ends as the client sends it, by its id, or by its digest', async (t) => {
  const nowS = Math.floor(Date.now() / 1000);
  const [whole, byId, byDigest] = await Promise.all([
    token('u1', nowS),
    token('u2', nowS, 'jti-7'),
    token('u3', nowS),
  ]);
  const session = await login('eve');
  t.same([await bearer(whole), await bearer(byId), await bearer(byDigest)], [[200], [200], [200]]);
  const ways = (await revoke({ token: whole })).understood;
  t.ok(ways.includes('bearer token of api') && ways.includes('id'), ways.join());
  t.same(await bearer(whole), [401]);
  await revoke({ token: 'jti-7' });
  t.same(await bearer(byId), [401]);
  t.same((await revoke({ token: hash('sha256', byDigest) })).understood, ['digest', 'id']);
  t.same(await bearer(byDigest), [401]);
  t.same(await site(session), [200]);
  const { understood } = await revoke({ token: session.cookie.slice('connect.sid='.length) });
  t.ok(understood.includes('cookie of site'), understood.join());
  t.same(await site(session), [401]);
});

t.test('a user ends on all devices, and keeps out only when blocked', async (t) => {
  const nowS = Math.floor(Date.now() / 1000);
  const [phone, laptop, somebody] = [await login('bob'), await login('bob'), await login('carol')];
  const old = await token('bob', nowS - 10);
  t.same([await site(phone), await site(laptop), await bearer(old)], [[200], [200], [200]]);
  const { id } = await revoke({ user: 'bob' });
  t.same([await site(phone), await site(laptop), await bearer(old)], [[401], [401], [401]]);
  t.same(await site(somebody), [200]);
  const fresh = await token('bob', nowS + 2);
  t.same(await bearer(fresh), [200], 'what was issued after it is good');
  const block = await revoke({ user: 'bob', block: true });
  t.not(block.id, id);
  t.same(await bearer(fresh), [401]);
  t.equal(await lift(block.id), 204);
  t.same(await bearer(fresh), [200]);
  t.equal(await lift(id), 204);
  t.same([await site(phone), await site(laptop), await bearer(old)], [[200], [200], [200]]);
});

t.test('a leaked secret: a time ends all that was signed before it, whoever’s it is', async (t) => {
  const leakedS = Math.floor(Date.now() / 1000) - 100;
  const [forged, honest] = [await token('root', leakedS - 50), await token('ada', leakedS + 50)];
  t.same([await bearer(forged), await bearer(honest)], [[200], [200]]);
  const { id } = await revoke({ before: new Date(leakedS * 1000).toISOString() });
  t.same([await bearer(forged), await bearer(honest)], [[401], [200]]);
  t.equal(await lift(id), 204);
});

t.test('it runs out after its time', async (t) => {
  const jwt = await token('short', Math.floor(Date.now() / 1000));
  t.same(await bearer(jwt), [200]);
  await revoke({ token: jwt, ttl: '1s' });
  await until('it has run out', async () => (await bearer(jwt)).every((status) => status === 200));
});

t.test('a revoked session stays revoked while the store is away', async (t) => {
  const gone = await login('gone');
  t.same(await site(gone), [200]);
  await revoke({ user: 'gone' });
  t.same(await site(gone), [401]);
  process.kill(redis.pid, 'SIGSTOP');
  t.same(await site(gone), [401]);
  process.kill(redis.pid, 'SIGCONT');
  const fresh = await login('fresh');
  await until('the store is back', async () => {
    await askPath(limpet.port, '/site', { cookie: fresh.cookie });
    return app.seen.at(-1)!.headers['limpet-session'] === 'valid';
  });
});

t.test('log and metrics tell of it, and of no session', async (t) => {
  const secretly = await login('dora');
  await revoke({ session: secretly.id, reason: 'told' });
  await until('the log says so', () => limpet.logs().includes('"reason":"told"'));
  t.notMatch(limpet.logs(), secretly.id);
  const listed = await (await api('')).text();
  t.notMatch(listed, secretly.id);
  t.ok((await metric(limpet, 'limpet_revocations_total', 'kind="session"')) >= 1);
  t.ok((await metric(limpet, 'limpet_revocations_active')) >= 1);
  t.equal(await metric(limpet, 'limpet_revocations_synced'), 1);
});
