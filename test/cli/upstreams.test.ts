// `limpet upstreams`: what it asks of the admin API, how it waits until an instance is free, and what it tells whoever asks wrongly.
import t, { type Test } from 'tap';
import { listenOn } from '../../src/admin/app.ts';
import * as upstreams from '../../src/cli/upstreams.ts';
import { type FakeView, LOOPBACK, makeAdmin } from '../admin/fake-view.ts';
import { until } from '../kit/named-app.ts';
import { freePort } from '../kit/ports.ts';
import { tell } from './told.ts';

async function start(t: Pick<Test, 'teardown'>) {
  const { app, view } = makeAdmin();
  const at = ['--admin', await listenOn(app, LOOPBACK)];
  t.teardown(() => app.close());
  const limpet = (...args: string[]) => tell(upstreams, [...args, ...at]);
  return { limpet, view, app };
}

/** Resolves when so many changes were ordered, and the wait after the last has looked. */
async function waiting(view: FakeView, changes: number): Promise<void> {
  await until('it is ordered', () => view.changes.length === changes);
  await view.asked(1);
}

t.test('the list as a table and as JSON', async (t) => {
  const { limpet, view } = await start(t);
  view.set('green', { observed: 'down', why: 'connection refused' });
  view.set('blue', { drainUntil: '2026-01-01T00:05:00.000Z' });
  t.same(await limpet(), {
    code: 0,
    stdout: `POOL  NAME            WANTED  OBSERVED  WEIGHT  USERS  IN FLIGHT  REQUESTS  FAILURES  LATENCY
shop  blue            ready   up             1      4          0        10         0  1.5 ms
shop  green           ready   down           1      4          0        10         0  1.5 ms
shop  127.0.0.1:3001  ready   up             1      4          0        10         0  1.5 ms
shop  /run/app.sock   ready   up             1      4          0        10         0  1.5 ms
shop/blue: its drain ends at 2026-01-01T00:05:00.000Z
shop/green: connection refused
`,
    stderr: '',
  });
  t.same(JSON.parse((await limpet('--json')).stdout), view.upstreams());
});

t.test('each word changes just that, whatever the name holds', async (t) => {
  const { limpet, view } = await start(t);
  t.same(await limpet('drain', 'shop/blue', '--deadline', '30m'), {
    code: 0,
    stdout: 'shop/blue: drain, was ready; until 1970-01-01T00:30:00.000Z (4 users, 0 under way)\n',
    stderr: '',
  });
  t.equal((await limpet('enable', 'blue')).stdout, 'shop/blue: ready, was drain (4 users, 0 under way)\n');
  t.equal((await limpet('disable', 'shop//run/app.sock')).code, 0);
  t.equal((await limpet('weight', '127.0.0.1:3001', '25')).code, 0);
  t.match(await limpet('weight', 'blue', '1'), { code: 0, stdout: 'shop/blue: ready as before (' });
  t.same(view.changes, [
    { upstream: 'blue', wanted: 'drain', deadlineMs: 1_800_000 },
    { upstream: 'blue', wanted: 'ready' },
    { upstream: '/run/app.sock', wanted: 'maintenance' },
    { upstream: '127.0.0.1:3001', weight: 25 },
    { upstream: 'blue', weight: 1 },
  ]);
  const json = JSON.parse((await limpet('drain', 'green', '--json')).stdout);
  t.match(json, { pool: 'shop', name: 'green', wanted: 'drain' });
});

t.test('who takes out the last one is told so', async (t) => {
  const { limpet, view } = await start(t);
  for (const name of ['green', '127.0.0.1:3001']) view.set(name, { wanted: 'maintenance' });
  view.set('/run/app.sock', { observed: 'down' });
  t.match(await limpet('drain', 'blue'), {
    code: 0,
    stderr: /no other upstream of pool shop takes users now/,
  });
});

