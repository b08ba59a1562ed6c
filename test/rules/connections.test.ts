// C1-C5 and C8: how long connections live, in which order answers come, early answers, and clients that leave.
import t from 'tap';
import { statusOf, value } from '../kit/http-message.ts';
import { chunkedPost, get, post, request, unwatched } from '../kit/judge.ts';
import { startLimpet } from '../kit/limpet.ts';
import { RawClient } from '../kit/raw-client.ts';
import { answering, type Exchange, OK, RawUpstream } from '../kit/raw-upstream.ts';

const upstream = await RawUpstream.listen();
const LARGE = 'limpet '.repeat(9000);
const limpet = await startLimpet({
  upstreams: [upstream.url],
  health: unwatched,
  routes: [
    { path: '/', pool: 'default' },
    { path: '/abort', pool: 'default', abortOnClose: true },
    { path: '/large', respond: { body: LARGE } },
  ],
});
const open = () => RawClient.open(limpet.port);
const old = (target: string, ...lines: string[]) =>
  `GET ${target} HTTP/1.0\r\n${['Host: a', ...lines].map((line) => `${line}\r\n`).join('')}\r\n`;
/** What the answer says about its connection. */
const says = (answer: Parameters<typeof value>[0]) => (value(answer, 'connection') ?? '').toLowerCase();

t.beforeEach(() => {
  upstream.forget();
  upstream.script = answering(OK);
});

t.test('C1: a 1.1 connection persists until someone says close', async (t) => {
  const client = await open();
  for (let i = 0; i < 5; i++)
    t.not(says(await client.ask(get('/c1'))), 'close', `request ${i} leaves it open`);
  for (const option of ['close', 'Close', 'foo, close', 'foo,CLOSE ,bar']) {
    const other = await open();
    t.equal(
      says(await other.ask(get('/c1', `Connection: ${option}`))),
      'close',
      `"${option}" is answered close`,
    );
    t.equal(await other.untilEnd(2000), 'end', 'and done');
  }
  const named = await open();
  await named.ask(get('/c1', 'Connection: closed'));
  t.equal(statusOf(await named.ask(get('/c1'))), 200, '"closed" is another word');
  named.destroy();
  client.destroy();
});

t.test('C1: a 1.0 connection closes unless it asks to be kept', async (t) => {
  const client = await open();
  await client.ask(old('/c1'));
  t.equal(await client.untilEnd(2000), 'end', 'closed');
  const kept = await open();
  for (let i = 0; i < 3; i++)
    t.equal(says(await kept.ask(old('/c1', 'Connection: Keep-Alive'))), 'keep-alive', 'kept, and says so');
  kept.destroy();
});

t.test('C1: connections to the upstream are used again, the last one first', async (t) => {
  const client = await open();
  await client.ask(get('/c1'));
  const first = upstream.last.connection;
  for (let i = 0; i < 5; i++) await client.ask(get('/c1'));
  t.ok(
    upstream.exchanges.every((e) => e.connection === first),
    'one connection for one client',
  );
  upstream.script = answering('HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok');
  t.not(says(await client.ask(get('/c1'))), 'close', "the upstream's close is not the client's");
  upstream.script = answering(OK);
  await client.ask(get('/c1'));
  t.not(upstream.last.connection, first, 'and is heeded');
  upstream.script = answering('HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok');
  await client.ask(get('/c1'));
  const unkept = upstream.last.connection;
  upstream.script = answering(OK);
  await client.ask(get('/c1'));
  t.not(upstream.last.connection, unkept, 'an upstream of 1.0 keeps nothing unless it says so');
  client.destroy();
});

t.test('C1: a connection is given up before its upstream would, where that says when', async (t) => {
  const client = await open();
  upstream.script = answering('HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok');
  await client.ask(get('/c1'));
  upstream.script = answering('HTTP/1.1 200 OK\r\nKeep-Alive: timeout=1\r\nContent-Length: 2\r\n\r\nok');
  const { fields } = await client.ask(get('/c1', 'Connection: keep-alive'));
  t.notOk(
    fields.some(([name]) => name.toLowerCase() === 'keep-alive'),
    'what it says is for us alone',
  );
  // Its own time would be 55 seconds.
  t.equal(await upstream.last.connection.untilEnd(20_000), 'end');
  upstream.script = answering(OK);
  client.destroy();
});

