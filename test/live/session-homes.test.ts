// One home per session, or per user, without a second cookie: Express with connect-redis on three instances, two Limpets of two workers each.
import { request } from 'node:http';
import t, { type Test } from 'tap';
import { Child } from '../kit/child.ts';
import { metric, pinnedNode, startLimpet } from '../kit/limpet.ts';
import { askPath, cookieOf, type Told, until } from '../kit/named-app.ts';
import { freePort } from '../kit/ports.ts';
import { startRedis } from '../kit/redis-server.ts';
import { appFile } from './session-drill.ts';

const SECRET = 'the secret of a live test, long enough for all';
const redis = await startRedis(t);

/** One of the three instances. */
class App {
  readonly name: string;
  readonly port: number;
  #child: Child | null = null;

  constructor(name: string, port: number) {
    this.name = name;
    this.port = port;
  }

  async start(): Promise<void> {
    const words = [appFile('home-app.js'), this.name, `${this.port}`, redis.url, SECRET];
    this.#child = new Child(pinnedNode, words, { owner: t });
    await this.#child.wrote(/^ready$/m);
  }

  async kill(): Promise<void> {
    await this.#child!.kill('SIGKILL');
  }
}

const apps: App[] = [];
for (const name of ['one', 'two', 'three']) apps.push(new App(name, await freePort()));
await Promise.all(apps.map((app) => app.start()));
const app = (name: string): App => apps.find((one) => one.name === name)!;

const health = { suspicion: false, passive: { ejectFor: '200ms' } };
const pool = (affinity: object, more: object = {}): object => ({
  upstreams: apps.map(({ name, port }) => ({ url: `http://127.0.0.1:${port}`, name })),
  affinity,
  health,
  ...more,
});
const pools = {
  session: pool({ session: true }),
  user: pool({ session: 'user' }),
  agreed: pool({ session: { learn: false } }),
  strict: pool({ session: true, onLost: 'fail' }),
};
const block = {
  verify: 'express-session',
  secrets: SECRET,
  user: 'userId',
  store: redis.url,
  require: 'nothing',
};
const config = {
  workers: 2,
  sessions: { members: block, asked: { ...block, cache: false, outage: { grace: 0 } } },
  routes: [
    ...Object.keys(pools).map((name) => ({ path: `/${name}`, pool: name, session: 'members' })),
    { path: '/asked', pool: 'session', session: 'asked' },
  ],
  pools,
};
const limpet = await startLimpet(config);
const other = await startLimpet(config);

/** What the app says of a request, and the cookie that its session has from then on. */
interface Answer {
  readonly app: string;
  readonly user: string | null;
  readonly visits: number;
  readonly moved: string | null;
  readonly cookies: string;
  readonly cookie: string;
}

async function ask(path: string, cookie = '', port = limpet.port): Promise<Answer> {
  const told: Told = await askPath(port, path, cookie === '' ? {} : { cookie });
  if (told.status !== 200) throw new Error(`${path}: ${told.status} ${told.body}`);
  return { ...JSON.parse(told.body), cookie: cookieOf(told, 'connect.sid') || cookie };
}

/** Several requests, each on a connection of its own, so that both workers have some. */
async function everywhere(path: string, cookie: string, port = limpet.port): Promise<Set<string>> {
  const answers = await Promise.all(Array.from({ length: 8 }, () => ask(path, cookie, port)));
  return new Set(answers.map((answer) => answer.app));
}

/** Where a WebSocket is answered. */
function socketHome(path: string, cookie: string): Promise<string> {
  const headers = { cookie, connection: 'Upgrade', upgrade: 'websocket' };
  return new Promise((resolve, reject) => {
    const outgoing = request({ host: '127.0.0.1', port: limpet.port, path, headers, agent: false });
    outgoing.on('upgrade', (response, socket) => {
      socket.destroy();
      resolve(String(response.headers['x-app']));
    });
    outgoing.on('response', ({ statusCode }) => reject(new Error(`no upgrade: ${statusCode}`)));
    outgoing.on('error', reject).end();
  });
}

