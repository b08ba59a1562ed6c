// `limpet routes`: where requests are led, and how the users of a canary are shared out otherwise.
import t, { type Test } from 'tap';
import { listenOn } from '../../src/admin/app.ts';
import type { RouteView } from '../../src/admin/view.ts';
import * as routes from '../../src/cli/routes.ts';
import { LOOPBACK, makeAdmin } from '../admin/fake-view.ts';
import { freePort } from '../kit/ports.ts';
import { tell } from './told.ts';

async function start(t: Pick<Test, 'teardown'>) {
  const { app, view } = makeAdmin();
  const at = ['--admin', await listenOn(app, LOOPBACK)];
  t.teardown(() => app.close());
  const limpet = (...args: string[]) => tell(routes, [...args, ...at]);
  const weights = () => view.routes()[0]?.pools.map(({ pool, weight }) => `${pool}=${weight}`);
  return { limpet, view, at, weights };
}

t.test('the list as a table and as JSON', async (t) => {
  const { limpet, view } = await start(t);
  t.same(await limpet(), {
    code: 0,
    stdout: `ROUTE  DOES   SESSION  POOL  WEIGHT  REQUESTS  FAILURES
/      split  -        shop      95         5         0
                       next       5         5         0
/api   pool   -        shop       -         5         0
`,
    stderr: '',
  });
  const { code, stdout } = await limpet('--json');
  t.equal(code, 0);
  t.same(JSON.parse(stdout), view.routes());
});

t.test('a route without a pool, and one behind several sessions', async (t) => {
  const { limpet, view } = await start(t);
  const told: RouteView[] = [
    { ...view.routes()[1]!, name: '/gone', does: 'respond', sessions: ['staff', 'members'], pools: [] },
    { ...view.routes()[1]!, name: '/\u001b[2J' },
  ];
  view.routes = () => told;
  t.equal(
    (await limpet()).stdout,
    `ROUTE       DOES     SESSION         POOL  WEIGHT  REQUESTS  FAILURES
/gone       respond  staff, members  -     -              -         -
/\\u{1b}[2J  pool     -               shop  -              5         0
`,
    'and no name moves the cursor',
  );
});

t.test('a split is told with its shares, and those that are not named keep their weight', async (t) => {
  const { limpet, weights, at } = await start(t);
  t.same(await limpet('split', '/', 'shop=90', 'next=10'), {
    code: 0,
    stdout: '/: shop 90 (90 %), next 10 (10 %)\n',
    stderr: '',
  });
  t.same(await limpet('split', '/', 'next=0'), {
    code: 0,
    stdout: '/: shop 90 (100 %), next 0 (0 %)\n',
    stderr: '',
  });
  t.same(weights(), ['shop=90', 'next=0']);
  t.equal((await limpet('split', '/', 'shop=999', 'next=1')).stdout, '/: shop 999 (100 %), next 1 (0.1 %)\n');
  const { code, stdout } = await limpet('split', '/', 'shop=1', 'next=1', '--json');
  t.equal(code, 0);
  t.match(JSON.parse(stdout), {
    name: '/',
    pools: [
      { pool: 'shop', weight: 1 },
      { pool: 'next', weight: 1 },
    ],
  });
  const first = await tell(routes, [...at, 'split', '/', 'shop=3', 'next=1']);
  t.equal(first.stdout, '/: shop 3 (75 %), next 1 (25 %)\n', 'also where the options come first');
});

t.test('a command line that means nothing is told what would be right, and nothing is changed', async (t) => {
  const { limpet, weights } = await start(t);
  for (const [args, wrong] of [
    [['spilt', '/', 'shop=1'], /^limpet routes: there is no "spilt" of routes\n.*limpet routes split ROUTE/],
    [['/'], /there is no "\/" of routes/],
    [['--jsno'], /^limpet routes: Unknown option '--jsno'\n/],
    [['split'], /a route and the weight of a pool are needed\n.*limpet routes split ROUTE POOL=WEIGHT\n/],
    [['split', '/'], /a route and the weight of a pool are needed/],
    [['split', '/', 'shop'], /"shop" is no weight of a pool\n {2}would be right: v2=10; 0 to 1,000,000\n/],
    [['split', '/', 'shop=10%'], /"shop=10%" is no weight of a pool/],
    [['split', '/', '=10'], /"=10" is no weight of a pool/],
    [['split', '/', 'shop=1000001'], /"shop=1000001" is no weight of a pool/],
    [['split', '/', 'shop=-1'], /"shop=-1" is no weight of a pool/],
    [['split', '/apy', 'shop=1'], /there is no route "\/apy"\n {2}would be right: \/api\n/],
    [
      ['split', 'elsewhere', 'shop=1'],
      /there is no route "elsewhere"\n {2}would be right: one of \/, \/api\n/,
    ],
    [['split', '/', 'shpo=1'], /route "\/" has no pool "shpo"\n {2}would be right: shop\n/],
    [['split', '/', '__proto__=1'], /has no pool "__proto__"\n {2}would be right: one of shop, next\n/],
    [['split', '/', 'shop=1', 'shop=2'], /pool "shop" is named twice/],
    [['split', '/', 'shop=0', 'next=0'], /no pool of route "\/" would have any weight\n/],
    [
      ['split', '/api', 'shop=1'],
      /users of route "\/api" are not shared out .*\n.*would be right: one of \/\n/,
    ],
    [['split', '/', 'shop=1', '--now'], /^limpet routes split: Unknown option '--now'\n/],
  ] as const)
    t.match(await limpet(...args), { code: 1, stdout: '', stderr: wrong }, args.join(' '));
  t.same(weights(), ['shop=95', 'next=5']);
});

t.test('a great many routes are not all told to whoever mistypes one', async (t) => {
  const { limpet, view } = await start(t);
  const one = view.routes()[1]!;
  view.routes = () => Array.from({ length: 30 }, (_, i) => ({ ...one, name: `/${i}` }));
  t.match(await limpet('split', 'elsewhere', 'shop=1'), {
    code: 1,
    stderr: /one of \/0, \/1, .*, \/19 and 10 more\n$/,
  });
});

t.test('where no route is split it is said how one is', async (t) => {
  const { limpet, view } = await start(t);
  const [, whole] = view.routes();
  view.routes = () => [whole!];
  t.match(await limpet('split', '/api', 'shop=1'), { code: 1, stderr: /right: `pools` with weights/ });
});

t.test('what the admin API refuses is told in its words', async (t) => {
  const { limpet, view } = await start(t);
  view.splitRefusal = 'a worker does not answer';
  t.match(await limpet('split', '/', 'shop=1'), {
    code: 1,
    stdout: '',
    stderr: /The weights are as they were: a worker does not answer/,
  });
});

t.test('an admin API that is away, or no address, is told', async (t) => {
  const url = `http://127.0.0.1:${await freePort()}`;
  for (const args of [[], ['split', '/', 'v1=1']])
    t.match(await tell(routes, [...args, '--admin', url]), {
      code: 1,
      stdout: '',
      stderr: /does not answer: ECONNREFUSED\n {2}would be right: a Limpet that runs/,
    });
  t.match(await tell(routes, ['--admin', 'ftp://h']), { code: 1, stderr: /is no address of an admin API/ });
});

t.test('the help of each word', async (t) => {
  for (const words of [[], ['split'], ['split', '/']]) {
    const { code, stdout } = await tell(routes, [...words, '--help']);
    t.equal(code, 0);
    t.equal(stdout, routes.HELP);
  }
  t.ok(routes.HELP.split('\n').every((line) => line.length <= 125));
});