t.test('C2: pipelined requests are answered in order, one at a time upstream', async (t) => {
  const client = await open();
  let most = 0;
  let now = 0;
  upstream.script = async (exchange) => {
    most = Math.max(most, ++now);
    const message = await exchange.whole();
    // Later requests answer faster: order must not depend on it.
    await new Promise((resolve) => setImmediate(resolve));
    now--;
    const text = `${exchange.target} ${message.body}`;
    exchange.send(`HTTP/1.1 200 OK\r\nContent-Length: ${text.length}\r\n\r\n${text}`);
  };
  const requests = [
    get('/1'),
    post('/2', 'two'),
    chunkedPost('/3', '5\r\nthree\r\n0\r\n\r\n'),
    get('/4'),
    request('DELETE', '/5'),
    post('/6', ''),
    get('/7'),
  ];
  client.send(requests.join(''));
  const bodies: string[] = [];
  for (let i = 0; i < requests.length; i++) bodies.push((await client.answer()).body.toString());
  t.same(bodies, ['/1 ', '/2 two', '/3 three', '/4 ', '/5 ', '/6 ', '/7 '], 'in their order');
  t.equal(most, 1, 'never two in flight');
  client.destroy();
});

t.test('C2: what follows a refused request is not read', async (t) => {
  const client = await open();
  client.send(`${get('/c2/good')}GET /c2/bad HTTP/1.1\r\nBad Field\r\n\r\n${get('/c2/behind')}`);
  t.equal(statusOf(await client.answer()), 200, 'the good one before it');
  t.equal(statusOf(await client.answer()), 400, 'the refusal');
  await client.untilEnd(3000);
  t.same(
    upstream.exchanges.map((e) => e.target),
    ['/c2/good'],
    'nothing behind it is forwarded',
  );
});

t.test('C2: requests behind one under way wait in the socket, not in memory', async (t) => {
  const client = await open();
  const held = hold();
  const count = 2000;
  const one = get('/c2/many', `X: ${'y'.repeat(16_000)}`);
  let sent = 0;
  const sending = (async () => {
    for (; sent < count; sent++) await new Promise((resolve) => client.socket.write(one, resolve));
  })();
  await held.exchange();
  // Kernel buffers fill first; a count that is still at two looks, with requests left, is held back.
  for (let last = -1; sent !== last; ) {
    last = sent;
    await new Promise((resolve) => setTimeout(resolve, 250));
  }
  t.ok(sent < count, `${sent} of ${count} could be sent`);
  t.equal(upstream.exchanges.length, 1, 'one is under way');
  upstream.script = answering(OK);
  held.release();
  for (let i = 0; i < count; i++) await client.answer('GET', 20_000);
  await sending;
  t.equal(upstream.exchanges.length, count, 'then all are answered');
  client.destroy();
});

t.test('C3: a 1.0 client never gets chunks', async (t) => {
  upstream.script = answering(
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X\r\n\r\n5\r\nhello\r\n6\r\n world\r\n0\r\nX: y\r\n\r\n',
  );
  for (const lines of [[], ['Connection: keep-alive']]) {
    const client = await open();
    const answer = await client.ask(old('/c3', ...lines));
    t.same(
      [answer.framing, answer.body.toString()],
      ['close', 'hello world'],
      `${lines.join() || 'plain'}: ends with the connection`,
    );
    t.not(says(answer), 'keep-alive', 'and promises no more');
  }
  upstream.script = answering(OK);
  const client = await open();
  t.equal(value(await client.ask(old('/c3')), 'content-length'), '2', 'a known length is kept');
});

