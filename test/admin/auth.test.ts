// Who is let in: the rules of tokens, hosts and origins.
import t from 'tap';
import { isLocalBind } from '../../src/admin/auth.ts';
import { isForeignOrigin, isOwnHost } from '../../src/admin/browser-guard.ts';
import type { AdminToken } from '../../src/config/config.ts';
import { EVERYWHERE, LOOPBACK, makeAdmin } from './fake-view.ts';

const TOKENS: readonly AdminToken[] = [
  { name: 'grafana', token: 'read-read-read-read', access: 'read' },
  { name: 'ops', token: 'full-full-full-full', access: 'full' },
];
const READ = { authorization: 'Bearer read-read-read-read' };
const FULL = { authorization: 'bearer full-full-full-full' };
const PATCH = { method: 'PATCH', url: '/api/v1/upstreams/shop/blue', payload: { weight: 2 } } as const;

t.test('beyond loopback nothing but the probes is answered without a token', async (t) => {
  const { app } = makeAdmin(EVERYWHERE, TOKENS);
  for (const url of ['/', '/metrics', '/api/v1/status', '/api/v1/upstreams']) {
    const answer = await app.inject(url);
    t.equal(answer.statusCode, 401, url);
    t.match(answer.headers['www-authenticate'], /^Bearer/);
    t.match(answer.json(), { error: { code: 'token.refused' } });
    t.equal((await app.inject({ url, headers: READ })).statusCode, 200, url);
  }
  t.equal((await app.inject(PATCH)).statusCode, 401);
  t.equal((await app.inject('/livez')).statusCode, 200);
  t.equal((await app.inject('/readyz')).statusCode, 200);
});

t.test('beyond loopback without any configured token nobody is let in', async (t) => {
  const { app } = makeAdmin(EVERYWHERE, []);
  for (const headers of [{}, READ, { authorization: 'Bearer ' }, { authorization: 'Bearer undefined' }]) {
    const answer = await app.inject({ url: '/api/v1/status', headers });
    t.equal(answer.statusCode, 401);
    t.match(answer.json().error.message, 'admin.tokens');
  }
});

t.test('a token that is configured is needed on loopback too', async (t) => {
  const { app } = makeAdmin(LOOPBACK, TOKENS);
  t.equal((await app.inject('/api/v1/status')).statusCode, 401);
});

t.test('a read token reads and changes nothing, a full one changes and is named in the log', async (t) => {
  const { app, view, lines } = makeAdmin(EVERYWHERE, TOKENS);
  const refused = await app.inject({ ...PATCH, headers: READ });
  t.equal(refused.statusCode, 403);
  t.match(refused.json().error, { code: 'token.read', message: 'grafana' });
  t.same(view.changes, []);
  t.equal((await app.inject({ ...PATCH, headers: FULL })).statusCode, 200);
  t.same(view.changes, [{ upstream: 'blue', weight: 2 }]);
  t.match(JSON.parse(lines.at(-1)!), { by: 'ops', was: { weight: 1 }, now: { weight: 2 } });
  for (const line of lines) t.notMatch(line, 'full-full');
});

t.test('what only resembles a token is refused', async (t) => {
  const { app } = makeAdmin(EVERYWHERE, TOKENS);
  for (const authorization of [
    'Bearer',
    'Bearer  ',
    'Basic read-read-read-read',
    'read-read-read-read',
    'Bearer read-read-read-rea',
    'Bearer read-read-read-readx',
    'Bearer READ-READ-READ-READ',
    'Bearer read-read-read-read full-full-full-full',
  ]) {
    t.equal(
      (await app.inject({ url: '/api/v1/status', headers: { authorization } })).statusCode,
      401,
      authorization,
    );
  }
});

t.test('guessing tokens does not fill the log', async (t) => {
  const { app, lines, advance } = makeAdmin(EVERYWHERE, TOKENS);
  for (let i = 0; i < 50; i++) await app.inject('/api/v1/status');
  t.equal(lines.length, 1);
  advance(1000);
  await app.inject('/api/v1/status');
  t.match(JSON.parse(lines[1]!), { level: 'warn', times: 50, address: '127.0.0.1' });
});

t.test('a page of another site reaches nothing, by its origin or by a name turned to loopback', async (t) => {
  const { app, view } = makeAdmin();
  for (const headers of [
    { host: '127.0.0.1:9090', origin: 'http://evil.example' },
    { host: '127.0.0.1:9090', origin: 'null' },
    { host: '127.0.0.1:9090', origin: 'http://127.0.0.1:8080' },
    { host: 'evil.example:9090' },
    { host: 'evil.example:9090', origin: 'http://evil.example:9090' },
  ]) {
    const label = JSON.stringify(headers);
    t.equal((await app.inject({ ...PATCH, headers })).statusCode, 403, label);
    t.equal((await app.inject({ url: '/api/v1/upstreams', headers })).statusCode, 403, label);
  }
  t.same(view.changes, []);
  const own = { host: 'localhost:9090', origin: 'http://localhost:9090' };
  t.equal((await app.inject({ ...PATCH, headers: own })).statusCode, 200);
});

