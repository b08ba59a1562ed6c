// The session checked at the edge, end to end: who passes, what others are answered, what the app is told, what a store that is away does.
import { sign } from 'cookie-signature';
import t from 'tap';
import { value } from '../kit/http-message.ts';
import { metric, startLimpet } from '../kit/limpet.ts';
import { askPath, startNamedApp, type Told, until } from '../kit/named-app.ts';
import { RawClient } from '../kit/raw-client.ts';
import { startRedis } from '../kit/redis-server.ts';

const SECRET = 'the session secret of a test';
const redis = await startRedis();
await redis.client.connect();
const app = await startNamedApp('alpha', t);
const block = { verify: 'express-session', secrets: [SECRET], user: 'userId', store: redis.url };
const blocks: Record<string, object> = {
  login: {
    ...block,
    exempt: ['/login/in', '/login/assets/', 'OPTIONS /login'],
    cache: { ttl: '400ms' },
    pass: { fields: { 'Limpet-Role': 'role', 'X-Plan': { path: ['plan', 'name'], type: 'text' } } },
  },
  visitor: { ...block, require: 'session', cache: false },
  watched: { ...block, require: 'nothing', cache: false },
  sent: {
    ...block,
    exempt: '/sent/login',
    onFail: { redirect: '/sent/login?next={path}' },
    cache: false,
    ambiguous: 'refuse',
  },
  own: {
    ...block,
    onFail: { status: 403, body: 'members only', headers: { 'X-Why': 'session' } },
    cache: false,
  },
  other: { ...block, cookie: 'other.sid', cache: false, pass: { user: 'X-Other' } },
};
const limpet = await startLimpet({
  workers: 2,
  upstreams: [{ name: app.name, url: app.url }],
  sessions: blocks,
  routes: [
    ...Object.keys(blocks).map((name) => ({ path: `/${name}`, pool: 'default', session: name })),
    { path: '/either', pool: 'default', session: ['other', 'own'] },
    { path: '/free', pool: 'default', session: false },
  ],
});

let made = 0;
/** Puts a session into the store, as the app does, and gives its cookie. */
async function login(content: object, name = 'connect.sid'): Promise<string> {
  const id = `id-${++made}`;
  const session = { cookie: { originalMaxAge: null, expires: null, httpOnly: true, path: '/' }, ...content };
  await redis.client.set(`sess:${id}`, JSON.stringify(session), 'EX', 600);
  return cookieFor(id, name);
}
const cookieFor = (id: string, name = 'connect.sid'): string =>
  `${name}=${encodeURIComponent(`s:${sign(id, SECRET)}`)}`;
const ask = (path: string, cookie = '', more: Record<string, string> = {}, method = 'GET'): Promise<Told> =>
  askPath(
    limpet.port,
    path,
    { ...(cookie === '' ? {} : { cookie }), accept: 'application/json', ...more },
    method,
  );
const code = (told: Told): string => (JSON.parse(told.body) as { error: { code: string } }).error.code;
const seen = () => app.seen.at(-1)!.headers;

t.test('who is logged in passes, and the app is told who he is', async (t) => {
  const cookie = await login({ userId: 42, role: 'größe 100%', plan: { name: 'gold' } });
  const told = await ask('/login/x', cookie, {
    'limpet-user': 'root',
    'limpet-session': 'valid',
    'x-plan': 'platinum',
  });
  t.equal(told.body, 'alpha');
  t.equal(seen()['limpet-session'], 'valid');
  t.equal(seen()['limpet-user'], '42');
  t.equal(seen()['limpet-role'], 'gr%C3%B6%C3%9Fe 100%25', 'percent-decoding gives the very text back');
  t.equal(seen()['x-plan'], 'gold');
  t.equal(seen().cookie, cookie, 'the app reads its own cookie all the same');
});

t.test('who has no session, or is not logged in, is refused before the app is asked', async (t) => {
  const before = app.seen.length;
  const none = await ask('/login/x');
  t.equal(none.status, 401);
  t.equal(code(none), 'session.none');
  t.equal(none.headers['cache-control'], 'no-store');
  t.ok(none.headers['www-authenticate']);
  const browser = await ask('/login/x', '', { accept: 'text/html,application/xhtml+xml,*/*;q=0.8' });
  t.equal(browser.status, 401);
  t.match(browser.headers['content-type'], 'text/html');
  t.match(browser.body, '<h1>401 Unauthorized</h1>');
  t.equal((await ask('/login/x', `${cookieFor('id-1').slice(0, -4)}AAAA`)).status, 401, 'a bad signature');
  t.equal((await ask('/login/x', cookieFor('nobody'))).status, 401, 'not in the store');
  const visitor = await ask('/login/x', await login({ cart: [1] }));
  t.equal(visitor.status, 401);
  t.equal(code(visitor), 'session.login');
  t.equal(app.seen.length, before);
});