t.test('C4: an answer before the end of its request is passed on, and the rest is no request', async (t) => {
  const evil = get('/c4/evil');
  for (const [name, first, rest] of [
    ['length', request('POST', '/c4', `Content-Length: ${evil.length}`), evil],
    ['chunked', chunkedPost('/c4', ''), `${evil.length.toString(16)}\r\n${evil}\r\n0\r\n\r\n`],
  ] as const) {
    upstream.forget();
    upstream.script = (exchange) => exchange.send('HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno');
    const client = await open();
    client.send(first);
    t.equal(statusOf(await client.answer()), 403, `${name}: answered before the body was sent`);
    upstream.script = answering(OK);
    client.send(rest + get('/c4/next'));
    const next = await client.answer().catch(() => null);
    // Whether the connection goes on is Limpet's choice; that the body is no request is not.
    if (next) t.equal(statusOf(next), 200, `${name}: the next request is answered`);
    else t.not(client.ending, 'open', `${name}: or the connection is closed`);
    t.equal(upstream.seen('/c4/evil').length, 0, `${name}: the body is never read as a request`);
    client.destroy();
  }
});

t.test('C4: a long rest closes the connection instead of being read', async (t) => {
  upstream.script = (exchange) => exchange.send('HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno');
  const client = await open();
  client.send(request('POST', '/c4', 'Content-Length: 100000000'));
  t.equal(statusOf(await client.answer()), 403, 'answered');
  for (let i = 0; i < 40; i++) client.send('x'.repeat(1 << 16));
  await client.untilEnd(5000);
  t.pass('closed');
});

t.test('C5: Expect: 100-continue goes to the upstream, and its 100 to the client', async (t) => {
  upstream.script = async (exchange) => {
    exchange.send('HTTP/1.1 100 Continue\r\n\r\n');
    const { body } = await exchange.whole();
    exchange.send(`HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n${body}`);
  };
  const client = await open();
  client.send(request('POST', '/c5', 'Content-Length: 5', 'Expect: 100-continue'));
  t.equal(
    statusOf(await client.answer('POST', 800)),
    100,
    "the upstream's 100, before our own second is over",
  );
  t.match(value(upstream.last.head, 'expect'), /^100-continue$/i, 'it was asked');
  client.send('hello');
  t.equal((await client.answer()).body.toString(), 'hello', 'then the answer');
  client.destroy();
});

t.test('C5: an upstream that answers without 100 has answered', async (t) => {
  upstream.script = (exchange) => exchange.send('HTTP/1.1 401 Unauthorized\r\nContent-Length: 2\r\n\r\nno');
  const client = await open();
  client.send(request('POST', '/c5', 'Content-Length: 5', 'Expect: 100-Continue'));
  t.equal(statusOf(await client.answer('POST', 800)), 401, 'and no 100 came first');
  client.destroy();
});

t.test('C5: when the upstream says nothing we say 100 after a second', async (t) => {
  const client = await open();
  const before = performance.now();
  client.send(request('POST', '/c5', 'Content-Length: 5', 'Expect: 100-continue'));
  t.equal(statusOf(await client.answer('POST', 3000)), 100, 'our 100');
  t.ok(performance.now() - before > 700, 'not at once');
  client.send('hello');
  t.equal(statusOf(await client.answer()), 200, 'then the answer');
  t.equal(upstream.last.message?.body.toString(), 'hello', 'with the body forwarded');
  client.destroy();
});

t.test('C5: 1.0 has no Expect, and other expectations get 417', async (t) => {
  const client = await open();
  const answer = await client.ask(
    'POST /c5 HTTP/1.0\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\nhello',
  );
  t.equal(statusOf(answer), 200, 'answered');
  t.equal(value(upstream.last.head, 'expect'), undefined, 'dropped');
  upstream.forget();
  for (const expectation of ['200-ok', '100-continue, x', '100-continued', 'x=y']) {
    const other = await open();
    t.equal(statusOf(await other.ask(get('/c5', `Expect: ${expectation}`))), 417, expectation);
    other.destroy();
  }
  t.equal(upstream.exchanges.length, 0, 'and forwarded nowhere');
});

