// What an HTTP probe makes of real servers, good and bad.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createServer as createHttpsServer } from 'node:https';
import { createServer, type Server } from 'node:net';
import t from 'tap';
import { systemClock } from '../../src/base/clock.ts';
import { systemTimers } from '../../src/base/timers.ts';
import { type HttpQuestion, startHttpProbe } from '../../src/health/http-probe.ts';
import type { ProbeResult, ProbeTarget } from '../../src/health/probe.ts';
import type { Owner } from '../kit/child.ts';
import { freePort } from '../kit/ports.ts';
import { startApp, targetOf, until } from './real-app.ts';

const time = { clock: systemClock, timers: systemTimers };

const QUESTION: HttpQuestion = {
  method: 'GET',
  path: '/',
  host: null,
  headers: [],
  port: null,
  timeoutMs: 2000,
  good: [{ from: 200, to: 399 }],
  body: null,
};
const LIFE: HttpQuestion = { ...QUESTION, method: 'OPTIONS', path: '*', good: 'life', timeoutMs: 500 };

function probe(target: ProbeTarget, question: Partial<HttpQuestion> = {}): Promise<ProbeResult> {
  return new Promise((resolve) => {
    startHttpProbe(time, target, { ...QUESTION, ...question }, resolve);
  });
}

/** A server that does `answer` with each connection's bytes, and how many connections it holds. */
async function raw(
  owner: Owner,
  answer: (bytes: string) => string | null,
): Promise<{ target: ProbeTarget; held: () => number; seen: () => string }> {
  let held = 0;
  let seen = '';
  const server: Server = createServer((socket) => {
    held++;
    socket.on('close', () => held--);
    socket.on('error', () => undefined);
    socket.on('data', (bytes: Buffer) => {
      seen += bytes.toString('latin1');
      const said = answer(bytes.toString('latin1'));
      if (said !== null) socket.write(said);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  owner.teardown(() => server.close());
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return { target: targetOf(address.port), held: () => held, seen: () => seen };
}

t.test('a good status is good, another is told with what was expected', async (t) => {
  const well = await startApp(t);
  t.match(await probe(well.target), { ok: true, why: 'answered 200', statusCode: 200 });
  const failing = await startApp(t, 'failing');
  t.match(await probe(failing.target), { ok: false, why: 'answered 503, expected 200-399', statusCode: 503 });
  t.match(
    await probe(failing.target, {
      good: [
        { from: 200, to: 299 },
        { from: 503, to: 503 },
      ],
    }),
    { ok: true },
  );
  t.match(
    await probe(failing.target, {
      good: [
        { from: 200, to: 204 },
        { from: 404, to: 404 },
      ],
    }),
    {
      why: 'answered 503, expected 200-204, 404',
    },
  );
});

t.test('the body must hold the text, also when it comes in pieces', async (t) => {
  const well = await startApp(t);
  t.match(await probe(well.target, { body: 'is well' }), { ok: true });
  t.match(await probe(well.target, { body: 'is ill' }), {
    ok: false,
    why: 'answered 200, but its body lacks the expected text',
  });
  // Each chunk is a piece of its own, whatever the network makes of them.
  const pieces = await raw(
    t,
    () => 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n6\r\nall is\r\n5\r\n well\r\n0\r\n\r\n',
  );
  t.match(await probe(pieces.target, { body: 'is well' }), { ok: true });
});

t.test('of an endless body 64 KiB are read, and no more', async (t) => {
  const app = await startApp(t);
  t.match(await probe(app.target, { path: '/endless', body: 'never said' }), {
    ok: false,
    why: 'answered 200, but its body lacks the expected text',
  });
  t.match(await probe(app.target, { path: '/endless' }), { ok: true });
});

t.test('what is asked is what was configured', async (t) => {
  const server = await raw(t, () => 'HTTP/1.1 204 No Content\r\n\r\n');
  await probe(server.target, {
    method: 'HEAD',
    path: '/health?deep=1',
    host: 'shop.example.com',
    headers: [
      ['X-Check', 'one'],
      ['User-Agent', 'limpet'],
    ],
  });
  t.equal(
    server.seen(),
    'HEAD /health?deep=1 HTTP/1.1\r\nHost: shop.example.com\r\nX-Check: one\r\nUser-Agent: limpet\r\nConnection: close\r\n\r\n',
  );
});

t.test('the check may have a port of its own', async (t) => {
  const app = await startApp(t);
  t.match(await probe(targetOf(await freePort()), { port: app.port }), { ok: true });
});

t.test('nobody listens: refused, and said so', async (t) => {
  t.match(await probe(targetOf(await freePort())), { ok: false, why: 'connect refused', refused: true });
  const missing = { ...targetOf(1), address: { path: '/tmp/limpet-no-such.sock' } };
  t.match(await probe(missing), { ok: false, why: 'socket file missing', refused: true });
});

t.test('each way of not answering has its sentence, and leaves no connection behind', async (t) => {
  const mute = await raw(t, () => null);
  t.match(await probe(mute.target, { timeoutMs: 50 }), { ok: false, why: 'no answer within 50ms' });
  const closing = await startApp(t, 'closing');
  t.match(await probe(closing.target), { ok: false, why: 'closed without an answer', refused: false });
  const nonsense = await startApp(t, 'nonsense');
  t.match(await probe(nonsense.target), { ok: false, why: 'answered something that is not HTTP' });
  await until('the probe let go', () => mute.held() === 0);
});

t.test('a request that cannot be sent is a result, not an exception', async (t) => {
  const app = await startApp(t);
  t.match(await probe(app.target, { path: '/a b' }), { ok: false });
  t.match(await probe(targetOf(99_999)), { ok: false });
});

t.test('cancelled, it tells nothing and lets go', async (t) => {
  const mute = await raw(t, () => null);
  let told = 0;
  const running = startHttpProbe(time, mute.target, QUESTION, () => told++);
  await until('connected', () => mute.held() === 1);
  running.cancel();
  await until('let go', () => mute.held() === 0);
  t.equal(told, 0);
});

t.test('any answer is life: a 500, a 100, nonsense', async (t) => {
  const failing = await startApp(t, 'failing');
  t.match(await probe(failing.target, LIFE), { ok: true });
  const nonsense = await startApp(t, 'nonsense');
  t.match(await probe(nonsense.target, LIFE), { ok: true, why: 'answered' });
  const server = await raw(t, () => 'HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n');
  t.match(await probe(server.target, LIFE), { ok: true, statusCode: 500 });
  t.equal(
    server.seen().replace(/Host: .*\r\n/, ''),
    'OPTIONS * HTTP/1.1\r\nConnection: close\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n',
  );
});

t.test('a server that waits for the content before it answers gets it', async (t) => {
  let all = '';
  const server = await raw(t, (bytes) => {
    all += bytes;
    return all.endsWith('\r\n\r\n\n') ? 'HTTP/1.1 204 No Content\r\n\r\n' : null;
  });
  t.match(await probe(server.target, LIFE), { ok: true, statusCode: 204 });
});

t.test('an app that takes two seconds for any answer shows life at once', async (t) => {
  const slow = await startApp(t, 'slow');
  const result = await probe(slow.target, { ...LIFE, timeoutMs: 1500 });
  t.match(result, { ok: true, statusCode: 100 });
});

t.test('a stopped process accepts and shows no life', async (t) => {
  const app = await startApp(t);
  t.match(await probe(app.target, LIFE), { ok: true });
  await app.child.kill('SIGSTOP');
  t.match(await probe(app.target, { ...LIFE, timeoutMs: 100 }), { ok: false, why: 'no answer within 100ms' });
});

/** A certificate for `name`, signed by itself, made by openssl; null where there is none. */
function certificate(directory: string, name: string): { key: string; cert: string } | null {
  const args = 'req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2'.split(' ');
  try {
    execFileSync(
      'openssl',
      [
        ...args,
        '-subj',
        `/CN=${name}`,
        '-addext',
        `subjectAltName=DNS:${name}`,
        '-keyout',
        'key.pem',
        '-out',
        'cert.pem',
      ],
      { cwd: directory, stdio: 'ignore' },
    );
  } catch {
    return null;
  }
  const read = (file: string): string => readFileSync(`${directory}/${file}`, 'utf8');
  return { key: read('key.pem'), cert: read('cert.pem') };
}

t.test('over TLS the certificate must be for the configured name, whatever the address', async (t) => {
  const made = certificate(t.testdir({}), 'app.internal');
  if (made === null) {
    t.pass('skipped: no openssl');
    return;
  }
  const server = createHttpsServer(made, (_request, response) => response.end('all is well'));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => server.close());
  const { port } = server.address() as { port: number };
  const tls = { verify: true, serverName: null, ca: made.cert, cert: null, key: null };
  const target = { address: { host: '127.0.0.1', port }, authority: `app.internal:${port}`, tls };
  t.match(await probe(target), { ok: true });
  t.match(await probe({ ...target, authority: `other.internal:${port}` }), {
    ok: false,
    why: 'failed: ERR_TLS_CERT_ALTNAME_INVALID',
  });
  t.match(await probe({ ...target, authority: `127.0.0.1:${port}` }), { ok: false });
  t.match(await probe({ ...target, authority: '127.0.0.1', tls: { ...tls, serverName: 'app.internal' } }), {
    ok: true,
  });
  t.match(await probe({ ...target, tls: { ...tls, ca: null } }), { ok: false });
  t.match(await probe({ ...target, tls: { ...tls, ca: null, verify: false } }), { ok: true });
  t.match(await probe(target, LIFE), { ok: true, why: 'answered the TLS handshake' });
  t.match(await probe({ ...target, tls: { ...tls, ca: null } }, LIFE), { ok: false, refused: false });
});
