// Sessions that an app loses are counted, with real Express apps: in memory behind a moved user, and none where sessions are kept well.
import { fileURLToPath } from 'node:url';
import t, { type Test } from 'tap';
import type { ContinuityView } from '../../src/admin/view.ts';
import { type Reply, User } from '../kit/apps.ts';
import { Child } from '../kit/child.ts';
import { metric, pinnedNode, startLimpet } from '../kit/limpet.ts';
import { until } from '../kit/named-app.ts';
import { freePort } from '../kit/ports.ts';
import { startRedis } from '../kit/redis-server.ts';

const file = fileURLToPath(new URL('../apps/servers/shop-app.js', import.meta.url));
const SECRET = 'the session secret of a shop in a test';
const FORM = { 'content-type': 'application/x-www-form-urlencoded' };
const redis = await startRedis();

/** One instance of the shop. */
async function startShop(name: string, kind: string, port: number): Promise<Child> {
  const child = new Child(pinnedNode, [file, String(port), name, kind, redis.url]);
  await child.wrote(/^ready$/m);
  return child;
}

/** Two of them, as a pool has them. */
async function startShops(kind: string): Promise<readonly { name: string; url: string }[]> {
  const start = async (name: string): Promise<{ name: string; url: string }> => {
    const port = await freePort();
    await startShop(name, kind, port);
    return { name, url: `http://127.0.0.1:${port}` };
  };
  return Promise.all([start('blue'), start('green')]);
}

const [memory, stored, inCookie] = await Promise.all(['memory', 'redis', 'cookie'].map(startShops));
const onlyPort = await freePort();
const only = await startShop('only', 'memory', onlyPort);
const block = { cookie: 'sid', secrets: [SECRET], user: 'user', require: 'nothing' };
/** Each pool has the host of its name. */
const pools = {
  homes: {
    upstreams: memory,
    affinity: { cookie: { secrets: ['a secret of a test of continuity'] } },
    continuity: { cookie: 'sid' },
  },
  basket: { upstreams: memory, continuity: { cookie: 'sid' } },
  restart: {
    upstreams: [{ name: 'only', url: `http://127.0.0.1:${onlyPort}` }],
    continuity: { cookie: 'sid' },
  },
  stored: { upstreams: stored, continuity: { cookie: 'sid' } },
  checked: { upstreams: stored },
  cookie: { upstreams: inCookie, continuity: { cookie: 'sid', holds: 'session' } },
  off: { upstreams: inCookie, continuity: false },
  unnamed: { upstreams: inCookie },
};
const sessions: Record<string, object> = {
  checked: { ...block, verify: 'express-session', store: redis.url, cache: { ttl: '1m', push: false } },
  off: { ...block, verify: 'cookie-session' },
};
const limpet = await startLimpet({
  pools,
  sessions,
  routes: Object.keys(pools).map((name) => ({
    host: name,
    pool: name,
    session: name in sessions ? name : false,
  })),
  workers: 2,
});

async function viewOf(pool: keyof typeof pools): Promise<ContinuityView | undefined> {
  const answer = await fetch(`${limpet.adminUrl}/api/v1/sessions/continuity`);
  return ((await answer.json()) as ContinuityView[]).find((view) => view.pool === pool);
}

const want = async (name: string, wanted: string): Promise<void> => {
  const answer = await fetch(`${limpet.adminUrl}/api/v1/upstreams/homes/${name}`, {
    method: 'PATCH',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ wanted }),
  });
  t.equal(answer.status, 200);
};
const login = (user: User, name = 'ann'): Promise<Reply> =>
  user.ask('/login', { body: `user=${name}`, headers: FORM });

