// WebSocket and socket.io clients through Limpet: the tunnel carries every frame, and long polling stays on one instance.
import { randomBytes } from 'node:crypto';
import { io } from 'socket.io-client';
import t from 'tap';
import { WebSocket } from 'ws';
import { startApp, User } from '../kit/apps.ts';
import { startLimpet } from '../kit/limpet.ts';

const apps = await Promise.all(['red', 'green', 'blue'].map((name) => startApp('socket', name)));
const limpet = await startLimpet({
  upstreams: apps.map(({ url, name }) => ({ url, name })),
  affinity: { cookie: { name: 'limpet', secrets: ['a secret for these tests only, 32+'] } },
});
const wsUrl = `ws://127.0.0.1:${limpet.port}/ws`;

/** Opens a WebSocket and collects what it is sent. */
function openSocket(
  headers: Record<string, string> = {},
): Promise<{ socket: WebSocket; next: () => Promise<Buffer> }> {
  const socket = new WebSocket(wsUrl, { headers });
  const messages: Buffer[] = [];
  const waiting: ((message: Buffer) => void)[] = [];
  socket.on('message', (data: Buffer) => {
    const taker = waiting.shift();
    if (taker) taker(data);
    else messages.push(data);
  });
  t.teardown(() => socket.terminate());
  const next = () => {
    const there = messages.shift();
    return there ? Promise.resolve(there) : new Promise<Buffer>((resolve) => waiting.push(resolve));
  };
  return new Promise((resolve, reject) => {
    socket.once('open', () => resolve({ socket, next }));
    socket.once('error', reject);
  });
}

t.test('ws: frames go both ways, those right behind the 101 included', async (t) => {
  const { socket, next } = await openSocket();
  t.match((await next()).toString(), /^hello from (red|green|blue)$/, 'the first frame');
  for (const message of [
    Buffer.from('text'),
    Buffer.alloc(0),
    randomBytes(125),
    randomBytes(70_000),
    randomBytes(3 << 20),
  ]) {
    socket.send(message, { binary: true });
    t.ok((await next()).equals(message), `${message.length} bytes come back`);
  }
  socket.close(4001, 'enough');
  const [code] = await new Promise<[number]>((resolve) => socket.once('close', (c) => resolve([c])));
  t.equal(code, 4001, 'the close handshake passes');
});

t.test('ws: a socket opens on the instance where its user lives', async (t) => {
  for (let i = 0; i < 6; i++) {
    const user = new User(limpet.url);
    const home = (await user.ask('/')).body.toString();
    const { socket, next } = await openSocket({ cookie: user.cookieLine });
    t.equal((await next()).toString(), `hello from ${home}`);
    socket.terminate();
  }
});

t.test('ws: many sockets at once keep their frames apart', async (t) => {
  const open = await Promise.all(Array.from({ length: 30 }, () => openSocket()));
  await Promise.all(open.map(({ next }) => next()));
  for (const [i, { socket }] of open.entries()) socket.send(`mine is ${i}`);
  const echoes = await Promise.all(open.map(({ next }) => next()));
  t.same(
    echoes.map(String),
    open.map((_, i) => `mine is ${i}`),
  );
  for (const { socket } of open) socket.terminate();
});

for (const transports of [['polling'], ['websocket'], ['polling', 'websocket']]) {
  t.test(`socket.io over ${transports.join(', then ')}: a session stays on its instance`, async (t) => {
    const clients = Array.from({ length: 6 }, () =>
      io(limpet.url, { transports, withCredentials: true, forceNew: true, reconnection: false }),
    );
    t.teardown(() => {
      for (const client of clients) client.close();
    });
    await Promise.all(
      clients.map(async (client, i) => {
        await new Promise<void>((resolve, reject) => {
          client.once('connect', resolve);
          client.once('connect_error', reject);
        });
        const seen: { app: string; text: string; said: number }[] = [];
        for (let n = 0; n < 8; n++) seen.push(await client.timeout(10_000).emitWithAck('say', `${i}.${n}`));
        t.same(
          seen.map(({ text, said }) => [text, said]),
          Array.from({ length: 8 }, (_, n) => [`${i}.${n}`, n + 1]),
          `client ${i}: each answered once, in order`,
        );
        t.equal(new Set(seen.map(({ app }) => app)).size, 1, `client ${i}: by one instance`);
      }),
    );
    for (const client of clients) client.close();
  });
}
