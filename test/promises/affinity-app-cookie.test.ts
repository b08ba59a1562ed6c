// Homes by the app's own session cookie: marked on its way out (prefix), or only remembered (learned).
import t from 'tap';
import { type Message, value, values } from '../kit/http-message.ts';
import { metric, startLimpet } from '../kit/limpet.ts';
import { type Answer, calm, type NamedApp, sayName, startNamedApp, until } from '../kit/named-app.ts';
import { askOnce } from '../kit/raw-client.ts';

const apps: NamedApp[] = [];
for (const name of ['alpha', 'bravo', 'charlie', 'delta']) apps.push(await startNamedApp(name, t));
const SECRET = 'the secret of a test about app cookies';
const upstreams = apps.map(({ name, url }) => ({ name, url }));
const health = { ...calm, passive: { ejectFor: '200ms' } };
const limpet = await startLimpet({
  workers: 2,
  routes: [
    { path: '/prefix', pool: 'prefix' },
    { path: '/learned', pool: 'learned' },
    { path: '/strict', pool: 'strict' },
  ],
  pools: {
    prefix: { upstreams, health, affinity: { cookie: { mode: 'prefix', of: 'sid', secrets: [SECRET] } } },
    learned: { upstreams, health, affinity: { learned: { cookie: 'sid' } } },
    strict: { upstreams, health, affinity: { learned: { cookie: 'sid' }, onLost: 'fail' } },
  },
});
const app = (name: string): NamedApp => apps.find((a) => a.name === name)!;
const home = (answer: Message): string => answer.body.toString();
function ask(path: string, ...cookies: readonly string[]): Promise<Message> {
  const lines = cookies.map((line) => `Cookie: ${line}\r\n`).join('');
  return askOnce(limpet.port, `GET ${path} HTTP/1.1\r\nHost: x\r\nAccept: application/json\r\n${lines}\r\n`);
}
/** The `name=value` of the session cookie that the answer sets. */
const session = (answer: Message): string =>
  values(answer, 'set-cookie')
    .find((line) => line.startsWith('sid='))!
    .split(';')[0]!;
const seenCookie = (name: string): string | undefined => app(name).seen.at(-1)?.headers.cookie;
const inAll = (answer: Answer): void => {
  for (const each of apps) each.answer = answer;
};
let sessions = 0;
/** Logs a new session in. */
const login: Answer = (_request, response, name) => {
  response.setHeader('set-cookie', `sid=session-${++sessions}; Path=/; HttpOnly`);
  response.end(name);
};
async function settle(path: string, count: number): Promise<{ home: string; cookie: string }[]> {
  // One that was ejected a moment ago would have nobody.
  await until('all are up', async () =>
    (await views(path.slice(1))).every(({ observed }) => observed === 'up'),
  );
  inAll(login);
  const all: { home: string; cookie: string }[] = [];
  for (let i = 0; i < count; i++) {
    const told = await ask(path);
    all.push({ home: home(told), cookie: session(told) });
  }
  inAll(sayName);
  return all;
}
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
const revive = async (lost: NamedApp): Promise<void> => {
  await lost.start();
  for (const pool of ['prefix', 'learned', 'strict']) {
    await until(`${lost.name} is up in ${pool}`, async () =>
      (await views(pool)).some((u) => u.name === lost.name && u.observed === 'up'),
    );
  }
};

t.test('prefix: the mark goes on the app’s cookie, and nothing else of the answer is touched', async (t) => {
  const own = ['a=1; Path=/', 'sid=abc=def~"g"; Path=/; Secure; SameSite=Lax', 'sidx=2', 'b=3; HttpOnly'];
  inAll((_request, response, name) => {
    response.setHeader('set-cookie', own);
    response.end(name);
  });
  const told = await ask('/prefix');
  const set = values(told, 'set-cookie');
  t.strictSame([set[0], ...set.slice(2)], [own[0], ...own.slice(2)]);
  t.match(set[1], /^sid=[^;~]{40,}~abc=def~"g"; Path=\/; Secure; SameSite=Lax$/);
  t.notMatch(set[1], /alpha|bravo|charlie|delta|127\.0/);
  inAll(sayName);
  for (let i = 0; i < 8; i++) {
    const again = await ask('/prefix', `x=1; ${session(told)}; sidx=2`);
    t.equal(home(again), home(told), 'home from every worker');
    t.equal(seenCookie(home(again)), 'x=1; sid=abc=def~"g"; sidx=2', 'as the app had set it');
    t.strictSame(values(again, 'set-cookie'), []);
  }
});