t.test(
  'a page of another site reads nothing by what is sent without an origin, but may link here',
  async (t) => {
    const { app } = makeAdmin();
    const host = '127.0.0.1:9090';
    const visit = { 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document', accept: 'text/html' };
    const statusOf = async (url: string, fields: object, method: 'GET' | 'HEAD' = 'GET') => {
      const answer = await app.inject({ method, url, headers: { host, ...fields } });
      if (answer.statusCode === 403)
        t.equal(answer.headers['content-type'], 'application/json; charset=utf-8');
      return answer.statusCode;
    };
    for (const site of ['cross-site', 'same-site']) {
      const from = { 'sec-fetch-site': site };
      for (const url of ['/', '/metrics', '/livez', '/api/v1/config', '/api/v1/upstreams', '/page/page.js'])
        t.equal(
          await statusOf(url, { ...from, 'sec-fetch-mode': 'no-cors', 'sec-fetch-dest': 'image' }),
          403,
          url,
        );
      t.equal(await statusOf('/', { ...from, ...visit }), 200, 'a link to the page');
      t.equal(await statusOf('/?pool=shop', { ...from, ...visit }), 200);
      t.equal(
        await statusOf('/', { ...from, ...visit, 'sec-fetch-dest': 'iframe' }),
        403,
        'a frame around it',
      );
      t.equal(await statusOf('/api/v1/config', { ...from, ...visit }), 403, 'a link to what holds data');
      t.equal(await statusOf('/api/v1/config', { ...from, ...visit }, 'HEAD'), 403);
    }
    for (const site of ['same-origin', 'none'])
      t.equal(
        await statusOf('/api/v1/upstreams', { 'sec-fetch-site': site }),
        200,
        `${site}: our page, or a person`,
      );
    const guarded = makeAdmin(EVERYWHERE, TOKENS).app;
    const headers = { ...READ, 'sec-fetch-site': 'cross-site' };
    t.equal(
      (await guarded.inject({ url: '/metrics', headers })).statusCode,
      200,
      'where tokens stand guard they do',
    );
  },
);

t.test('with a token any name reaches it, since a foreign page has no token', async (t) => {
  const { app } = makeAdmin(EVERYWHERE, TOKENS);
  const named = { ...READ, host: 'limpet.internal:9090' };
  t.equal((await app.inject({ url: '/metrics', headers: named })).statusCode, 200);
});

t.test('only loopback addresses, localhost and unix sockets are local', async (t) => {
  const tcp = (host: string) => isLocalBind({ kind: 'tcp', host, port: 1 });
  for (const host of ['127.0.0.1', '127.9.9.9', '::1', '::ffff:127.0.0.1', 'localhost'])
    t.ok(tcp(host), host);
  for (const host of ['0.0.0.0', '::', '10.0.0.1', '::ffff:10.0.0.1', '128.0.0.1', 'limpet.internal', '']) {
    t.notOk(tcp(host), host);
  }
  t.ok(isLocalBind({ kind: 'unix', path: '/run/limpet.sock' }));
});

t.test('a host is ours by address, as localhost, or by the bound name', async (t) => {
  for (const host of [
    '127.0.0.1',
    '127.0.0.1:9090',
    '[::1]:9090',
    '192.168.0.7:1',
    'LOCALHOST:9090',
    'proxy.lan:1',
  ]) {
    t.ok(isOwnHost(host, 'Proxy.lan'), host);
  }
  for (const host of [
    undefined,
    '',
    'evil.example',
    'localhost.evil.example',
    'a@127.0.0.1',
    '127.0.0.1/x',
    '::1',
    'a b',
  ]) {
    t.notOk(isOwnHost(host, 'proxy.lan'), String(host));
  }
  t.notOk(isOwnHost('proxy.lan', null));
});

t.test('an origin is foreign unless host and port are ours', async (t) => {
  t.notOk(isForeignOrigin(undefined, 'a:1'));
  t.notOk(isForeignOrigin('http://a:1', 'A:1'));
  for (const origin of [
    'null',
    '',
    'http://a:2',
    'http://a',
    'http://b:1',
    'file:///x',
    'data:,x',
    'javascript:1',
  ]) {
    t.ok(isForeignOrigin(origin, 'a:1'), origin);
  }
});
