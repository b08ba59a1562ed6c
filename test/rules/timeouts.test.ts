// C9, and the upstream's own deadlines: what is too slow ends with the right status, on time, and frees what it held.
import { connect } from 'node:net';
import t from 'tap';
import { Child } from '../kit/child.ts';
import { statusOf, value } from '../kit/http-message.ts';
import { get, request, unwatched } from '../kit/judge.ts';
import { startLimpet } from '../kit/limpet.ts';
import { freePort } from '../kit/ports.ts';
import { RawClient } from '../kit/raw-client.ts';
import { answering, OK, RawUpstream } from '../kit/raw-upstream.ts';

const upstream = await RawUpstream.listen();
const retries = { attempts: 0 };
/** Of the one request that goes on beside the tests. */
const apart = await RawUpstream.listen();
const limpet = await startLimpet({
  pools: {
    default: { upstreams: [upstream.url], health: unwatched },
    apart: { upstreams: [apart.url], health: unwatched },
  },
  timeouts: { idle: '700ms', head: '600ms' },
  routes: [
    { path: '/', pool: 'default' },
    { path: '/silent-body', pool: 'default', timeouts: { bodyIdle: '500ms' } },
    { path: '/response', pool: 'default', timeouts: { response: '500ms' }, retries },
    { path: '/stream', pool: 'default', timeouts: { stream: '500ms' } },
    { path: '/tunnel', pool: 'default', timeouts: { tunnel: '500ms' } },
    { path: '/total', pool: 'default', timeouts: { total: '700ms' }, retries },
    { path: '/slow-body', pool: 'apart', limits: { minRate: '10KiB/s' } },
  ],
});
const open = () => RawClient.open(limpet.port);

/** Milliseconds until `what` is done. One shared tick serves all deadlines, so that they may be late by it. */
async function timed<T>(what: Promise<T>): Promise<{ ms: number; it: T }> {
  const before = performance.now();
  const it = await what;
  return { ms: performance.now() - before, it };
}

/** A rate is measured over ten seconds: this one begins before the tests, one of which says how it ended. */
async function drip() {
  const client = await open();
  client.send(request('POST', '/slow-body', 'Content-Length: 1000000'));
  const drops = setInterval(() => client.send('x'.repeat(100)), 100);
  t.teardown(() => clearInterval(drops));
  const told = await timed(client.answer('POST', 25_000));
  clearInterval(drops);
  return told;
}
const dripping = drip();
// Looked at when its turn comes.
dripping.catch(() => undefined);

t.beforeEach(() => {
  upstream.forget();
  upstream.script = answering(OK);
});

t.test('C9: a connection that sends nothing is closed after "idle", without an answer', async (t) => {
  const fresh = await open();
  const first = await timed(fresh.untilEnd(4000));
  t.ok(first.ms > 500, `not before its time (${Math.round(first.ms)} ms)`);
  t.equal(fresh.received.length, 0, 'nothing was said');
  const used = await open();
  await used.ask(get('/c9'));
  const second = await timed(used.untilEnd(4000));
  t.ok(second.ms > 500, `after a request too (${Math.round(second.ms)} ms)`);
  t.equal(used.received.length, 0, 'nothing was said');
});

t.test('C9: a head that is not complete in time gets 408', async (t) => {
  const client = await open();
  client.send('GET /c9 HTTP/1.1\r\nHost: a');
  const { ms, it } = await timed(client.answer('GET', 4000));
  t.equal(statusOf(it), 408);
  t.equal(value(it, 'connection')?.toLowerCase(), 'close', 'and says close');
  t.ok(ms > 400, `not before its time (${Math.round(ms)} ms)`);
  await client.untilEnd(3000);
});

t.test('C9: dripping bytes do not stretch the time for a head', async (t) => {
  const client = await open();
  client.send('GET /c9 HTTP/1.1\r\nHost: a\r\n');
  const drip = setInterval(() => client.send('X: y\r\n'), 100);
  t.teardown(() => clearInterval(drip));
  t.equal(statusOf(await client.answer('GET', 3000)), 408);
  t.equal(upstream.exchanges.length, 0, 'nothing was forwarded');
});

t.test('C9: a request that waits for its answer is not idle', async (t) => {
  upstream.script = async (exchange) => {
    await exchange.whole();
    await new Promise((resolve) => setTimeout(resolve, 1500));
    exchange.send(OK);
  };
  const client = await open();
  t.equal(statusOf(await client.ask(get('/c9'))), 200, 'answered after twice the idle time');
  client.destroy();
});

