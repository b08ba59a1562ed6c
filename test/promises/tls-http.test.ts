// The rules of HTTP hold by TLS as without: long bodies with back-pressure, tunnels, event streams, half-closed and broken connections.
import { createHash, randomBytes } from 'node:crypto';
import t from 'tap';
import { makePair } from '../kit/certificates.ts';
import { startLimpet } from '../kit/limpet.ts';
import { startNamedApp } from '../kit/named-app.ts';
import { openTls } from '../kit/tls-client.ts';

const BODY = randomBytes(4 << 20);
/** Long enough for a long body on a starved machine, ms. */
const LONG_MS = 25_000;
const digest = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');
const site = makePair({ names: ['site.test'] });
const app = await startNamedApp('app', t);
const cut: string[] = [];
app.answer = (request, response) => {
  if (request.url === '/down') {
    response.end(BODY);
    return;
  }
  if (request.url === '/events') {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.write('data: one\n\n');
    request.once('close', () => cut.push('events'));
    setTimeout(() => response.write('data: two\n\n'), 20);
    return;
  }
  const pieces: Buffer[] = [];
  request.on('data', (piece: Buffer) => {
    pieces.push(piece);
    // Slower than the client: it has to be held back.
    request.pause();
    setImmediate(() => request.resume());
  });
  request.on('end', () => response.end(digest(Buffer.concat(pieces))));
  request.on('error', () => cut.push(String(request.url)));
};
app.server.on('upgrade', (_request, socket) => {
  socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n');
  socket.pipe(socket);
  socket.on('error', () => {});
});
const limpet = await startLimpet(
  {
    listeners: [{ bind: '127.0.0.1:{port}', tls: { certificates: [{ cert: 'site.pem', key: 'site.key' }] } }],
    upstreams: [app.url],
    health: { passive: false },
  },
  { files: { 'site.pem': site.cert, 'site.key': site.key } },
);

t.test('a long answer reaches a slow reader whole', async (t) => {
  const client = await openTls(limpet.port);
  client.send('GET /down HTTP/1.1\r\nHost: a\r\n\r\n');
  client.socket.pause();
  await new Promise((resolve) => setTimeout(resolve, 50));
  client.socket.resume();
  const answer = await client.answer('GET', LONG_MS);
  t.equal(digest(answer.body), digest(BODY));
});

t.test('a long body reaches a slow app whole', async (t) => {
  const client = await openTls(limpet.port);
  client.send(`POST /up HTTP/1.1\r\nHost: a\r\nContent-Length: ${BODY.length}\r\n\r\n`);
  client.send(BODY);
  t.equal((await client.answer('POST', LONG_MS)).body.toString(), digest(BODY));
});

t.test('pipelined requests are answered in order', async (t) => {
  const client = await openTls(limpet.port);
  client.send(
    'POST /1 HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\n1POST /2 HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\n2',
  );
  t.equal((await client.answer('POST')).body.toString(), digest(Buffer.from('1')));
  t.equal((await client.answer('POST')).body.toString(), digest(Buffer.from('2')));
});

t.test('a tunnel passes bytes both ways, and ends with both sides', async (t) => {
  const client = await openTls(limpet.port);
  client.send('GET /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n');
  t.match((await client.finalAnswer()).start, / 101 /);
  for (const word of ['one', 'two']) {
    client.send(word);
    await client.untilText(word);
  }
  client.socket.end();
  t.equal(await client.untilEnd(), 'end');
});

t.test('an event stream flows as it comes', async (t) => {
  const client = await openTls(limpet.port);
  client.send('GET /events HTTP/1.1\r\nHost: a\r\n\r\n');
  await client.untilText('data: one');
  await client.untilText('data: two');
  t.equal(client.ending, 'open');
  client.destroy();
});

t.test(
  'who half-closes behind a whole request is answered; a body that breaks off is never complete',
  async (t) => {
    const whole = await openTls(limpet.port, { allowHalfOpen: true } as object);
    whole.send('POST /half HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi');
    whole.socket.end();
    t.equal((await whole.answer('POST')).body.toString(), digest(Buffer.from('hi')));
    const broken = await openTls(limpet.port);
    broken.send('POST /broken HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhi');
    while (!app.seen.some(({ url }) => url === '/broken'))
      await new Promise((resolve) => setTimeout(resolve, 20));
    broken.socket.end();
    while (!cut.includes('/broken')) await new Promise((resolve) => setTimeout(resolve, 20));
    t.pass('the app saw it break off');
  },
);
