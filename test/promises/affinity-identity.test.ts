// What the inserted cookie says: the same home for as long as secret, pool and name stay, in every worker, run and replica; and nothing else.
import t from 'tap';
import { values } from '../kit/http-message.ts';
import { metric, type RunningLimpet, startLimpet } from '../kit/limpet.ts';
import { askPath, calm, cookieOf, type NamedApp, startNamedApp, type Told, until } from '../kit/named-app.ts';
import { askOnce } from '../kit/raw-client.ts';

const NAMES = ['alpha', 'bravo', 'charlie'];
const apps: NamedApp[] = [];
for (const name of NAMES) apps.push(await startNamedApp(name, t));
const late = await startNamedApp('delta', t);
const SECRET = 'the secret of a test about identity';
const NEXT = 'the secret that comes after that one';
const upstreams = apps.map(({ name, url }) => ({ name, url }));
const homes = (secrets: readonly string[], of: readonly object[] = upstreams) => ({
  upstreams: of,
  health: calm,
  affinity: { cookie: { secrets } },
});
const both = {
  workers: 2,
  routes: [
    { path: '/', pool: 'main' },
    { path: '/other', pool: 'other' },
    { path: '/unsigned', pool: 'unsigned' },
  ],
  pools: {
    main: homes([SECRET]),
    other: homes([SECRET]),
    unsigned: { upstreams, health: calm, affinity: { cookie: {} } },
  },
};
const limpet = await startLimpet(both);

interface Resident {
  readonly home: string;
  readonly cookie: string;
  readonly token: string;
  readonly nonce: string;
}
function resident(told: Told): Resident {
  const cookie = cookieOf(told);
  const dot = cookie.lastIndexOf('.');
  return { home: told.body, cookie, token: cookie.slice(7, dot), nonce: cookie.slice(dot + 1) };
}
async function settle(at: RunningLimpet, count: number, path = '/'): Promise<Resident[]> {
  const all: Resident[] = [];
  for (let i = 0; i < count; i++) all.push(resident(await askPath(at.port, path)));
  return all;
}
const back = (at: RunningLimpet, { cookie }: Resident, path = '/'): Promise<Told> =>
  askPath(at.port, path, { cookie });

const residents = await settle(limpet, 9);

t.test('the cookie is set once and not again, whichever worker is asked', async (t) => {
  for (const user of residents) {
    for (let i = 0; i < 6; i++) {
      const told = await back(limpet, user);
      t.equal(told.body, user.home);
      t.strictSame(told.cookies, []);
    }
  }
});

t.test('the token is one for all users of an upstream, and another for each upstream', async (t) => {
  const tokens = new Map<string, string>();
  for (const { home, token } of residents) {
    if (tokens.has(home)) t.equal(token, tokens.get(home), 'the same for everybody there, from both workers');
    tokens.set(home, token);
  }
  t.equal(tokens.size, 3);
  t.equal(new Set(tokens.values()).size, 3);
  t.equal(new Set(residents.map(({ nonce }) => nonce)).size, residents.length, 'a nonce of his own for each');
});

t.test('the cookie tells neither address, port nor name, nor any usual encoding of them', async (t) => {
  for (const { home, cookie } of residents) {
    const app = apps.find(({ name }) => name === home)!;
    for (const secret of [home, String(app.port), `127.0.0.1:${app.port}`, app.url, 'main']) {
      const spelled = ['utf8', 'hex', 'base64url'] as const;
      for (const how of spelled) {
        const text = Buffer.from(secret).toString(how).replace(/=+$/, '');
        t.notOk(cookie.toLowerCase().includes(text.toLowerCase()), `${secret} as ${how}`);
      }
    }
  }
});

t.test('a replica in another order, with one upstream more, sends everybody home', async (t) => {
  const more = [{ name: late.name, url: late.url }, ...[...upstreams].reverse()];
  const replica = await startLimpet({ workers: 2, pools: { main: homes([SECRET], more) } }, { owner: t });
  for (const user of residents) {
    const told = await back(replica, user);
    t.equal(told.body, user.home);
    t.strictSame(told.cookies, [], 'and finds nothing to change');
  }
  for (const user of await settle(replica, 8)) {
    if (user.home !== late.name)
      t.equal((await back(limpet, user)).body, user.home, 'and the other way round');
  }
});

t.test('a home that this replica does not have is lost, not forged', async (t) => {
  const fewer = upstreams.slice(0, 2);
  const replica = await startLimpet({ pools: { main: homes([SECRET], fewer) } }, { owner: t });
  const gone = residents.find(({ home }) => home === 'charlie')!;
  const told = await back(replica, gone);
  t.ok(['alpha', 'bravo'].includes(told.body));
  t.equal(resident(told).nonce, gone.nonce, 'the user stays the same one');
  const seen = apps.find(({ name }) => name === told.body)!.seen.at(-1)!;
  t.equal(seen.headers['limpet-affinity'], 'moved');
  await until(
    'it is counted',
    async () => (await metric(replica, 'limpet_affinity_total', 'result="moved"')) === 1,
  );
  t.equal(await metric(replica, 'limpet_affinity_total', 'result="forged"'), 0);
});

