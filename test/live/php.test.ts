// PHP's own sessions from Debian's packages, behind Limpet: in a real Redis, a real Memcached and files.
import { readdirSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { askPath, until } from '../kit/named-app.ts';
import { startRedis } from '../kit/redis-server.ts';
import { startMemcached, tempFolder } from '../kit/store-servers.ts';
import { appFile, drill } from './session-drill.ts';
import { endInMemcached, endInRedis } from './session-ends.ts';

const php =
  (...settings: readonly string[]) =>
  (port: number) => [
    'php',
    ...settings.flatMap((setting) => ['-d', setting]),
    '-S',
    `127.0.0.1:${port}`,
    appFile('app.php'),
  ];

t.test('with phpredis', async (t) => {
  const redis = await startRedis(t);
  const { login, ask } = await drill(t, {
    command: php(
      'session.save_handler=redis',
      `session.save_path="tcp://127.0.0.1:${redis.port}"`,
      'session.use_strict_mode=1',
    ),
    block: () => ({ verify: 'php', user: 'user_id', store: redis.url }),
    signed: false,
    end: endInRedis(redis.client),
  });
  // The store is away: nobody is logged out by it.
  const cookie = await login('stays');
  await until('it is known', async () => (await ask('/me', cookie)).status === 200);
  await redis.kill('SIGSTOP');
  await new Promise((resolve) => setTimeout(resolve, 250));
  const asked = ask('/me', cookie);
  setTimeout(() => void redis.kill('SIGCONT'), 600);
  t.equal((await asked).status, 200);
});

t.test('with php-memcached', async (t) => {
  const { port } = await startMemcached(t);
  await drill(t, {
    command: php('session.save_handler=memcached', `session.save_path=127.0.0.1:${port}`),
    block: () => ({ verify: 'php', user: 'user_id', store: `memcached://127.0.0.1:${port}` }),
    signed: false,
    end: endInMemcached(port, 'memc.sess.key.'),
  });
});

t.test('with files', async (t) => {
  const folder = tempFolder(t);
  await drill(t, {
    command: php(`session.save_path=${folder}`),
    block: () => ({ verify: 'php', user: 'user_id', store: `file:${folder}` }),
    signed: false,
    // PHP's collector ends them, and nothing else does.
    end: async (cookie, port) => {
      for (const file of readdirSync(folder))
        if (cookie.includes(file.slice('sess_'.length))) utimesSync(join(folder, file), 0, 0);
      await askPath(port, '/collect');
    },
  });
});
