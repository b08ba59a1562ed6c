// A real Redis that hangs, dies, refuses and is slow under Express sessions: nobody who is logged in is refused, nobody comes back.

import { Redis } from 'ioredis';
import t from 'tap';
import type { KeptUser } from '../kit/kept-users.ts';
import { metric } from '../kit/limpet.ts';
import { askPath, until } from '../kit/named-app.ts';
import { StoreProxy } from '../kit/store-proxy.ts';
import { type StoreServer, startRedis, tempFolder } from '../kit/store-servers.ts';
import { allTold, startAwayWorld, steadyUsers, wrongs } from './store-away.ts';

const data = tempFolder(t);
const startStore = (port?: number): Promise<StoreServer> =>
  startRedis(t, ['--dir', data, '--appendonly', 'yes', '--appendfsync', 'always'], port);
let redis = await startStore();
const operator = new Redis({ port: redis.port, host: '127.0.0.1' });
operator.on('error', () => {});
t.teardown(() => operator.disconnect());
const proxy = await StoreProxy.open(t, redis.port);
const cache = { ttl: '200ms', push: false };
const world = await startAwayWorld(t, `redis://127.0.0.1:${redis.port}`, `redis://127.0.0.1:${proxy.port}`, {
  members: { cache },
  // biome-ignore lint/suspicious/noThenProperty: a key of the config's contract, which nobody awaits.
  strict: { cache, outage: { then: 503, readyz: true } },
  pushed: { cache: { ttl: '200ms' } },
});
const { limpet } = world;
const ready = async (): Promise<string> => {
  const answer = await fetch(`${limpet.adminUrl}/readyz`);
  return `${answer.status} ${await answer.text()}`;
};

/** The ways in which it goes away, and comes back. */
const harms: readonly {
  readonly name: string;
  readonly begin: () => unknown;
  readonly end: () => unknown;
}[] = [
  {
    name: 'hangs',
    begin: () => redis.child.kill('SIGSTOP'),
    end: () => redis.child.kill('SIGCONT'),
  },
  {
    name: 'is killed',
    begin: () => redis.child.kill('SIGKILL'),
    end: async () => {
      redis = await startStore(redis.port);
    },
  },
  { name: 'refuses connections', begin: () => proxy.refuse(), end: () => proxy.accept() },
  {
    name: 'refuses to be read',
    begin: () => operator.acl('SETUSER', 'default', '-@read'),
    end: () => operator.acl('SETUSER', 'default', '+@read'),
  },
  {
    name: 'is slower than the deadline',
    begin: () => {
      proxy.delayMs = 700;
    },
    end: () => {
      proxy.delayMs = 0;
    },
  },
];

let users: KeptUser[] = [];
/** Those whose store tells of changes. */
let pushed: KeptUser[] = [];
let pushedLeaver: KeptUser;
let strict: KeptUser;
let leaver: KeptUser;
let revoked: KeptUser;

t.before(async () => {
  users = await steadyUsers(world, 8, 'members');
  pushed = await steadyUsers(world, 3, 'pushed');
  strict = await world.login('strict');
  strict.keepAsking('/told', 'strict');
  await allTold([strict], 'valid');
  const leave = async (name: string, host: string): Promise<KeptUser> => {
    const user = await world.login(name);
    t.equal((await user.ask('/told', host)).verdict, 'valid');
    await user.ask('/logout', host);
    await until('the logout counts', async () => (await user.ask('/told', host)).code === 'session.none');
    return user;
  };
  leaver = await leave('leaver', 'members');
  pushedLeaver = await leave('another', 'pushed');
  revoked = await world.login('revoked');
  t.equal((await revoked.ask()).verdict, 'valid');
  const body = JSON.stringify({ user: 'revoked', reason: 'a stolen laptop' });
  const answer = await fetch(`${limpet.adminUrl}/api/v1/revocations`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body,
  });
  t.equal(answer.status, 201);
  await until('the revocation counts', async () => (await revoked.ask()).status === 401);
});

for (const { name, begin, end } of harms) {
  t.test(`a store that ${name}`, async (t) => {
    // Logged in with the app, and never seen here.
    const stranger = await world.login('stranger');
    const stale = await metric(limpet, 'limpet_session_stale_total', 'session="members"');
    t.equal(await ready(), '200 ready\n');
    await begin();
    await allTold([...users, strict], 'valid;stale');
    t.equal(
      (await askPath(limpet.port, '/told', { host: 'members' })).status,
      401,
      'who shows nothing is refused',
    );
    const forged = world.user('forged', 'connect.sid=s%3Aabcdef.ZmFrZSBzaWduYXR1cmUgb2YgdGhlIGNvb2tpZQ');
    t.equal((await forged.ask()).status, 401, 'and so is a forged cookie');
    await until('it is known to be away', async () => (await ready()).startsWith('503'));
    t.match(await ready(), /^503 not ready: the store of the sessions strict is away: ./);
    t.match(
      await stranger.ask(),
      { status: 200, verdict: 'unknown', user: '' },
      'the app decides about others',
    );
    t.match(await stranger.ask('/told', 'strict'), {
      status: 503,
      code: 'session.store-away',
      retryAfter: '2',
    });
    t.match(await stranger.ask('/free/told', 'strict'), { status: 200, verdict: 'unknown' });
    t.match(
      await leaver.ask(),
      { verdict: 'unknown', user: '' },
      'who had logged out is not let in as a user',
    );
    t.match(await leaver.ask('/told', 'strict'), { status: 503 });
    t.notMatch((await pushedLeaver.ask('/told', 'pushed')).verdict, /valid/);
    t.match(await revoked.ask(), { status: 401 }, 'and who was revoked is refused');
    await allTold(users, 'valid;stale');
    await until('what is stale is counted', async () => {
      return (await metric(limpet, 'limpet_session_stale_total', 'session="members"')) > stale + users.length;
    });
    t.match(limpet.logs(), /"why":"[^"]+".*the store of sessions is away/);
    await end();
    await allTold([...users, ...pushed, strict], 'valid');
    await until('it is ready again', async () => (await ready()) === '200 ready\n');
    await until('others are known', async () => (await stranger.ask()).user === 'stranger');
    await until('the logout counts', async () => (await leaver.ask()).code === 'session.none');
    t.match(await revoked.ask(), { status: 401 });
    const all = [...users, ...pushed, strict];
    const asked = all.reduce((sum, user) => sum + user.asked.length, 0);
    t.same(wrongs(all), [], `none of ${asked} requests was refused or did not know its user`);
    t.match(await users[0]!.ask('/me'), { status: 200, user: 'steady-0' }, 'the app knows him still');
  });
}