t.test('prefix: the deletion of the app’s cookie passes as it is', async (t) => {
  const [user] = await settle('/prefix', 1);
  const gone = 'sid=; Path=/; Max-Age=0';
  inAll((_request, response, name) => {
    response.setHeader('set-cookie', gone);
    response.setHeader('cache-control', 'public');
    response.end(name);
  });
  const told = await ask('/prefix', user!.cookie);
  t.strictSame(values(told, 'set-cookie'), [gone]);
  t.equal(value(told, 'cache-control'), 'public', 'it names no home');
  inAll(sayName);
});

t.test('prefix: only an answer that is marked is kept from shared caches', async (t) => {
  for (const [line, wanted] of [
    ['sid=1', 'max-age=60, private'],
    ['other=1', 'public, max-age=60'],
  ] as const) {
    inAll((_request, response, name) => {
      response.setHeader('cache-control', 'public, max-age=60');
      response.setHeader('cdn-cache-control', 'max-age=60');
      response.setHeader('set-cookie', line);
      response.end(name);
    });
    const told = await ask('/prefix');
    t.equal(value(told, 'cache-control'), wanted);
    t.equal(value(told, 'cdn-cache-control'), line === 'sid=1' ? undefined : 'max-age=60');
  }
  inAll(sayName);
});

t.test('prefix: every mark is taken off, on one line and on several, and the first one counts', async (t) => {
  const users = await settle('/prefix', 4);
  const [one, two] = [users[0]!, users.find((u) => u.home !== users[0]!.home)!];
  const plain = (cookie: string): string => cookie.replace(/=.*~/, '=');
  const wanted = `a=1; ${plain(one.cookie)}; ${plain(two.cookie)}; b=2`;
  for (const lines of [
    [`a=1; ${one.cookie}; ${two.cookie}; b=2`],
    ['a=1', one.cookie, `${two.cookie}; b=2`],
    [`a=1; ${one.cookie}`, `${two.cookie}; b=2`],
  ]) {
    const told = await ask('/prefix', ...lines);
    t.equal(home(told), one.home);
    t.equal(seenCookie(one.home), wanted);
  }
});

t.test('prefix: a forged mark costs the home, not the session, and is counted', async (t) => {
  const [user] = await settle('/prefix', 1);
  const count = (): Promise<number> =>
    metric(limpet, 'limpet_affinity_total', 'pool="prefix"', 'result="forged"');
  const before = await count();
  const forged = user!.cookie.replace(/=(.)/, (_, c: string) => `=${c === 'A' ? 'B' : 'A'}`);
  const told = await ask('/prefix', forged);
  t.equal(seenCookie(home(told)), user!.cookie.replace(/=.*~/, '='));
  t.equal(app(home(told)).seen.at(-1)?.headers['limpet-affinity'], undefined);
  await until('it is counted', async () => (await count()) - before === 1);
});

t.test('prefix: a lost home moves its user to one other, who marks him when he logs in again', async (t) => {
  const users = await settle('/prefix', 8);
  const lost = app('bravo');
  const user = users.find((u) => u.home === 'bravo')!;
  await lost.stop();
  const together = await Promise.all([1, 2, 3, 4, 5].map(() => ask('/prefix', user.cookie)));
  const now = home(together[0]!);
  t.ok(together.every((told) => home(told) === now && now !== 'bravo'));
  t.equal(app(now).seen.at(-1)?.headers['limpet-affinity'], 'moved');
  for (const other of users.filter((u) => u.home !== 'bravo'))
    t.equal(home(await ask('/prefix', other.cookie)), other.home, 'nobody else moved');
  inAll(login);
  const fresh = session(await ask('/prefix', user.cookie));
  inAll(sayName);
  await revive(lost);
  t.equal(home(await ask('/prefix', fresh)), now, 'he lives there now');
  t.equal(app(now).seen.at(-1)?.headers['limpet-affinity'], undefined);
});

