// Pages of other origins: preflights answered at the edge, answers marked, refusals readable, and the upstream's own word dropped.
import t from 'tap';
import { startLimpet } from '../kit/limpet.ts';
import { askPath, startNamedApp, type Told } from '../kit/named-app.ts';

const app = await startNamedApp('alpha', t);
app.answer = (_request, response, name) => {
  response.setHeader('access-control-allow-origin', '*');
  response.setHeader('Access-Control-Allow-Credentials', 'true');
  response.end(name);
};
const limpet = await startLimpet({
  upstreams: [{ name: app.name, url: app.url }],
  sessions: {
    members: {
      verify: 'express-session',
      secrets: ['the secret of a test'],
      user: 'id',
      store: 'redis://127.0.0.1:1',
    },
  },
  routes: [
    {
      path: '/api',
      pool: 'default',
      methods: ['GET', 'POST', 'DELETE'],
      session: 'members',
      cors: {
        origins: ['https://app.example', 'https://*.partner.example', 'http://localhost:*'],
        credentials: true,
        headers: ['Content-Type', 'X-Token'],
        exposeHeaders: ['X-Total'],
        maxAge: '1h',
      },
    },
    { path: '/open', pool: 'default', cors: { origins: '*' } },
    { path: '/text', respond: { body: 'hello' }, cors: { origins: 'https://app.example' } },
    { path: '/plain', pool: 'default' },
  ],
});
const ask = (
  path: string,
  origin: string,
  more: Record<string, string> = {},
  method = 'GET',
): Promise<Told> => askPath(limpet.port, path, { ...(origin === '' ? {} : { origin }), ...more }, method);
const preflight = (path: string, origin: string, wanted: string, headers = ''): Promise<Told> =>
  ask(
    path,
    origin,
    {
      'access-control-request-method': wanted,
      ...(headers === '' ? {} : { 'access-control-request-headers': headers }),
    },
    'OPTIONS',
  );
const allowed = (told: Told): unknown => told.headers['access-control-allow-origin'];

t.test('a preflight is answered at the edge, without a session and without the app', async (t) => {
  const told = await preflight('/api/x', 'https://app.example', 'DELETE', 'content-type, x-token');
  t.equal(told.status, 204);
  t.equal(allowed(told), 'https://app.example');
  t.equal(told.headers['access-control-allow-credentials'], 'true');
  t.equal(told.headers['access-control-allow-methods'], 'DELETE');
  t.equal(told.headers['access-control-allow-headers'], 'Content-Type, X-Token');
  t.equal(told.headers['access-control-max-age'], '3600');
  t.match(told.headers.vary, 'Origin');
  t.equal(app.seen.length, 0);
});

t.test('what is not allowed is refused, and says no origin', async (t) => {
  for (const [origin, method, headers] of [
    ['https://evil.example', 'GET', ''],
    ['https://app.example', 'GET', 'x-other'],
    ['https://partner.example', 'GET', ''],
    ['https://evilpartner.example', 'GET', ''],
    ['https://a.partner.example.evil', 'GET', ''],
    ['http://app.example', 'GET', ''],
    ['http://localhost:80.evil', 'GET', ''],
    ['null', 'GET', ''],
  ] as const) {
    const told = await preflight('/api/x', origin, method, headers);
    t.equal(told.status, 403, `${origin} ${headers}`);
    t.equal(told.headers['access-control-allow-headers'], undefined);
  }
  for (const origin of ['https://a.partner.example', 'https://a.b.partner.example', 'http://localhost:5173'])
    t.equal((await preflight('/api/x', origin, 'GET')).status, 204, origin);
});

t.test('a refusal can be read by the pages that may ask, and by no others', async (t) => {
  const told = await ask('/api/x', 'https://app.example', { accept: 'application/json' });
  t.equal(told.status, 401);
  t.equal(allowed(told), 'https://app.example');
  t.equal(told.headers['access-control-expose-headers'], 'X-Total');
  t.equal(allowed(await ask('/api/x', 'https://evil.example')), undefined);
});

t.test('the app’s answer is marked once, and differs by origin for caches', async (t) => {
  const open = await ask('/open/x', 'https://anybody.example');
  t.equal(open.body, 'alpha');
  t.equal(allowed(open), '*');
  t.equal(open.headers['access-control-allow-credentials'], undefined, 'the app’s own word is dropped');
  t.equal(open.headers.vary, undefined);
  const own = await ask('/text', 'https://app.example');
  t.equal(allowed(own), 'https://app.example');
  t.equal(own.body, 'hello');
  t.equal((await ask('/text', '')).headers.vary, 'Origin');
  t.equal(
    allowed(await ask('/plain', 'https://a.example')),
    '*',
    'without a block the app says what it wants',
  );
});

t.test('an OPTIONS that is no preflight, or of a route without a block, is the app’s', async (t) => {
  const before = app.seen.length;
  t.equal((await ask('/open/x', 'https://a.example', {}, 'OPTIONS')).body, 'alpha');
  t.equal((await preflight('/plain', 'https://a.example', 'PUT')).body, 'alpha');
  t.equal(app.seen.length, before + 2);
});
