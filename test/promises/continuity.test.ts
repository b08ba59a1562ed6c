// Sessions that an app loses are counted, with real Express apps: in memory behind a moved user, and none where sessions are kept well.
import { fileURLToPath } from 'node:url';
import t, { type Test } from 'tap';
import type { ContinuityView } from '../../src/admin/view.ts';
import { type Reply, User } from '../kit/apps.ts';
import { Child } from '../kit/child.ts';
import { metric, pinnedNode, type RunningLimpet, startLimpet } from '../kit/limpet.ts';
import { freePort } from '../kit/ports.ts';
import { startRedis } from '../kit/redis-server.ts';

const file = fileURLToPath(new URL('../apps/servers/shop-app.js', import.meta.url));
const SECRET = 'the session secret of a shop in a test';
const FORM = { 'content-type': 'application/x-www-form-urlencoded' };
const redis = await startRedis();

interface Upstream {
  readonly name: string;
  readonly url: string;
}

/** Two instances of the shop. */
async function startShop(t: Test, kind: string): Promise<Upstream[]> {
  const start = async (name: string): Promise<Upstream> => {
    const port = await freePort();
    const child = new Child(pinnedNode, [file, String(port), name, kind, redis.url], { owner: t });
    await child.wrote(/^ready$/m);
    return { name, url: `http://127.0.0.1:${port}` };
  };
  return Promise.all([start('blue'), start('green')]);
}

async function viewOf(limpet: RunningLimpet): Promise<ContinuityView> {
  const list = (await (
    await fetch(`${limpet.adminUrl}/api/v1/sessions/continuity`)
  ).json()) as ContinuityView[];
  return list[0]!;
}

const want = async (limpet: RunningLimpet, name: string, wanted: string): Promise<void> => {
  const answer = await fetch(`${limpet.adminUrl}/api/v1/upstreams/default/${name}`, {
    method: 'PATCH',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ wanted }),
  });
  t.equal(answer.status, 200);
};
const login = (user: User, name = 'ann'): Promise<Reply> =>
  user.ask('/login', { body: `user=${name}`, headers: FORM });

t.test('sessions in memory: who is moved loses his session, which is counted once', async (t) => {
  const upstreams = await startShop(t, 'memory');
  const limpet = await startLimpet(
    {
      upstreams,
      affinity: { cookie: { secrets: ['a secret of a test of continuity'] } },
      continuity: { cookie: 'sid' },
      workers: 2,
    },
    { owner: t },
  );
  t.match(await viewOf(limpet), {
    pool: 'default',
    cookie: 'sid',
    sessions: 0,
    share: null,
    finding: 'unclear',
  });
  const users = Array.from({ length: 8 }, () => new User(limpet.url));
  for (const user of users) {
    t.equal((await login(user)).status, 303);
    t.equal((await user.ask('/account')).status, 200);
    await user.ask('/about');
  }
  t.match(await viewOf(limpet), {
    sessions: 8,
    requests: { first: 0, kept: 16, changed: 0 },
    resets: { moved: 0, same: 0 },
    finding: 'unclear',
    sentence: /not enough changes seen yet \(no session has changed its instance\)/,
  });
  const homes = await Promise.all(users.map(async (user) => (await user.ask('/about')).json.app));
  await want(limpet, 'blue', 'maintenance');
  const moved = homes.filter((home) => home === 'blue').length;
  t.ok(moved >= 3, 'turns go round');
  for (const user of users) {
    const { status, headers } = await user.ask('/account');
    if (status === 302) t.match(headers.location, /^\/login/);
    // What comes after the loss is no news.
    await user.ask('/account');
    await user.ask('/about');
  }
  t.match(await viewOf(limpet), {
    sessions: 8,
    requests: { changed: moved },
    resets: { moved, same: 0 },
    share: 1,
    finding: 'depends',
    sentence: `pool default depends on stickiness: ${moved} sessions were lost in ${moved} changes of instance`,
  });
  t.equal(
    await metric(
      limpet,
      'limpet_session_resets_total',
      'from="blue"',
      'to="green"',
      'cause="moved"',
      'pool="default"',
    ),
    moved,
  );
  // They log in again, at home on the other one, and are watched again.
  for (const user of users) await login(user);
  await want(limpet, 'blue', 'ready');
  await want(limpet, 'green', 'maintenance');
  for (const user of users) t.equal((await user.ask('/account')).status, 302);
  t.match(await viewOf(limpet), { resets: { moved: moved + 8, same: 0 }, finding: 'depends' });
});

