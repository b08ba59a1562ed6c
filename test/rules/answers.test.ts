// A1-A9: what an upstream may answer, and what becomes of a connection that answered badly.
import t from 'tap';
import { statusOf, value, values } from '../kit/http-message.ts';
import { get, isBadAnswer, post, request, unwatched } from '../kit/judge.ts';
import { startLimpet } from '../kit/limpet.ts';
import { askOnce, RawClient } from '../kit/raw-client.ts';
import { answering, OK, RawUpstream, type Script } from '../kit/raw-upstream.ts';

const upstream = await RawUpstream.listen();
const limpet = await startLimpet({ upstreams: [upstream.url], health: unwatched });
const bad = (t: Judge, name: string, bytes: string, asked?: string) =>
  isBadAnswer(t, limpet, upstream, { name, bytes, ...(asked ? { request: asked } : {}) });
type Judge = Parameters<typeof isBadAnswer>[0];

/** Runs one request against a script, and gives the answer as the client saw it. */
async function ask(script: Script | string, asked = get('/a')) {
  upstream.forget();
  upstream.script = typeof script === 'string' ? answering(script) : script;
  return askOnce(limpet.port, asked);
}

/** Which connections took the requests that were seen since the last `forget`, by their place among all. */
const places = () => upstream.exchanges.map((e) => upstream.connections.indexOf(e.connection));

t.test('A1: a status line is HTTP/1.x, three digits from 100 to 599, and any reason', async (t) => {
  for (const line of [
    'HTTP/1.1 200 OK',
    'HTTP/1.1 200 ',
    'HTTP/1.1 200',
    'HTTP/1.1 200 a b\tc',
    'HTTP/1.1 299 \xe4',
    'HTTP/1.0 200 OK',
    'HTTP/1.1 599 x',
    'HTTP/1.1 404 Not Found',
  ]) {
    const answer = await ask(`${line}\r\nContent-Length: 2\r\n\r\nok`);
    t.equal(statusOf(answer), Number(line.slice(9, 12)), JSON.stringify(line));
    t.equal(answer.body.toString(), 'ok', 'with its body');
    t.match(answer.start, /^HTTP\/1\.1 /, 'as 1.1');
  }
  for (const line of [
    'HTTP/1.1 099 x',
    'HTTP/1.1 99 x',
    'HTTP/1.1 000 x',
    'HTTP/1.1 600 x',
    'HTTP/1.1 999 x',
    'HTTP/1.1 2000 x',
    'HTTP/1.1 20x OK',
    'HTTP/1.1 200OK',
    'HTTP/1.1  200 OK',
    'HTTP/1.1\t200 OK',
    'HTTP/2.0 200 OK',
    'HTTP/2 200',
    'http/1.1 200 OK',
    'HTTP/1 200 OK',
    'HTTP/11 200 OK',
    'ICY 200 OK',
    ' HTTP/1.1 200 OK',
    'HTTP/1.1 -20 x',
    'HTTP/1.1',
    '200 OK',
    'SSH-2.0-x',
    'HTTP/1.1 200 O\0K',
    'HTTP/1.1 200 O\rK',
  ]) {
    await bad(t, JSON.stringify(line), `${line}\r\nContent-Length: 2\r\n\r\nok`);
  }
});

t.test('A2: answers to HEAD, 204 and 304 have no body, and their lengths are what they may be', async (t) => {
  const head = await ask('HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n', request('HEAD', '/a'));
  t.equal(value(head, 'content-length'), '5', 'HEAD keeps its length');
  const chunked = await ask('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n', request('HEAD', '/a'));
  t.equal(statusOf(chunked), 200, 'HEAD of a chunked resource');
  const unchanged = await ask('HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\nETag: "x"\r\n\r\n');
  t.same([statusOf(unchanged), value(unchanged, 'content-length')], [304, '5'], '304 keeps its length');
  const empty = await ask('HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n');
  t.same([statusOf(empty), value(empty, 'content-length')], [204, undefined], '204 has none');
  const early = await ask(
    answering(`HTTP/1.1 103 Early Hints\r\nContent-Length: 5\r\nLink: </x>\r\n\r\n${OK}`),
  );
  t.same([statusOf(early), early.body.toString()], [200, 'ok'], 'a 1xx has no body, whatever its length');
});

