// What stands before every call and what is told of it: the bound on calls at once, the audit of changes and of refused ones, deadlines in the words of the API, and HTTPS.
import { createServer } from 'node:net';
import t from 'tap';
import { renewTls } from '../../src/admin/admin-tls.ts';
import { listenOn } from '../../src/admin/app.ts';
import { ask } from '../../src/admin/ask.ts';
import { TokenTable } from '../../src/admin/auth.ts';
import { buildAdmin } from '../../src/admin/server.ts';
import { HandClock } from '../../src/base/clock.ts';
import { HandTimers } from '../../src/base/timers.ts';
import * as status from '../../src/cli/status.ts';
import type { AdminTls } from '../../src/config/config.ts';
import { DrainDeadlines } from '../../src/process/drain-deadlines.ts';
import { tell } from '../cli/told.ts';
import { makePair } from '../kit/certificates.ts';
import { EVERYWHERE, FakeLive, FakeView, LOOPBACK, listeningLogger, makeAdmin } from './fake-view.ts';

t.test('so many calls are answered at once, and one more is told to come back', async (t) => {
  const { app, view } = makeAdmin();
  t.teardown(() => app.close());
  let release = (): void => {};
  const held = new Promise<void>((resolve) => {
    release = resolve;
  });
  const { explain } = view;
  view.explain = async (question) => {
    await held;
    return explain.call(view, question);
  };
  const payload = { method: 'GET', url: '/' };
  const asked = Array.from({ length: 64 }, () =>
    app.inject({ method: 'POST', url: '/api/v1/explain', payload }),
  );
  await new Promise((resolve) => setTimeout(resolve, 50));
  const refused = await app.inject('/api/v1/status');
  t.equal(refused.statusCode, 503);
  t.equal(refused.headers['retry-after'], '1');
  t.equal(refused.json().error.code, 'admin.busy');
  t.equal((await app.inject('/livez')).statusCode, 200, 'but it lives');
  release();
  for (const answer of await Promise.all(asked)) t.equal(answer.statusCode, 200);
  t.equal((await app.inject('/api/v1/status')).statusCode, 200);
  view.busy = true;
  view.explain = explain;
  const busy = await app.inject({ method: 'POST', url: '/api/v1/explain', payload });
  t.same([busy.statusCode, busy.json().error.code], [503, 'explain.busy']);
});

t.test('a change is told with who, from where and what it was; so is one that was refused', async (t) => {
  const tokens = [
    { name: 'grafana', token: 'read-read-read-read', access: 'read' },
    { name: 'ops', token: 'full-full-full-full', access: 'full' },
  ] as const;
  const { app, lines } = makeAdmin(EVERYWHERE, tokens);
  t.teardown(() => app.close());
  const change = (token: string, payload: object, name = 'blue') =>
    app.inject({
      method: 'PATCH',
      url: `/api/v1/upstreams/shop/${name}?secret=1`,
      headers: { authorization: `Bearer ${token}` },
      remoteAddress: '192.0.2.7',
      payload,
    });
  await change('full-full-full-full', { wanted: 'drain', deadline: '5m' });
  t.match(JSON.parse(lines.at(-1)!), {
    level: 'info',
    audit: 'upstream.change',
    by: 'ops',
    address: '192.0.2.7',
    pool: 'shop',
    upstream: 'blue',
    was: { wanted: 'ready', weight: 1, drainUntil: null },
    now: { wanted: 'drain', weight: 1, drainUntil: '1970-01-01T00:05:00.000Z' },
  });
  for (const [token, payload, name, code, by] of [
    ['read-read-read-read', { weight: 2 }, 'blue', 'token.read', 'grafana'],
    ['full-full-full-full', { weight: -1 }, 'blue', 'body.invalid', 'ops'],
    ['full-full-full-full', { weight: 2 }, 'bleu', 'upstream.unknown', 'ops'],
    ['full-full-full-full', { deadline: '5m' }, 'green', 'upstream.deadline', 'ops'],
    ['full-full-full-full', { wanted: 'drain', deadline: '5' }, 'green', 'upstream.deadline', 'ops'],
    ['full-full-full-full', { wanted: 'drain', deadline: '8d' }, 'green', 'upstream.deadline', 'ops'],
  ] as const) {
    const answer = await change(token, payload, name);
    t.equal(answer.json().error.code, code);
    const line = JSON.parse(lines.at(-1)!);
    t.match(line, { level: 'warn', audit: 'refused', by, address: '192.0.2.7', code, method: 'PATCH' });
    t.equal(line.path, `/api/v1/upstreams/shop/${name}`, 'without its query');
  }
  const before = lines.length;
  await app.inject({ url: '/api/v1/nothing', headers: { authorization: 'Bearer full-full-full-full' } });
  t.equal(lines.length, before, 'who reads is not told of');
});

