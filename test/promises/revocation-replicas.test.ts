// The one switch over two Limpets that share a Redis: what one is told is in force in both, and nothing is lost when Redis or one of them goes.

import { SignJWT } from 'jose';
import t from 'tap';
import { type RunningLimpet, startLimpet } from '../kit/limpet.ts';
import { askPath, startNamedApp, until } from '../kit/named-app.ts';
import { startRedis } from '../kit/redis-server.ts';

const KEY = 'the signing key of a test, long enough';
const redis = await startRedis();
await redis.client.connect();
const app = await startNamedApp('alpha', t);
const config = {
  workers: 2,
  upstreams: [{ name: app.name, url: app.url }],
  session: {
    verify: { jwt: { algorithms: ['HS256'] } },
    secrets: [KEY],
    user: 'sub',
    revocation: redis.url,
  },
};
const limpets = await Promise.all([startLimpet(config), startLimpet(config)]);

interface Told {
  readonly id: string;
  readonly shared: boolean;
}
async function revoke(limpet: RunningLimpet, body: object): Promise<Told> {
  const answer = await fetch(`${limpet.adminUrl}/api/v1/revocations`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  const told = await answer.text();
  if (answer.status !== 201) throw new Error(`${answer.status} ${told}`);
  return JSON.parse(told) as Told;
}
const lift = async (limpet: RunningLimpet, id: string): Promise<number> =>
  (await fetch(`${limpet.adminUrl}/api/v1/revocations/${id}`, { method: 'DELETE' })).status;
interface SwitchView {
  readonly entries: number;
  readonly synced: boolean;
  readonly waiting: number;
  readonly why: string;
}
async function view(limpet: RunningLimpet): Promise<SwitchView> {
  const status = await (await fetch(`${limpet.adminUrl}/api/v1/status`)).json();
  return (status as { revocations: SwitchView }).revocations;
}
const nowS = Math.floor(Date.now() / 1000);
let made = 0;
const token = (sub: string, iat = nowS): Promise<string> =>
  new SignJWT({ n: ++made })
    .setProtectedHeader({ alg: 'HS256' })
    .setSubject(sub)
    .setIssuedAt(iat)
    .setExpirationTime('1h')
    .sign(new TextEncoder().encode(KEY));

/** What requests on connections of their own are answered, so that every worker is among those asked. */
async function statuses(limpet: RunningLimpet, jwt: string): Promise<number[]> {
  const asked = Array.from({ length: 8 }, () =>
    askPath(limpet.port, '/', { authorization: `Bearer ${jwt}` }),
  );
  return [...new Set((await Promise.all(asked)).map(({ status }) => status))];
}
async function everywhere(what: string, jwt: string, status: number): Promise<void> {
  for (const limpet of limpets)
    await until(what, async () => (await statuses(limpet, jwt)).every((one) => one === status));
}

t.test('each kind is in force in every worker of both, and lifted in both', async (t) => {
  for (const [what, order] of [
    ['token', (jwt: string) => ({ token: jwt })],
    ['user', (_jwt: string, user: string) => ({ user })],
    ['block', (_jwt: string, user: string) => ({ user, block: true })],
    ['before of a user', (_jwt: string, user: string) => ({ user, before: new Date().toISOString() })],
    ['before', () => ({ before: new Date((nowS - 100) * 1000).toISOString() })],
  ] as const) {
    const user = `user of ${what}`;
    const jwt = await token(user, nowS - 1000);
    const other = await token('somebody else', nowS - 10);
    for (const limpet of limpets) t.same(await statuses(limpet, jwt), [200], what);
    const { id, shared } = await revoke(limpets[0]!, order(jwt, user));
    t.ok(shared);
    await everywhere(`${what} is refused`, jwt, 401);
    for (const limpet of limpets) t.same(await statuses(limpet, other), [200], `${what} refuses nobody else`);
    t.equal(await lift(limpets[1]!, id), 204, 'the other one may lift it');
    await everywhere(`${what} is lifted`, jwt, 200);
  }
});

t.test('it is kept over a restart', async (t) => {
  const jwt = await token('kept');
  await revoke(limpets[0]!, { token: jwt });
  await Promise.all(limpets.map((limpet) => limpet.stop()));
  for (let i = 0; i < 2; i++) limpets[i] = await startLimpet(config);
  for (const limpet of limpets) t.same(await statuses(limpet, jwt), [401], 'from the first request on');
});

t.test(
  'while Redis hangs or is gone it is in force here at once, and there when Redis is back',
  async (t) => {
    const [one, two] = [limpets[0]!, limpets[1]!];
    const hung = await token('hung');
    process.kill(redis.pid, 'SIGSTOP');
    const told = await revoke(one, { token: hung });
    t.equal(told.shared, false);
    t.same(await statuses(one, hung), [401]);
    t.same(await statuses(two, hung), [200]);
    await until('it says so', async () => !(await view(two)).synced && /redis/.test((await view(two)).why));
    process.kill(redis.pid, 'SIGCONT');
    await everywhere('it is shared', hung, 401);
    await until('both say so', async () => (await view(one)).synced && (await view(two)).synced);
  },
);

t.test('Redis may die and come back, and a replica may start without it', async (t) => {
  const [one, two] = [limpets[0]!, limpets[1]!];
  const [before, during] = [await token('before'), await token('during')];
  await revoke(one, { token: before });
  await everywhere('it is shared', before, 401);
  await redis.kill();
  const told = await revoke(one, { token: during });
  t.equal(told.shared, false);
  t.same([await statuses(one, during), await statuses(one, before)], [[401], [401]]);
  t.same(await statuses(two, before), [401], 'what is known stays in force');
  const answer = await fetch(`${one.adminUrl}/api/v1/revocations`);
  t.equal(answer.status, 503, 'and what cannot be told is not made up');
  t.equal(await lift(one, told.id), 503);
  const late = await startLimpet(config, { owner: t });
  t.match(late.logs(), /the Redis of revocations is away/);
  t.equal((await view(late)).synced, false);
  t.same(await statuses(late, during), [200], 'it cannot know');
  // It is empty: the first replica that notices gives back what it knows.
  const back = await startRedis(undefined, redis.port);
  await back.client.connect();
  await everywhere('it is shared', during, 401);
  await until('also with the one that knew nothing', async () =>
    [...(await statuses(late, during)), ...(await statuses(late, before))].every((status) => status === 401),
  );
  await until('all say so', async () =>
    (await Promise.all([one, two, late].map(view))).every(({ synced, waiting }) => synced && waiting === 0),
  );
  t.match(one.logs(), /has lost some/);
});
