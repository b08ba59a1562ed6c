// C6 and C7: interim answers, and connections that change their protocol.
import t from 'tap';
import { statusOf, value } from '../kit/http-message.ts';
import { get, isBadAnswer, post, request, unwatched } from '../kit/judge.ts';
import { startLimpet } from '../kit/limpet.ts';
import { askOnce, RawClient } from '../kit/raw-client.ts';
import { answering, OK, RawUpstream } from '../kit/raw-upstream.ts';

const upstream = await RawUpstream.listen();
const limpet = await startLimpet({ upstreams: [upstream.url], health: unwatched });
const upgrade = (protocol: string, ...lines: string[]) =>
  get('/c7', 'Connection: Upgrade', `Upgrade: ${protocol}`, ...lines);
const switching = (protocol: string) =>
  `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: ${protocol}\r\n\r\n`;

t.beforeEach(() => {
  upstream.forget();
  upstream.script = answering(OK);
});

t.test('C6: interim answers are passed to 1.1 in their order, before the final one', async (t) => {
  upstream.script = answering(
    `HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\nLink: </b>\r\n\r\n${OK}`,
  );
  const client = await RawClient.open(limpet.port);
  client.send(get('/c6'));
  t.equal(statusOf(await client.answer()), 102);
  const hints = await client.answer();
  t.equal(statusOf(hints), 103);
  t.equal(value(hints, 'link'), '</a>, </b>', 'with its fields');
  t.equal((await client.answer()).body.toString(), 'ok', 'the final answer');
  t.equal(statusOf(await client.ask(get('/c6'))), 200, 'and the connection goes on');
  client.destroy();
});

t.test('C6: an interim answer is passed on at once', async (t) => {
  const client = await RawClient.open(limpet.port);
  upstream.script = async (exchange) => {
    await exchange.whole();
    exchange.send('HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n');
    await client.untilText('103 Early Hints');
    exchange.send(OK);
  };
  client.send(get('/c6'));
  t.equal((await client.finalAnswer()).body.toString(), 'ok');
  client.destroy();
});

t.test('C6: 32 interim answers pass, the next is a bad answer, and 1.0 gets none', async (t) => {
  const hint = 'HTTP/1.1 103 Early Hints\r\nX: y\r\n\r\n';
  upstream.script = answering(hint.repeat(32) + OK);
  const client = await RawClient.open(limpet.port);
  client.send(get('/c6'));
  for (let i = 0; i < 32; i++) t.equal(statusOf(await client.answer()), 103, `hint ${i + 1}`);
  t.equal(statusOf(await client.answer()), 200, 'the final answer');
  client.destroy();

  upstream.script = answering(hint.repeat(33) + OK);
  const flooded = await RawClient.open(limpet.port);
  const last = await flooded.ask(get('/c6')).then(statusOf, () => 'cut');
  t.ok(last === 502 || last === 'cut', `a flood ends in ${last}`);
  await upstream.last.connection.untilEnd(2000);
  flooded.destroy();

  upstream.script = answering(hint + OK);
  const old = await RawClient.open(limpet.port);
  old.send('GET /c6 HTTP/1.0\r\nHost: a\r\n\r\n');
  t.equal(statusOf(await old.answer()), 200, 'a 1.0 client sees the final answer first');
  old.destroy();
});

t.test('C7: an upgrade becomes a tunnel, with the bytes that stood behind both heads', async (t) => {
  upstream.script = async (exchange) => {
    await exchange.whole();
    exchange.send(`${switching('echo')}behind the 101`);
    const { connection } = exchange;
    await connection.untilText('behind the request');
    connection.send('seen');
    await connection.untilText('\x00\xff\r\n');
    connection.send('\x00\xfebytes\n\n');
    await connection.until(() => (connection.ending === 'open' ? null : true), 'end');
    connection.halfClose();
  };
  const client = await RawClient.open(limpet.port);
  client.send(`${upgrade('echo')}behind the request`);
  const answer = await client.answer();
  t.equal(statusOf(answer), 101);
  t.equal(value(answer, 'upgrade'), 'echo', 'Upgrade passes');
  t.match(value(answer, 'connection')?.toLowerCase(), /upgrade/, 'and Connection names it');
  t.equal(value(upstream.last.head, 'upgrade'), 'echo', 'the upstream was asked');
  t.match(value(upstream.last.head, 'connection')?.toLowerCase(), /upgrade/, 'in full');
  await client.untilText('behind the 101');
  await client.untilText('seen');
  client.send('\x00\xff\r\n');
  await client.untilText('\x00\xfebytes\n\n');
  client.halfClose();
  t.equal(await client.untilEnd(3000), 'end', 'the end of one side reaches the other, and comes back');
});

