// Users keep their home: by a signed cookie, by a mark in the app's own, learned from it; over workers, restarts, replicas and losses.
import t from 'tap';
import { metric, startLimpet } from '../kit/limpet.ts';
import { askPath, calm, cookieOf, type NamedApp, startNamedApp, type Told, until } from '../kit/named-app.ts';

const apps: NamedApp[] = [];
for (const name of ['one', 'two', 'three']) apps.push(await startNamedApp(name, t));
const SECRET = 'the first secret of this test';
const upstreams = apps.map(({ name, url }) => ({ name, url }));
const quick = { ...calm, passive: { ejectFor: '200ms' } };
const pool = (affinity: object, more: object = {}) => ({ upstreams, affinity, health: quick, ...more });
const config = {
  workers: 2,
  trustedProxies: ['127.0.0.9'],
  routes: [
    { path: '/', pool: 'cookie' },
    { path: '/bare', pool: 'cookie', affinity: false },
    { path: '/fail', pool: 'fail' },
    { path: '/prefix', pool: 'prefix' },
    { path: '/learned', pool: 'learned' },
    { path: '/full', pool: 'full' },
  ],
  pools: {
    cookie: pool({ cookie: { secrets: [SECRET] } }),
    fail: pool({ cookie: { name: 'strict', secrets: [SECRET] }, onLost: 'fail' }),
    prefix: pool({ cookie: { mode: 'prefix', of: 'sid', secrets: [SECRET] } }),
    learned: pool({ learned: { cookie: 'sid' } }),
    full: pool({
      cookie: {
        name: '__Secure-home',
        secrets: [SECRET],
        maxAge: '8h',
        path: '/full',
        domain: 'example.com',
        sameSite: 'none',
        secure: true,
        partitioned: true,
        hide: false,
      },
    }),
  },
};
const limpet = await startLimpet(config);
const app = (name: string): NamedApp => apps.find((a) => a.name === name)!;
const ask = (path: string, cookie = '', more: Record<string, string> = {}): Promise<Told> =>
  askPath(limpet.port, path, cookie === '' ? more : { cookie, ...more });