t.test('sessions in memory: a basket that is lost is counted by the new session in its place', async (t) => {
  const upstreams = await startShop(t, 'memory');
  const limpet = await startLimpet({ upstreams, continuity: { cookie: 'sid' } }, { owner: t });
  const user = new User(limpet.url);
  const seen = new Set<unknown>();
  for (let n = 0; n < 10; n++) seen.add((await user.ask('/')).json.basket);
  const { resets, requests, share, finding } = await viewOf(limpet);
  t.equal(resets.moved + 1, seen.size, 'each new basket but the first stands for a lost one');
  t.ok(resets.moved >= 3);
  t.equal(resets.moved, requests.changed);
  t.same([resets.same, share, finding], [0, 1, 'depends']);
});

t.test('sessions in memory: a restart of the app loses them without a move', async (t) => {
  const port = await freePort();
  const start = async (): Promise<Child> => {
    const child = new Child(pinnedNode, [file, String(port), 'only', 'memory'], { owner: t });
    await child.wrote(/^ready$/m);
    return child;
  };
  const app = await start();
  const upstreams = [{ name: 'only', url: `http://127.0.0.1:${port}` }];
  const limpet = await startLimpet({ upstreams, continuity: { cookie: 'sid' } }, { owner: t });
  const user = new User(limpet.url);
  await user.ask('/');
  await user.ask('/');
  await app.kill();
  await start();
  await user.ask('/');
  t.match(await viewOf(limpet), { resets: { moved: 0, same: 1 }, requests: { changed: 0 } });
  t.equal(await metric(limpet, 'limpet_session_resets_total', 'from="only"', 'to="only"', 'cause="same"'), 1);
});

/** Visits, wrong and right logins, logouts and new ids, each request on whatever instance comes next. */
async function live(limpet: RunningLimpet, t: Test): Promise<void> {
  for (const name of ['ann', 'bob', 'cid']) {
    const user = new User(limpet.url);
    const { basket } = (await user.ask('/')).json;
    t.equal((await user.ask('/account')).status, 302, 'a visitor is sent to log in, which is no loss');
    t.equal((await login(user, 'nobody')).status, 303);
    t.equal((await user.ask('/account')).status, 302);
    t.equal((await user.ask('/')).json.basket, basket);
    t.equal((await login(user, name)).status, 303);
    for (let n = 0; n < 36; n++) t.equal((await user.ask('/account')).status, 200);
    await user.ask('/');
    t.equal((await user.ask('/account')).json.user, name);
    t.equal((await user.ask('/logout', { method: 'POST' })).status, 303);
    t.equal((await user.ask('/account')).status, 302);
    await user.ask('/');
  }
}

const FREE = {
  resets: { moved: 0, same: 0 },
  share: 0,
  finding: 'free',
  sentence: /^no session was lost in 1\d\d changes of instance: affinity can go$/,
};

t.test('sessions in Redis: nothing is lost by changes, logins, logouts and new ids', async (t) => {
  const upstreams = await startShop(t, 'redis');
  const limpet = await startLimpet({ upstreams, continuity: { cookie: 'sid' } }, { owner: t });
  await live(limpet, t);
  t.match(await viewOf(limpet), FREE);
});

t.test(
  'sessions in Redis behind a session block: watched by itself, and a login by a link is no loss',
  async (t) => {
    const upstreams = await startShop(t, 'redis');
    const session = {
      verify: 'express-session',
      cookie: 'sid',
      secrets: [SECRET],
      user: 'user',
      store: redis.url,
      require: 'nothing',
      cache: { push: false },
    };
    const limpet = await startLimpet({ upstreams, session }, { owner: t });
    await live(limpet, t);
    const user = new User(limpet.url);
    await user.ask('/');
    await user.ask('/by-mail');
    t.equal((await user.ask('/account')).json.user, 'ann');
    await user.ask('/fresh-id');
    t.equal((await user.ask('/account')).json.user, 'ann');
    t.match(await viewOf(limpet), { ...FREE, cookie: 'sid' });
  },
);

t.test('sessions in the cookie: each write changes it, and nothing is lost', async (t) => {
  const upstreams = await startShop(t, 'cookie');
  const limpet = await startLimpet(
    { upstreams, continuity: { cookie: 'sid', holds: 'session' } },
    { owner: t },
  );
  await live(limpet, t);
  t.match(await viewOf(limpet), FREE);
});

t.test('`continuity: false` watches nothing, and so does a pool without a cookie to watch', async (t) => {
  const upstreams = await startShop(t, 'cookie');
  const session = {
    verify: 'cookie-session',
    cookie: 'sid',
    secrets: [SECRET],
    user: 'user',
    require: 'nothing',
  };
  const off = await startLimpet({ upstreams, session, continuity: false }, { owner: t });
  await new User(off.url).ask('/');
  t.equal(await viewOf(off), undefined);
  t.equal(await viewOf(await startLimpet({ upstreams }, { owner: t })), undefined);
});
