// What can happen to a home, and what its users notice of it: lost, failing once, full, draining, overfull, back again.
import type { ServerResponse } from 'node:http';
import t from 'tap';
import { values } from '../kit/http-message.ts';
import { metric, startLimpet } from '../kit/limpet.ts';
import {
  askPath,
  calm,
  cookieOf,
  type NamedApp,
  sayName,
  startNamedApp,
  type Told,
  until,
} from '../kit/named-app.ts';
import { askOnce } from '../kit/raw-client.ts';
import { RawUpstream } from '../kit/raw-upstream.ts';

const apps: NamedApp[] = [];
for (const name of ['alpha', 'bravo', 'charlie', 'delta']) apps.push(await startNamedApp(name, t));
const brittle: RawUpstream[] = [];
for (let i = 0; i < 3; i++) brittle.push(await RawUpstream.listen());
const SECRET = 'the secret of a test about losses';
const upstreams = apps.map(({ name, url }) => ({ name, url }));
const health = { ...calm, passive: { ejectFor: '200ms' } };
const cookie = { secrets: [SECRET] };
const limpet = await startLimpet({
  workers: 2,
  routes: [
    { path: '/', pool: 'main' },
    { path: '/fail', pool: 'fail' },
    { path: '/reset', pool: 'reset' },
    { path: '/narrow', pool: 'narrow' },
    { path: '/even', pool: 'even' },
    { path: '/counted', pool: 'counted' },
    { path: '/uneven', pool: 'uneven' },
  ],
  pools: {
    main: { upstreams, health, affinity: { cookie } },
    fail: { upstreams, health, affinity: { cookie, onLost: 'fail' } },
    reset: {
      upstreams: brittle.map(({ url }, i) => ({ url, name: `brittle-${i}` })),
      health: calm,
      affinity: { cookie },
    },
    narrow: {
      upstreams: upstreams.slice(0, 2).map((u) => ({ ...u, maxConnections: 1 })),
      health: calm,
      affinity: { cookie },
      queue: { max: 1, timeout: '10s' },
    },
    even: { upstreams: upstreams.slice(0, 3), health: calm, affinity: { cookie } },
    counted: { upstreams: upstreams.slice(0, 2), health: calm, affinity: { cookie } },
    uneven: {
      upstreams: upstreams.slice(0, 3),
      health: calm,
      balance: { hash: { on: 'header X-Same', load: 100 } },
      affinity: { cookie, maxOverload: 1.2 },
    },
  },
});
const app = (name: string): NamedApp => apps.find((a) => a.name === name)!;
const ask = (path: string, cookie = '', more: Record<string, string> = {}, method = 'GET'): Promise<Told> =>
  askPath(limpet.port, path, cookie === '' ? more : { cookie, ...more }, method);
const toldMoved = (name: string): string | string[] | undefined =>
  app(name).seen.at(-1)?.headers['limpet-affinity'];

interface User {
  home: string;
  cookie: string;
}
async function settle(path: string, count: number, more: Record<string, string> = {}): Promise<User[]> {
  const all: User[] = [];
  for (let i = 0; i < count; i++) {
    const told = await ask(path, '', more);
    all.push({ home: told.body, cookie: cookieOf(told) });
  }
  return all;
}
const share = (users: readonly User[], home: string): number => users.filter((u) => u.home === home).length;

interface View {
  readonly pool: string;
  readonly name: string;
  readonly observed: string;
  readonly users: number;
}
const views = async (pool: string): Promise<View[]> => {
  const all = (await (await fetch(`${limpet.adminUrl}/api/v1/upstreams`)).json()) as View[];
  return all.filter((u) => u.pool === pool);
};
const patch = async (pool: string, name: string, change: object): Promise<void> => {
  const answer = await fetch(`${limpet.adminUrl}/api/v1/upstreams/${pool}/${name}`, {
    method: 'PATCH',
    body: JSON.stringify(change),
    headers: { 'content-type': 'application/json' },
  });
  if (!answer.ok) throw new Error(await answer.text());
};
const isSeen = (pool: string, name: string, observed: string): Promise<void> =>
  until(`${pool}/${name} is ${observed}`, async () =>
    (await views(pool)).some((u) => u.name === name && u.observed === observed),
  );