t.test('a login under the same id counts at once', async (t) => {
  const cookie = await login({ cart: [] });
  t.equal((await ask('/login/x', cookie)).status, 401);
  await redis.client.set(`sess:id-${made}`, JSON.stringify({ cookie: {}, userId: 'u1' }), 'EX', 600);
  t.equal((await ask('/login/x', cookie)).status, 200);
});

t.test('a logout in the app counts after the time that verdicts are remembered, at the latest', async (t) => {
  const cookie = await login({ userId: 7 });
  t.equal((await ask('/login/x', cookie)).status, 200);
  await redis.client.del(`sess:id-${made}`);
  t.equal((await ask('/visitor/x', cookie)).status, 401, 'where nothing is remembered, at once');
  await until('the verdict is forgotten', async () => (await ask('/login/x', cookie)).status === 401);
});

t.test('on one connection the verdict is remembered with the cookie, and with no other', async (t) => {
  const [one, two] = [await login({ userId: 1 }), await login({ userId: 2 })];
  const client = await RawClient.open(limpet.port);
  for (const [cookie, user] of [
    [one, '1'],
    [one, '1'],
    [two, '2'],
    [one, '1'],
  ] as const) {
    const answer = await client.ask(`GET /login/x HTTP/1.1\r\nHost: x\r\nCookie: ${cookie}\r\n\r\n`);
    t.match(answer.start, /^HTTP\/1.1 200/);
    t.equal(seen()['limpet-user'], user);
  }
  const refused = await client.ask('GET /login/x HTTP/1.1\r\nHost: x\r\n\r\n');
  t.match(refused.start, /^HTTP\/1.1 401/);
  const again = await client.ask(`GET /login/x HTTP/1.1\r\nHost: x\r\nCookie: ${two}\r\n\r\n`);
  t.match(again.start, /^HTTP\/1.1 200/, 'and the connection serves on behind a refusal');
});

t.test('pipelined requests are checked each for itself, in order', async (t) => {
  const cookie = await login({ userId: 3 });
  const client = await RawClient.open(limpet.port);
  const line = (path: string, cookies: string): string =>
    `GET ${path} HTTP/1.1\r\nHost: x\r\n${cookies === '' ? '' : `Cookie: ${cookies}\r\n`}\r\n`;
  client.send(line('/visitor/1', cookie) + line('/visitor/2', '') + line('/visitor/3', cookie));
  const starts = [];
  for (let i = 0; i < 3; i++) starts.push((await client.answer()).start.slice(9, 12));
  t.same(starts, ['200', '401', '200']);
});

t.test('exempt paths and preflights need no session, and cannot be feigned', async (t) => {
  t.equal((await ask('/login/in')).status, 200);
  t.equal(seen()['limpet-session'], 'invalid');
  t.equal((await ask('/login/in/side')).status, 200);
  t.equal((await ask('/login/assets/a.js')).status, 200);
  t.equal((await ask('/login/x', '', {}, 'OPTIONS')).status, 200);
  for (const path of [
    '/login/inside',
    '/login/in%2f..%2fx',
    '/login/in/../x',
    '/login/assets/..%2fx',
    '/login/in;/../x',
  ])
    t.not((await ask(path)).status, 200, path);
  const preflight = { origin: 'https://a.example', 'access-control-request-method': 'PUT' };
  t.equal((await ask('/visitor/x', '', preflight, 'OPTIONS')).status, 200);
  t.equal(seen()['limpet-session'], 'unknown', 'it was not checked');
  const shown = `other=1; ${await login({ userId: 9 })}`;
  t.equal((await ask('/visitor/x', shown, preflight, 'OPTIONS')).status, 200);
  t.equal(seen().cookie, 'other=1', 'so the app is not shown what a browser would not send with it');
  t.equal((await ask('/visitor/x', '', { origin: 'https://a.example' }, 'OPTIONS')).status, 401);
  const cookie = await login({ userId: 9 });
  t.equal((await ask('/login/in', cookie)).status, 200);
  t.equal(seen()['limpet-user'], '9', 'who is known is told there too');
});

t.test(
  'a visitor’s session will do where it is asked for; where nothing is, all pass and are told',
  async (t) => {
    const visitor = await login({ cart: [1] });
    t.equal((await ask('/visitor/x', visitor)).status, 200);
    t.equal(seen()['limpet-session'], 'anonymous');
    t.equal(seen()['limpet-user'], undefined);
    t.equal((await ask('/watched/x', '', { 'limpet-user': 'root' })).status, 200);
    t.equal(seen()['limpet-session'], 'invalid');
    t.equal(seen()['limpet-user'], undefined);
    t.equal((await ask('/free/x', '', { 'limpet-session': 'valid' })).status, 200);
    t.equal(seen()['limpet-session'], undefined);
  },
);