t.test('C9: a body that falls silent gets 408, and its upstream is freed', async (t) => {
  const client = await open();
  client.send(`${request('POST', '/silent-body', 'Content-Length: 10')}hello`);
  const exchange = await upstream.request('/silent-body');
  const { ms, it } = await timed(client.answer('POST', 4000));
  t.equal(statusOf(it), 408);
  t.ok(ms > 300, `not before its time (${Math.round(ms)} ms)`);
  await exchange.connection.untilEnd(2000);
  t.equal(exchange.message, null, 'the upstream saw no complete message');
  await client.untilEnd(3000);
});

t.test('an upstream that does not answer in time gets 504, and its connection is closed', async (t) => {
  upstream.script = async (exchange) => void (await exchange.whole());
  for (const method of ['GET', 'POST']) {
    upstream.forget();
    const client = await open();
    const { ms, it } = await timed(client.ask(request(method, '/response', 'Content-Length: 0'), method));
    t.equal(statusOf(it), 504, method);
    t.ok(ms > 400, `not before its time (${Math.round(ms)} ms)`);
    await upstream.last.connection.untilEnd(2000);
    client.destroy();
  }
});

t.test('the time for an answer begins when the request is whole', async (t) => {
  const client = await open();
  client.send(`${request('POST', '/response', 'Content-Length: 9')}abc`);
  for (const piece of ['def', 'ghi']) {
    await new Promise((resolve) => setTimeout(resolve, 400));
    client.send(piece);
  }
  t.equal(statusOf(await client.answer()), 200, 'a body of 800 ms is no slow answer');
  client.destroy();
});

t.test('an answer that falls silent midway is cut', async (t) => {
  upstream.script = async (exchange) => {
    await exchange.whole();
    exchange.send('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n');
  };
  const client = await open();
  client.send(get('/stream'));
  await client.untilText('hello');
  await client.untilEnd(4000);
  t.notMatch(client.text, /\r\n0\r\n/, 'not ended cleanly');
  await upstream.last.connection.untilEnd(2000);
});

t.test('a tunnel without a byte is closed on both sides', async (t) => {
  upstream.script = answering(
    'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n',
  );
  const client = await open();
  await client.ask(get('/tunnel', 'Connection: Upgrade', 'Upgrade: echo'));
  for (let i = 0; i < 4; i++) {
    await new Promise((resolve) => setTimeout(resolve, 200));
    client.send('x');
  }
  t.equal(client.ending, 'open', 'open for as long as bytes move');
  await client.untilEnd(4000);
  await upstream.last.connection.untilEnd(2000);
});

t.test('"total" bounds the whole request', async (t) => {
  upstream.script = async (exchange) => {
    await exchange.whole();
    exchange.send('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n');
    const drip = setInterval(() => exchange.send('1\r\nx\r\n'), 100);
    exchange.connection.socket.once('close', () => clearInterval(drip));
  };
  const client = await open();
  client.send(get('/total'));
  const { ms } = await timed(client.untilEnd(4000));
  t.ok(ms > 500, `not before its time (${Math.round(ms)} ms)`);
  t.notMatch(client.text, /\r\n0\r\n/, 'cut, not ended cleanly');

  upstream.script = async (exchange) => void (await exchange.whole());
  const silent = await open();
  t.equal(statusOf(await silent.ask(get('/total'))), 504, 'without a byte of an answer: 504');
  silent.destroy();
});

t.test('an upstream that accepts no connection in time gets 504 or 502', async (t) => {
  // A listening socket that nobody accepts from: once its backlog is full the kernel drops every further SYN. Node always
  // accepts, so that Python listens.
  const port = await freePort();
  const listener = `import socket,time
s=socket.socket(); s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.bind(('127.0.0.1',${port})); s.listen(0); print('deaf', flush=True); time.sleep(3600)`;
  await new Child('python3', ['-c', listener], { owner: t }).wrote(/deaf/);
  const filling = connect(port, '127.0.0.1');
  t.teardown(() => filling.destroy());
  await new Promise((resolve) => filling.once('connect', resolve));
  const deaf = await startLimpet(
    { upstreams: [`http://127.0.0.1:${port}`], health: unwatched, retries, timeouts: { connect: '500ms' } },
    { owner: t },
  );
  const client = await RawClient.open(deaf.port);
  const { ms, it } = await timed(client.ask(get('/connect')));
  t.ok([502, 504].includes(statusOf(it)), `answered ${statusOf(it)}`);
  t.ok(ms > 400 && ms < 3000, `in its time (${Math.round(ms)} ms)`);
  client.destroy();
});

t.test('C9: a body below the least rate gets 408', { timeout: 30_000 }, async (t) => {
  const { ms, it } = await dripping;
  t.equal(statusOf(it), 408);
  t.ok(ms > 5000, `measured over its 10 s (${Math.round(ms)} ms)`);
});

t.test('Limpet wrote well-formed requests only', async (t) => {
  t.same([...upstream.errors, ...apart.errors], []);
});