t.test('the deadline of a drain comes once, unless it was taken back or set anew', async (t) => {
  const clock = new HandClock();
  const timers = new HandTimers(clock);
  const due: string[] = [];
  const deadlines = new DrainDeadlines({
    clock: { wallMs: () => clock.nowMs() },
    timers,
    onDue: (pool, name) => due.push(`${pool}/${name}`),
  });
  const startMs = clock.nowMs();
  deadlines.set('shop', 'blue', 1000);
  deadlines.set('shop', 'green', 1000);
  deadlines.set('api', 'blue', 5000);
  deadlines.clear('shop', 'green');
  deadlines.clear('shop', 'nobody');
  t.equal(deadlines.untilMs('shop', 'blue'), startMs + 1000);
  t.equal(deadlines.untilMs('shop', 'green'), null);
  deadlines.set('api', 'blue', 2000);
  timers.advance(1000);
  t.same(due, ['shop/blue']);
  t.equal(deadlines.untilMs('shop', 'blue'), null);
  timers.advance(10_000);
  t.same(due, ['shop/blue', 'api/blue']);
  t.equal(timers.count, 0);
});

t.test(
  'over HTTPS: another certificate without a restart, and only those who show one of theirs',
  async (t) => {
    const authority = makePair({ subject: '/CN=authority', authority: true });
    const pair = (names: string[]): { cert: string; key: string } => makePair({ names, issuer: authority });
    const { logger } = listeningLogger();
    const make = async (tls: AdminTls) => {
      const tokens = new TokenTable(LOOPBACK, []);
      const app = buildAdmin({
        view: new FakeView(),
        live: new FakeLive(),
        bind: LOOPBACK,
        tokens,
        tls,
        logger,
        nowMs: () => 0,
      });
      t.teardown(() => app.close());
      const url = (await listenOn(app, LOOPBACK)).replace('127.0.0.1', 'localhost');
      return { app, url };
    };
    const { app, url } = await make({ ...pair(['other.example']), ca: null });
    t.match(url, /^https:/);
    const asked = (base: string, tls: object) => ask(new URL('/livez', base), { tls });
    await t.rejects(asked(url, { ca: authority.cert }), { message: /ERR_TLS_CERT_ALTNAME_INVALID/ });
    renewTls(app, { ...pair(['localhost']), ca: null });
    t.match(await asked(url, { ca: authority.cert }), { status: 200, text: 'alive\n' });
    const dir = t.testdir({ 'ca.pem': authority.cert, 'other.pem': makePair().cert });
    const env = (file: string) => ({ env: { LIMPET_ADMIN_CA: `${dir}/${file}` } });
    t.match(await tell(status, ['--admin', url], env('ca.pem')), { code: 0, stdout: /^Limpet 0\.1\.0/ });
    t.match(await tell(status, ['--admin', url], env('other.pem')), {
      code: 1,
      stderr:
        /would be right: the authority of the API's certificate, in PEM, in the file that LIMPET_ADMIN_CA names/,
    });
    t.match(await tell(status, ['--admin', url], env('none.pem')), {
      code: 1,
      stderr: /ENOENT\n.*a file in PEM/,
    });
    t.match(await tell(status, ['--admin', url.replace('https', 'http')]), {
      code: 1,
      stderr: /https:\/\/ in --admin/,
    });
    const strict = await make({ ...pair(['localhost']), ca: authority.cert });
    await t.rejects(asked(strict.url, { ca: authority.cert }));
    const own = makePair({ subject: '/CN=ops', issuer: authority });
    t.match(await asked(strict.url, { ca: authority.cert, ...own }), { status: 200 });
    const stranger = makePair({ subject: '/CN=ops' });
    await t.rejects(asked(strict.url, { ca: authority.cert, ...stranger }));
  },
);

t.test('what is no Limpet is told as such, whatever it answers', async (t) => {
  for (const answer of [
    'HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\nno',
    'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi',
  ]) {
    const server = createServer((socket) => socket.once('data', () => socket.end(answer)));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    t.teardown(() => server.close());
    const { port } = server.address() as { port: number }; // it listens on TCP
    const told = await tell(status, ['--admin', `http://127.0.0.1:${port}`]);
    t.match(told, {
      code: 1,
      stderr: /is not the admin API of a Limpet\n {2}would be right: the address of its `admin.bind`/,
    });
  }
});