t.test('learned: the app’s cookie is neither changed nor hidden, and brings its user home', async (t) => {
  inAll((_request, response, name) => {
    response.setHeader('set-cookie', ['a=1', 'sid=as-it-is; Path=/']);
    response.setHeader('cache-control', 'public');
    response.end(name);
  });
  const told = await ask('/learned');
  t.strictSame(values(told, 'set-cookie'), ['a=1', 'sid=as-it-is; Path=/']);
  t.equal(value(told, 'cache-control'), 'public', 'it names no home');
  inAll(sayName);
  for (let i = 0; i < 8; i++) {
    t.equal(home(await ask('/learned', 'b=2', 'sid=as-it-is')), home(told));
    t.equal(seenCookie(home(told)), 'b=2; sid=as-it-is');
  }
});

t.test('learned: users of a lost home spread over the others and live there from then on', async (t) => {
  const users = await settle('/learned', 48);
  const lost = app('charlie');
  await lost.stop();
  const homes = new Map<string, string>();
  for (const user of users) {
    const told = await ask('/learned', user.cookie);
    if (user.home !== 'charlie') {
      t.equal(home(told), user.home, 'nobody else moved');
      continue;
    }
    homes.set(user.cookie, home(told));
    t.equal(app(home(told)).seen.at(-1)?.headers['limpet-affinity'], 'moved');
  }
  t.equal(homes.size, users.filter((u) => u.home === 'charlie').length);
  t.ok(homes.size >= 6, `enough of them to spread: ${homes.size}`);
  t.ok(new Set(homes.values()).size > 1, 'not all of them to the same one');
  const again = await ask('/learned', [...homes.keys()][0]!);
  t.equal(app(home(again)).seen.at(-1)?.headers['limpet-affinity'], undefined, 'told once');
  await revive(lost);
  for (const [cookie, now] of homes) {
    for (let i = 0; i < 2; i++)
      t.equal(home(await ask('/learned', cookie)), now, 'the return moves nobody back');
  }
});

t.test('learned: simultaneous requests of a user whose home is lost meet on one new home', async (t) => {
  const user = (await settle('/learned', 8)).find((u) => u.home === 'alpha')!;
  await app('alpha').stop();
  const together = await Promise.all([...'12345678'].map(() => ask('/learned', user.cookie)));
  t.equal(new Set(together.map(home)).size, 1);
  t.not(home(together[0]!), 'alpha');
  await revive(app('alpha'));
});

t.test('learned: each session is one user of his home', async (t) => {
  const before = (await views('strict')).map((u) => u.users);
  t.strictSame(before, [0, 0, 0, 0]);
  const users = await settle('/strict', 40);
  for (const user of users) for (let i = 0; i < 2; i++) await ask('/strict', user.cookie);
  for (const { name, users: counted } of await views('strict')) {
    const truth = users.filter((u) => u.home === name).length;
    t.ok(Math.abs(counted - truth) <= 2, `${name}: ${counted} for ${truth}`);
  }
});

t.test('learned, onLost: fail: the lost are told so, and are back when their home is', async (t) => {
  const user = (await settle('/strict', 8)).find((u) => u.home === 'delta')!;
  await app('delta').stop();
  const told = await ask('/strict', user.cookie);
  t.match(told.start, / 503 /);
  t.match(JSON.parse(home(told)), { error: { code: 'affinity.lost' } });
  await revive(app('delta'));
  t.equal(home(await ask('/strict', user.cookie)), 'delta');
});