t.test('a redirect leads to the login page and from there only home', async (t) => {
  const where = async (path: string, method = 'GET') => {
    const told = await ask(path, '', {}, method);
    return [told.status, told.headers.location];
  };
  t.same(await where('/sent/a%20b?c=d&e'), [302, '/sent/login?next=/sent/a%2520b%3Fc%3Dd%26e']);
  t.same(await where('/sent/x', 'POST'), [303, '/sent/login?next=/sent/x']);
  const client = await RawClient.open(limpet.port);
  const far = await client.ask('GET //evil.example/sent HTTP/1.1\r\nHost: x\r\n\r\n');
  t.notMatch(value(far, 'location') ?? '', 'evil', 'another host is never named');
});

t.test('an answer of one’s own is given to everybody', async (t) => {
  const told = await ask('/own/x');
  t.equal(told.status, 403);
  t.equal(told.body, 'members only');
  t.equal(told.headers['x-why'], 'session');
  t.equal(told.headers['cache-control'], 'no-store');
});

t.test('of several blocks any will do', async (t) => {
  t.equal((await ask('/either/x', await login({ userId: 5 }))).status, 200);
  t.equal(seen()['limpet-user'], '5');
  t.equal((await ask('/either/x', await login({ userId: 6 }, 'other.sid'))).status, 200);
  t.equal(seen()['x-other'], '6');
  const refused = await ask('/either/x', '', { 'x-other': 'root' });
  t.equal(refused.status, 401, 'the first one answers');
});

t.test('a cookie that is there twice is the app’s to judge, or refused', async (t) => {
  const cookie = await login({ userId: 8 });
  t.equal((await ask('/login/x', `${cookie}; ${cookie}`)).status, 200);
  t.equal(seen()['limpet-session'], 'unknown');
  t.equal(seen()['limpet-user'], undefined);
  const refused = await ask('/sent/x', `${cookie}; ${cookieFor('z')}`);
  t.equal(refused.status, 400);
  t.equal(code(refused), 'session.ambiguous');
});

t.test('a body that comes while the session is looked up is kept and sent', async (t) => {
  const bodies: string[] = [];
  app.answer = (request, response) => {
    const parts: Buffer[] = [];
    request.on('data', (part: Buffer) => parts.push(part));
    request.on('end', () => {
      bodies.push(Buffer.concat(parts).toString());
      response.end('ok');
    });
  };
  const cookie = await login({ userId: 10 });
  const body = 'x'.repeat(300_000);
  const client = await RawClient.open(limpet.port);
  process.kill(redis.pid, 'SIGSTOP');
  client.send(
    `POST /visitor/x HTTP/1.1\r\nHost: x\r\nContent-Length: ${body.length}\r\nCookie: ${cookie}\r\n\r\n${body}`,
  );
  setTimeout(() => process.kill(redis.pid, 'SIGCONT'), 100);
  t.match((await client.answer()).start, /200/);
  t.equal(bodies[0]?.length, body.length);
  // Who leaves meanwhile leaves nothing behind, and who is refused is told so with his body half sent.
  const leaver = await RawClient.open(limpet.port);
  process.kill(redis.pid, 'SIGSTOP');
  leaver.send(`POST /visitor/left HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\nCookie: ${cookie}\r\n\r\nxx`);
  setTimeout(() => leaver.reset(), 50);
  setTimeout(() => process.kill(redis.pid, 'SIGCONT'), 120);
  const half = await RawClient.open(limpet.port);
  half.send(
    `POST /visitor/x HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\nCookie: ${cookieFor('no')}\r\n\r\nxx`,
  );
  t.match((await half.answer('POST')).start, /401/);
  t.notOk(app.seen.some(({ url }) => url === '/visitor/left'));
  app.answer = (_request, response, name) => void response.end(name);
});

t.test('a store that is away logs nobody out, and is used again when it is back', async (t) => {
  const cookie = await login({ userId: 11 });
  process.kill(redis.pid, 'SIGSTOP');
  const began = performance.now();
  t.equal((await ask('/visitor/x', cookie)).status, 200, 'hung: the app decides');
  t.ok(performance.now() - began < 1500, 'after the deadline');
  t.equal(seen()['limpet-session'], 'unknown');
  t.equal((await ask('/visitor/x')).status, 401, 'who shows no session at all has none, store or not');
  process.kill(redis.pid, 'SIGCONT');
  await until('it is used again', async () => {
    await ask('/visitor/x', cookie);
    return seen()['limpet-session'] === 'valid';
  });
  await redis.kill();
  await until('unknown again', async () => {
    await ask('/visitor/x', cookie);
    return seen()['limpet-session'] === 'unknown';
  });
  await until('the log says so', async () => {
    await ask('/visitor/x', cookie);
    return /the store of sessions is away/.test(limpet.logs());
  });
  // It stays for the tests behind this one.
  const back = await startRedis(undefined, redis.port);
  await until('a new one is found', async () => {
    await back.client.set(`sess:id-${made}`, JSON.stringify({ cookie: {}, userId: 11 }));
    await ask('/visitor/x', cookie);
    return seen()['limpet-session'] === 'valid';
  });
  await until('the log says that too', () => /the store of sessions answers/.test(limpet.logs()));
});

