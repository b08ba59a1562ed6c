// Affinity by a mark in the app's own session cookie, which is also checked: the session is read without the mark.
import { createHmac } from 'node:crypto';
import t from 'tap';
import { startLimpet } from '../kit/limpet.ts';
import { askPath, calm, cookieOf, startNamedApp } from '../kit/named-app.ts';

const SECRET = 'the secret of a test about marks';
let made = 0;
function sign(user: string): string {
  const value = Buffer.from(JSON.stringify({ user, n: ++made })).toString('base64url');
  return `${value}.${createHmac('sha256', SECRET).update(value).digest('base64url')}`;
}

const apps = await Promise.all(['alpha', 'beta'].map((name) => startNamedApp(name, t)));
for (const app of apps)
  app.answer = (request, response, name) => {
    const { pathname, searchParams } = new URL(request.url ?? '', 'http://app');
    if (pathname === '/login')
      response.setHeader('set-cookie', `sid=${sign(searchParams.get('user') ?? '')}; Path=/`);
    response.end(`${name} ${request.headers['limpet-user'] ?? '-'} ${request.headers.cookie ?? '-'}`);
  };
const limpet = await startLimpet({
  workers: 2,
  pools: {
    app: {
      upstreams: apps.map(({ name, url }) => ({ name, url })),
      health: calm,
      affinity: { cookie: { mode: 'prefix', of: 'sid', secrets: [SECRET] } },
    },
  },
  session: {
    verify: 'signed-cookie',
    cookie: 'sid',
    secrets: [SECRET],
    user: 'user',
    exempt: '/login',
  },
  routes: [{ path: '/', pool: 'app' }],
});
const login = async (user: string, cookie = ''): Promise<string> =>
  cookieOf(await askPath(limpet.port, `/login?user=${user}`, cookie === '' ? {} : { cookie }), 'sid');

t.test('who logged in is let in, is known, and lives where he logged in', async (t) => {
  const cookie = await login('ann');
  t.match(cookie, /^sid=[^~]+~/, 'it has a mark');
  const own = cookie.replace(/^sid=[^~]+~/, 'sid=');
  const homes = new Set<string>();
  for (let i = 0; i < 8; i++) {
    const { status, body } = await askPath(limpet.port, '/page', { cookie });
    t.equal(status, 200);
    const [home = '', user, shown] = body.split(' ');
    homes.add(home);
    t.same([user, shown], ['ann', own]);
  }
  t.equal(homes.size, 1);
  t.equal(
    (await askPath(limpet.port, '/page', { cookie: own })).status,
    200,
    'the mark alone is no part of it',
  );
  t.equal((await askPath(limpet.port, '/page', { cookie: `${cookie}x` })).status, 401);
});

t.test('a revocation ends it, and a login after that is known by the cookie as the app set it', async (t) => {
  const cookie = await login('bob');
  const answer = await fetch(`${limpet.adminUrl}/api/v1/revocations`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ user: 'bob' }),
  });
  t.equal(answer.status, 201);
  t.equal((await askPath(limpet.port, '/page', { cookie })).status, 401);
  t.match((await askPath(limpet.port, '/login', { cookie })).body, / - -$/, 'it is withheld');
  const again = await login('bob', cookie);
  for (let i = 0; i < 8; i++) t.equal((await askPath(limpet.port, '/page', { cookie: again })).status, 200);
});