async function admin(method: string, path: string, body?: object): Promise<unknown> {
  const response = await fetch(`${limpet.adminUrl}/api/v1${path}`, {
    method,
    ...(body === undefined
      ? {}
      : { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
  });
  return response.json();
}

interface View {
  readonly pool: string;
  readonly name: string;
  readonly observed: string;
  readonly users: number;
}
const views = async (at: string): Promise<View[]> =>
  ((await admin('GET', '/upstreams')) as View[]).filter((view) => view.pool === at);

async function killed(t: Test, name: string): Promise<void> {
  await app(name).kill();
  t.teardown(async () => {
    await app(name).start();
    for (const each of Object.keys(pools))
      await until(`${name} is up`, async () =>
        (await views(each)).every(({ observed }) => observed === 'up'),
      );
  });
}

t.test('a session has one home in every worker, WebSockets too, and no second cookie', async (t) => {
  const homes = new Set<string>();
  for (let i = 0; i < 6; i++) {
    const visit = await ask('/session/visit');
    homes.add(visit.app);
    t.same(await everywhere('/session/x', visit.cookie), new Set([visit.app]), 'where it began');
    const again = await ask('/session/x', visit.cookie);
    t.equal(again.visits, 10, 'so its memory is all there');
    t.equal(again.cookies, visit.cookie);
    t.equal(again.moved, null);
    t.equal(await socketHome('/session/x', visit.cookie), visit.app);
  }
  t.ok(homes.size > 1, 'the balancer spreads those who are new');
});

t.test('a login that changes the id of the session moves nobody', async (t) => {
  for (let i = 0; i < 6; i++) {
    const visit = await ask('/session/visit');
    const login = await ask(`/session/login?user=u${i}`, visit.cookie);
    t.not(login.cookie, visit.cookie);
    t.same(await everywhere('/session/x', login.cookie), new Set([visit.app]));
    const again = await ask('/session/x', login.cookie);
    t.match(again, { user: `u${i}`, visits: 11, moved: null });
  }
});

t.test('by user: all sessions of a user have one home, and two Limpets agree about it', async (t) => {
  const homes = new Set<string>();
  for (let i = 0; i < 8; i++) {
    const phone = (await ask(`/user/login?user=u${i}`)).cookie;
    const desk = (await ask(`/user/login?user=u${i}`, '', other.port)).cookie;
    t.not(phone, desk);
    const at = new Set<string>();
    for (const cookie of [phone, desk])
      for (const { port } of [limpet, other])
        for (const name of await everywhere('/user/x', cookie, port)) at.add(name);
    t.equal(at.size, 1, `one home: ${[...at]}`);
    for (const name of at) homes.add(name);
  }
  t.ok(homes.size > 1, 'users are spread');
});

t.test('by user: who is not logged in has the home of his session', async (t) => {
  const visit = await ask('/user/visit');
  t.same(await everywhere('/user/x', visit.cookie), new Set([visit.app]));
});

t.test('without `learn`, two Limpets agree about every session from its second request on', async (t) => {
  const homes = new Set<string>();
  // By chance all could live at one, now and then.
  for (let i = 0; i < 6 || (homes.size < 2 && i < 40); i++) {
    const { cookie } = await ask('/agreed/visit', '', i % 2 === 0 ? limpet.port : other.port);
    const here = await everywhere('/agreed/x', cookie);
    t.equal(here.size, 1);
    t.same(await everywhere('/agreed/x', cookie, other.port), here);
    for (const name of here) homes.add(name);
  }
  t.ok(homes.size > 1, 'sessions are spread');
});

t.test('a home that is lost moves its own once, together, and nobody back when it returns', async (t) => {
  const users: { cookie: string; home: string }[] = [];
  for (let i = 0; i < 9; i++) {
    const { cookie } = await ask(`/user/login?user=v${i}`);
    users.push({ cookie, home: (await ask('/user/x', cookie)).app });
  }
  const lost = users[0]!.home;
  const strict: { cookie: string; home: string }[] = [];
  while (!strict.some(({ home }) => home === lost)) {
    const { cookie, app } = await ask('/strict/visit');
    strict.push({ cookie, home: app });
  }
  const now = new Map<string, string>();
  await t.test('while it is away', async (t) => {
    await killed(t, lost);
    for (const { cookie, home } of users) {
      if (home !== lost) {
        t.same(await everywhere('/user/x', cookie), new Set([home]), 'who lives elsewhere stays');
        continue;
      }
      const together = await Promise.all([1, 2, 3, 4].map(() => ask('/user/x', cookie)));
      t.equal(new Set(together.map((answer) => answer.app)).size, 1, 'all of his requests meet');
      t.ok(
        together.some(({ moved }) => moved === 'moved'),
        'the app is told',
      );
      t.equal((await ask('/user/x', cookie)).moved, null, 'once');
      now.set(cookie, together[0]!.app);
    }
    for (const { cookie, home } of strict) {
      const { status, body } = await askPath(limpet.port, '/strict/x', {
        cookie,
        accept: 'application/json',
      });
      t.equal(status, home === lost ? 503 : 200);
      if (home === lost) t.match(JSON.parse(body), { error: { code: 'affinity.lost' } });
    }
  });
  for (const { cookie, home } of users)
    t.same(
      await everywhere('/user/x', cookie),
      new Set([now.get(cookie) ?? home]),
      'its return moves nobody',
    );
  for (const { cookie, home } of strict) t.equal((await ask('/strict/x', cookie)).app, home);
});

t.test('a drained one keeps its users and is given no others; one that joins moves nobody', async (t) => {
  await admin('PATCH', '/upstreams/user/three', { wanted: 'maintenance' });
  const users: { cookie: string; home: string }[] = [];
  for (let i = 0; i < 9; i++) {
    const { cookie } = await ask(`/user/login?user=w${i}`);
    users.push({ cookie, home: (await ask('/user/x', cookie)).app });
  }
  t.notOk(users.some(({ home }) => home === 'three'));
  await admin('PATCH', '/upstreams/user/three', { wanted: 'ready' });
  const stay = async (what: string): Promise<void> => {
    for (const { cookie, home } of users) t.same(await everywhere('/user/x', cookie), new Set([home]), what);
  };
  await stay('one more takes nobody');
  await admin('PATCH', '/upstreams/user/one', { wanted: 'drain' });
  await stay('a drain moves nobody');
  const fresh = new Set<string>();
  for (let i = 0; i < 8; i++) {
    const { cookie } = await ask(`/user/login?user=x${i}`);
    fresh.add((await ask('/user/x', cookie)).app);
  }
  t.notOk(fresh.has('one'));
  t.ok(fresh.has('three'), 'the new one has its share of those who are new');
  await admin('PATCH', '/upstreams/user/one', { wanted: 'ready' });
});

t.test('homes are counted as those of the other kinds', async (t) => {
  const count = (result: string) =>
    metric(limpet, 'limpet_affinity_total', 'pool="strict"', `result="${result}"`);
  const counted = async () => (await views('strict')).reduce((sum, view) => sum + view.users, 0);
  const [fresh, kept, users] = [await count('new'), await count('kept'), await counted()];
  for (let i = 0; i < 4; i++) {
    const visit = await ask('/strict/visit');
    for (let again = 0; again < 3; again++) await ask('/strict/x', visit.cookie);
  }
  await ask('/strict/nothing-that-begins-a-session');
  await until('they are counted', async () => (await count('kept')) === kept + 12);
  t.equal(await count('new'), fresh + 4);
  // An estimate: two users may look like one.
  const more = (await counted()) - users;
  t.ok(more >= 2 && more <= 5, `${more} more users for 4`);
  const moved = await metric(limpet, 'limpet_affinity_total', 'pool="user"', 'result="moved"');
  t.ok(moved > 0, 'by the test above');
});

t.test('a store that is away moves nobody', async (t) => {
  const sessions: { cookie: string; home: string }[] = [];
  for (let i = 0; i < 6; i++) {
    const visit = await ask('/asked/visit');
    sessions.push({ cookie: visit.cookie, home: visit.app });
  }
  await redis.kill();
  for (const { cookie, home } of sessions) t.same(await everywhere('/asked/bare', cookie), new Set([home]));
  const unknown = () => metric(limpet, 'limpet_session_checks_total', 'session="asked"', 'verdict="unknown"');
  await until('it was not told who they are', async () => (await unknown()) >= 48);
});