t.test('a command line that means nothing is told what would be right, and nothing is changed', async (t) => {
  const { limpet, view } = await start(t);
  for (const [args, wrong] of [
    [['drian', 'blue'], /no "drian" of upstreams\n {2}would be right: limpet upstreams drain\n/],
    [['drain'], /one upstream is needed\n.*drain POOL\/NAME\n/],
    [['drain', 'blue', 'green'], /one upstream is needed/],
    [['drain', 'bleu'], /there is no upstream "bleu"\n {2}would be right: blue\n/],
    [['drain', 'zzzzzzzz'], /would be right: one of shop\/blue, shop\/green/],
    [['drain', 'blue', '--deadline', '5'], /--deadline: "5" has no unit/],
    [['enable', 'blue', '--deadline', '5m'], /--deadline ends a drain/],
    [['enable', 'blue', '--wait'], /--wait waits until an upstream is free/],
    [['weight', 'blue'], /an upstream and a weight are needed/],
    [['weight', 'blue', '1001'], /"1001" is no weight/],
    [['weight', 'blue', '-1'], /Unknown option '-1'/],
    [['drain', 'blue', '--now'], /^limpet upstreams drain: Unknown option '--now'\n/],
  ] as const)
    t.match(await limpet(...args), { code: 1, stdout: '', stderr: wrong }, args.join(' '));
  t.same(view.changes, []);
});

t.test('a name that several pools have is not guessed', async (t) => {
  const { limpet, view } = await start(t);
  view.add({ pool: 'api', name: 'blue' });
  t.match(await limpet('drain', 'blue'), { code: 1, stderr: /several pools.*\n.*shop\/blue or api\/blue\n/ });
  t.match(await limpet('drain', 'api/blue'), { code: 0, stdout: /^api\/blue: drain/ });
});

t.test('a wait ends when the users have left and nothing is under way', async (t) => {
  const { limpet, view } = await start(t);
  view.set('blue', { users: 2, inFlight: 1 });
  let over = false;
  const waits = limpet('drain', 'blue', '--wait').finally(() => {
    over = true;
  });
  await waiting(view, 1);
  view.set('blue', { users: 0 });
  await view.asked(2);
  t.notOk(over, 'something is under way yet');
  view.set('blue', { inFlight: 0 });
  const { code, stdout, stderr } = await waits;
  t.equal(code, 0);
  t.match(
    stdout,
    /^shop\/blue: drain, was ready .*\nshop\/blue is free: its users have left, and nothing is under way\n$/,
  );
  t.match(stderr, /^limpet upstreams shop\/blue: 2 users left, 1 under way; waiting for 0 s\n/);
});

t.test('a wait is told when the drain is taken back, or its deadline has come', async (t) => {
  const { limpet, view } = await start(t);
  const waits = limpet('drain', 'blue', '--wait');
  await waiting(view, 1);
  view.set('blue', { wanted: 'ready' });
  t.match(await waits, { code: 1, stderr: /shop\/blue is not free: it was enabled again meanwhile\n$/ });
  const again = limpet('drain', 'blue', '--wait', '--json');
  await waiting(view, 2);
  view.set('blue', { wanted: 'maintenance', inFlight: 0 });
  const { code, stdout } = await again;
  t.equal(code, 0);
  t.match(JSON.parse(stdout), { free: true, why: /maintenance/, users: 4, inFlight: 0 });
});

t.test('whoever disables and waits does not wait for users, who are sent elsewhere', async (t) => {
  const { limpet, view } = await start(t);
  view.set('blue', { users: 9 });
  t.match(await limpet('disable', 'blue', '--wait'), { code: 0, stdout: /is free: it is in maintenance/ });
});

t.test('on a terminal one line is written over, and gone at the end', async (t) => {
  const { app, view } = makeAdmin();
  const url = await listenOn(app, LOOPBACK);
  t.teardown(() => app.close());
  view.set('blue', { users: 1 });
  const waits = tell(upstreams, ['drain', 'blue', '--wait', '--admin', url], { terminal: true });
  await waiting(view, 1);
  view.set('blue', { users: 0 });
  const { stderr } = await waits;
  const [before, first, ...rest] = stderr.split('\r\u001b[2K');
  t.same([before, first], ['', 'shop/blue: 1 user left, 0 under way; waiting for 0 s']);
  t.equal(rest.at(-1), '');
  t.notMatch(stderr, '\n');
});

t.test('an admin API that is away is told', async (t) => {
  const url = `http://127.0.0.1:${await freePort()}`;
  t.match(await tell(upstreams, ['drain', 'blue', '--admin', url]), {
    code: 1,
    stderr:
      /^limpet upstreams drain: .* does not answer: ECONNREFUSED\n {2}would be right: a Limpet that runs/,
  });
});

t.test('the help of each word', async (t) => {
  for (const words of [[], ['drain'], ['enable'], ['disable'], ['weight']]) {
    const { code, stdout } = await tell(upstreams, [...words, '--help']);
    t.equal(code, 0);
    t.match(stdout, /^limpet upstreams/);
    t.ok(stdout.split('\n').every((line) => line.length <= 125));
  }
});