t.test('C7: a half-closed tunnel still carries the other direction', async (t) => {
  upstream.script = async (exchange) => {
    await exchange.whole();
    exchange.send(switching('echo'));
    const { connection } = exchange;
    await connection.until(() => (connection.ending === 'open' ? null : true), 'end');
    connection.send('last words');
    connection.halfClose();
  };
  const client = await RawClient.open(limpet.port);
  await client.ask(upgrade('echo'));
  client.halfClose();
  await client.untilText('last words');
  t.pass('came through');
});

t.test('C7: an end that came before the tunnel was there reaches the other side', async (t) => {
  const client = await RawClient.open(limpet.port);
  upstream.script = async (exchange) => {
    await exchange.whole();
    // By then Limpet has read it, or reads it next.
    await new Promise((resolve) => client.socket.once('finish', resolve).end());
    exchange.send(switching('echo'));
    const { connection } = exchange;
    await connection.until(() => (connection.ending === 'open' ? null : true), 'end');
    connection.send('last words');
    connection.halfClose();
  };
  t.equal(statusOf(await client.ask(upgrade('echo'))), 101);
  await client.untilText('last words');
  t.equal(await client.untilEnd(), 'end');
});

t.test('C7: a tunnel whose one side is reset ends on the other', async (t) => {
  upstream.script = answering(switching('echo'));
  const client = await RawClient.open(limpet.port);
  await client.ask(upgrade('echo'));
  client.reset();
  await upstream.last.connection.untilEnd(2000);
  const other = await RawClient.open(limpet.port);
  await other.ask(upgrade('echo'));
  upstream.last.connection.reset();
  await other.untilEnd(2000);
  t.pass('both ways');
});

t.test('C7: a refused upgrade is an ordinary answer on an ordinary connection', async (t) => {
  const client = await RawClient.open(limpet.port);
  t.equal((await client.ask(upgrade('echo'))).body.toString(), 'ok', 'answered');
  t.equal((await client.ask(get('/c7'))).body.toString(), 'ok', 'and used again');
  client.destroy();
});

t.test('C7: a 101 that nobody asked for, or for another protocol, is a bad answer', async (t) => {
  const bad = (name: string, bytes: string, asked: string) =>
    isBadAnswer(t, limpet, upstream, { name, bytes, request: asked });
  await bad('unasked', `${switching('websocket')}evil`, get('/c7'));
  await bad('another protocol', switching('other'), upgrade('websocket'));
  await bad(
    'no protocol',
    'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n\r\n',
    upgrade('websocket'),
  );
  await bad('Upgrade without Connection', switching('websocket'), get('/c7', 'Upgrade: websocket'));
  await bad(
    'to a 1.0 request',
    switching('websocket'),
    'GET /c7 HTTP/1.0\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n',
  );
});

t.test('C7: Upgrade goes on only from 1.1, never as h2c', async (t) => {
  await askOnce(
    limpet.port,
    'GET /c7 HTTP/1.0\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n',
  );
  t.equal(value(upstream.last.head, 'upgrade'), undefined, '1.0');
  await askOnce(
    limpet.port,
    get(
      '/c7',
      'Connection: Upgrade, HTTP2-Settings',
      'Upgrade: h2c',
      'HTTP2-Settings: AAMAAABkAAQCAAAAAAIAAAAA',
    ),
  );
  t.equal(value(upstream.last.head, 'upgrade'), undefined, 'h2c');
  t.equal(value(upstream.last.head, 'http2-settings'), undefined, 'nor its settings');
  t.notMatch(value(upstream.last.head, 'connection') ?? '', /upgrade|settings/i, 'nor a word of it');
  await askOnce(limpet.port, get('/c7', 'Connection: Upgrade', 'Upgrade: H2C, websocket'));
  t.equal(value(upstream.last.head, 'upgrade')?.toLowerCase(), 'websocket', 'the others of the list stay');
});

t.test('C7: an upgrade with a body is a request with a body first', async (t) => {
  const bytes = post('/c7', 'hello', 'Connection: Upgrade', 'Upgrade: echo');
  upstream.script = answering(`${switching('echo')}now`);
  const client = await RawClient.open(limpet.port);
  const answer = await client.ask(bytes);
  t.equal(upstream.last.message?.body.toString(), 'hello', 'the body arrived');
  t.equal(statusOf(answer), 101, 'then the switch');
  await client.untilText('now');
  client.destroy();
});

t.test('Limpet wrote well-formed requests only', async (t) => {
  t.equal(statusOf(await askOnce(limpet.port, request('GET', '/end'))), 200);
  t.same(upstream.errors, []);
});
