// `limpet pools`: every pool in a line, and all of its instances by one call.
import t, { type Test } from 'tap';
import { listenOn } from '../../src/admin/app.ts';
import * as pools from '../../src/cli/pools.ts';
import { LOOPBACK, makeAdmin } from '../admin/fake-view.ts';
import { freePort } from '../kit/ports.ts';
import { tell } from './told.ts';

async function start(t: Pick<Test, 'teardown'>) {
  const { app, view } = makeAdmin();
  const at = ['--admin', await listenOn(app, LOOPBACK)];
  t.teardown(() => app.close());
  view.add({ pool: 'api', name: 'red', users: 1234, inFlight: 2, failures: 3 });
  const limpet = (...args: string[]) => tell(pools, [...args, ...at]);
  return { limpet, view, at };
}

t.test('the list as a table and as JSON', async (t) => {
  const { limpet, view } = await start(t);
  view.set('green', { wanted: 'drain' });
  view.set('/run/app.sock', { wanted: 'maintenance', observed: 'down' });
  t.same(await limpet(), {
    code: 0,
    stdout: `POOL  INSTANCES  READY  DRAIN  MAINTENANCE  UP  USERS  IN FLIGHT  REQUESTS  FAILURES
shop          4      2      1            1   3     16          0        40         0
api           1      1      0            0   1  1,234          2        10         3
`,
    stderr: '',
  });
  const { code, stdout } = await limpet('--json');
  t.equal(code, 0);
  const shop = { pool: 'shop', instances: 4, ready: 2, drain: 1, maintenance: 1, up: 3, users: 16 };
  const api = { pool: 'api', instances: 1, ready: 1, drain: 0, maintenance: 0, up: 1, users: 1234 };
  t.same(JSON.parse(stdout), [
    { ...shop, inFlight: 0, requests: 40, failures: 0 },
    { ...api, inFlight: 2, requests: 10, failures: 3 },
  ]);
});

t.test('where there is none it is said so', async (t) => {
  const { limpet, view } = await start(t);
  view.upstreams = () => [];
  t.same(await limpet(), { code: 0, stdout: 'no pool has an upstream\n', stderr: '' });
  t.same(await limpet('--json'), { code: 0, stdout: '[]\n', stderr: '' });
});

t.test('each word is for all instances of the pool, and for no other', async (t) => {
  const { limpet, view, at } = await start(t);
  view.set('green', { wanted: 'drain' });
  for (const [word, told] of [
    ['maintenance', 'shop: maintenance, was 3 ready, 1 drain (4 instances)\n'],
    ['maintenance', 'shop: maintenance as before (4 instances)\n'],
    ['drain', 'shop: drain, was maintenance (4 instances)\n'],
    ['enable', 'shop: ready, was drain (4 instances)\n'],
  ] as const) {
    t.same(await limpet(word, 'shop'), { code: 0, stdout: told, stderr: '' });
    const wanted = view.upstreams().map((one) => `${one.pool} ${one.wanted}`);
    const now = told.split(/[ ,]/)[1];
    t.same(wanted, [...Array<string>(4).fill(`shop ${now}`), 'api ready']);
  }
  t.equal((await limpet('drain', 'api')).stdout, 'api: drain, was ready (1 instance)\n');
  const { code, stdout } = await limpet('enable', 'api', '--json');
  t.equal(code, 0);
  t.match(JSON.parse(stdout), [{ pool: 'api', name: 'red', wanted: 'ready' }]);
  const first = await tell(pools, [...at, 'drain', 'api']);
  t.equal(first.stdout, 'api: drain, was ready (1 instance)\n', 'also where the options come first');
});

t.test('a command line that means nothing is told what would be right, and nothing is changed', async (t) => {
  const { limpet, view } = await start(t);
  for (const [args, wrong] of [
    [
      ['drian', 'shop'],
      /^limpet pools: there is no "drian" of pools\n {2}would be right: limpet pools drain\n/,
    ],
    [['shop'], /there is no "shop" of pools\n {2}would be right: limpet pools maintenance, drain, enable\n/],
    [['--jsno'], /^limpet pools: Unknown option '--jsno'\n/],
    [['drain'], /^limpet pools drain: one pool is needed\n {2}would be right: limpet pools drain POOL\n/],
    [['drain', 'shop', 'api'], /one pool is needed/],
    [['enable', 'shpo'], /there is no pool "shpo"\n {2}would be right: shop\n/],
    [['maintenance', 'elsewhere'], /there is no pool "elsewhere"\n {2}would be right: one of shop, api\n/],
    [['drain', 'shop/blue'], /there is no pool "shop\/blue"/],
    [['drain', 'shop', '--deadline', '5m'], /^limpet pools drain: Unknown option '--deadline'\n/],
  ] as const)
    t.match(await limpet(...args), { code: 1, stdout: '', stderr: wrong }, args.join(' '));
  t.same(view.changes, []);
});

t.test('an admin API that is away is told', async (t) => {
  const url = `http://127.0.0.1:${await freePort()}`;
  for (const args of [[], ['drain', 'shop']])
    t.match(await tell(pools, [...args, '--admin', url]), {
      code: 1,
      stdout: '',
      stderr: /does not answer: ECONNREFUSED\n {2}would be right: a Limpet that runs/,
    });
});

t.test('the help of each word', async (t) => {
  for (const words of [[], ['drain'], ['maintenance'], ['enable', 'shop']]) {
    const { code, stdout } = await tell(pools, [...words, '--help']);
    t.equal(code, 0);
    t.equal(stdout, pools.HELP);
  }
  t.ok(pools.HELP.split('\n').every((line) => line.length <= 125));
});
