// Promise: a stop under load loses nothing: who was asked answers whole, who asks again is told of the end first, and the process ends in time.
import type { ServerResponse } from 'node:http';
import t from 'tap';
import { type RunningLimpet, startLimpet } from '../kit/limpet.ts';
import { askPath, startNamedApp, until } from '../kit/named-app.ts';
import { RawClient } from '../kit/raw-client.ts';

const GET = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n';
const CLIENTS = 40;

/** What became of a client that asks again as soon as it is answered, until it is told that the connection ends. */
interface Story {
  answers: number;
  end: 'told' | 'lost';
  /** What came of an answer that never was whole. */
  left: string;
}

async function askOn(limpet: RunningLimpet, request: string, thinkMs: () => number): Promise<Story> {
  const client = await RawClient.open(limpet.port);
  const story: Story = { answers: 0, end: 'lost', left: '' };
  try {
    for (;;) {
      const { start, fields, body } = await client.ask(request);
      if (!start.startsWith('HTTP/1.1 200 ') || body.length === 0) throw new Error(start);
      story.answers++;
      if (fields.some(([name, value]) => name.toLowerCase() === 'connection' && value === 'close')) {
        story.end = 'told';
        return story;
      }
      await new Promise((resolve) => setTimeout(resolve, thinkMs()));
    }
  } catch (error) {
    story.left = `${error}`;
    return story;
  } finally {
    client.destroy();
  }
}

const readiness = async (limpet: RunningLimpet): Promise<number> =>
  (await fetch(`${limpet.adminUrl}/readyz`)).status;

t.test('clients that ask on and on, slow answers, idle connections and a tunnel', async (t) => {
  const app = await startNamedApp('app', t);
  const slow: ServerResponse[] = [];
  app.answer = ({ url }, response) => {
    if (url !== '/slow') return void response.end('app');
    response.writeHead(200, { 'content-length': 20_000 });
    response.write(Buffer.alloc(10_000, 97));
    slow.push(response);
  };
  app.server.on('upgrade', (_request, socket) => {
    socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n');
    socket.on('error', () => {});
    socket.pipe(socket);
  });
  const DEADLINE_MS = 4000;
  const limpet = await startLimpet(
    {
      workers: 2,
      routes: [
        { path: '/', pool: 'default' },
        { path: '/fixed', respond: { status: 200, body: 'fixed' } },
      ],
      pools: { default: { upstreams: [app.url] } },
      shutdown: { deadline: `${DEADLINE_MS}ms` },
      log: { format: 'json' },
    },
    { owner: t },
  );
  // Some hammer, some think a while in between, some are answered by Limpet itself.
  const stories = Array.from({ length: CLIENTS }, (_, i) =>
    askOn(limpet, i % 4 === 3 ? GET.replace(' / ', ' /fixed ') : GET, () => (i % 2 === 0 ? 0 : i)),
  );
  const slowAnswer = askPath(limpet.port, '/slow');
  const idle = await RawClient.open(limpet.port, { owner: t });
  await idle.ask(GET);
  const tunnel = await RawClient.open(limpet.port, { owner: t });
  await tunnel.ask('GET /t HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n');
  await until('all are at work', () => slow.length === 1 && app.seen.length > CLIENTS * 4);
  const signalledMs = Date.now();
  process.kill(limpet.pid, 'SIGTERM');
  const told = await Promise.all(stories);
  t.strictSame(
    told.filter(({ end }) => end !== 'told'),
    [],
    'everybody was answered whole, and told of the end with the last answer',
  );
  t.ok(
    told.every(({ answers }) => answers > 1),
    'all were at it',
  );
  t.equal(await idle.untilEnd(), 'end', 'an idle connection is closed in order');
  t.equal(idle.text, '', 'without a word');
  tunnel.send('still there?');
  await tunnel.untilText('still there?');
  slow[0]!.end(Buffer.alloc(10_000, 98));
  const whole = await slowAnswer;
  t.equal(whole.body, `${'a'.repeat(10_000)}${'b'.repeat(10_000)}`, 'a slow answer comes whole');
  t.equal(await limpet.exit(), 0);
  const tookMs = Date.now() - signalledMs;
  t.ok(tookMs < DEADLINE_MS + 1500, `it was gone after ${tookMs} ms`);
  t.not(await tunnel.untilEnd(), 'open', 'the tunnel lasted until the deadline');
  t.match(limpet.logs(), /"connections":1.*were cut/, 'and was all that was cut');
});

t.test('a reader that is slow at the end gets its answer whole', async (t) => {
  const BYTES = 12 << 20;
  const app = await startNamedApp('app', t);
  app.answer = ({ method }, response) => void response.end(method === 'GET' ? Buffer.alloc(BYTES, 97) : '');
  const limpet = await startLimpet({ upstreams: [app.url], log: { format: 'json' } }, { owner: t });
  const client = await RawClient.open(limpet.port, { owner: t });
  client.socket.pause();
  client.send(GET);
  await until('it is with the app', () => app.seen.length > 0);
  const exit = limpet.exit();
  process.kill(limpet.pid, 'SIGTERM');
  await until('it stops', () => limpet.logs().includes('"stopping"'));
  // Longer than a client that only idles is waited for.
  await new Promise((resolve) => setTimeout(resolve, 1000));
  client.socket.resume();
  const answer = await client.answer('GET', 10_000);
  t.equal(answer.body.length, BYTES);
  t.equal(await exit, 0);
  t.notMatch(limpet.logs(), /were cut/);
});

t.test('with nothing that lasts, the end does not wait for the deadline', async (t) => {
  const app = await startNamedApp('app', t);
  const limpet = await startLimpet({ upstreams: [app.url] }, { owner: t });
  const told = Array.from({ length: 10 }, () => askOn(limpet, GET, () => 5));
  await until('they ask', () => app.seen.length > 50);
  const signalledMs = Date.now();
  t.equal(await limpet.stop(), 0);
  t.ok(Date.now() - signalledMs < 5000, 'of the 30 s that it may take');
  t.ok((await Promise.all(told)).every(({ end }) => end === 'told'));
});

t.test('shutdown.delay: it serves on as ever while /readyz says that it stops', async (t) => {
  const app = await startNamedApp('app', t);
  const limpet = await startLimpet(
    { upstreams: [app.url], shutdown: { delay: '1500ms' }, log: { format: 'json' } },
    { owner: t },
  );
  t.equal(await readiness(limpet), 200);
  const kept = await RawClient.open(limpet.port, { owner: t });
  await kept.ask(GET);
  const signalledMs = Date.now();
  process.kill(limpet.pid, 'SIGTERM');
  await until('it says so', async () => (await readiness(limpet)) === 503);
  let newcomers = 0;
  while (Date.now() - signalledMs < 1000) {
    t.equal((await askPath(limpet.port, '/')).status, 200, 'newcomers are served');
    newcomers++;
    t.notMatch((await kept.ask(GET)).raw.toString(), /connection: close/i, 'connections are kept');
  }
  t.ok(newcomers > 5);
  t.equal(await readiness(limpet), 503);
  t.equal(await limpet.exit(), 0);
  t.ok(Date.now() - signalledMs >= 1500, 'after the delay');
});
