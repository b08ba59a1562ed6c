// Flask, Flask-Session and Rack from Debian's packages, behind Limpet, with a real Redis.
import t from 'tap';
import { startRedis } from '../kit/redis-server.ts';
import { appFile, drill } from './session-drill.ts';
import { endInRedis } from './session-ends.ts';

const flask =
  (kind: string, store: string, ...lifetime: readonly string[]) =>
  (port: number, [secret = '']: readonly string[]) => [
    '/usr/bin/python3',
    appFile('flask_app.py'),
    kind,
    `${port}`,
    store,
    secret,
    ...lifetime,
  ];

t.test('Flask', async (t) => {
  await drill(t, {
    command: flask('flask', '-'),
    block: (secrets) => ({ verify: 'flask', secrets, user: 'user_id' }),
    revocable: false,
    end: {
      command: flask('flask', '-', '2'),
      block: (secrets) => ({ verify: { flask: { lifetime: '2s' } }, secrets, user: 'user_id' }),
    },
  });
});

t.test('Flask-Session in Redis', async (t) => {
  const redis = await startRedis(t);
  await drill(t, {
    command: flask('flask-session', redis.url),
    block: (secrets) => ({
      verify: { 'flask-session': { format: 'pickle', signer: true } },
      secrets,
      user: 'user_id',
      store: redis.url,
    }),
    end: endInRedis(redis.client),
  });
});

t.test('Rack', async (t) => {
  await drill(t, {
    command: (port, secrets) => ['/usr/bin/ruby', appFile('rack_app.rb'), `${port}`, ...secrets],
    block: (secrets) => ({ verify: 'rack-cookie', secrets, user: 'user_id' }),
    revocable: false,
    end: null,
  });
});
