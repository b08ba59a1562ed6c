// Strangers who hold connections open keep nobody from the admin side, and a token that is taken away ends what it had opened.
import { connect, type Socket } from 'node:net';
import t from 'tap';
import { listenOn, makeApp } from '../../src/admin/app.ts';
import { ask } from '../../src/admin/ask.ts';
import type { AdminToken } from '../../src/config/config.ts';
import { makePair } from '../kit/certificates.ts';
import { until } from '../kit/named-app.ts';
import { listeningLogger, makeAdmin } from './fake-view.ts';

const OPS: AdminToken = { name: 'ops', token: 'full-full-full-full', access: 'full' };
const GRAFANA: AdminToken = { name: 'grafana', token: 'read-read-read-read', access: 'read' };
const ANYWHERE = { kind: 'tcp', host: '127.0.0.1', port: 0 } as const;
/** Twice as many as a server keeps, and some. */
const STRANGERS = 520;

async function opened(port: number, first: string): Promise<Socket> {
  const socket = connect(port, '127.0.0.1');
  socket.on('error', () => {});
  socket.resume();
  await new Promise((settle) => socket.once('connect', settle));
  socket.write(first);
  return socket;
}

/** The stream of live states, and whether it has ended. */
async function watchAs(url: string, { token }: AdminToken): Promise<{ text: string; ended: boolean }> {
  const headers = { accept: 'text/event-stream', authorization: `Bearer ${token}` };
  const seen = { text: '', ended: false };
  const response = await fetch(`${url}/api/v1/live`, { headers });
  void (async () => {
    for await (const piece of response.body!.pipeThrough(new TextDecoderStream())) seen.text += piece;
    seen.ended = true;
  })();
  await until('the state has come', async () => seen.text.includes('event: live'));
  return seen;
}

for (const [name, first] of [
  [
    'hundreds of strangers who are idle keep nobody out, and end no stream',
    'GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n',
  ],
  [
    'hundreds of strangers who are slow keep nobody out, and end no stream',
    'GET /livez HTTP/1.1\r\nHost: loc',
  ],
  [
    'hundreds of strangers who are slow in their bodies keep nobody out, and end no stream',
    'POST /livez HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{',
  ],
] as const) {
  t.test(name, async (t) => {
    const { app, live } = makeAdmin(ANYWHERE, [OPS]);
    t.teardown(() => app.close());
    const url = await listenOn(app, ANYWHERE);
    const port = Number(new URL(url).port);
    const seen = await watchAs(url, OPS);
    const strangers = await Promise.all(Array.from({ length: STRANGERS }, () => opened(port, first)));
    t.teardown(() => {
      for (const socket of strangers) socket.destroy();
    });
    const headers = { authorization: `Bearer ${OPS.token}`, connection: 'close' };
    for (let i = 0; i < 5; i++) {
      t.equal((await fetch(`${url}/livez`, { headers })).status, 200);
      t.equal((await fetch(`${url}/api/v1/status`, { headers })).status, 200);
    }
    for (const tell of live.listeners) tell({ ...live.snapshot(), uptimeS: 13 });
    await until('the stream goes on', async () => seen.text.includes('"uptimeS":13'));
  });
}

t.test('the same by TLS', async (t) => {
  const { cert, key } = makePair({ names: ['localhost'] });
  const app = makeApp(listeningLogger().logger, { cert, key, ca: null });
  t.teardown(() => app.close());
  app.get('/livez', (_request, reply) => reply.send('alive'));
  const port = Number(new URL(await listenOn(app, ANYWHERE)).port);
  const strangers = await Promise.all(Array.from({ length: STRANGERS }, () => opened(port, '\x16')));
  t.teardown(() => {
    for (const socket of strangers) socket.destroy();
  });
  const answer = await ask(new URL(`https://localhost:${port}/livez`), { tls: { ca: cert } });
  t.equal(answer.text, 'alive');
});

t.test('a stream ends with the token that opened it, and others go on', async (t) => {
  const { app, live, tokens } = makeAdmin(ANYWHERE, [OPS, GRAFANA]);
  t.teardown(() => app.close());
  const url = await listenOn(app, ANYWHERE);
  const [ops, grafana] = [await watchAs(url, OPS), await watchAs(url, GRAFANA)];
  tokens.use([GRAFANA, OPS]);
  for (const tell of live.listeners) tell({ ...live.snapshot(), uptimeS: 13 });
  await until('both go on', async () => [ops, grafana].every(({ text }) => text.includes('"uptimeS":13')));
  tokens.use([OPS, { ...GRAFANA, token: 'another-another-another' }]);
  await until('the old token is told no more', async () => grafana.ended);
  for (const tell of live.listeners) tell({ ...live.snapshot(), uptimeS: 14 });
  await until('the other goes on', async () => ops.text.includes('"uptimeS":14'));
  t.notMatch(grafana.text, '"uptimeS":14');
});
