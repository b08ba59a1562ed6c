// Rails from Debian's packages, behind Limpet: its encrypted cookie in JSON and in Marshal, and its cache in a real Redis.
import { createHash } from 'node:crypto';
import type { Redis } from 'ioredis';
import t from 'tap';
import { until } from '../kit/named-app.ts';
import { startRedis } from '../kit/redis-server.ts';
import { areHere } from '../kit/setup-needs.ts';
import { appFile, drill } from './session-drill.ts';

/** Half of what is encrypted changes with it. */
const MIDDLE = /^(.{60}).{4}/;

const rails =
  (store: string, redis: string, ...age: readonly string[]) =>
  (port: number, [secret = '']: readonly string[]) => [
    '/usr/bin/ruby',
    appFile('rails_app.rb'),
    store,
    `${port}`,
    redis,
    secret,
    ...age,
  ];

const skip = areHere('ruby-railties', 'ruby-redis')
  ? false
  : 'Debian’s ruby-railties and ruby-redis are not installed';

/** Rails keeps a session under the hash of its id. */
const endOfRails =
  (client: Redis) =>
  async (cookie: string): Promise<void> => {
    const id = cookie.slice(cookie.indexOf('=') + 1);
    const key = `shop:_session_id:2::${createHash('sha256').update(id).digest('hex')}`;
    if ((await client.pexpire(key, 1)) !== 1) throw new Error('Redis has no such session');
    await until('the session ends', async () => (await client.exists(key)) === 0);
  };

for (const [store, serializer] of [
  ['cookie', 'json'],
  ['marshal', 'marshal'],
] as const) {
  t.test(`the cookie, in ${serializer}`, { skip }, async (t) => {
    const block = (secrets: readonly string[]) => ({
      verify: { 'rails-cookie': { loadDefaults: '6.1', serializer } },
      cookie: '_shop_session',
      secrets,
      user: 'user_id',
    });
    await drill(t, {
      command: rails(store, '-'),
      block,
      revocable: false,
      spoil: (line) => line.replace(MIDDLE, '$1AAAA'),
      // The end stands in what is encrypted, in both alike.
      end: store === 'cookie' ? { command: rails(store, '-', '2'), block } : null,
    });
  });
}

t.test('cache_store in Redis', { skip }, async (t) => {
  const redis = await startRedis(t);
  await drill(t, {
    command: rails('cache', redis.url),
    block: () => ({
      verify: 'rails-store',
      cookie: '_shop_session',
      user: 'user_id',
      store: { url: redis.url, prefix: 'shop:' },
    }),
    signed: false,
    end: endOfRails(redis.client),
  });
});
