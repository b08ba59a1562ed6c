// On paths that need no session the app is not shown one that was revoked: it sees a visitor, whatever way the session came.
import { createHmac } from 'node:crypto';
import { SignJWT } from 'jose';
import t from 'tap';
import { statusOf } from '../kit/http-message.ts';
import { startLimpet } from '../kit/limpet.ts';
import { askPath, calm, type Seen, startNamedApp, type Told, until } from '../kit/named-app.ts';
import { RawClient } from '../kit/raw-client.ts';
import { RawUpstream } from '../kit/raw-upstream.ts';

const SECRET = 'the secret of a test about what is withheld';
const KEY = new TextEncoder().encode(SECRET);
const app = await startNamedApp('alpha', t);
/** Never answers, so that what may be repeated goes to the app. */
const broken = await RawUpstream.listen();
broken.script = (exchange) => exchange.connection.destroy();
/** Says who the user of a ticket is, as a service of its own. */
const service = await startNamedApp('service', t);
service.answer = (request, response) => {
  const user = /ticket=(\w+)/.exec(request.headers.cookie ?? '')?.[1];
  response.writeHead(user === undefined ? 401 : 200, { 'content-type': 'application/json' });
  response.end(JSON.stringify({ user: { id: user } }));
};
const members = {
  verify: 'signed-cookie',
  cookie: 'sid',
  secrets: [SECRET],
  user: 'user',
};
const limpet = await startLimpet({
  log: { access: true },
  pools: {
    app: { upstreams: [app.url], health: calm },
    first: {
      upstreams: [
        { name: 'broken', url: broken.url },
        { name: 'app', url: app.url, backup: true },
      ],
      health: calm,
    },
  },
  sessions: {
    members: { ...members, exempt: '/login' },
    watched: { ...members, require: 'nothing' },
    api: { verify: { jwt: { algorithms: ['HS256'] } }, secrets: [SECRET], user: 'sub', exempt: '/login' },
    tickets: {
      verify: 'http',
      cookie: 'ticket',
      store: service.url,
      exempt: '/login',
      cache: false,
    },
    flasks: {
      verify: { flask: { remember: ['remember_me'] } },
      secrets: [SECRET],
      user: 'user',
      exempt: '/login',
    },
  },
  routes: [
    { host: 'members', pool: 'app', session: 'members' },
    { host: 'retried', pool: 'first', session: 'members', retries: { attempts: 3 } },
    { host: 'watched', pool: 'app', session: 'watched' },
    { host: 'api', pool: 'app', session: 'api' },
    { host: 'both', pool: 'app', session: ['members', 'api'] },
    { host: 'tickets', pool: 'app', session: 'tickets' },
    { host: 'flasks', pool: 'app', session: 'flasks' },
  ],
});

let made = 0;
function sessionOf(user: string): string {
  const value = Buffer.from(JSON.stringify({ user, n: ++made })).toString('base64url');
  return `${value}.${createHmac('sha256', SECRET).update(value).digest('base64url')}`;
}
const tokenOf = (sub: string): Promise<string> =>
  new SignJWT({ n: ++made }).setProtectedHeader({ alg: 'HS256' }).setSubject(sub).setIssuedAt().sign(KEY);

