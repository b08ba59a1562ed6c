// Rate limits: who asks too often is told when to come again, N workers count as one, and nobody pays for another.
import t from 'tap';
import { metric, startLimpet } from '../kit/limpet.ts';
import { askPath, calm, startNamedApp, type Told, until } from '../kit/named-app.ts';
import { askOnce, RawClient } from '../kit/raw-client.ts';

const app = await startNamedApp('app', t);
/** Refills so slowly that no test sees it. */
const SLOW = { rate: '10/d' };

function statuses(told: readonly Told[]): Record<number, number> {
  const counts: Record<number, number> = {};
  for (const { status } of told) counts[status] = (counts[status] ?? 0) + 1;
  return counts;
}

/** So many requests, one after the other, each on a connection of its own, so that they come to any worker. */
async function flood(port: number, path: string, count: number, headers = {}): Promise<Told[]> {
  const told: Told[] = [];
  for (let i = 0; i < count; i++) told.push(await askPath(port, path, headers));
  return told;
}

const limpet = await startLimpet({
  workers: 2,
  trustedProxies: ['127.0.0.1'],
  pools: { app: { upstreams: [app.url], health: calm } },
  errors: { 429: { text: 'slowly, please' } },
  rateLimits: { together: { ...SLOW, by: 'everyone' }, keyed: { ...SLOW, by: { header: 'X-Api-Key' } } },
  routes: [
    { path: '/', pool: 'app' },
    { path: '/address', pool: 'app', rateLimit: SLOW },
    { path: '/hour', pool: 'app', rateLimit: { rate: '3600/h', burst: 2 } },
    { path: '/one', pool: 'app', rateLimit: 'together' },
    { path: '/two', respond: { body: 'two' }, rateLimit: 'together' },
    { path: '/keyed', pool: 'app', rateLimit: ['keyed'] },
    { path: '/cookie', pool: 'app', rateLimit: { ...SLOW, by: { cookie: 'sid' } } },
    { path: '/dry', pool: 'app', rateLimit: { rate: '2/d', dryRun: true } },
    {
      path: '/both',
      pool: 'app',
      rateLimit: [
        { rate: '5/d', by: { header: 'X-User' } },
        { rate: '1/d', by: { header: 'X-Team' } },
      ],
    },
  ],
});
const { port } = limpet;

t.test('who asks too often from one address is told 429 with Retry-After, over all workers', async (t) => {
  const told = await flood(port, '/address', 24);
  t.same(statuses(told), { 200: 10, 429: 14 });
  const refused = told.find(({ status }) => status === 429)!;
  const after = Number(refused.headers['retry-after']);
  t.ok(after > 8000 && after <= 8640, `${after} s, of a request each 8640 s`);
  t.equal(refused.body, 'slowly, please', 'with the page of the operator');
  t.equal((await askPath(port, '/address', { 'x-forwarded-for': '192.0.2.1' })).status, 200, 'not others');
  t.equal((await askPath(port, '/')).status, 200, 'nor elsewhere');
  await until(
    'it is counted',
    async () =>
      (await metric(limpet, 'limpet_rate_limited_total', 'route="/address"', 'limit="/address#1"')) === 14,
  );
  await until(
    'it is counted',
    async () => (await metric(limpet, 'limpet_refused_total', 'code="limit.rate"')) === 14,
  );
});

t.test('a refusal keeps the connection', async (t) => {
  const client = await RawClient.open(port, { owner: t });
  const get = 'GET /address HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: 203.0.113.1\r\n\r\n';
  const starts: string[] = [];
  for (let i = 0; i < 12; i++) starts.push((await client.ask(get)).start.split(' ')[1]!);
  t.same(starts, [...Array.from({ length: 10 }, () => '200'), '429', '429']);
});

t.test('an allowance comes back at its rate', async (t) => {
  const told = await flood(port, '/hour', 2);
  t.same(statuses(told), { 200: 2 });
  let after = 0;
  for (let i = 0; i < 1000 && after === 0; i++) {
    const { status, headers } = await askPath(port, '/hour');
    if (status === 429) after = Number(headers['retry-after']);
  }
  t.equal(after, 1, 'the next of one a second');
  await new Promise((resolve) => setTimeout(resolve, after * 1000));
  t.equal((await askPath(port, '/hour')).status, 200, 'after that it is let in');
});

t.test('routes with the same named limit count together, with and without a pool', async (t) => {
  const told = [...(await flood(port, '/one', 6)), ...(await flood(port, '/two', 6))];
  t.same(statuses(told), { 200: 10, 429: 2 });
  t.equal(
    (await askPath(port, '/one', { 'x-forwarded-for': '192.0.2.9' })).status,
    429,
    'everyone is everyone',
  );
});

t.test('clients are told apart by a header or a cookie, and without it by address', async (t) => {
  for (const [path, name, one, other] of [
    ['/keyed', 'x-api-key', 'one', 'two'],
    ['/cookie', 'cookie', 'a=1; sid=one', 'sid=two; b=2'],
  ] as const) {
    t.same(statuses(await flood(port, path, 12, { [name]: one })), { 200: 10, 429: 2 }, path);
    t.same(statuses(await flood(port, path, 10, { [name]: other })), { 200: 10 }, `another ${name}`);
    t.same(statuses(await flood(port, path, 11)), { 200: 10, 429: 1 }, 'without: by address');
    const elsewhere = { 'x-forwarded-for': '192.0.2.2' };
    t.equal((await askPath(port, path, elsewhere)).status, 200, 'which others do not share');
  }
});

t.test('an IPv6 client is its /64, IPv4 in its clothes is IPv4', async (t) => {
  const from = (address: string) => askPath(port, '/address', { 'x-forwarded-for': address });
  for (let i = 0; i < 10; i++) t.equal((await from(`2001:db8::${i}`)).status, 200);
  t.equal((await from('2001:db8::ffff:1')).status, 429, 'the same /64');
  t.equal((await from('2001:db8:0:1::1')).status, 200, 'another');
  for (let i = 0; i < 10; i++) t.equal((await from('198.51.100.1')).status, 200);
  t.equal((await from('::ffff:198.51.100.1')).status, 429);
});

t.test('a dry run counts what it would refuse, and refuses nothing', async (t) => {
  t.same(statuses(await flood(port, '/dry', 5)), { 200: 5 });
  await until(
    'it is counted',
    async () => (await metric(limpet, 'limpet_rate_limit_dry_runs_total', 'route="/dry"')) === 3,
  );
  await until(
    'it is counted',
    async () => (await metric(limpet, 'limpet_rate_limited_total', 'route="/dry"')) === 0,
  );
});

t.test('what one limit refuses is not charged to another', async (t) => {
  const ask = (team: string) => askPath(port, '/both', { 'x-user': 'ann', 'x-team': team });
  t.equal((await ask('red')).status, 200);
  for (let i = 0; i < 6; i++) t.equal((await ask('red')).status, 429, 'the team has none left');
  for (let i = 0; i < 4; i++) t.equal((await ask(`blue-${i}`)).status, 200, 'and Ann has four of five');
  t.equal((await ask('green')).status, 429);
});

t.test('a body that is refused is not read, and its connection closes', async (t) => {
  await flood(port, '/address', 12);
  const answer = await askOnce(
    port,
    'POST /address HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\nConnection: keep-alive\r\n\r\n',
  );
  t.match(answer.start, / 429 /);
  t.match(answer.raw.toString('latin1'), /Connection: close/i);
});