t.test('A2: body bytes that come all the same poison the connection', async (t) => {
  const rows = [
    ['HEAD', 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello'],
    ['GET', 'HTTP/1.1 204 No Content\r\n\r\nhello'],
    ['GET', 'HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\nhello'],
  ] as const;
  for (const [method, bytes] of rows) {
    upstream.forget();
    const client = await RawClient.open(limpet.port);
    upstream.script = answering(bytes);
    const first = await client.ask(request(method, '/a2'), method);
    t.notMatch(first.raw.toString('latin1'), /hello/, `${bytes.slice(9, 12)} to ${method}: not shown`);
    await upstream.last.connection.untilEnd(2000);
    upstream.script = answering(OK);
    const second = await client.ask(get('/a2'));
    t.equal(second.body.toString(), 'ok', 'the next answer is its own');
    t.equal(client.received.length, 0, 'and nothing stands behind it');
    t.not(upstream.exchanges[0]?.connection, upstream.exchanges[1]?.connection, 'on a fresh connection');
    client.destroy();
  }
});

t.test('A3: an answer framed badly is a bad answer', async (t) => {
  const framed = (...lines: string[]) => `HTTP/1.1 200 OK\r\n${lines.join('\r\n')}\r\n\r\n`;
  await bad(t, 'both', `${framed('Transfer-Encoding: chunked', 'Content-Length: 5')}0\r\n\r\n`);
  await bad(
    t,
    'both, the other way round',
    `${framed('Content-Length: 5', 'Transfer-Encoding: chunked')}0\r\n\r\n`,
  );
  for (const coding of [
    'gzip',
    'identity',
    'gzip, chunked',
    'chunked, chunked',
    'xchunked',
    'chunked;a=b',
    '',
  ]) {
    await bad(t, `coding ${JSON.stringify(coding)}`, `${framed(`Transfer-Encoding: ${coding}`)}0\r\n\r\n`);
  }
  await bad(
    t,
    'two codings',
    `${framed('Transfer-Encoding: chunked', 'Transfer-Encoding: chunked')}0\r\n\r\n`,
  );
  await bad(t, 'chunked in a 1.0 answer', 'HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n');
  for (const length of [
    '',
    '+5',
    '-5',
    '5, 5',
    '5 5',
    '0x5',
    '9007199254740992',
    '0000000000000005',
    '5;',
    'x',
  ]) {
    await bad(t, `length ${JSON.stringify(length)}`, `${framed(`Content-Length: ${length}`)}hello`);
  }
  await bad(t, 'two lengths', `${framed('Content-Length: 5', 'Content-Length: 6')}hello`);
  await bad(t, 'two equal lengths', `${framed('Content-Length: 5', 'Content-Length: 5')}hello`);
});

t.test(
  'A4: an answer that ends with its connection is passed chunked to 1.1, by its end to 1.0',
  async (t) => {
    const script: Script = async (exchange) => {
      await exchange.whole();
      exchange.send('HTTP/1.1 200 OK\r\n\r\nhello ');
      exchange.send('world');
      exchange.connection.halfClose();
    };
    const modern = await ask(script);
    t.same([modern.framing, modern.body.toString()], ['chunked', 'hello world'], '1.1');
    const old = await ask(script, 'GET /a HTTP/1.0\r\nHost: a\r\n\r\n');
    t.same([old.framing, old.body.toString()], ['close', 'hello world'], '1.0');
  },
);

/** Answers with these bytes and then ends the connection: what the client got must not look complete. */
async function isCut(
  t: Judge & { notMatch: (a: unknown, b: RegExp, why: string) => unknown },
  name: string,
  bytes: string,
  how: 'halfClose' | 'reset',
): Promise<void> {
  upstream.forget();
  const client = await RawClient.open(limpet.port);
  upstream.script = async (exchange) => {
    await exchange.whole();
    exchange.send(bytes);
    // The bytes are to arrive before the end does: a reset throws away what the other side has not read.
    await client.untilText('hello');
    exchange.connection[how]();
  };
  client.send(get('/cut'));
  await client.untilEnd(3000);
  t.notMatch(client.text, /\r\n0\r\n/, `${name}: no last chunk`);
  const body = client.text.slice(client.text.indexOf('\r\n\r\n') + 4);
  t.ok(body.includes('hello') && !body.includes('world'), `${name}: cut behind what came`);
  t.equal(upstream.exchanges.length, 1, `${name}: and not tried again`);
  client.destroy();
}

t.test('A4, A5: an answer that its upstream does not finish is cut, never ended cleanly', async (t) => {
  await isCut(t, 'close-delimited, reset', 'HTTP/1.1 200 OK\r\n\r\nhello', 'reset');
  for (const how of ['halfClose', 'reset'] as const) {
    await isCut(t, `length, ${how}`, 'HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello', how);
    await isCut(
      t,
      `between chunks, ${how}`,
      'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n',
      how,
    );
    await isCut(
      t,
      `within a chunk, ${how}`,
      'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nhello',
      how,
    );
  }
});

t.test('A5: a chunk that breaks the rules behind a good head cuts the client too', async (t) => {
  const head = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n';
  for (const after of [
    '5\nworld\r\n0\r\n\r\n',
    'x\r\nworld\r\n0\r\n\r\n',
    '+5\r\nworld\r\n0\r\n\r\n',
    '5\r\nworldX0\r\n\r\n',
    '0\n\r\n',
    '0\r\nbad trailer\r\n\r\n',
    '0\r\nX: a\n\r\n',
  ]) {
    upstream.forget();
    const client = await RawClient.open(limpet.port);
    upstream.script = async (exchange) => {
      await exchange.whole();
      exchange.send(head);
      await client.untilText('hello');
      exchange.send(after);
    };
    client.send(get('/cut'));
    await client.untilEnd(3000);
    t.notMatch(client.text, /\r\n0\r\n/, `${JSON.stringify(after)}: no last chunk`);
    await upstream.last.connection.untilEnd(2000);
    client.destroy();
  }
});

t.test(
  'A5: a chunk that breaks the rules in the same read as the head is 502, since nothing was sent',
  async (t) => {
    const head = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n';
    for (const chunks of [
      'x\r\n',
      '5\nhello\r\n0\r\n\r\n',
      '5\r\nhelloX0\r\n\r\n',
      '0\r\nbad trailer\r\n\r\n',
    ]) {
      await bad(t, JSON.stringify(chunks), head + chunks);
    }
  },
);

t.test('A6: bytes beyond an answer reach nobody and end the connection', async (t) => {
  const surplus = 'HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil';
  for (const [name, bytes] of [
    ['length', OK],
    ['chunked', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n'],
  ] as const) {
    upstream.forget();
    upstream.script = answering(bytes + surplus);
    const client = await RawClient.open(limpet.port);
    t.equal((await client.ask(get('/a6'))).body.toString(), 'ok', `${name}: the answer itself`);
    await upstream.last.connection.untilEnd(2000);
    upstream.script = answering(OK);
    t.equal((await client.ask(get('/a6'))).body.toString(), 'ok', `${name}: the next request gets its own`);
    t.equal(client.received.length, 0, `${name}: nothing else`);
    client.destroy();
  }
});

t.test('A6: bytes on an idle connection end it, and reach nobody', async (t) => {
  upstream.forget();
  upstream.script = answering(OK);
  const client = await RawClient.open(limpet.port);
  await client.ask(get('/a6'));
  const idle = upstream.last.connection;
  idle.send('HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil');
  await idle.untilEnd(2000);
  t.equal((await client.ask(get('/a6'))).body.toString(), 'ok', 'the next request gets its own answer');
  t.not(upstream.last.connection, idle, 'on another connection');
  client.destroy();
});

t.test('A7: a close without a byte on a fresh connection is 502 for what cannot be repeated', async (t) => {
  const before = statusOf(
    await ask(
      async (exchange) => {
        await exchange.whole();
        exchange.connection.halfClose();
      },
      request('POST', '/a7', 'Content-Length: 0', 'Connection: close'),
    ),
  );
  t.equal(before, 502, 'POST');
  t.equal(upstream.exchanges.length, 1, 'sent once');
});

t.test('A8: a connection whose request body was not finished is not used again', async (t) => {
  upstream.forget();
  upstream.script = (exchange) => exchange.send(OK);
  const client = await RawClient.open(limpet.port);
  const answer = await client.ask(`${request('POST', '/a8', 'Content-Length: 100000')}hello`);
  t.equal(statusOf(answer), 200, 'answered early');
  const early = upstream.last.connection;
  upstream.script = answering(OK);
  t.equal(statusOf(await askOnce(limpet.port, get('/a8'))), 200, 'the next request is answered');
  t.not(upstream.last.connection, early, 'on another connection');
  await early.untilEnd(2000);
  client.destroy();
  t.equal(statusOf(await askOnce(limpet.port, post('/a8', 'hello'))), 200, 'and a finished one is answered');
  t.equal(statusOf(await askOnce(limpet.port, get('/a8'))), 200, 'as is the next');
  t.equal(places().at(-1), places().at(-2), 'over the connection that was finished');
});

t.test('A9: a bad line in the head of an answer is a bad answer', async (t) => {
  const head = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n';
  for (const line of [
    ' X: y',
    'X: y\r\n z',
    'X: y\r\n\tz',
    'X: a\0b',
    'X: a\rb',
    'X: a\nb',
    'X : y',
    ': y',
    'X',
    'X(: y',
    'X: a\x01b',
    'X\r: y',
    'X: a\x7fb',
    'Set-Cookie\t: a=b',
  ]) {
    await bad(t, JSON.stringify(line), `${head}${line}\r\n\r\nok`);
  }
  await bad(t, 'bare LF everywhere', 'HTTP/1.1 200 OK\nContent-Length: 2\n\nok');
  await bad(t, 'bare LF as the blank line', `${head}\nok`);
  await bad(t, 'whitespace before the first field', 'HTTP/1.1 200 OK\r\n Content-Length: 2\r\n\r\nok');
});

t.test('Limpet wrote well-formed requests only', async (t) => {
  t.same(values(upstream.last.head, 'host'), ['a.example']);
  t.same(upstream.errors, []);
});