const admin = async (method: string, path: string, body?: object): Promise<unknown> => {
  const response = await fetch(`${limpet.adminUrl}/api/v1${path}`, {
    method,
    ...(body === undefined
      ? {}
      : { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
  });
  return response.json();
};
const isUp = async (name: string): Promise<boolean> => {
  const all = (await admin('GET', '/upstreams')) as { name: string; observed: string }[];
  return all.filter((u) => u.name === name).every((u) => u.observed === 'up');
};

t.test('the cookie is set once, names no address, and brings its user home from every worker', async (t) => {
  const first = await ask('/');
  const cookie = cookieOf(first);
  t.match(cookie, /^limpet=[\w+/-]+\.[\w+/-]+\.[\w-]{11}$/);
  t.match(first.cookies[0], /; Path=\/; SameSite=Lax; HttpOnly$/);
  t.notMatch(cookie, /one|two|three|127\.0/);
  for (let i = 0; i < 20; i++) {
    const again = await ask('/', cookie);
    t.equal(again.body, first.body);
    t.equal(again.cookies.length, 0, 'not set again');
  }
  const seen = app(first.body).seen.at(-1);
  t.equal(seen?.headers.cookie, undefined, 'hidden from the app');
});

t.test('other cookies reach the app as they are, on one line', async (t) => {
  const cookie = cookieOf(await ask('/'));
  const told = await ask('/', `a=1; ${cookie}; b="x y"`);
  t.equal(app(told.body).seen.at(-1)?.headers.cookie, 'a=1; b="x y"');
});

t.test('users of one home share its token, each with a nonce of his own', async (t) => {
  const tokens = new Map<string, Set<string>>();
  const nonces = new Set<string>();
  for (let i = 0; i < 12; i++) {
    const told = await ask('/');
    const cookie = cookieOf(told);
    const dot = cookie.lastIndexOf('.');
    const set = tokens.get(told.body) ?? new Set();
    tokens.set(told.body, set.add(cookie.slice(0, dot)));
    nonces.add(cookie.slice(dot));
  }
  t.same(
    [...tokens.values()].map((set) => set.size),
    [1, 1, 1],
  );
  t.equal(nonces.size, 12);
});

t.test('a replica with the same secret, other order and a rotated secret moves nobody', async (t) => {
  const replica = await startLimpet(
    {
      upstreams: [...upstreams].reverse(),
      health: calm,
      affinity: { cookie: { secrets: ['a new secret that signs from now on', SECRET] } },
    },
    { owner: t },
  );
  const other = await startLimpet(
    { upstreams, health: calm, affinity: { cookie: { secrets: [SECRET] } } },
    { owner: t },
  );
  for (let i = 0; i < 6; i++) {
    const told = await askPath(other.port, '/');
    const cookie = cookieOf(told);
    const there = await askPath(replica.port, '/', { cookie });
    t.equal(there.body, told.body);
    const fresh = cookieOf(there);
    t.ok(fresh !== '' && fresh !== cookie, 'set anew under the first secret');
    t.equal(fresh.slice(-11), cookie.slice(-11), 'the same user');
    t.equal((await askPath(replica.port, '/', { cookie: fresh })).cookies.length, 0);
  }
});

t.test('a forged cookie is as good as none, and counted', async (t) => {
  const cookie = cookieOf(await ask('/'));
  const before = await metric(limpet, 'limpet_affinity_total', 'result="forged"');
  const forged = cookie.replace(/\.(.)/, (_, c) => `.${c === 'A' ? 'B' : 'A'}`);
  for (const bad of [forged, 'limpet=', 'limpet=x', `limpet=${'.'.repeat(4000)}`]) {
    const told = await ask('/', bad);
    t.equal(told.status, 200);
    t.not(cookieOf(told), '', 'a good one is set');
  }
  await until(
    'they are counted',
    async () => (await metric(limpet, 'limpet_affinity_total', 'result="forged"')) - before === 4,
  );
});

t.test('an answer that sets the cookie is never publicly cacheable, others stay as they are', async (t) => {
  for (const each of apps) {
    each.answer = (_request, response, name) => {
      response.writeHead(200, {
        'cache-control': 'public, s-maxage=60, max-age=30',
        'cdn-cache-control': 'max-age=9',
      });
      response.end(name);
    };
  }
  const first = await ask('/');
  t.equal(first.headers['cache-control'], 'max-age=30, private');
  t.equal(first.headers['cdn-cache-control'], undefined);
  const again = await ask('/', cookieOf(first));
  t.equal(again.headers['cache-control'], 'public, s-maxage=60, max-age=30');
  t.equal(again.headers['cdn-cache-control'], 'max-age=9');
  for (const each of apps) each.answer = (_request, response, name) => response.end(name);
});

t.test('attributes are as configured; a route without affinity neither reads nor sets', async (t) => {
  const told = await ask('/full');
  t.match(
    told.cookies[0],
    /; Path=\/full; Domain=example\.com; Max-Age=28800; SameSite=None; HttpOnly; Secure; Partitioned$/,
  );
  const seen = await ask('/full', cookieOf(told, '__Secure-home'));
  t.match(app(seen.body).seen.at(-1)?.headers.cookie, /^__Secure-home=/, 'not hidden where hide is false');
  t.equal((await ask('/bare')).cookies.length, 0);
});

t.test('Secure by itself only where a trusted proxy says that the client came by TLS', async (t) => {
  t.notMatch(
    (await ask('/', '', { 'x-forwarded-proto': 'https' })).cookies[0],
    /Secure/,
    'a client is not believed',
  );
  const behind = await startLimpet(
    { upstreams, health: calm, affinity: { cookie: { secrets: [SECRET] } }, trustedProxies: ['127.0.0.1'] },
    { owner: t },
  );
  const secure = await askPath(behind.port, '/', { 'x-forwarded-proto': 'https' });
  t.match(secure.cookies[0], /; Secure/);
  t.notMatch((await askPath(behind.port, '/', { 'x-forwarded-proto': 'http' })).cookies[0], /Secure/);
});

t.test('the prefix mark is taken off before the app sees its cookie', async (t) => {
  for (const each of apps) {
    each.answer = (_request, response, name) => {
      response.writeHead(200, { 'set-cookie': ['sid=app-value; Path=/', 'other=1'] });
      response.end(name);
    };
  }
  const first = await ask('/prefix');
  const cookie = cookieOf(first, 'sid');
  t.match(cookie, /~app-value$/);
  t.equal(first.cookies[1], 'other=1');
  for (const each of apps) each.answer = (_request, response, name) => response.end(name);
  for (let i = 0; i < 9; i++) {
    const told = await ask('/prefix', `x=1; ${cookie}; y=2`);
    t.equal(told.body, first.body);
    t.equal(app(told.body).seen.at(-1)?.headers.cookie, 'x=1; sid=app-value; y=2');
  }
});

t.test('a home is learned from the app’s own cookie, in every worker', async (t) => {
  for (const each of apps) {
    each.answer = (_request, response, name) => {
      response.writeHead(200, { 'set-cookie': `sid=session-of-${name}-${Math.random()}; Path=/` });
      response.end(name);
    };
  }
  const users: Told[] = [];
  for (let i = 0; i < 6; i++) users.push(await ask('/learned'));
  for (const each of apps) each.answer = (_request, response, name) => response.end(name);
  for (const user of users) {
    for (let i = 0; i < 6; i++) t.equal((await ask('/learned', cookieOf(user, 'sid'))).body, user.body);
  }
});

t.test('a drained upstream keeps its users and takes no new ones', async (t) => {
  let told = await ask('/');
  while (told.body !== 'two') told = await ask('/');
  const cookie = cookieOf(told);
  await admin('PATCH', '/upstreams/cookie/two', { wanted: 'drain' });
  for (let i = 0; i < 12; i++) {
    t.equal((await ask('/', cookie)).body, 'two');
    t.not((await ask('/')).body, 'two');
  }
  await admin('PATCH', '/upstreams/cookie/two', { wanted: 'maintenance' });
  const away = await ask('/', cookie);
  t.not(away.body, 'two', 'maintenance takes nobody');
  t.equal(app(away.body).seen.at(-1)?.headers['limpet-affinity'], 'moved');
  await admin('PATCH', '/upstreams/cookie/two', { wanted: 'ready' });
});

t.test('a lost home: its user is moved once, told to the app, and nobody else moves', async (t) => {
  const users = [];
  while (users.length < 9) users.push(await ask('/'));
  const lost = app('three');
  await lost.stop();
  for (const user of users) {
    const cookie = cookieOf(user);
    if (user.body !== 'three') {
      for (let i = 0; i < 4; i++)
        t.equal((await ask('/', cookie)).body, user.body, 'home is up: never moved');
      continue;
    }
    const together = await Promise.all([1, 2, 3, 4].map(() => ask('/', cookie)));
    t.equal(
      new Set(together.map((told) => told.body)).size,
      1,
      'all of a user’s requests go to one new home',
    );
    const fresh = cookieOf(together[0]!);
    t.not(fresh, '', 're-pinned');
    t.equal(app(together[0]!.body).seen.at(-1)?.headers['limpet-affinity'], 'moved');
    const next = await ask('/', fresh);
    t.equal(next.body, together[0]!.body);
    t.equal(app(next.body).seen.at(-1)?.headers['limpet-affinity'], undefined, 'told once');
  }
  await lost.start();
  await until('three is up again', () => isUp('three'));
});

t.test('onLost: fail answers 503 and says so', async (t) => {
  let told = await ask('/fail');
  while (told.body !== 'one') told = await ask('/fail');
  const cookie = cookieOf(told, 'strict');
  await app('one').stop();
  await until('one is out', async () => (await ask('/fail', cookie)).status === 503);
  const refused = await ask('/fail', cookie, { accept: 'application/json' });
  t.equal(refused.status, 503);
  t.match(JSON.parse(refused.body), { error: { code: 'affinity.lost' } });
  await app('one').start();
  await until('one is up again', () => isUp('one'));
});

t.test('users are counted honestly', async (t) => {
  const users: Told[] = [];
  for (let i = 0; i < 60; i++) users.push(await ask('/'));
  const cookies = users.map((user) => cookieOf(user));
  for (const cookie of cookies) for (let i = 0; i < 2; i++) await ask('/', cookie);
  const all = (await admin('GET', '/upstreams')) as { pool: string; users: number }[];
  const counted = all.filter((u) => u.pool === 'cookie').reduce((sum, u) => sum + u.users, 0);
  // Those of the tests above who came back are among them: some thirty more at the most.
  t.ok(counted >= 54 && counted <= 110, `${counted} for 60 and those before`);
});
