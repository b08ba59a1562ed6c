// A canary: a route shared out between two pools; who is on it stays on it, and when it dies nobody notices.
import { writeFileSync } from 'node:fs';
import t from 'tap';
import { startLimpet } from '../kit/limpet.ts';
import { askPath, calm, cookieOf, type NamedApp, startNamedApp, until } from '../kit/named-app.ts';

const USERS = 80;

/** What of the API's answers is looked at. */
interface Answered {
  readonly generation: number;
  readonly pools: readonly { readonly pool: string; readonly weight: number; readonly requests: number }[];
}

const pool = (...apps: NamedApp[]) => ({
  upstreams: apps.map(({ name, url }) => ({ name, url })),
  health: calm,
  affinity: { cookie: { secrets: ['a secret of this test only'] } },
});

t.test('users are shared out, stay where they are, and are served when the canary dies', async (t) => {
  const apps = await Promise.all(['old1', 'old2', 'new1'].map((name) => startNamedApp(name, t)));
  const [old1, old2, new1] = apps as [NamedApp, NamedApp, NamedApp];
  const limpet = await startLimpet(
    {
      workers: 2,
      pools: { v1: pool(old1, old2), v2: pool(new1) },
      routes: [
        {
          pools: [
            { pool: 'v1', weight: 70 },
            { pool: 'v2', weight: 30 },
          ],
        },
      ],
    },
    { owner: t },
  );
  const users = await Promise.all(
    Array.from({ length: USERS }, async () => {
      const told = await askPath(limpet.port, '/');
      return { cookie: cookieOf(told), home: told.body };
    }),
  );
  const onNew = users.filter(({ home }) => home === 'new1').length;
  t.ok(onNew > USERS * 0.12 && onNew < USERS * 0.5, `${onNew} of ${USERS}`);
  for (const { cookie, home } of users) {
    const told = await askPath(limpet.port, '/again', { cookie });
    t.equal(told.body, home);
    t.equal(cookieOf(told), '', 'and no cookie is set anew');
  }
  const metrics = await (await fetch(`${limpet.adminUrl}/metrics`)).text();
  t.match(metrics, /limpet_requests_total\{route="\/",pool="v2",upstream="new1",code="200"\} \d+/);
  t.match(metrics, /limpet_affinity_total\{pool="v2",result="kept"\} [1-9]/);

  await new1.stop();
  await until('the canary is known to be away', async () => {
    const all = (await (await fetch(`${limpet.adminUrl}/api/v1/upstreams`)).json()) as {
      name: string;
      observed: string;
    }[];
    const canary = all.find(({ name }) => name === 'new1')!;
    if (canary.observed === 'down' || canary.observed === 'ejected') return true;
    const { cookie } = users.find(({ home }) => home === 'new1')!;
    await askPath(limpet.port, '/', { cookie });
    return false;
  });
  for (const { cookie, home } of users) {
    const told = await askPath(limpet.port, '/', { cookie });
    t.equal(told.status, 200);
    if (home === 'new1') t.match(told.body, /^old/);
    else t.equal(told.body, home, 'nobody else moves');
  }
  const forged = await (await fetch(`${limpet.adminUrl}/metrics`)).text();
  t.notMatch(
    forged,
    /limpet_affinity_total\{pool="v.",result="forged"\} [1-9]/,
    'a home of the other side is no forgery',
  );
});

