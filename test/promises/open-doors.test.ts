// What a session opened is closed when the session is over, each as its protocol lets it be told, and nobody else's.
import type { Duplex } from 'node:stream';
import { sign } from 'cookie-signature';
import { SignJWT } from 'jose';
import t from 'tap';
import { WebSocket, WebSocketServer } from 'ws';
import { metric, startLimpet } from '../kit/limpet.ts';
import { calm, startNamedApp, until } from '../kit/named-app.ts';
import { RawClient } from '../kit/raw-client.ts';
import { answering, RawUpstream } from '../kit/raw-upstream.ts';
import { startRedis } from '../kit/redis-server.ts';

const SECRET = 'the session secret of a test';
const TOKEN_SECRET = 'the token secret of a test, of 32 bytes';
const redis = await startRedis();
await redis.client.connect();
const app = await startNamedApp('alpha', t);
const raw = await RawUpstream.listen();

/** What the app's own sockets were closed with, by user. */
const closedInApp = new Map<string, number>();
const sockets = new WebSocketServer({ noServer: true });
app.server.on('upgrade', (request, socket: Duplex, head) => {
  const user = String(request.headers['limpet-user']);
  sockets.handleUpgrade(request, socket, head, (opened) => {
    opened.send(`hello ${user}`);
    opened.on('message', (data, isBinary) => opened.send(data, { binary: isBinary }));
    opened.on('close', (code) => closedInApp.set(user, code));
    opened.on('error', () => {});
  });
});
app.answer = (request, response) => {
  const { pathname } = new URL(request.url ?? '/', 'http://app');
  if (pathname.endsWith('/events')) {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.write('data: begun\n\n');
  } else if (pathname.endsWith('/file')) {
    response.writeHead(200, { 'content-length': 1_000_000 });
    response.write('begun');
  } else if (!pathname.endsWith('/poll')) {
    response.end('ok');
  }
};

const block = {
  verify: 'express-session',
  secrets: [SECRET],
  user: 'userId',
  store: redis.url,
  cache: { ttl: '300ms', push: false },
};
const sessions = {
  site: { ...block, exempt: '/site/open/' },
  watched: { ...block, require: 'nothing' },
  visitor: { ...block, require: 'session' },
  plain: { ...block, cache: false },
  token: { verify: { jwt: { algorithms: ['HS256'] } }, secrets: [TOKEN_SECRET], cache: { ttl: '20s' } },
};
const limpet = await startLimpet({
  workers: 1,
  pools: {
    app: { upstreams: [app.url], health: calm },
    raw: { upstreams: [raw.url], health: calm },
  },
  sessions,
  routes: [
    ...Object.keys(sessions).map((name) => ({ path: `/${name}`, pool: 'app', session: name })),
    { path: '/raw', pool: 'raw', session: 'site' },
  ],
  log: { access: true, format: 'json' },
});

let made = 0;
interface Login {
  readonly id: string;
  readonly user: string;
  readonly cookie: string;
  set(content: object): Promise<unknown>;
  logout(): Promise<unknown>;
}

/** Somebody who is logged in. */
async function login(user = `user-${++made}`): Promise<Login> {
  const id = `id-${++made}`;
  const key = `sess:${id}`;
  const set = (content: object): Promise<unknown> =>
    redis.client.set(key, JSON.stringify({ cookie: { path: '/' }, ...content }), 'EX', 600);
  await set({ userId: user });
  const cookie = `connect.sid=${encodeURIComponent(`s:${sign(id, SECRET)}`)}`;
  return { id, user, cookie, set, logout: () => redis.client.del(key) };
}

interface OpenSocket {
  readonly socket: WebSocket;
  /** The code and the reason that it was closed with. */
  readonly closed: Promise<[number, string]>;
  echo(text: string): Promise<string>;
}

async function openSocket(path: string, headers: Record<string, string>): Promise<OpenSocket> {
  const socket = new WebSocket(`ws://127.0.0.1:${limpet.port}${path}`, { headers });
  t.teardown(() => socket.terminate());
  const closed = new Promise<[number, string]>((resolve) =>
    socket.once('close', (code, reason) => resolve([code, reason.toString()])),
  );
  const next = (): Promise<string> =>
    new Promise((resolve) => socket.once('message', (data) => resolve(String(data))));
  const first = next();
  await new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject));
  await first;
  const echo = async (text: string): Promise<string> => {
    const echoed = next();
    socket.send(text);
    return echoed;
  };
  return { socket, closed, echo };
}

