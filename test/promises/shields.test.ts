// Shields: whoever sends or reads so that others pay for it meets a bound, is told which where he can be told, and is counted.
import { connect, type Socket } from 'node:net';
import t from 'tap';
import { metric, startLimpet } from '../kit/limpet.ts';
import { until } from '../kit/named-app.ts';
import { askOnce, RawClient } from '../kit/raw-client.ts';
import { answering, OK, RawUpstream } from '../kit/raw-upstream.ts';

const upstream = await RawUpstream.listen();
const limpet = await startLimpet({
  pools: { app: { upstreams: [upstream.url], health: { suspicion: false } } },
  limits: { requestsPerConnection: 5 },
  routes: [
    { path: '/', pool: 'app' },
    { path: '/few', pool: 'app', limits: { tinyChunks: 100 } },
    { path: '/slow', pool: 'app', timeouts: { stream: '700ms' } },
    { path: '/rate', pool: 'app', limits: { minReadRate: '64 KiB/s' } },
    { path: '/socket', pool: 'app', timeouts: { tunnelTotal: '600ms' } },
    { path: '/here', respond: { body: 'h' } },
  ],
});
const { port } = limpet;

/** A request body of `count` chunks of `size` bytes. */
function chunks(path: string, count: number, size: number): string {
  const chunk = `${size.toString(16)}\r\n${'x'.repeat(size)}\r\n`;
  return `POST ${path} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n${chunk.repeat(count)}0\r\n\r\n`;
}

t.test('a body of many tiny chunks is refused, one of many fair ones is not', async (t) => {
  upstream.script = answering(OK);
  t.match((await askOnce(port, chunks('/few', 100, 1))).start, / 200 /);
  const refused = await askOnce(port, chunks('/few', 120, 1));
  t.match(refused.start, / 400 /);
  t.match(refused.body.toString(), /too many chunks that are too small/);
  t.match((await askOnce(port, chunks('/few', 5000, 16))).start, / 200 /);
  t.match((await askOnce(port, chunks('/', 10_000, 1))).start, / 200 /, 'by default it takes many more');
  t.match((await askOnce(port, chunks('/', 20_000, 1))).start, / 400 /);
  await until(
    'it is counted',
    async () => (await metric(limpet, 'limpet_refused_total', 'code="request.chunk.tiny"')) === 2,
  );
});

/** Asks for an answer without end, and reads one byte of it. A socket that is not read does not notice its end: the upstream tells. */
function readLittle(path: string): Socket {
  const socket = connect({ port, host: '127.0.0.1' });
  socket.on('error', () => {});
  socket.once('connect', () => {
    socket.write(`GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`);
    socket.once('readable', () => socket.read(1));
  });
  return socket;
}

/** Sends for as long as it is read. */
const endless = (): void => {
  upstream.script = (exchange) => {
    exchange.send('HTTP/1.1 200 OK\r\nContent-Length: 100000000000\r\n\r\n');
    const piece = Buffer.alloc(65_536, 97);
    const { socket } = exchange.connection;
    const push = (): void => {
      while (!socket.destroyed && socket.write(piece));
      if (!socket.destroyed) socket.once('drain', push);
    };
    push();
  };
};

t.test('who does not read his answer is cut off, by time and by rate', async (t) => {
  endless();
  const sockets: Socket[] = [];
  t.teardown(() => {
    for (const socket of sockets) socket.destroy();
  });
  for (const path of ['/slow', '/rate']) {
    upstream.forget();
    sockets.push(readLittle(path));
    const { connection } = await upstream.request(path, 20_000);
    await until(`the upstream is let go at ${path}`, () => connection.closed);
  }
  await until('it is told whose fault it was', async () => {
    return (await metric(limpet, 'limpet_refused_total', 'code="client.stalled"')) === 2;
  });
});

t.test('a tunnel ends when its whole time is over, a WebSocket with a word', async (t) => {
  upstream.script = (exchange) => {
    exchange.send('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n');
    const timer = setInterval(() => exchange.send('\x81\x02hi'), 50);
    exchange.connection.socket.once('close', () => clearInterval(timer));
  };
  const client = await RawClient.open(port, { owner: t });
  client.send(
    'GET /socket HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: x\r\nSec-WebSocket-Version: 13\r\n\r\n',
  );
  await until('it was closed though it was never silent', () => client.ending !== 'open');
  const text = client.received.toString('latin1');
  t.match(text, /^HTTP\/1\.1 101 /);
  t.match(text, '\x81\x02hi', 'it had begun');
  // A close frame with code 1001.
  t.match(text, '\x88\x0c\x03\xe9time is up');
  await until(
    'it is counted',
    async () => (await metric(limpet, 'limpet_refused_total', 'code="tunnel.timeout.total"')) === 1,
  );
});

t.test('a connection serves so many requests, and says when it is the last', async (t) => {
  upstream.script = answering(OK);
  const client = await RawClient.open(port, { owner: t });
  const closes: boolean[] = [];
  for (let i = 0; i < 5; i++) {
    const answer = await client.ask(`GET ${i % 2 === 0 ? '/' : '/here'} HTTP/1.1\r\nHost: x\r\n\r\n`);
    t.match(answer.start, / 200 /);
    closes.push(/connection: close/i.test(answer.raw.toString('latin1')));
  }
  t.same(closes, [false, false, false, false, true]);
});

t.test('a flood of pipelined requests is answered one by one, as far as its connection goes', async (t) => {
  upstream.script = answering(OK);
  const client = await RawClient.open(port, { owner: t });
  client.send('GET / HTTP/1.1\r\nHost: x\r\n\r\n'.repeat(5000));
  await until('it is closed', () => client.ending !== 'open');
  t.equal(client.received.toString('latin1').split('HTTP/1.1 200').length - 1, 5);
});
