// Symfony's sessions and firewall from Debian's packages, behind Limpet, in a real Redis.
import t from 'tap';
import { startRedis } from '../kit/redis-server.ts';
import { areHere } from '../kit/setup-needs.ts';
import { appFile, drill } from './session-drill.ts';
import { endInRedis } from './session-ends.ts';

const skip = areHere('php-symfony-http-foundation', 'php-symfony-security-http')
  ? false
  : 'Debian’s php-symfony-http-foundation and php-symfony-security-http are not installed';

t.test('RedisSessionHandler', { skip }, async (t) => {
  const redis = await startRedis(t);
  const { login, ask } = await drill(t, {
    command: (port) => [
      'php',
      '-d',
      'session.use_strict_mode=1',
      '-d',
      `limpet.redis=${redis.port}`,
      '-S',
      `127.0.0.1:${port}`,
      appFile('symfony_app.php'),
    ],
    user: '42',
    block: () => ({ verify: 'symfony', store: redis.url }),
    signed: false,
    end: endInRedis(redis.client, 'sf_s'),
  });

  // The firewall writes the token anew with each answer that changes the session; the verdict stays.
  const cookie = await login('Zoë O’Neil');
  const told = JSON.parse((await ask('/me', cookie)).body) as { user: string; told: string };
  t.equal(told.user, 'Zoë O’Neil');
  t.equal(decodeURIComponent(told.told), told.user, 'a name that is no ASCII is the same to both');
});