async function revoke(body: object): Promise<void> {
  const answer = await fetch(`${limpet.adminUrl}/api/v1/revocations`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  if (answer.status !== 201) throw new Error(await answer.text());
}

/** Asks, and gives what the app was shown; null: it was not asked. */
async function shown(
  host: string,
  path: string,
  headers: Record<string, string | string[]>,
  method = 'GET',
): Promise<{ readonly told: Told; readonly seen: Seen | null }> {
  const before = app.seen.length;
  const told = await askPath(limpet.port, path, { host, ...headers }, method);
  return { told, seen: app.seen.length > before ? app.seen.at(-1)! : null };
}
const cookieLines = (seen: Seen | null): string[] =>
  (seen?.rawHeaders ?? []).filter((_, i, all) => i % 2 === 1 && /^cookie$/i.test(all[i - 1]!));

t.test('a cookie: refused where a session is needed, withheld where none is', async (t) => {
  const sid = sessionOf('alice');
  const headers = { cookie: `theme=dark; sid=${sid}; lang=en` };
  t.same(cookieLines((await shown('members', '/login', headers)).seen), [headers.cookie]);
  await revoke({ token: sid });
  const page = await shown('members', '/page', headers);
  t.equal(page.told.status, 401);
  t.equal(page.seen, null);
  const { told, seen } = await shown('members', '/login', headers);
  t.equal(told.status, 200);
  t.same(cookieLines(seen), ['theme=dark; lang=en']);
  t.equal(seen?.headers['limpet-session'], 'invalid');
  t.equal(seen?.headers['limpet-user'], undefined);
  t.same(cookieLines((await shown('members', '/login', { cookie: `sid=${sid}` })).seen), []);
  const { seen: other } = await shown('members', '/login', { cookie: `sid=${sessionOf('alice')}` });
  t.match(cookieLines(other)[0], /^sid=/, 'another session of the same user is shown');
});

t.test('a head whose middle was taken out is whole: ids, hosts and what follows', async (t) => {
  const sid = sessionOf('bob');
  await revoke({ token: sid });
  const headers = { a: '1', cookie: `sid=${sid}`, z: '26', accept: 'text/html' };
  const { seen } = await shown('members', '/login?next=%2F', headers);
  t.equal(seen?.url, '/login?next=%2F');
  t.match(seen?.headers, { a: '1', z: '26', accept: 'text/html', 'x-forwarded-host': 'members' });
  t.match(seen?.headers['x-request-id'], /^[0-9a-f]{32}$/);
  t.match(seen?.headers.traceparent, /^00-[0-9a-f]{32}-[0-9a-f]{16}-00$/);
  const id = String(seen?.headers['x-request-id']);
  await until('the request is in the access log', () => limpet.logs().includes(id));
  const line =
    limpet
      .logs()
      .split('\n')
      .find((one) => one.includes(id)) ?? '';
  t.match(line, '/login', 'which finds path, host and id where they stand now');
  t.match(line, 'members');
  t.notMatch(line, sid);
});

t.test('a tunnel that is asked for on such a path is one of a visitor', async (t) => {
  const sid = sessionOf('kim');
  await revoke({ token: sid });
  const lines = [
    'GET /login HTTP/1.1',
    'Host: members',
    'Connection: Upgrade',
    'Upgrade: echo',
    `Cookie: sid=${sid}`,
  ];
  const before = app.seen.length;
  const client = await RawClient.open(limpet.port);
  const answer = await client.ask(`${lines.join('\r\n')}\r\n\r\n`);
  t.equal(statusOf(answer), 200, 'which this app does not give');
  t.match(app.seen[before]?.headers, { upgrade: 'echo', connection: 'Upgrade' });
  t.same(cookieLines(app.seen[before]!), []);
});

t.test('whatever way it is spelled, and in how many lines', async (t) => {
  const sid = sessionOf('carol');
  await revoke({ token: sid });
  for (const cookie of [
    `sid=${sid}; sid=${sid}`,
    `sid="${sid}"`,
    ` sid =${sid}`,
    `sid=${sid}; sid=x`,
    `sid=${sid}; x="a; SID=${sid}"`,
    `%73id=${sid}; sid=${sid}; b=1, sid=${sid}`,
  ]) {
    const { told, seen } = await shown('members', '/login', { cookie });
    t.equal(told.status, 200);
    t.equal(cookieLines(seen).join().includes(sid), false, cookie);
  }
  // The app's parser sees somebody else's here, or nobody's: it is shown what came.
  const { seen: first } = await shown('members', '/login', { cookie: `sid=x; sid=${sid}` });
  t.same(cookieLines(first), [`sid=x; sid=${sid}`]);
  for (const cookie of [`sid=${sid}; sid=${sid}`, `sid="${sid}"`, `sid=${sid}; sid=x`]) {
    const { told, seen } = await shown('members', '/page', { cookie });
    t.same([told.status, seen], [401, null], `nobody gets by with ${cookie.slice(0, 5)}`);
  }
  const lines = { cookie: ['a=1', `sid=${sid}`, 'b=2'] };
  t.same(cookieLines((await shown('members', '/login', lines)).seen), ['a=1; b=2']);
});

t.test('a bearer token, beside which other credentials stay', async (t) => {
  const token = await tokenOf('dave');
  const bearer = { authorization: `Bearer ${token}` };
  t.equal((await shown('api', '/login', bearer)).seen?.headers.authorization, bearer.authorization);
  await revoke({ token });
  t.equal((await shown('api', '/page', bearer)).told.status, 401);
  const { seen } = await shown('api', '/login', { ...bearer, cookie: 'a=1' });
  t.equal(seen?.headers.authorization, undefined);
  t.equal(seen?.headers.cookie, 'a=1');
  const basic = { authorization: 'Basic dTpw', cookie: `access_token=${token}; a=1` };
  const { seen: other } = await shown('api', '/login', basic);
  t.equal(other?.headers.authorization, 'Basic dTpw');
  t.equal(other?.headers.cookie, 'a=1');
});

t.test('a bearer token in several lines, of which each server would take another', async (t) => {
  const [revoked, other, third] = [await tokenOf('mia'), await tokenOf('nils'), await tokenOf('olga')];
  await revoke({ token: revoked });
  const lines = [`Bearer ${revoked}`, `Bearer ${third}`];
  const cookie = `access_token=${other}; a=1`;
  t.equal((await shown('api', '/page', { authorization: lines })).told.status, 401, 'none of them counts');
  for (const path of ['/login', '/page']) {
    const { told, seen } = await shown('api', path, { authorization: lines, cookie });
    t.equal(told.status, 200);
    t.equal(seen?.headers['limpet-user'], 'nils');
    t.equal(seen?.headers.authorization, undefined, 'the app sees whom it was told of, and nobody else');
    t.equal(seen?.headers.cookie, cookie);
  }
  const mixed = { authorization: ['Basic dTpw', `bearer ${revoked}`], cookie };
  t.equal((await shown('api', '/login', mixed)).seen?.headers.authorization, 'Basic dTpw');
  // Where no block reads it, it is the app's.
  const basic = { authorization: ['Basic dTpw', 'Basic eDp5'], cookie: `sid=${sessionOf('pia')}` };
  t.equal(
    (await shown('members', '/page', basic)).seen?.rawHeaders.filter((one) => /^Basic/.test(one)).length,
    2,
  );
});

t.test('with `require: nothing` nobody is refused, and the revoked session is withheld', async (t) => {
  const sid = sessionOf('erin');
  const cookie = `sid=${sid}; a=1`;
  t.equal((await shown('watched', '/page', { cookie })).seen?.headers['limpet-user'], 'erin');
  await revoke({ user: 'erin' });
  const { told, seen } = await shown('watched', '/page', { cookie });
  t.equal(told.status, 200);
  t.equal(seen?.headers.cookie, 'a=1');
  t.equal(seen?.headers['limpet-session'], 'invalid');
});

t.test('it is withheld from every upstream that the request is tried at', async (t) => {
  const sid = sessionOf('frank');
  await revoke({ token: sid });
  broken.forget();
  const { told, seen } = await shown('retried', '/login', { cookie: `a=1; sid=${sid}` });
  t.equal(told.status, 200);
  t.ok(broken.exchanges.length > 0, 'the first upstream was asked');
  for (const { head } of broken.exchanges)
    t.same(
      head.fields.filter(([name]) => name.toLowerCase() === 'cookie').map(([, value]) => value),
      ['a=1'],
    );
  t.equal(seen?.headers.cookie, 'a=1');
});

t.test('also where the verdict comes later', async (t) => {
  const cookie = 'a=1; ticket=gina';
  t.equal((await shown('tickets', '/page', { cookie })).seen?.headers['limpet-user'], 'gina');
  await revoke({ user: 'gina' });
  const page = await shown('tickets', '/page', { cookie });
  t.equal(page.told.status, 401);
  const { told, seen } = await shown('tickets', '/login', { cookie });
  t.equal(told.status, 200);
  t.equal(seen?.headers.cookie, 'a=1');
});

t.test('of several blocks a revoked one counts, and all are withheld', async (t) => {
  const [sid, token] = [sessionOf('hugo'), await tokenOf('ida')];
  const headers = { cookie: `sid=${sid}; a=1`, authorization: `Bearer ${token}` };
  t.equal((await shown('both', '/page', headers)).told.status, 200);
  await revoke({ token: sid });
  t.equal((await shown('both', '/page', headers)).told.status, 401, 'though the token is good');
  t.equal((await shown('both', '/page', { authorization: headers.authorization })).told.status, 200);
  const { seen } = await shown('both', '/login', headers);
  t.equal(seen?.headers.cookie, 'a=1');
  t.equal(seen?.headers.authorization, undefined);
});

t.test('a remember-me cookie goes with it', async (t) => {
  const stamp = Buffer.alloc(4);
  stamp.writeUInt32BE(Math.floor(Date.now() / 1000));
  const text = `${Buffer.from('{"user":"jan"}').toString('base64url')}.${stamp.toString('base64url')}`;
  const key = createHmac('sha1', SECRET).update('cookie-session').digest();
  const session = `${text}.${createHmac('sha1', key).update(text).digest('base64url')}`;
  const cookie = `session=${session}; remember_me=jan; a=1`;
  t.equal((await shown('flasks', '/page', { cookie })).seen?.headers['limpet-user'], 'jan');
  await revoke({ token: session, reason: 'without the remember-me cookie beside it' });
  t.equal((await shown('flasks', '/page', { cookie })).told.status, 401, 'with it, it is the same session');
  t.equal((await shown('flasks', '/page', { cookie: `session=${session}` })).told.status, 401);
  t.equal((await shown('flasks', '/login', { cookie })).seen?.headers.cookie, 'a=1');
});
