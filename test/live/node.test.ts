// Node's session packages, the real ones, behind Limpet with a real Redis and a real PostgreSQL.
import t from 'tap';
import { pinnedNode } from '../kit/limpet.ts';
import { until } from '../kit/named-app.ts';
import { startRedis } from '../kit/redis-server.ts';
import { startPostgres } from '../kit/store-servers.ts';
import { appFile, drill } from './session-drill.ts';

const redis = await startRedis(t);
await redis.client.connect();
const node =
  (kind: string, store = redis.url) =>
  (port: number, secrets: readonly string[]) => [
    pinnedNode,
    appFile('node-app.js'),
    kind,
    `${port}`,
    store,
    ...secrets,
  ];

t.test('express-session with connect-redis', async (t) => {
  const { login, ask } = await drill(t, {
    command: node('express-redis'),
    block: (secrets) => ({ verify: 'express-session', secrets, user: 'userId', store: redis.url }),
    // The signature is in the middle of a line that the browser encoded.
    spoil: (cookie) =>
      cookie.replace(/(.)(..)$/, (_, c: string, end: string) => `${c === 'A' ? 'B' : 'A'}${end}`),
  });
  const cookie = await login('expired');
  t.equal((await ask('/me', cookie)).status, 200);
  // Nobody asks before they are gone: the app would touch its session, which lives on then.
  for (const key of await redis.client.keys('sess:*')) await redis.client.pexpire(key, 1);
  await until('the sessions end', async () => (await redis.client.keys('sess:*')).length === 0);
  await until('its end in the store counts', async () => (await ask('/me', cookie)).status === 401);
});

t.test('express-session with connect-pg-simple', async (t) => {
  const server = await startPostgres(t);
  const url = `postgres://postgres:secret@127.0.0.1:${server.port}/postgres`;
  await drill(t, {
    command: node('express-pg', url),
    block: (secrets) => ({ verify: 'express-session', secrets, user: 'userId', store: url }),
    spoil: (cookie) =>
      cookie.replace(/(.)(..)$/, (_, c: string, end: string) => `${c === 'A' ? 'B' : 'A'}${end}`),
  });
});

t.test('cookie-session', async (t) => {
  await drill(t, {
    command: node('cookie-session'),
    block: (secrets) => ({ verify: 'cookie-session', secrets, user: 'userId' }),
    revocable: false,
  });
});

t.test('koa-session in the cookie', async (t) => {
  await drill(t, {
    command: node('koa'),
    block: (secrets) => ({ verify: 'koa-session', secrets, user: 'userId' }),
    revocable: false,
  });
});

t.test('koa-session in Redis', async (t) => {
  await drill(t, {
    command: node('koa-redis'),
    block: (secrets) => ({ verify: 'koa-session', secrets, user: 'userId', store: redis.url }),
  });
});

t.test('@fastify/session in Redis', async (t) => {
  await drill(t, {
    command: node('fastify'),
    block: (secrets) => ({ verify: 'fastify-session', secrets, user: 'userId', store: redis.url }),
  });
});
