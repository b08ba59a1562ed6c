// The operator's hand on a running proxy: drain, maintenance and weight take effect at once, and what is told adds up.
import type { ServerResponse } from 'node:http';
import t from 'tap';
import { METRICS } from '../../src/observe/names.ts';
import { metric, startLimpet } from '../kit/limpet.ts';
import { askPath, cookieOf, type NamedApp, startNamedApp, type Told, until } from '../kit/named-app.ts';
import { freePort } from '../kit/ports.ts';

interface Row {
  readonly pool: string;
  readonly name: string;
  readonly wanted: string;
  readonly observed: string;
  readonly weight: number;
  readonly inFlight: number;
  readonly requests: number;
  readonly failures: number;
  readonly users: number;
}

const apps: NamedApp[] = [];
for (const name of ['one', 'two', 'three']) apps.push(await startNamedApp(name, t));
const upstreams = apps.map(({ name, url }) => ({ name, url }));
const probesPort = await freePort();
const adminPort = await freePort();
const limpet = {
  ...(await startLimpet({
    workers: 2,
    admin: { bind: `127.0.0.1:${adminPort}`, probes: `127.0.0.1:${probesPort}` },
    routes: [
      { path: '/', pool: 'sticky' },
      { path: '/free', pool: 'free' },
    ],
    pools: {
      sticky: { upstreams, affinity: { cookie: { secrets: ['a secret of this test alone'] } } },
      free: { upstreams },
    },
  })),
  adminUrl: `http://127.0.0.1:${adminPort}`,
};

const ask = (path: string, cookie = ''): Promise<Told> =>
  askPath(limpet.port, path, cookie === '' ? {} : { cookie });
const rows = async (): Promise<Row[]> =>
  (await (await fetch(`${limpet.adminUrl}/api/v1/upstreams`)).json()) as Row[];
const rowOf = async (pool: string, name: string): Promise<Row> =>
  (await rows()).find((row) => row.pool === pool && row.name === name)!;
const change = (pool: string, name: string, body: object): Promise<Response> =>
  fetch(`${limpet.adminUrl}/api/v1/upstreams/${pool}/${name}`, {
    method: 'PATCH',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
/** Asks a number of times and counts who answered. */
async function shares(path: string, times: number): Promise<Record<string, number>> {
  const counts: Record<string, number> = { one: 0, two: 0, three: 0 };
  for (let i = 0; i < times; i++) {
    const { body } = await ask(path);
    counts[body] = (counts[body] ?? 0) + 1;
  }
  return counts;
}
/** A user of each app, as the cookie that keeps him there. */
async function usersOfEach(): Promise<Record<string, string>> {
  const cookies: Record<string, string> = {};
  while (Object.keys(cookies).length < apps.length) {
    const told = await ask('/');
    cookies[told.body] ??= cookieOf(told);
  }
  return cookies;
}

t.test('a drained upstream keeps its users and takes no new ones, until it is enabled again', async (t) => {
  const users = await usersOfEach();
  const told = (await (await change('sticky', 'two', { wanted: 'drain' })).json()) as Row;
  t.match(told, { pool: 'sticky', name: 'two', wanted: 'drain', observed: 'up' });
  for (let i = 0; i < 12; i++) t.equal((await ask('/', users.two)).body, 'two');
  t.equal((await shares('/', 24)).two, 0);
  t.equal((await shares('/free', 24)).two, 8, 'the other pool has its own wish');
  await change('sticky', 'two', { wanted: 'ready' });
  t.ok((await shares('/', 24)).two! > 0);
});

t.test(
  'what is in flight at an upstream that is sent into maintenance finishes, and nothing follows',
  async (t) => {
    const users = await usersOfEach();
    const three = apps[2]!;
    const held: ServerResponse[] = [];
    three.answer = ({ method }, response) => {
      if (method === 'GET') held.push(response);
      else response.end();
    };
    const running = ask('/', users.three);
    await until('it is with the app', () => held.length === 1);
    t.equal((await rowOf('sticky', 'three')).inFlight, 1);
    await change('sticky', 'three', { wanted: 'maintenance' });
    const elsewhere = await ask('/', users.three);
    t.not(elsewhere.body, 'three', 'its users go to others');
    t.equal((await shares('/', 12)).three, 0);
    held[0]!.end('late');
    const { status, body } = await running;
    t.same([status, body], [200, 'late']);
    await until('it has nothing', async () => (await rowOf('sticky', 'three')).inFlight === 0);
    three.answer = (_request, response, name) => response.end(name);
    await change('sticky', 'three', { wanted: 'ready' });
    t.equal((await ask('/', users.three)).body, 'three', 'the old cookie is good for it again');
  },
);

t.test('a weight counts from the next request on, in every worker', async (t) => {
  t.equal(((await (await change('free', 'one', { weight: 4 })).json()) as Row).weight, 4);
  t.same(await shares('/free', 60), { one: 40, two: 10, three: 10 });
  await change('free', 'one', { weight: 0 });
  t.same(await shares('/free', 20), { one: 0, two: 10, three: 10 });
  await change('free', 'one', { weight: 1 });
  t.same(await shares('/free', 30), { one: 10, two: 10, three: 10 });
});

t.test('a change that means nothing is refused, and changes nothing', async (t) => {
  const before = await rowOf('free', 'one');
  for (const body of [{ wanted: 'off' }, { weight: -1 }, { weight: 1.5 }, { wieght: 2 }, {}]) {
    t.equal((await change('free', 'one', body)).status, 400, JSON.stringify(body));
  }
  t.equal((await change('free', 'oen', { weight: 2 })).status, 404);
  t.equal((await change('fere', 'one', { weight: 2 })).status, 404);
  t.same(await rowOf('free', 'one'), before);
});

/** Requests answered, as the admin API counts them at this moment. */
async function answered(): Promise<number> {
  const status = (await (await fetch(`${limpet.adminUrl}/api/v1/status`)).json()) as {
    totals: { requests: number };
  };
  return status.totals.requests;
}

/** Sums of metrics by name and labels, once the text of /metrics, which may be a second old, knows of every request so far. */
async function sums(): Promise<(name: string, ...labels: string[]) => number> {
  // Asked for anew each time: a request may be counted a moment after its answer is there.
  const known = async (): Promise<boolean> =>
    (await metric(limpet, 'limpet_requests_total')) === (await answered());
  await until('the metrics know of every request', known);
  const lines = (await (await fetch(`${limpet.adminUrl}/metrics`)).text()).split('\n');
  return (name, ...labels) =>
    lines
      .filter(
        (line) => new RegExp(`^${name}[{ ]`).test(line) && labels.every((label) => line.includes(label)),
      )
      .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' '))), 0);
}