async function openRaw(path: string, login: Login, ...lines: string[]): Promise<RawClient> {
  const client = await RawClient.open(limpet.port);
  client.send(
    `GET ${path} HTTP/1.1\r\n${['Host: x', `Cookie: ${login.cookie}`, ...lines].join('\r\n')}\r\n\r\n`,
  );
  return client;
}

const UPGRADE = [
  'Connection: Upgrade',
  'Sec-WebSocket-Version: 13',
  'Sec-WebSocket-Key: dGVzdHRlc3R0ZXN0dGVzdA==',
];
const switched = (protocol: string, behind = ''): string =>
  `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: ${protocol}\r\n\r\n${behind}`;
/** The close frame as a server sends it, and as a client does, whose mask is its own. */
const CLOSE = Buffer.from('\x88\x0f\x11\x31session ended', 'latin1');
const CLOSE_MASKED = Buffer.from([0x88, 0x8f]);

t.test('a WebSocket is closed with 4401 on both sides, and those of others go on', async (t) => {
  const [leaver, other] = [await login(), await login()];
  const mine = await openSocket('/site/ws', { cookie: leaver.cookie });
  const another = await openSocket('/site/ws', { cookie: other.cookie });
  t.equal(await mine.echo('before'), 'before');
  await leaver.logout();
  t.same(await mine.closed, [4401, 'session ended']);
  await until('the app is told', () => closedInApp.get(leaver.user) === 4401);
  t.equal(await another.echo('still here'), 'still here');
  t.notOk(closedInApp.has(other.user));
  another.socket.close(1000);
  await another.closed;
});

t.test('of two sockets that one session opened both are closed', async (t) => {
  const leaver = await login();
  const open = await Promise.all([1, 2].map(() => openSocket('/site/ws', { cookie: leaver.cookie })));
  await leaver.logout();
  for (const { closed } of open) t.same(await closed, [4401, 'session ended']);
});

t.test('where no verdict is remembered it is asked for all the same', async (t) => {
  const leaver = await login();
  const { closed } = await openSocket('/plain/ws', { cookie: leaver.cookie });
  await leaver.logout();
  t.same(await closed, [4401, 'session ended']);
});

t.test('other protocols are cut', async (t) => {
  raw.script = answering(switched('echo', 'hello'));
  const leaver = await login();
  const client = await openRaw('/raw/echo', leaver, ...UPGRADE, 'Upgrade: echo');
  await client.untilText('hello');
  await leaver.logout();
  await client.untilEnd();
  t.notOk(client.received.includes(CLOSE), 'with no word of ours');
  await raw.last.connection.untilEnd();
  t.notOk(raw.last.connection.received.includes(CLOSE_MASKED));
});

t.test('an event stream and a download break off, so that nobody takes them for complete', async (t) => {
  const leaver = await login();
  const events = await openRaw('/site/events', leaver);
  const file = await openRaw('/site/file', leaver);
  const old = await RawClient.open(limpet.port);
  old.send(`GET /site/events HTTP/1.0\r\nHost: x\r\nCookie: ${leaver.cookie}\r\n\r\n`);
  const stayer = await login();
  const other = await openRaw('/site/events', stayer);
  for (const client of [events, file, old, other]) await client.untilText('begun');
  await leaver.logout();
  for (const client of [events, file]) await client.untilEnd();
  t.notMatch(events.text, /\r\n0\r\n/, 'no last chunk');
  t.ok(file.text.length < 1_000_000);
  t.equal(await old.untilEnd(), 'reset', 'which ends with its connection ends with a reset');
  t.equal(other.ending, 'open');
  await stayer.logout();
  await other.untilEnd();
});

t.test('a long poll is answered as a new request would be', async (t) => {
  const leaver = await login();
  const client = await openRaw('/site/poll', leaver);
  await until('it waits', () => app.seen.some(({ url }) => url === '/site/poll'));
  await leaver.logout();
  const answer = await client.answer('GET', 10_000);
  t.match(answer.start, /^HTTP\/1.1 401/);
  t.match(answer.body.toString(), 'session ended');
  t.equal(
    (await client.ask('GET /site/x HTTP/1.1\r\nHost: x\r\n\r\n')).start.slice(9, 12),
    '401',
    'and serves on',
  );
});

