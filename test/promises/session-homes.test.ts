// Promise: whatever a session is made of, its requests have one home: a cookie that is written anew with every answer, or a bearer token.
import { createHmac } from 'node:crypto';
import t from 'tap';
import { metric, startLimpet } from '../kit/limpet.ts';
import { askPath, calm, cookieOf, startNamedApp, type Told, until } from '../kit/named-app.ts';

const SECRET = 'the secret of this promise, long enough for all';
const apps = await Promise.all(['one', 'two', 'three'].map((name) => startNamedApp(name, t)));
const upstreams = apps.map(({ name, url }) => ({ name, url }));
const config = {
  workers: 2,
  sessions: {
    cookie: { verify: 'cookie-session', cookie: 'sess', secrets: [SECRET], user: 'id', require: 'nothing' },
    token: { verify: 'jwt', secrets: [SECRET], require: 'nothing' },
  },
  routes: [
    { path: '/', pool: 'homes', session: ['cookie', 'token'] },
    { path: '/blind', pool: 'homes', session: false, affinity: false },
    { path: '/user', pool: 'user', session: ['cookie', 'token'] },
  ],
  pools: {
    homes: { upstreams, health: calm, affinity: { session: true } },
    user: { upstreams, health: calm, affinity: { session: 'user' } },
  },
};
const [limpet, other] = await Promise.all([startLimpet(config), startLimpet(config)]);

const base64url = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
const hmac = (algorithm: string, text: string): string =>
  createHmac(algorithm, SECRET).update(text).digest('base64url');

/** The two cookies of cookie-session. */
function cookies(session: object): string[] {
  const pair = `sess=${Buffer.from(JSON.stringify(session)).toString('base64')}`;
  return [pair, `sess.sig=${hmac('sha1', pair)}`];
}

function bearer(claims: object): Record<string, string> {
  const signed = `${base64url({ alg: 'HS256', typ: 'JWT' })}.${base64url(claims)}`;
  return { authorization: `Bearer ${signed}.${hmac('sha256', signed)}` };
}

/** Where eight requests are answered, each on a connection of its own. */
async function homesOf(port: number, path: string, headers: Record<string, string>): Promise<string[]> {
  const told = await Promise.all(Array.from({ length: 8 }, () => askPath(port, path, headers)));
  return [...new Set(told.map(({ body }) => body))];
}

t.test('a cookie that is written anew with every answer moves nobody', async (t) => {
  for (const app of apps) {
    app.answer = (_request, response, name) => {
      response.setHeader('set-cookie', cookies({ turn: Math.random() }));
      response.end(name);
    };
  }
  const carried = (told: Told): Record<string, string> => ({
    cookie: `${cookieOf(told, 'sess')}; ${cookieOf(told, 'sess.sig')}`,
  });
  const began = new Set<string>();
  for (let user = 0; user < 4; user++) {
    let told = await askPath(limpet.port, '/');
    const home = told.body;
    began.add(home);
    for (let i = 0; i < 12; i++) {
      const next = await askPath(limpet.port, '/', carried(told));
      t.equal(next.body, home);
      t.not(cookieOf(next, 'sess'), cookieOf(told, 'sess'));
      told = next;
    }
  }
  t.ok(began.size > 1, 'who is new goes where the balancer says');
  for (const app of apps) app.answer = (_request, response, name) => response.end(name);
});

t.test('a bearer token has one home, at every Limpet; by user, so have all tokens of a user', async (t) => {
  const homes = new Set<string>();
  for (let user = 0; user < 8; user++) {
    const token = bearer({ sub: `u${user}`, jti: `${user}` });
    const here = await homesOf(limpet.port, '/', token);
    t.equal(here.length, 1);
    t.same(await homesOf(other.port, '/', token), here);
    homes.add(here[0]!);
    const byUser = await homesOf(limpet.port, '/user', token);
    t.equal(byUser.length, 1);
    t.same(await homesOf(other.port, '/user', bearer({ sub: `u${user}`, jti: 'another' })), byUser);
    const cookie = cookies({ id: `u${user}` }).join('; ');
    t.same(await homesOf(limpet.port, '/user', { cookie }), byUser, 'and his session in a cookie');
  }
  t.ok(homes.size > 1, 'tokens are spread');
});

t.test('a flood of forged, spent or missing sessions is given no homes', async (t) => {
  const count = (): Promise<number> => metric(limpet, 'limpet_affinity_total', 'result="new"');
  const kept = (): Promise<number> => metric(limpet, 'limpet_affinity_total', 'result="kept"');
  const token = bearer({ sub: 'known' });
  await askPath(limpet.port, '/', token);
  const before = await newHomes(count, kept, token);
  const answered = new Set<string>();
  for (let i = 0; i < 20; i++) {
    const [pair] = cookies({ id: i });
    answered.add((await askPath(limpet.port, '/', { cookie: `${pair}; sess.sig=forged` })).body);
    answered.add((await askPath(limpet.port, '/', bearer({ sub: 'x', exp: 1000 + i }))).body);
    answered.add((await askPath(limpet.port, '/')).body);
    answered.add((await askPath(limpet.port, '/blind', token)).body);
  }
  t.equal(answered.size, 3, 'they go anywhere');
  t.equal(await newHomes(count, kept, token), before);
});

/** How many are new, once all that was asked before has been counted. */
async function newHomes(
  count: () => Promise<number>,
  kept: () => Promise<number>,
  token: Record<string, string>,
): Promise<number> {
  const before = await kept();
  await askPath(limpet.port, '/', token);
  await until('it is counted', async () => (await kept()) > before);
  return count();
}
