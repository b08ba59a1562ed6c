// What the admin API promises, asked of a real server and of an injected one.
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import t from 'tap';
import { listenOn } from '../../src/admin/app.ts';
import { makeAdmin } from './fake-view.ts';

const run = promisify(execFile);

t.test('curl reads status, upstreams and metrics, and drains an upstream', async (t) => {
  const { app, view, lines } = makeAdmin();
  t.teardown(() => app.close());
  const url = await listenOn(app, { kind: 'tcp', host: '127.0.0.1', port: 0 });
  t.match(url, /^http:\/\/127\.0\.0\.1:\d+$/);
  const curl = async (...args: string[]) =>
    (await run('curl', ['-sS', '-w', ' %{http_code}', ...args])).stdout;
  t.match(await curl(`${url}/livez`), 'alive\n 200');
  t.match(await curl(`${url}/readyz`), 'ready\n 200');
  t.match(await curl(`${url}/metrics`), 'limpet_config_generation 1\n 200');
  t.match(await curl(`${url}/api/v1/status`), /"generation":1.* 200$/);
  t.match(await curl(`${url}/`), /PATCH \/api\/v1\/upstreams[\s\S]* 200$/);
  const patch = ['-X', 'PATCH', '-H', 'Content-Type: application/json', '-d', '{"wanted":"drain"}'];
  const answer = await curl(...patch, `${url}/api/v1/upstreams/shop/%2Frun%2Fapp.sock`);
  t.match(answer, /"name":"\/run\/app\.sock".*"wanted":"drain".* 200$/);
  t.same(view.changes, [{ upstream: '/run/app.sock', wanted: 'drain' }]);
  const told = JSON.parse(lines.at(-1)!);
  t.match(told, {
    pool: 'shop',
    upstream: '/run/app.sock',
    by: 'local',
    was: { wanted: 'ready' },
    now: { wanted: 'drain' },
  });
  t.match(await curl(`${url}/api/v1/upstreams`), /^\[\{"pool":"shop","name":"blue".* 200$/);
});

t.test('upstreams have the fields of the contract, in its order', async (t) => {
  const { app } = makeAdmin();
  const [first] = (await app.inject('/api/v1/upstreams')).json();
  const fields = ['pool', 'name', 'url', 'wanted', 'observed', 'why', 'weight', 'inFlight', 'latencyMs'];
  t.same(Object.keys(first), [...fields, 'requests', 'failures', 'users', 'since', 'drainUntil']);
});

t.test('readyz says why not, while livez stays well', async (t) => {
  const { app, view } = makeAdmin();
  view.readiness = { ok: false, why: 'shutting down' };
  const answer = await app.inject('/readyz');
  t.equal(answer.statusCode, 503);
  t.equal(answer.body, 'not ready: shutting down\n');
  t.equal((await app.inject('/livez')).statusCode, 200);
});

t.test('answers are never cached', async (t) => {
  const { app } = makeAdmin();
  for (const path of ['/', '/livez', '/api/v1/status', '/nowhere']) {
    t.equal((await app.inject(path)).headers['cache-control'], 'no-store', path);
  }
});

t.test('an unknown path says where to look', async (t) => {
  const { app } = makeAdmin();
  const answer = await app.inject({ method: 'DELETE', url: '/api/v1/statuses' });
  t.equal(answer.statusCode, 404);
  t.match(answer.json(), { error: { code: 'path.unknown', message: /no DELETE of this path.*GET \// } });
  const broken = await app.inject('/api/v1/upstreams/%zz/a');
  t.equal(broken.statusCode, 400);
  t.match(broken.json(), { error: { code: 'request.path' } });
  const long = await app.inject({
    method: 'PATCH',
    url: `/api/v1/upstreams/shop/${'x'.repeat(600)}`,
    payload: {},
  });
  t.ok(long.statusCode === 404 || long.statusCode === 400);
  t.type(long.json().error.code, 'string');
});

t.test('a failure of ours is logged and not shown', async (t) => {
  const { app, view, lines } = makeAdmin();
  view.metrics = () => Promise.reject(new Error('secret detail'));
  const answer = await app.inject('/metrics');
  t.equal(answer.statusCode, 500);
  t.match(answer.json(), { error: { code: 'internal' } });
  t.notMatch(answer.body, 'secret detail');
  t.match(JSON.parse(lines.at(-1)!), { level: 'error', err: { message: 'secret detail' } });
});

t.test('what is no HTTP is answered in the one shape and closed', async (t) => {
  const { app } = makeAdmin();
  t.teardown(() => app.close());
  const url = new URL(await listenOn(app, { kind: 'tcp', host: '127.0.0.1', port: 0 }));
  for (const [bytes, answer] of [
    [
      'nonsense\r\n\r\n',
      /^HTTP\/1\.1 400 Bad Request\r\n[\s\S]*\r\n\r\n\{"error":\{"code":"request\.malformed"/,
    ],
    [
      `GET / HTTP/1.1\r\nHost: a\r\nX: ${'x'.repeat(20_000)}`,
      /^HTTP\/1\.1 431 [\s\S]*"code":"request\.head\.large"/,
    ],
  ] as const) {
    const socket = connect(Number(url.port), '127.0.0.1');
    let text = '';
    socket.on('data', (chunk) => {
      text += chunk;
    });
    socket.write(bytes);
    await once(socket, 'close');
    t.match(text, answer);
  }
});

t.test('a unix socket works, and close does not wait for idle connections', async (t) => {
  const { app } = makeAdmin();
  // Not t.testdir(): a socket's path may have 107 bytes at most.
  const directory = mkdtempSync(join(tmpdir(), 'limpet-'));
  t.teardown(() => rmSync(directory, { recursive: true }));
  const path = join(directory, 'admin.sock');
  t.equal(await listenOn(app, { kind: 'unix', path }), `unix:${path}`);
  const { stdout } = await run('curl', ['-sS', '--unix-socket', path, 'http://localhost/livez']);
  t.equal(stdout, 'alive\n');
  const idle = connect(path);
  await once(idle, 'connect');
  await Promise.all([once(idle, 'close'), app.close()]);
});