t.test('what the metrics count adds up', async (t) => {
  const before = await sums();
  const rowsBefore = await rows();
  const cookie = cookieOf(await ask('/'));
  for (let i = 0; i < 9; i++) await ask('/', cookie);
  for (let i = 0; i < 5; i++) await ask('/', 'limpet=nonsense');
  await shares('/free', 10);
  const after = await sums();
  const grown = (name: string, ...labels: string[]): number =>
    after(name, ...labels) - before(name, ...labels);
  t.equal(grown('limpet_requests_total'), 25);
  t.equal(grown('limpet_requests_total', 'code="200"', 'pool="free"'), 10);
  t.equal(grown('limpet_request_seconds_count'), 25);
  t.equal(grown('limpet_request_seconds_count', 'route="/free"'), 10);
  t.equal(grown('limpet_upstream_seconds_count'), 25);
  t.equal(grown('limpet_request_seconds_bucket', 'le="+Inf"'), 25);
  t.equal(grown('limpet_affinity_total', 'result="new"'), 1);
  t.equal(grown('limpet_affinity_total', 'result="kept"'), 9);
  t.equal(grown('limpet_affinity_total', 'result="forged"'), 5);
  t.equal(grown('limpet_affinity_total', 'result="moved"'), 0);
  t.equal(after('limpet_upstream_inflight'), 0);
  t.equal(after('limpet_upstream_up'), 6);
  t.equal(after('limpet_config_generation'), 1);
  const rowsAfter = await rows();
  let more = 0;
  for (const [i, row] of rowsAfter.entries()) {
    more += row.requests - rowsBefore[i]!.requests;
    const labels = [`pool="${row.pool}"`, `upstream="${row.name}"`];
    t.equal(after('limpet_requests_total', ...labels), row.requests, `${row.pool}/${row.name}`);
  }
  t.equal(more, 25);
});

t.test('every metric that is told is a known one, with its own labels', async (t) => {
  const text = await (await fetch(`${limpet.adminUrl}/metrics`)).text();
  const known = new Map<string, readonly string[]>(
    Object.entries(METRICS).map(([name, { labels }]) => [name, labels]),
  );
  const strangers: string[] = [];
  let seen = 0;
  for (const line of text.split('\n')) {
    const found = /^(limpet_\w+?)(_bucket|_sum|_count)?(?:\{(.*)\})? \S+$/.exec(line);
    if (found === null) continue;
    seen++;
    const labels = known.get(found[1]!) ?? known.get(`${found[1]}${found[2] ?? ''}`);
    const names = [...(found[3] ?? '').matchAll(/(\w+)="/g)]
      .map((match) => match[1]!)
      .filter((n) => n !== 'le');
    if (labels === undefined || names.sort().join() !== [...labels].sort().join()) strangers.push(line);
  }
  t.same(strangers, []);
  t.ok(seen > 40, `${seen} series`);
});

t.test('distinct users are counted nearly as they are, each once', async (t) => {
  const before = (await rows())
    .filter(({ pool }) => pool === 'sticky')
    .reduce((sum, { users }) => sum + users, 0);
  const cookies = [];
  for (let i = 0; i < 150; i++) cookies.push(cookieOf(await ask('/')));
  for (const cookie of cookies) for (let i = 0; i < 3; i++) await ask('/', cookie);
  const after = (await rows())
    .filter(({ pool }) => pool === 'sticky')
    .reduce((sum, { users }) => sum + users, 0);
  const counted = after - before;
  t.ok(counted >= 135 && counted <= 165, `${counted} of 150`);
  t.equal((await sums())('limpet_upstream_users', 'pool="sticky"'), after);
});

t.test('the probes listener has the probes and nothing else, and says when the proxy stops', async (t) => {
  const probes = `http://127.0.0.1:${probesPort}`;
  for (const path of ['/livez', '/readyz', '/metrics'])
    t.equal((await fetch(probes + path)).status, 200, path);
  t.equal((await fetch(`${probes}/api/v1/upstreams`)).status, 404);
  const held: ServerResponse[] = [];
  for (const app of apps) {
    app.answer = ({ method }, response) => {
      if (method === 'GET') held.push(response);
      else response.end();
    };
  }
  const running = ask('/');
  await until('it is with an app', () => held.length === 1);
  process.kill(limpet.pid, 'SIGTERM');
  await until('it says so', async () => (await fetch(`${probes}/readyz`)).status === 503);
  t.match(await (await fetch(`${probes}/readyz`)).text(), 'not ready: stopping');
  t.equal((await fetch(`${probes}/livez`)).status, 200, 'but it lives');
  held[0]!.end('last');
  t.equal((await running).body, 'last');
  t.equal(await limpet.exit(), 0);
});