t.test('C8: a client that half-closes still gets its answer', async (t) => {
  for (const bytes of [get('/c8'), post('/c8', 'hello'), chunkedPost('/c8', '5\r\nhello\r\n0\r\n\r\n')]) {
    upstream.forget();
    const held = hold();
    const client = await open();
    client.send(bytes);
    client.halfClose();
    await held.exchange();
    held.release();
    t.equal((await client.answer()).body.toString(), 'held', bytes.split('\r\n')[0]!);
    t.equal(await client.untilEnd(2000), 'end', 'and then the end');
  }
});

t.test(
  'C8: a client that half-closes behind several requests gets all their answers, however late it reads',
  async (t) => {
    // More than all buffers on the way hold, so that some are answered only once it reads.
    const count = 300;
    const client = await open();
    client.socket.pause();
    client.send(get('/large').repeat(count));
    client.halfClose();
    // The end is read while answers wait for the client.
    await new Promise((resolve) => client.socket.once('finish', resolve));
    await new Promise((resolve) => setTimeout(resolve, 200));
    client.socket.resume();
    let whole = 0;
    for (; whole < count; whole++) if ((await client.answer()).body.length !== LARGE.length) break;
    t.equal(whole, count);
    t.equal(await client.untilEnd(), 'end', 'and then the end');
    const cut = await open();
    cut.socket.pause();
    cut.send(`${get('/large').repeat(count)}GET /c8 HTTP/1.1\r\nHo`);
    cut.halfClose();
    cut.socket.resume();
    for (whole = 0; whole < count; whole++) await cut.answer();
    t.equal(await cut.untilEnd(), 'end', 'at once, where the last is not whole');
    t.equal(cut.text, '');
  },
);

t.test('C8: a client that resets frees its upstream within a second', async (t) => {
  for (const [name, behind] of [
    ['alone', ''],
    ['with another request behind', get('/c8/behind')],
    // Within the read-ahead; a client that sends more than that while it waits is watched again once it is read.
    ['with many bytes behind', get('/c8/behind', `X: ${'y'.repeat(16_000)}`).repeat(3)],
  ] as const) {
    upstream.forget();
    const held = hold();
    const client = await open();
    client.send(get('/c8/first') + behind);
    const exchange = await held.exchange();
    const before = performance.now();
    client.reset();
    await exchange.connection.untilEnd(1500);
    t.ok(
      performance.now() - before < 1000,
      `${name}: freed after ${Math.round(performance.now() - before)} ms`,
    );
    held.release();
  }
});

t.test('C8: with abortOnClose a half-close frees it too', async (t) => {
  const held = hold();
  const client = await open();
  client.send(get('/abort'));
  const exchange = await held.exchange();
  const before = performance.now();
  client.halfClose();
  await exchange.connection.untilEnd(1500);
  t.ok(performance.now() - before < 1000, 'freed');
  held.release();
});

t.test('C8: a client that leaves in the middle of its answer frees the upstream', async (t) => {
  upstream.script = async (exchange) => {
    await exchange.whole();
    exchange.send('HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\nhello');
    while (!exchange.connection.closed) {
      exchange.send('x'.repeat(65536));
      await new Promise((resolve) => setImmediate(resolve));
    }
  };
  const client = await open();
  client.send(get('/c8/middle'));
  await client.untilText('hello');
  client.destroy();
  await upstream.last.connection.untilEnd(2000);
  t.pass('freed');
});

t.test('Limpet wrote well-formed requests only', async (t) => {
  t.same(upstream.errors, []);
});

/** Makes the upstream hold its answer back until told. */
function hold(): { exchange: () => Promise<Exchange>; release: () => void } {
  let release = (): void => {};
  const released = new Promise<void>((resolve) => {
    release = resolve;
  });
  upstream.script = async (exchange) => {
    await exchange.whole();
    await released;
    exchange.send('HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nheld');
  };
  return { exchange: () => upstream.until(() => upstream.exchanges[0], 'request'), release };
}