t.test(
  'a lost home: one new home for all of a user’s requests, told to the app once, and kept',
  async (t) => {
    const users = await settle('/', 16);
    const lost = users.filter((u) => u.home === 'bravo');
    const moves = await metric(limpet, 'limpet_affinity_total', 'pool="main"', 'result="moved"');
    await app('bravo').stop();
    let moved = 0;
    for (const user of lost) {
      const together = await Promise.all([...'123456'].map(() => ask('/', user.cookie)));
      moved += together.length;
      t.ok(together.every((told) => told.status === 200));
      const now = together[0]!.body;
      t.ok(now !== 'bravo' && together.every((told) => told.body === now), 'all at one new home');
      t.equal(toldMoved(now), 'moved');
      const pinned = new Set(together.map((told) => cookieOf(told)));
      t.equal(pinned.size, 1, 'all are given the same cookie');
      user.home = now;
      user.cookie = [...pinned][0]!;
      t.strictSame((await ask('/', user.cookie)).cookies, []);
      t.equal(toldMoved(now), undefined);
    }
    t.ok(new Set(lost.map((u) => u.home)).size > 1, 'its users spread over the others');
    for (const user of users) t.equal((await ask('/', user.cookie)).body, user.home);
    await until('the moves are counted', async () => {
      const now = await metric(limpet, 'limpet_affinity_total', 'pool="main"', 'result="moved"');
      return now - moves === moved;
    });
    await app('bravo').start();
    await isSeen('main', 'bravo', 'up');
    for (const user of users) {
      const told = await ask('/', user.cookie);
      t.equal(told.body, user.home, 'the return moves nobody back');
      t.strictSame(told.cookies, []);
    }
  },
);

t.test('a client cannot say Limpet-Affinity itself', async (t) => {
  const told = await ask('/', '', { 'Limpet-Affinity': 'moved' });
  t.equal(toldMoved(told.body), undefined);
});

t.test('whatever becomes of the others, who has a home that is up stays there', async (t) => {
  const users = (await settle('/', 12)).filter((u) => u.home === 'alpha' || u.home === 'charlie');
  t.ok(users.length >= 4);
  const stay = async (when: string): Promise<void> => {
    for (const user of users) {
      const told = await ask('/', user.cookie);
      if (told.body !== user.home || told.cookies.length > 0) t.fail(`${user.home} was left ${when}`);
    }
    t.pass(when);
  };
  await app('delta').stop();
  await stay('while another dies');
  await app('bravo').stop();
  await stay('while a second one dies');
  await app('delta').start();
  await app('bravo').start();
  await isSeen('main', 'delta', 'up');
  await isSeen('main', 'bravo', 'up');
  await stay('when both are back');
  await patch('main', 'delta', { weight: 100 });
  await stay('while another has most of the weight');
  await patch('main', 'alpha', { weight: 0 });
  await stay('while its own weight is none');
  t.notOk(
    (await settle('/', 8)).some((u) => u.home === 'alpha'),
    'weight 0 takes nobody new',
  );
  await patch('main', 'delta', { weight: 1 });
  await patch('main', 'alpha', { weight: 1 });
});

t.test('onLost: fail says so, in words or JSON, to the lost alone', async (t) => {
  const users = await settle('/fail', 8);
  const lost = users.find((u) => u.home === 'charlie')!;
  await app('charlie').stop();
  const text = await ask('/fail', lost.cookie);
  t.equal(text.status, 503);
  t.match(text.headers['content-type'], /^text\/plain/);
  t.strictSame(text.cookies, [], 'his home is not forgotten');
  t.ok(text.headers['retry-after']);
  const json = await ask('/fail', lost.cookie, { accept: 'application/json' });
  t.equal(json.status, 503);
  t.match(JSON.parse(json.body), { error: { code: 'affinity.lost' } });
  const post = await ask('/fail', lost.cookie, { accept: 'application/json' }, 'POST');
  t.match(JSON.parse(post.body), { error: { code: 'affinity.lost' } });
  for (const user of users.filter((u) => u.home !== 'charlie'))
    t.equal((await ask('/fail', user.cookie)).body, user.home);
  t.equal((await ask('/fail')).status, 200, 'new users find a home');
  await app('charlie').start();
  await isSeen('fail', 'charlie', 'up');
  t.equal((await ask('/fail', lost.cookie)).body, 'charlie', 'and he is back when it is');
  await isSeen('main', 'charlie', 'up');
});

t.test('a home that breaks one connection stays the home', async (t) => {
  for (const [i, each] of brittle.entries()) {
    each.script = async (exchange) => {
      const message = await exchange.whole();
      if (message.start.includes('?break')) exchange.connection.reset();
      else exchange.send(`HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n${i}`);
    };
  }
  const first = await askOnce(limpet.port, 'GET /reset HTTP/1.1\r\nHost: x\r\n\r\n');
  const home = first.body.toString();
  const pair = values(first, 'set-cookie')[0]!.split(';')[0]!;
  const again = (target: string, method = 'GET'): Promise<Told> => ask(target, pair, {}, method);
  const at = brittle[Number(home)]!;
  const script = at.script;
  for (const [i, each] of brittle.entries()) {
    if (each === at) continue;
    each.script = async (exchange) => {
      await exchange.whole();
      exchange.send(`HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n${i}`);
    };
  }
  const elsewhere = await again('/reset?break');
  t.equal(elsewhere.status, 200);
  t.not(elsewhere.body, home, 'another answers this one');
  t.strictSame(elsewhere.cookies, [], 'and does not become the home');
  const { head } = brittle[Number(elsewhere.body)]!.last;
  t.strictSame(values(head, 'limpet-affinity'), ['moved'], 'but knows that it has no session of his');
  t.equal((await again('/reset?break', 'POST')).status, 502, 'what may have been done is not done twice');
  at.script = script;
  for (let i = 0; i < 6; i++) t.equal((await again('/reset')).body, home);
  t.strictSame(
    brittle.flatMap((each) => each.errors),
    [],
  );
});