t.test('the admin side tells how each block fares', async (t) => {
  interface View {
    readonly name: string;
    readonly checks: Record<string, number>;
    readonly cache: { hits: number; entries: number } | null;
    readonly store: { kind: string; up: boolean; why: string } | null;
  }
  const read = async (): Promise<View[]> =>
    (await (await fetch(`${limpet.adminUrl}/api/v1/sessions`)).json()) as View[];
  // Each worker finds the new server by itself.
  await until('the store answers every worker', async () => (await read()).every((block) => block.store?.up));
  const views = await read();
  t.same(
    views.map(({ name }) => name),
    Object.keys(blocks),
  );
  const login = views[0]!;
  t.ok(login.checks.valid! > 0 && login.checks.invalid! > 0 && login.checks.anonymous! > 0);
  t.ok(login.cache!.hits > 0);
  t.equal(views[1]!.cache, null);
  t.same(login.store, { kind: 'redis', up: true, why: '' });
});

t.test('checks are counted by verdict and source', async (t) => {
  await until(
    'counted',
    async () => (await metric(limpet, 'limpet_session_checks_total', 'source="store"')) > 5,
  );
  t.ok(
    (await metric(limpet, 'limpet_session_checks_total', 'session="login",verdict="valid",source="cache"')) >
      0,
  );
  t.ok(
    (await metric(limpet, 'limpet_session_checks_total', 'session="own",verdict="invalid",source="token"')) >
      0,
  );
  t.notMatch(limpet.logs() + limpet.stderr(), SECRET, 'and the secret is nowhere');
});

t.test('a store that is away at start is told of at once', async (t) => {
  const early = await startLimpet(
    { upstreams: [app.url], session: { ...block, store: 'redis://127.0.0.1:1/0' } },
    { owner: t },
  );
  await until('the log says so', () => /the store of sessions is away/.test(early.logs()));
  t.equal(
    (await askPath(early.port, '/x', { cookie: cookieFor('early') })).status,
    200,
    'and nobody is refused for it',
  );
});

t.test('a limit by user counts users wherever they are logged in, and others by address', async (t) => {
  const limited = await startLimpet(
    {
      workers: 2,
      upstreams: [{ name: app.name, url: app.url }],
      trustedProxies: ['127.0.0.1'],
      sessions: { members: block, visitors: { ...block, require: 'nothing' } },
      rateLimits: { each: { rate: '5/d', by: 'session-user' } },
      routes: [
        { path: '/members', pool: 'default', session: 'members', rateLimit: 'each' },
        {
          path: '/visitors',
          pool: 'default',
          session: 'visitors',
          rateLimit: { rate: '5/d', by: 'session-user' },
        },
      ],
    },
    { owner: t },
  );
  const from = async (path: string, address: string, cookie: string): Promise<Told> =>
    askPath(limited.port, path, { 'x-forwarded-for': address, ...(cookie === '' ? {} : { cookie }) });
  const statuses = async (path: string, times: number, cookie: () => Promise<string>): Promise<number[]> => {
    const found: number[] = [];
    for (let i = 0; i < times; i++) found.push((await from(path, `192.0.2.${i}`, await cookie())).status);
    return found;
  };
  const ann = await statuses('/members', 7, () => login({ userId: 'ann' }));
  t.same(ann, [200, 200, 200, 200, 200, 429, 429], 'seven logins of one user, from seven addresses');
  const told = await from('/members', '192.0.2.1', await login({ userId: 'ann' }));
  t.ok(Number(told.headers['retry-after']) > 1000);
  t.equal((await from('/members', '192.0.2.1', await login({ userId: 'bob' }))).status, 200, 'another user');
  t.equal((await from('/members', '192.0.2.1', '')).status, 401, 'who is refused is not counted');
  const visitors: number[] = [];
  for (let i = 0; i < 6; i++) visitors.push((await from('/visitors', '198.51.100.1', '')).status);
  t.same(visitors, [200, 200, 200, 200, 200, 429], 'a visitor by his address');
  t.equal((await from('/visitors', '198.51.100.2', '')).status, 200);
  t.equal((await from('/visitors', '198.51.100.1', await login({ userId: 'eve' }))).status, 200);
});