t.test('another user under the same id does not inherit what the first one opened', async (t) => {
  const first = await login();
  const mine = await openSocket('/site/ws', { cookie: first.cookie });
  const visitor = await openSocket('/visitor/ws', { cookie: first.cookie });
  await first.set({ userId: first.user, cart: [1] });
  t.equal(await mine.echo('the same user'), 'the same user');
  await first.set({ userId: 'somebody else' });
  t.same(await mine.closed, [4401, 'session ended']);
  t.same(await visitor.closed, [4401, 'session ended']);
  const second = await openSocket('/visitor/ws', { cookie: first.cookie });
  await first.set({ cart: [1] });
  t.same(await second.closed, [4401, 'session ended'], 'nor does the visitor that he is after his logout');
});

t.test('a token’s sockets are closed at its end', async (t) => {
  const key = new TextEncoder().encode(TOKEN_SECRET);
  const token = (seconds: number): Promise<string> =>
    new SignJWT({ sub: 'u' })
      .setProtectedHeader({ alg: 'HS256' })
      .setExpirationTime(Math.floor(Date.now() / 1000) + seconds)
      .sign(key);
  const brief = await openSocket('/token/ws', { authorization: `Bearer ${await token(4)}` });
  const long = await openSocket('/token/ws', { authorization: `Bearer ${await token(600)}` });
  t.same(await brief.closed, [4401, 'session ended']);
  t.equal(await long.echo('on'), 'on');
  long.socket.terminate();
});

t.test('where a new request would pass nothing is closed', async (t) => {
  const leaver = await login();
  const open = [
    await openSocket('/site/open/ws', { cookie: leaver.cookie }),
    await openSocket('/watched/ws', { cookie: leaver.cookie }),
  ];
  const witness = await openSocket('/site/ws', { cookie: leaver.cookie });
  await leaver.logout();
  await witness.closed;
  await until(
    'it was asked for again',
    async () =>
      (await metric(limpet, 'limpet_session_checks_total', 'session="watched"', 'verdict="invalid"')) > 0,
  );
  for (const { echo, socket } of open) {
    t.equal(await echo('on'), 'on');
    socket.terminate();
  }
});

t.test(
  'a store that is away closes nothing, and what ended meanwhile is closed when it is back',
  async (t) => {
    const leaver = await login();
    const mine = await openSocket('/site/ws', { cookie: leaver.cookie });
    const stale = (): Promise<number> => metric(limpet, 'limpet_session_stale_total', 'session="site"');
    const before = await stale();
    process.kill(redis.pid, 'SIGSTOP');
    await until('an old verdict stands in', async () => (await stale()) > before);
    t.equal(await mine.echo('on'), 'on');
    process.kill(redis.pid, 'SIGCONT');
    await leaver.logout();
    t.same(await mine.closed, [4401, 'session ended']);
  },
);

t.test('the books balance, and the log says why', async (t) => {
  const count = (reason: string): Promise<number> =>
    metric(limpet, 'limpet_doors_closed_total', `reason="${reason}"`);
  t.ok((await count('ended')) >= 8);
  t.equal(await count('expired'), 1);
  t.equal(await count('user'), 3);
  t.ok((await metric(limpet, 'limpet_requests_ended_total', 'outcome="cut"')) >= 8);
  await until('nothing is open', async () => (await metric(limpet, 'limpet_doors_open')) === 0);
  await until('every request has ended', async () => {
    const ended = await metric(limpet, 'limpet_requests_ended_total');
    return ended === (await metric(limpet, 'limpet_requests_accepted_total'));
  });
  t.match(limpet.logs(), /"path":"\/site\/ws","status":101,.*"fault":"session.ended","endedBy":"limpet"/);
  t.match(limpet.logs(), /"path":"\/site\/poll","status":401,.*"fault":"session.ended"/);
});

t.test('a stop waits for no farewell longer than it must', async (t) => {
  const leaver = await login();
  const mine = await openSocket('/site/ws', { cookie: leaver.cookie });
  const stopped = limpet.stop();
  await leaver.logout();
  t.same(await mine.closed, [4401, 'session ended'], 'sockets of a worker that stops are closed, too');
  t.equal(await stopped, 0);
});
