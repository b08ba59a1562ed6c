// Rate limits on a real Redis: two Limpets count as one, and each counts by itself while Redis hangs or is gone, until it is back.
import t from 'tap';
import { metric, type RunningLimpet, startLimpet } from '../kit/limpet.ts';
import { askPath, calm, startNamedApp, until } from '../kit/named-app.ts';
import { startRedis } from '../kit/redis-server.ts';

const app = await startNamedApp('app', t);
const redis = await startRedis();
await redis.client.connect();

/** Waits for longer than a starved machine makes a Redis wait, so that what is counted is exact. */
const shared = { url: redis.url, prefix: 'test:rate', deadline: '10s' };
const hasty = { ...shared, deadline: '50ms' };
const config = {
  workers: 2,
  trustedProxies: ['127.0.0.1'],
  pools: { app: { upstreams: [app.url], health: calm } },
  rateLimits: {
    tens: { rate: '10/d', shared },
    keys: { rate: '10/d', by: { header: 'X-Key' }, shared },
    three: { rate: '3/d', shared },
    dry: { rate: '1/d', dryRun: true, shared },
    hasty: { rate: '10/d', shared: hasty },
  },
  routes: [
    { path: '/', pool: 'app' },
    { path: '/tens', pool: 'app', rateLimit: 'tens' },
    { path: '/keys', pool: 'app', rateLimit: ['keys', 'three'] },
    { path: '/dry', pool: 'app', rateLimit: 'dry' },
    { path: '/hasty', pool: 'app', rateLimit: 'hasty' },
  ],
};
const one = await startLimpet(config);
const two = await startLimpet(config);

let address = 0;
/** A client that nobody has counted yet. */
const stranger = (): string => {
  address++;
  return `10.0.${address >> 8}.${address & 255}`;
};

async function ask(limpet: RunningLimpet, path: string, from: string, key = ''): Promise<number> {
  const headers = { 'x-forwarded-for': from, ...(key === '' ? {} : { 'x-key': key }) };
  return (await askPath(limpet.port, path, headers)).status;
}

async function passed(limpet: RunningLimpet, path: string, times: number, from: string): Promise<number> {
  let count = 0;
  for (let i = 0; i < times; i++) if ((await ask(limpet, path, from)) === 200) count++;
  return count;
}

const result = (limpet: RunningLimpet, name: string): Promise<number> =>
  metric(limpet, 'limpet_rate_limit_shared_total', `result="${name}"`);

/** Asks until whatever worker is asked counts on Redis: each new client is a key there. */
async function shares(limpet: RunningLimpet, server = redis, path = '/tens'): Promise<void> {
  let inARow = 0;
  await until('it is shared', async () => {
    const before = await server.client.dbsize();
    await ask(limpet, path, stranger());
    inARow = (await server.client.dbsize()) > before ? inARow + 1 : 0;
    return inARow >= 10;
  });
}

t.test('two Limpets of two workers each let in together what one would', async (t) => {
  await shares(one);
  await shares(two);
  const from = stranger();
  let count = 0;
  for (let i = 0; i < 12; i++) {
    if ((await ask(one, '/tens', from)) === 200) count++;
    if ((await ask(two, '/tens', from)) === 200) count++;
  }
  t.equal(count, 10);
  t.equal(await ask(one, '/tens', stranger()), 200, 'others are not concerned');
  const keys = await redis.client.keys('test:rate:*');
  t.ok(keys.length > 0 && keys.every((key) => !key.includes(from)), 'no address stands in Redis');
  for (const key of keys.slice(0, 3)) t.ok((await redis.client.pttl(key)) > 0, 'and nothing for ever');
});

t.test('who has used up his share is refused without asking Redis', async (t) => {
  const from = stranger();
  t.equal(await passed(one, '/tens', 10, from), 10);
  t.equal(await ask(two, '/tens', from), 429, 'the other learns it');
  const calls = async (): Promise<number> =>
    Number(/cmdstat_evalsha:calls=(\d+)/.exec(await redis.client.info('commandstats'))?.[1]);
  const before = await calls();
  // Its workers share a table, so that what one has learnt the other knows.
  for (let i = 0; i < 20; i++) t.equal(await ask(two, '/tens', from), 429);
  t.equal(await calls(), before);
});

t.test('of several limits one call asks for all, and none is charged for what another refuses', async (t) => {
  const from = stranger();
  for (let i = 0; i < 3; i++) t.equal(await ask(one, '/keys', from, 'k'), 200);
  for (let i = 0; i < 5; i++) t.equal(await ask(two, '/keys', from, 'k'), 429, 'three of one address');
  const others = await Promise.all(
    Array.from({ length: 7 }, (_, i) => ask(i % 2 === 0 ? one : two, '/keys', stranger(), 'k')),
  );
  t.same(others, Array(7).fill(200), 'the key has seven of ten left');
  t.equal(await ask(one, '/keys', stranger(), 'k'), 429);
});

t.test('a dry run refuses nobody', async (t) => {
  const from = stranger();
  t.equal(await passed(one, '/dry', 5, from), 5);
  await until('four are counted', async () => (await metric(one, 'limpet_rate_limit_dry_runs_total')) === 4);
});

t.test('while Redis hangs each counts by itself, and it is asked again when it wakes', async (t) => {
  process.kill(redis.pid, 'SIGSTOP');
  const from = stranger();
  t.equal(await passed(one, '/hasty', 14, from), 10, 'nobody waits for good, and the local count stands');
  await until('it is taken for away', async () => {
    await ask(one, '/hasty', stranger());
    return /the Redis of rate limits at redis:\/\/127\.0\.0\.1:\d+\/0 is away/.test(one.logs());
  });
  await until('it is counted', async () => {
    await ask(one, '/hasty', stranger());
    return (await result(one, 'late')) > 0 && (await result(one, 'local')) > 0;
  });
  t.equal(await passed(one, '/hasty', 12, stranger()), 10);
  t.equal(one.logs().match(/is away, and each Limpet counts/g)?.length, 1, 'told once for all workers');
  process.kill(redis.pid, 'SIGCONT');
  await shares(one, redis, '/hasty');
  await until('it is told', () => /they are shared again/.test(one.logs()));
});

t.test('a Redis that is killed and comes back empty is shared again, script and all', async (t) => {
  await redis.kill();
  t.equal(await passed(one, '/tens', 12, stranger()), 10);
  const back = await startRedis(t, redis.port);
  await back.client.connect();
  await shares(one, back);
  await shares(two, back);
  const from = stranger();
  t.equal((await passed(one, '/tens', 6, from)) + (await passed(two, '/tens', 6, from)), 10);
  t.equal(await one.stop(), 0);
});