/** Makes an app keep its answers back until they are let go. */
function hold(held: NamedApp): { waiting: ServerResponse[]; letGo(): void } {
  const waiting: ServerResponse[] = [];
  held.answer = (request, response) => {
    // A probe is answered: the app is busy, not hung.
    if (request.method === 'OPTIONS') response.end();
    else waiting.push(response);
  };
  return {
    waiting,
    letGo: () => {
      held.answer = sayName;
      for (const response of waiting.splice(0)) response.end(held.name);
    },
  };
}

t.test('a home that is full is waited for, or refused, but never left', async (t) => {
  const user = (await settle('/narrow', 4)).find((u) => u.home === 'alpha')!;
  const { waiting, letGo } = hold(app('alpha'));
  const running = ask('/narrow', user.cookie);
  await until('his first request is under way', () => waiting.length === 1);
  // One of the two stands in the line, whichever comes first; the other finds it full.
  const others = [1, 2].map(() => ask('/narrow', user.cookie, { accept: 'application/json' }));
  const refused = await Promise.race(others);
  t.equal(refused.status, 503);
  t.match(JSON.parse(refused.body), { error: { code: 'pool.full' } });
  t.equal((await ask('/narrow')).body, 'bravo', 'new users go where there is room');
  letGo();
  t.equal((await running).body, 'alpha');
  const bodies = (await Promise.all(others)).map((told) => told.body);
  t.ok(bodies.includes('alpha'), 'who waited is served at home');
});

t.test('a draining upstream keeps its users and takes no new ones', async (t) => {
  const users = await settle('/even', 9);
  const living = users.filter((u) => u.home === 'alpha');
  await patch('even', 'alpha', { wanted: 'drain' });
  t.equal(share(await settle('/even', 12), 'alpha'), 0);
  for (const user of living) {
    const told = await ask('/even', user.cookie);
    t.equal(told.body, 'alpha');
    t.equal(told.headers['limpet-affinity'], undefined);
    t.strictSame(told.cookies, []);
  }
  await patch('even', 'alpha', { wanted: 'ready' });
  t.ok(share(await settle('/even', 12), 'alpha') > 0, 'ready again, it takes new ones');
  for (const user of living) t.equal((await ask('/even', user.cookie)).body, 'alpha');
});

t.test(
  'no upstream is given users beyond maxOverload times the mean, however balance would choose',
  async (t) => {
    const users = await settle('/uneven', 60, { 'X-Same': 'for all' });
    // Two workers count for themselves between two measurements, each right to one user.
    for (const { name } of upstreams.slice(0, 3)) {
      t.ok(share(users, name) <= Math.ceil(1.2 * (61 / 3)) + 2, `${name}: ${share(users, name)} of 60`);
    }
    t.ok(users.every((u) => u.cookie !== ''));
  },
);

t.test(
  'who has more than his share already is given no new users until the others have caught up',
  async (t) => {
    await patch('counted', 'bravo', { wanted: 'drain' });
    const users = await settle('/counted', 40);
    t.equal(share(users, 'alpha'), 40);
    for (const user of users) await ask('/counted', user.cookie);
    await until('they are counted', async () => (await views('counted'))[0]!.users >= 38);
    await patch('counted', 'bravo', { wanted: 'ready' });
    const fresh = await settle('/counted', 10);
    t.equal(share(fresh, 'bravo'), 10, JSON.stringify(fresh.map((u) => u.home)));
  },
);

t.test('the number of users is near the truth, and a request more is no user more', async (t) => {
  const users = await settle('/fail', 240);
  for (let i = 0; i < 2; i++) for (const user of users) await ask('/fail', user.cookie);
  for (const { name, users: counted } of await views('fail')) {
    const truth = share(users, name);
    // The tests above left a few of theirs; the estimate itself is right to 3.3 % in two of three cases.
    t.ok(counted >= truth * 0.88 && counted <= truth * 1.12 + 8, `${name}: ${counted} for ${truth}`);
  }
});