t.test('sessions in memory: who is moved loses his session, which is counted once', async (t) => {
  t.match(await viewOf('homes'), { cookie: 'sid', sessions: 0, share: null, finding: 'unclear' });
  const users = Array.from({ length: 8 }, () => new User(limpet.url, 'homes'));
  for (const user of users) {
    t.equal((await login(user)).status, 303);
    t.equal((await user.ask('/account')).status, 200);
    await user.ask('/about');
  }
  t.match(await viewOf('homes'), {
    sessions: 8,
    requests: { first: 0, kept: 16, changed: 0 },
    resets: { moved: 0, same: 0 },
    finding: 'unclear',
    sentence: /not enough changes seen yet \(no session has changed its instance\)/,
  });
  const homes = await Promise.all(users.map(async (user) => (await user.ask('/about')).json.app));
  await want('blue', 'maintenance');
  const moved = homes.filter((home) => home === 'blue').length;
  t.ok(moved >= 3, 'turns go round');
  for (const user of users) {
    const { status, headers } = await user.ask('/account');
    if (status === 302) t.match(headers.location, /^\/login/);
    // What comes after the loss is no news.
    await user.ask('/account');
    await user.ask('/about');
  }
  t.match(await viewOf('homes'), {
    sessions: 8,
    requests: { changed: moved },
    resets: { moved, same: 0 },
    share: 1,
    finding: 'depends',
    sentence: `pool homes depends on stickiness: ${moved} sessions were lost in ${moved} changes of instance`,
  });
  const labels = ['from="blue"', 'to="green"', 'cause="moved"', 'pool="homes"'];
  await until(
    'the losses are in /metrics',
    async () => (await metric(limpet, 'limpet_session_resets_total', ...labels)) === moved,
  );
  // They log in again, at home on the other one, and are watched again.
  for (const user of users) await login(user);
  await want('blue', 'ready');
  await want('green', 'maintenance');
  for (const user of users) t.equal((await user.ask('/account')).status, 302);
  t.match(await viewOf('homes'), { resets: { moved: moved + 8, same: 0 }, finding: 'depends' });
});

t.test('sessions in memory: a basket that is lost is counted by the new session in its place', async (t) => {
  const user = new User(limpet.url, 'basket');
  const seen = new Set<unknown>();
  for (let n = 0; n < 10; n++) seen.add((await user.ask('/')).json.basket);
  const { resets, requests, share, finding } = (await viewOf('basket'))!;
  t.equal(resets.moved + 1, seen.size, 'each new basket but the first stands for a lost one');
  t.ok(resets.moved >= 3);
  t.equal(resets.moved, requests.changed);
  t.same([resets.same, share, finding], [0, 1, 'depends']);
});

t.test('sessions in memory: a restart of the app loses them without a move', async (t) => {
  const user = new User(limpet.url, 'restart');
  await user.ask('/');
  await user.ask('/');
  await only.kill();
  await startShop('only', 'memory', onlyPort);
  await user.ask('/');
  t.match(await viewOf('restart'), { resets: { moved: 0, same: 1 }, requests: { changed: 0 } });
  const labels = ['from="only"', 'to="only"', 'cause="same"'];
  // The text of /metrics may be a moment old.
  await until(
    'the losses are in /metrics',
    async () => (await metric(limpet, 'limpet_session_resets_total', ...labels)) === 1,
  );
});

/** Visits, wrong and right logins, logouts and new ids, each request on whatever instance comes next. */
async function live(pool: string, t: Test): Promise<void> {
  for (const name of ['ann', 'bob', 'cid']) {
    const user = new User(limpet.url, pool);
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
  await live('stored', t);
  t.match(await viewOf('stored'), FREE);
});

t.test(
  'sessions in Redis behind a session block: watched by itself, and a login by a link is no loss',
  async (t) => {
    await live('checked', t);
    const user = new User(limpet.url, 'checked');
    await user.ask('/');
    await user.ask('/by-mail');
    t.equal((await user.ask('/account')).json.user, 'ann');
    await user.ask('/fresh-id');
    t.equal((await user.ask('/account')).json.user, 'ann');
    t.match(await viewOf('checked'), { ...FREE, cookie: 'sid' });
    const { sessions: before } = (await viewOf('checked'))!;
    const spelt = user.cookies.get('sid');
    await user.ask('/respell');
    t.not(user.cookies.get('sid'), spelt);
    t.equal((await user.ask('/account')).json.user, 'ann');
    t.match(await viewOf('checked'), { ...FREE, sessions: before }, 'another spelling is the same session');
    await user.ask('/mix-up');
    const sum = async (): Promise<number> => {
      const { resets } = (await viewOf('checked'))!;
      return resets.moved + resets.same;
    };
    t.equal(await sum(), 0, 'whether the new session is as good is not known yet');
    await user.ask('/');
    t.equal(await sum(), 1, 'nobody is logged in there, so it was a loss');
    await user.ask('/');
    t.equal(await sum(), 1);
  },
);

t.test('sessions in the cookie: each write changes it, and nothing is lost', async (t) => {
  await live('cookie', t);
  t.match(await viewOf('cookie'), FREE);
});

t.test('`continuity: false` watches nothing, and so does a pool without a cookie to watch', async (t) => {
  for (const pool of ['off', 'unnamed'] as const) {
    t.equal((await new User(limpet.url, pool).ask('/')).status, 200);
    t.equal(await viewOf(pool), undefined);
  }
});