t.test('a rotation moves nobody: the old secret is accepted, the new one signs', async (t) => {
  const rotated = await startLimpet({ pools: { main: homes([NEXT, SECRET]) } }, { owner: t });
  const done = await startLimpet({ pools: { main: homes([NEXT]) } }, { owner: t });
  for (const user of residents) {
    const told = await back(rotated, user);
    t.equal(told.body, user.home);
    const renewed = resident(told);
    t.not(renewed.token, user.token, 'set anew');
    t.equal(renewed.nonce, user.nonce);
    const again = await back(rotated, renewed);
    t.strictSame(again.cookies, [], 'once');
    t.equal((await back(done, renewed)).body, user.home, 'good when the old secret is gone');
  }
  const kept = residents.length * 2;
  await until(
    'all are counted',
    async () => (await metric(rotated, 'limpet_affinity_total', 'result="kept"')) === kept,
  );
  t.equal(await metric(rotated, 'limpet_affinity_total', 'result="moved"'), 0);
  t.equal(await metric(rotated, 'limpet_affinity_total', 'result="forged"'), 0);
});

t.test('what is forged, damaged, or of another pool or secret is as good as none, and counted', async (t) => {
  const count = (): Promise<number> =>
    metric(limpet, 'limpet_affinity_total', 'pool="main"', 'result="forged"');
  const stranger = await startLimpet({ pools: { main: homes([NEXT]) } }, { owner: t });
  const [foreign] = await settle(stranger, 1);
  const [elsewhere] = await settle(limpet, 1, '/other');
  const { token, nonce } = residents[0]!;
  const flipped = token.slice(0, -1) + (token.endsWith('A') ? 'E' : 'A');
  const bad = [
    foreign!.cookie,
    elsewhere!.cookie,
    `limpet=${flipped}.${nonce}`,
    `limpet=${token}.${nonce.slice(1)}`,
    `limpet=${token}.${nonce}x`,
    `limpet=${token}`,
    `limpet=${token}.!!!!!!!!!!!`,
    'limpet=',
    `limpet=${'x'.repeat(6000)}`,
  ];
  const before = await count();
  for (const cookie of bad) {
    const told = await askPath(limpet.port, '/', { cookie });
    t.equal(told.status, 200);
    const fresh = resident(told);
    t.not(fresh.nonce, nonce, 'a new user');
    t.equal((await back(limpet, fresh)).body, fresh.home);
    const seen = apps.find(({ name }) => name === told.body)!.seen.at(-2)!;
    t.equal(seen.headers['limpet-affinity'], undefined, 'the app is not told that anybody moved');
    t.equal(seen.headers.cookie, undefined, 'and never sees it');
  }
  await until('each is counted', async () => (await count()) - before === bad.length);
});

t.test(
  'only the first of several is believed, on one line or on several; none reaches the app',
  async (t) => {
    const [mine, other] = [residents[0]!, residents.find(({ home }) => home !== residents[0]!.home)!];
    for (const lines of [
      [`a=1; ${mine.cookie}; b=2; ${other.cookie}; c=3`],
      [`a=1; ${mine.cookie}`, `b=2; ${other.cookie}; c=3`],
      ['a=1', `${mine.cookie}; b=2`, 'c=3', other.cookie],
    ]) {
      const fields = lines.map((line) => `Cookie: ${line}\r\n`).join('');
      const answer = await askOnce(limpet.port, `GET / HTTP/1.1\r\nHost: x\r\n${fields}\r\n`);
      t.equal(answer.body.toString(), mine.home);
      t.strictSame(values(answer, 'set-cookie'), []);
      const { rawHeaders } = apps.find(({ name }) => name === mine.home)!.seen.at(-1)!;
      const at = rawHeaders.flatMap((name, i) => (i % 2 === 0 && name.toLowerCase() === 'cookie' ? [i] : []));
      t.strictSame(
        at.map((i) => rawHeaders[i + 1]),
        ['a=1; b=2; c=3'],
      );
    }
  },
);

t.test('without a secret the workers of one run agree, and say that a restart moves users', async (t) => {
  for (const user of await settle(limpet, 4, '/unsigned')) {
    for (let i = 0; i < 4; i++) t.equal((await back(limpet, user, '/unsigned')).body, user.home);
  }
  t.match(`${limpet.stderr()}${limpet.logs()}`, /users move at (every|a) restart/);
});

t.test('the cookie is good after a restart', async (t) => {
  const again = await startLimpet(both, { owner: t });
  t.equal(await limpet.stop(), 0);
  for (const user of residents) {
    const told = await back(again, user);
    t.equal(told.body, user.home);
    t.strictSame(told.cookies, []);
  }
});
