// A user's open pages close when his session ends, whatever ends it, in every worker; those of others stay. With a real app and its clients.
import { io, type Socket } from 'socket.io-client';
import t, { type Test } from 'tap';
import { WebSocket } from 'ws';
import { Child } from '../kit/child.ts';
import { metric, pinnedNode, startLimpet } from '../kit/limpet.ts';
import { askPath, calm, cookieOf, until } from '../kit/named-app.ts';
import { freePort } from '../kit/ports.ts';
import { startRedis } from '../kit/redis-server.ts';
import { appFile } from './session-drill.ts';

const SECRET = 'the secret of a live test, long enough for all';
const redis = await startRedis(t);
const appPort = await freePort();
const app = new Child(pinnedNode, [appFile('doors-app.js'), `${appPort}`, redis.url, SECRET], { owner: t });
await app.wrote(/^ready$/m);
const limpet = await startLimpet({
  workers: 2,
  upstreams: [`http://127.0.0.1:${appPort}`],
  health: calm,
  session: {
    verify: 'express-session',
    secrets: SECRET,
    user: 'userId',
    store: redis.url,
    exempt: '/login',
    cache: { ttl: '10m' },
  },
});
await until('the store tells of changes', async () => (await metric(limpet, 'limpet_session_push_up')) === 2);

/** Something that a user has open. */
interface OpenThing {
  readonly name: string;
  /** How it ended. */
  readonly ended: Promise<string>;
  /** Whether it still works. */
  works(): Promise<boolean>;
  close(): void;
}

async function webSocket(cookie: string): Promise<OpenThing> {
  const socket = new WebSocket(`ws://127.0.0.1:${limpet.port}/ws`, { headers: { cookie } });
  const ended = new Promise<string>((resolve) =>
    socket.once('close', (code, reason) => resolve(`${code} ${reason.toString()}`)),
  );
  const next = (): Promise<string> =>
    new Promise((resolve) => socket.once('message', (data) => resolve(String(data))));
  await next();
  return {
    name: 'WebSocket',
    ended,
    works: async () => {
      const echoed = next();
      socket.send('there?');
      return (await echoed) === 'there?';
    },
    close: () => socket.terminate(),
  };
}

async function socketIo(cookie: string, transport: 'websocket' | 'polling'): Promise<OpenThing> {
  const socket: Socket = io(limpet.url, {
    transports: [transport],
    extraHeaders: { cookie },
    forceNew: true,
    reconnection: false,
  });
  const ended = new Promise<string>((resolve) => socket.once('disconnect', (reason) => resolve(reason)));
  await new Promise<void>((resolve, reject) => {
    socket.once('connect', resolve);
    socket.once('connect_error', reject);
  });
  return {
    name: `socket.io over ${transport}`,
    ended,
    works: async () => (await socket.timeout(10_000).emitWithAck('say', 'there?')) === 'there?',
    close: () => socket.close(),
  };
}

async function stream(cookie: string, path: string): Promise<OpenThing> {
  const leaving = new AbortController();
  const response = await fetch(`${limpet.url}${path}`, { headers: { cookie }, signal: leaving.signal });
  const reader = response.body!.getReader();
  await reader.read();
  let over = false;
  const ended = (async () => {
    try {
      while (!(await reader.read()).done);
      return 'complete';
    } catch {
      return 'broken off';
    } finally {
      over = true;
    }
  })();
  return { name: path, ended, works: async () => !over, close: () => leaving.abort() };
}

/** One of each, and some WebSockets more, so that both workers have some. */
function openAll(cookie: string): Promise<OpenThing[]> {
  return Promise.all([
    ...Array.from({ length: 6 }, () => webSocket(cookie)),
    socketIo(cookie, 'websocket'),
    socketIo(cookie, 'polling'),
    stream(cookie, '/events'),
    stream(cookie, '/file'),
  ]);
}

const ENDS: Readonly<Record<string, string>> = {
  WebSocket: '4401 session ended',
  'socket.io over websocket': 'transport close',
  'socket.io over polling': 'transport error',
  '/events': 'broken off',
  '/file': 'broken off',
};

const login = async (user: string): Promise<string> =>
  cookieOf(await askPath(limpet.port, `/login?user=${user}`), 'connect.sid');

/** The id that express-session gave it, which stands before its signature. */
const idOf = (cookie: string): string =>
  decodeURIComponent(cookie)
    .replace(/^connect\.sid=s:/, '')
    .replace(/\.[^.]*$/, '');

async function revoke(body: object): Promise<void> {
  const response = await fetch(`${limpet.adminUrl}/api/v1/revocations`, {
    method: 'POST',
    body: JSON.stringify(body),
    headers: { 'content-type': 'application/json' },
  });
  if (response.status !== 201) throw new Error(`${response.status} ${await response.text()}`);
}

const neighbour = await login('neighbour');
const hers = await openAll(neighbour);

async function closes(t: Test, user: string, cause: (cookie: string) => Promise<void>): Promise<void> {
  const cookie = await login(user);
  const his = await openAll(cookie);
  const began = performance.now();
  await cause(cookie);
  const all = await Promise.all(
    his.map(async (thing) => {
      const how = await thing.ended;
      return { thing, how, ms: Math.round(performance.now() - began) };
    }),
  );
  for (const { thing, how, ms } of all) t.equal(how, ENDS[thing.name], `${thing.name}, after ${ms} ms`);
  for (const thing of his) thing.close();
  for (const thing of hers) t.ok(await thing.works(), `the ${thing.name} of another stays`);
}

t.test('a logout in the app, whose own answer arrives', (t) =>
  closes(t, 'leaver', async (cookie) => {
    const told = await askPath(limpet.port, '/logout', { cookie });
    t.equal(told.status, 200);
    t.equal(told.body, 'goodbye');
  }),
);

t.test('the user is revoked', (t) => closes(t, 'expelled', () => revoke({ user: 'expelled' })));

t.test('the session is revoked by its id', (t) =>
  closes(t, 'one-of-many', (cookie) => {
    return revoke({ session: idOf(cookie) });
  }),
);

t.test('the app has dropped the session', (t) =>
  closes(t, 'dropped', async (cookie) => {
    await redis.client.del(`sess:${idOf(cookie)}`);
  }),
);

t.test('the books balance', async (t) => {
  for (const thing of hers) thing.close();
  // A long poll may have been answered in between, and the next one refused at its beginning.
  t.ok((await metric(limpet, 'limpet_doors_closed_total')) >= 4 * 9);
  t.equal(await metric(limpet, 'limpet_doors_closed_total', 'reason="expired"'), 0);
  t.ok((await metric(limpet, 'limpet_doors_closed_total', 'reason="revoked"')) >= 2 * 9);
  await until('all requests but the app’s own events have ended', async () => {
    const accepted = await metric(limpet, 'limpet_requests_accepted_total');
    return accepted - (await metric(limpet, 'limpet_requests_ended_total')) <= 2;
  });
});
