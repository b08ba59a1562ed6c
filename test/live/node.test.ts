// Node's session packages, the real ones, behind Limpet with a real Redis and a real PostgreSQL.
import t from 'tap';
import { pinnedNode } from '../kit/limpet.ts';
import { startRedis } from '../kit/redis-server.ts';
import { startPostgres } from '../kit/store-servers.ts';
import { appFile, drill } from './session-drill.ts';
import { endInPostgres, endInRedis } from './session-ends.ts';

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

/** The signature is in the middle of a line that the browser encoded. */
const spoilEncoded = (cookie: string): string =>
  cookie.replace(/(.)(..)$/, (_, c: string, end: string) => `${c === 'A' ? 'B' : 'A'}${end}`);

t.test('express-session with connect-redis', async (t) => {
  await drill(t, {
    command: node('express-redis'),
    block: (secrets) => ({ verify: 'express-session', secrets, user: 'userId', store: redis.url }),
    spoil: spoilEncoded,
    end: endInRedis(redis.client),
  });
});

t.test('express-session with connect-pg-simple', async (t) => {
  const server = await startPostgres(t);
  const url = `postgres://postgres:secret@127.0.0.1:${server.port}/postgres`;
  await drill(t, {
    command: node('express-pg', url),
    block: (secrets) => ({ verify: 'express-session', secrets, user: 'userId', store: url }),
    spoil: spoilEncoded,
    end: endInPostgres(url),
  });
});

t.test('cookie-session', async (t) => {
  await drill(t, {
    command: node('cookie-session'),
    block: (secrets) => ({ verify: 'cookie-session', secrets, user: 'userId' }),
    revocable: false,
    end: null,
  });
});

t.test('koa-session in the cookie', async (t) => {
  const block = (secrets: readonly string[]): object => ({ verify: 'koa-session', secrets, user: 'userId' });
  await drill(t, {
    command: node('koa'),
    block,
    revocable: false,
    // The end is in the cookie itself.
    end: { command: node('koa-brief'), block },
  });
});

t.test('koa-session in Redis', async (t) => {
  await drill(t, {
    command: node('koa-redis'),
    block: (secrets) => ({ verify: 'koa-session', secrets, user: 'userId', store: redis.url }),
    end: endInRedis(redis.client),
  });
});

t.test('@fastify/session in Redis', async (t) => {
  await drill(t, {
    command: node('fastify'),
    block: (secrets) => ({ verify: 'fastify-session', secrets, user: 'userId', store: redis.url }),
    end: endInRedis(redis.client),
  });
});
