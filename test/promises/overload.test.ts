// Promise: a new user never lands on an instance that has its share already, `maxOverload` times the mean; who lives there stays.
import t from 'tap';
import { type RunningLimpet, startLimpet } from '../kit/limpet.ts';
import { askPath, calm, cookieOf, type NamedApp, startNamedApp, until } from '../kit/named-app.ts';

const apps: NamedApp[] = [];
for (const name of ['one', 'two', 'three']) apps.push(await startNamedApp(name, t));
const [, , three] = apps as [NamedApp, NamedApp, NamedApp];
const upstreams = apps.map(({ name, url }) => ({ name, url }));
const SECRETS = ['a secret of this test only'];
const pool = (maxOverload: number, more: object = {}): object => ({
  upstreams,
  health: calm,
  affinity: { cookie: { secrets: SECRETS }, maxOverload },
  ...more,
});

interface View {
  readonly name: string;
  readonly observed: string;
  readonly users: number;
}
const view = async (limpet: RunningLimpet): Promise<View[]> =>
  (await (await fetch(`${limpet.adminUrl}/api/v1/upstreams`)).json()) as View[];

async function want(limpet: RunningLimpet, name: string, wanted: string): Promise<void> {
  const response = await fetch(`${limpet.adminUrl}/api/v1/upstreams/default/${name}`, {
    method: 'PATCH',
    body: JSON.stringify({ wanted }),
    headers: { 'content-type': 'application/json' },
  });
  if (!response.ok) throw new Error(await response.text());
}

interface User {
  readonly home: string;
  readonly cookie: string;
}

/** `count` users come, one after the other, and get a home each. Each asks for a second thing at once, as browsers do: who never comes back is no user. */
async function arrive(
  limpet: RunningLimpet,
  count: number,
  headers: Record<string, string> = {},
): Promise<User[]> {
  const users: User[] = [];
  for (let i = 0; i < count; i++) {
    const told = await askPath(limpet.port, '/', headers);
    const user = { home: told.body, cookie: cookieOf(told) };
    users.push(user);
    await askPath(limpet.port, '/', { ...headers, cookie: user.cookie });
  }
  return users;
}

/** Each of the users is still at home. */
async function allAreHome(limpet: RunningLimpet, users: readonly User[]): Promise<boolean> {
  for (const { home, cookie } of users) {
    if ((await askPath(limpet.port, '/', { cookie })).body !== home) return false;
  }
  return true;
}

const countOf = (users: readonly User[], name: string): number =>
  users.filter(({ home }) => home === name).length;

/**
 * Loads are estimated (within some 3 %, nearly exactly for a few dozen) and measured once a second, each worker adding only its own
 * newcomers in between: so many above the bound are not yet a broken promise.
 */
const slack = (bound: number): number => Math.ceil(bound * 0.1) + 1;

t.test('an instance that had everybody gets no newcomer until the others have caught up', async (t) => {
  const limpet = await startLimpet({ pools: { default: pool(1.5) } }, { owner: t });
  await want(limpet, 'two', 'drain');
  await want(limpet, 'three', 'drain');
  const early = await arrive(limpet, 60);
  t.equal(countOf(early, 'one'), 60, 'it was all alone');
  await want(limpet, 'two', 'ready');
  await want(limpet, 'three', 'ready');
  // The bound, 1.5 x (60 + n) / 3, passes 60 with the sixtieth newcomer.
  const late = await arrive(limpet, 50);
  t.equal(countOf(late, 'one'), 0, 'turns would have given it a third');
  t.ok(Math.abs(countOf(late, 'two') - countOf(late, 'three')) <= 2, 'the others share them evenly');
  t.ok(await allAreHome(limpet, early), 'who lives there stays');
  const later = await arrive(limpet, 90);
  t.ok(countOf(later, 'one') > 0, 'as soon as it is within the bound it takes its turn again');
  const total = 200;
  const bound = (1.5 * total) / 3;
  t.ok(countOf([...early, ...late, ...later], 'one') <= bound + slack(bound));
  const estimated = (await view(limpet)).reduce((sum, { users }) => sum + users, 0);
  t.ok(Math.abs(estimated - total) <= 16, `${estimated} users are counted`);
});

t.test('with two workers and a rush at once the bound holds as well', async (t) => {
  const limpet = await startLimpet(
    {
      workers: 2,
      pools: { default: pool(1.5, { balance: { hash: { on: 'header X-Tenant', load: 100 } } }) },
    },
    { owner: t },
  );
  // Everybody is of one tenant: without the rule all would land on one instance.
  const tenant = { 'X-Tenant': 'the only one' };
  const rush = (await Promise.all(Array.from({ length: 15 }, () => arrive(limpet, 20, tenant)))).flat();
  t.equal(rush.length, 300);
  const counts = upstreams.map(({ name }) => countOf(rush, name));
  const bound = (1.5 * rush.length) / 3;
  t.ok(Math.max(...counts) <= bound + slack(bound), `${counts} of at most ${bound}`);
  t.ok(Math.max(...counts) > bound * 0.8, `and up to the bound the balancer has its way: ${counts}`);
  t.ok(await allAreHome(limpet, rush.slice(0, 60)), 'where they landed they stay');
});

t.test('one that comes back late is filled up first, and nobody is moved for it', async (t) => {
  await three.stop();
  const limpet = await startLimpet(
    { pools: { default: pool(1.2, { health: { ...calm, active: { tcp: true, interval: '100ms' } } }) } },
    { owner: t },
  );
  const seen = async (): Promise<string> =>
    (await view(limpet)).find(({ name }) => name === 'three')!.observed;
  await until('three is out', async () => ['down', 'ejected'].includes(await seen()));
  const early = await arrive(limpet, 60);
  t.equal(countOf(early, 'three'), 0);
  await three.start();
  await until('three is up', async () => (await seen()) === 'up');
  // The others have 30 each: 1.2 x (60 + n) / 3 passes that with the fifteenth newcomer.
  const late = await arrive(limpet, 10);
  t.equal(countOf(late, 'three'), 10, 'all newcomers go to it');
  t.ok(await allAreHome(limpet, early), 'nobody is moved');
  const later = await arrive(limpet, 60);
  for (const name of ['one', 'two']) t.ok(countOf(later, name) > 5, `${name} takes newcomers again`);
});