t.test('weights are changed while it runs, hold over a reload, and give way to the file', async (t) => {
  const old = await startNamedApp('old', t);
  const fresh = await startNamedApp('new', t);
  const config = (weight: number, more: object = {}) => ({
    workers: 2,
    pools: { v1: pool(old), v2: pool(fresh) },
    routes: [
      {
        pools: [
          { pool: 'v1', weight: 100 },
          { pool: 'v2', weight },
        ],
      },
    ],
    ...more,
  });
  const limpet = await startLimpet(config(0), { owner: t });
  const api = async (method: string, path: string, body?: object) => {
    const answer = await fetch(`${limpet.adminUrl}/api/v1/${path}`, {
      method,
      ...(body === undefined
        ? {}
        : { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
    });
    // As the API answers it; what is not so fails the test.
    return { status: answer.status, body: (await answer.json()) as Answered & readonly Answered[] };
  };
  const sides = async (): Promise<Answered['pools']> => (await api('GET', 'routes')).body[0]!.pools;
  const weights = async (): Promise<number[]> => (await sides()).map(({ weight }) => weight);
  const users = await Promise.all(
    Array.from({ length: 40 }, async () => cookieOf(await askPath(limpet.port, '/'))),
  );
  const homes = (): Promise<string[]> =>
    Promise.all(users.map(async (cookie) => (await askPath(limpet.port, '/', { cookie })).body));
  t.same(new Set(await homes()), new Set(['old']));
  const done = await api('PATCH', 'routes/%2F', { weights: { v1: 0, v2: 1 } });
  t.equal(done.status, 200);
  t.same(new Set(await homes()), new Set(['new']), 'in every worker when it is answered');
  t.match((await sides())[1], { pool: 'v2', weight: 1, failures: 0 });
  t.ok((await sides())[1]!.requests >= 40);

  const rewrite = async (text: object): Promise<void> => {
    const admin = new URL(limpet.adminUrl);
    const listen = `127.0.0.1:${limpet.port}`;
    writeFileSync(limpet.configFile, JSON.stringify({ listen, admin: { bind: admin.host }, ...text }));
    const { generation } = (await api('GET', 'status')).body;
    process.kill(limpet.pid, 'SIGHUP');
    await until('it is reloaded', async () => (await api('GET', 'status')).body.generation > generation);
  };
  await rewrite(config(0, { timeouts: { idle: '61s' } }));
  t.same(await weights(), [0, 1], 'the file says of the split what it said');
  await rewrite(config(3, { timeouts: { idle: '61s' } }));
  t.same(await weights(), [100, 3], 'the file says otherwise');
  const typed = async (...words: string[]) => {
    const [command, ...rest] = words;
    const { run } = await import(`../../src/cli/${command}.ts`);
    let said = '';
    const say = (text: string): void => {
      said += text;
    };
    const io = { stdout: say, stderr: say, env: {}, cwd: '/' };
    return { code: await run([...rest, '--admin', limpet.adminUrl], io), said };
  };
  t.match(await typed('routes', 'split', '/', 'v2=25'), {
    code: 0,
    said: '/: v1 100 (80 %), v2 25 (20 %)\n',
  });
  t.same(await weights(), [100, 25]);
  t.match(await typed('routes'), { code: 0, said: /^\/ +split +- +v1 +100 +\d+ +0\n +v2 +25 +\d+ +0$/m });
  t.match(await typed('routes', 'split', '/x', 'v2=1'), { code: 1, said: /there is no route "\/x"/ });
  t.match(await typed('routes', 'split', '/', 'v2'), { code: 1, said: /"v2" is no weight of a pool/ });
  t.match(await typed('routes', 'split', '/', 'v3=1'), { code: 1, said: /route "\/" has no pool "v3"/ });
  t.match(await typed('routes', 'split', '/', 'v1=0', 'v2=0'), {
    code: 1,
    said: /no pool of route "\/" would have any weight/,
  });
  t.match(await typed('pools', 'maintenance', 'v9'), { code: 1, said: /there is no pool "v9"/ });
  t.match(await typed('pools', 'maintenance', 'v1'), {
    code: 0,
    said: 'v1: maintenance, was ready (1 instance)\n',
  });
  t.match(await typed('pools'), { code: 0, said: /^v1 +1 +0 +0 +1 /m });
  t.same(new Set(await homes()), new Set(['new']), 'who was on the side that is out is served by the other');
  t.match(await typed('pools', 'enable', 'v1'), {
    code: 0,
    said: 'v1: ready, was maintenance (1 instance)\n',
  });
  t.ok((await homes()).includes('old'));
});

t.test('explain says how users are shared out, and where one belongs', async (t) => {
  const app = await startNamedApp('app', t);
  const other = await startNamedApp('other', t);
  const limpet = await startLimpet(
    {
      pools: { v1: pool(app), v2: pool(other) },
      routes: [
        {
          pools: [
            { pool: 'v1', weight: 1 },
            { pool: 'v2', weight: 0 },
          ],
        },
      ],
    },
    { owner: t },
  );
  const { run } = await import('../../src/cli/explain.ts');
  let stdout = '';
  const io = {
    stdout: (text: string) => {
      stdout += text;
    },
    stderr: () => {},
    env: {},
    cwd: '/',
  };
  t.equal(await run(['-c', limpet.configFile, 'GET', `${limpet.url}/`], io), 0);
  t.match(stdout, 'shared out between v1 1, v2 0 by the nonce of the affinity cookie');
  t.match(stdout, 'this user is on the side of v1');
  t.match(stdout, 'no other route matches');
});
