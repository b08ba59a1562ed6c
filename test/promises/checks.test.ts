// What health sees through the running proxy: active checks, ejection, a slow app that stays, all down and back without traffic.
import t from 'tap';
import { startLimpet } from '../kit/limpet.ts';
import { askPath, type NamedApp, startNamedApp, until } from '../kit/named-app.ts';

const apps: NamedApp[] = [];
for (const name of ['one', 'two', 'three']) apps.push(await startNamedApp(name, t));
const [one, two, three] = apps as [NamedApp, NamedApp, NamedApp];
const upstreams = apps.map(({ name, url }) => ({ name, url }));
const check = { interval: '50ms', timeout: '200ms', jitter: '0%' };
const limpet = await startLimpet({
  routes: [
    { path: '/', pool: 'active' },
    { path: '/tcp', pool: 'tcp' },
    { path: '/passive', pool: 'passive' },
    { path: '/slow', pool: 'slow' },
    { path: '/panic', pool: 'panic' },
    { path: '/unknown', pool: 'unknown' },
  ],
  pools: {
    active: {
      upstreams,
      health: {
        active: {
          ...check,
          path: '/well?x=1',
          status: '200',
          body: 'well',
          host: 'check.test',
          headers: { 'X-Check': 'yes' },
        },
        passive: false,
      },
    },
    tcp: {
      upstreams: [upstreams[0]],
      health: { active: { ...check, tcp: true }, passive: { ejectFor: '200ms' } },
    },
    passive: { upstreams, health: { passive: { errors: 3, ejectFor: '300ms', statuses: ['500-599'] } } },
    slow: { upstreams: [upstreams[0], upstreams[1]] },
    panic: { upstreams: ['http://127.0.0.1:9'], health: { panic: '50%' } },
    unknown: { upstreams: ['http://no-such-host.invalid:80'] },
  },
});

interface View {
  readonly pool: string;
  readonly name: string;
  readonly observed: string;
  readonly why: string;
}
const view = async (pool: string, name: string): Promise<View> => {
  const all = (await (await fetch(`${limpet.adminUrl}/api/v1/upstreams`)).json()) as View[];
  return all.find((u) => u.pool === pool && u.name === name)!;
};
const becomes = (pool: string, name: string, observed: string): Promise<void> =>
  until(`${pool}/${name} is ${observed}`, async () => (await view(pool, name)).observed === observed);

/** The health path answers `text` with `status`; everything else the app's name. */
function healthSays(app: NamedApp, status: number, text: string): void {
  app.answer = (request, response, name) => {
    if (!request.url?.startsWith('/well')) return void response.end(name);
    response.writeHead(status);
    response.end(text);
  };
}

t.test('an active check asks as configured, and its status and body decide', async (t) => {
  for (const app of apps) healthSays(app, 200, 'all is well');
  for (const app of apps) await becomes('active', app.name, 'up');
  const asked = one.seen.find((seen) => seen.url === '/well?x=1')!;
  t.equal(asked.headers.host, 'check.test');
  t.equal(asked.headers['x-check'], 'yes');
  healthSays(one, 503, 'all is well');
  healthSays(two, 200, 'ill');
  await becomes('active', 'one', 'down');
  await becomes('active', 'two', 'down');
  t.match((await view('active', 'one')).why, /503/);
  for (let i = 0; i < 6; i++) t.equal((await askPath(limpet.port, '/')).body, 'three');
  healthSays(one, 200, 'well');
  healthSays(two, 200, 'well');
  await becomes('active', 'one', 'up');
  await becomes('active', 'two', 'up');
});

t.test('a tcp check notices a closed port and an open one, without traffic', async (t) => {
  await becomes('tcp', 'one', 'up');
  await one.stop();
  await until('it is out', async () => ['down', 'ejected'].includes((await view('tcp', 'one')).observed));
  const told = await askPath(limpet.port, '/tcp', { accept: 'application/json' });
  t.equal(told.status, 503);
  t.match(JSON.parse(told.body), { error: { code: 'pool.none' } });
  t.ok(told.headers['retry-after']);
  await one.start();
  await becomes('tcp', 'one', 'up');
  t.equal((await askPath(limpet.port, '/tcp')).status, 200);
});

t.test('consecutive failures by status eject one, and it comes back', async (t) => {
  three.answer = (_request, response) => {
    response.writeHead(500);
    response.end('broken');
  };
  await until('three is ejected', async () => {
    await askPath(limpet.port, '/passive');
    return (await view('passive', 'three')).observed === 'ejected';
  });
  for (let i = 0; i < 4; i++) t.equal((await askPath(limpet.port, '/passive')).status, 200);
  healthSays(three, 200, 'well');
  await until('three serves again', async () => (await askPath(limpet.port, '/passive')).body === 'three');
});

t.test('an app that is slow but lives is never taken out for it', async (t) => {
  one.answer = (request, response, name) => {
    if (request.method === 'OPTIONS') response.end();
    else setTimeout(() => response.end(name), 900);
  };
  const asked = await Promise.all([1, 2, 3, 4].map(() => askPath(limpet.port, '/slow')));
  t.ok(asked.every((told) => told.status === 200));
  t.equal(asked.filter((told) => told.body === 'one').length, 2, 'its answers were waited for');
  t.notSame((await view('slow', 'one')).observed, 'ejected');
  healthSays(one, 200, 'well');
});

t.test('with panic the down are tried all the same', async (t) => {
  for (let i = 0; i < 4; i++)
    t.equal((await askPath(limpet.port, '/panic')).status, 502, 'tried, not refused with 503');
});

t.test('a name that does not resolve is down and says why', async (t) => {
  await until('it says so', async () =>
    /does not resolve/.test((await view('unknown', 'no-such-host.invalid:80')).why),
  );
  t.equal((await askPath(limpet.port, '/unknown')).status, 503);
  t.equal((await askPath(limpet.port, '/')).status, 200, 'and the others serve');
});
