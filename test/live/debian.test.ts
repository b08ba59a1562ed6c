// PHP, Flask, Django and Rack from Debian's packages, behind Limpet with the stores that they really use.
import { join } from 'node:path';
import t from 'tap';
import { until } from '../kit/named-app.ts';
import { startRedis } from '../kit/redis-server.ts';
import { tempFolder } from '../kit/store-servers.ts';
import { appFile, drill } from './session-drill.ts';

/** Debian's own, which has its packages. */
const PYTHON = '/usr/bin/python3';
const RUBY = '/usr/bin/ruby';

t.test('PHP with phpredis', async (t) => {
  const redis = await startRedis(t);
  const settings = [
    '-d',
    'session.save_handler=redis',
    '-d',
    `session.save_path="tcp://127.0.0.1:${redis.port}"`,
    '-d',
    'session.use_strict_mode=1',
  ];
  const { login, ask } = await drill(t, {
    command: (port) => ['php', ...settings, '-S', `127.0.0.1:${port}`, appFile('app.php')],
    block: () => ({ verify: 'php', user: 'user_id', store: redis.url }),
    signed: false,
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

t.test('PHP with files', async (t) => {
  const folder = tempFolder(t);
  await drill(t, {
    command: (port) => [
      'php',
      '-d',
      `session.save_path=${folder}`,
      '-S',
      `127.0.0.1:${port}`,
      appFile('app.php'),
    ],
    block: () => ({ verify: 'php', user: 'user_id', store: `file:${folder}` }),
    signed: false,
  });
});

t.test('Flask', async (t) => {
  await drill(t, {
    command: (port, [secret = '']) => [PYTHON, appFile('flask_app.py'), 'flask', `${port}`, '-', secret],
    block: (secrets) => ({ verify: 'flask', secrets, user: 'user_id' }),
    revocable: false,
  });
});

t.test('Flask-Session in Redis', async (t) => {
  const redis = await startRedis(t);
  await drill(t, {
    command: (port, [secret = '']) => [
      PYTHON,
      appFile('flask_app.py'),
      'flask-session',
      `${port}`,
      redis.url,
      secret,
    ],
    block: (secrets) => ({
      verify: { 'flask-session': { format: 'pickle', signer: true } },
      secrets,
      user: 'user_id',
      store: redis.url,
    }),
  });
});

for (const [engine, revocable] of [
  ['db', true],
  ['signed_cookies', false],
] as const) {
  t.test(`Django with ${engine}`, async (t) => {
    const database = join(tempFolder(t), 'db.sqlite3');
    await drill(t, {
      command: (port, [secret = '']) => [
        PYTHON,
        appFile('django_app.py'),
        engine,
        `${port}`,
        database,
        secret,
      ],
      block: (secrets) => ({
        verify: { django: { engine } },
        secrets,
        ...(engine === 'db' ? { store: `sqlite:${database}` } : {}),
      }),
      user: '1',
      // The cookie of `db` is a bare key, and the signature is in the row.
      signed: engine !== 'db',
      revocable,
    });
  });
}

t.test('Rack', async (t) => {
  await drill(t, {
    command: (port, secrets) => [RUBY, appFile('rack_app.rb'), `${port}`, ...secrets],
    block: (secrets) => ({ verify: 'rack-cookie', secrets, user: 'user_id' }),
    revocable: false,
  });
});
