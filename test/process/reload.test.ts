// Generations on the main thread: rows are given back, workers that die come back with the newest config, and reloads come one at a time.
import t from 'tap';
import type { ConfigLoader } from '../../src/config/load.ts';
import { loadConfigText } from '../../src/config/load.ts';
import { ControlPlane } from '../../src/process/control-plane.ts';
import { askPath, calm, startNamedApp, until } from '../kit/named-app.ts';
import { freePort } from '../kit/ports.ts';

const app = await startNamedApp('app', t);
const port = await freePort();

/** What the file would say now. */
let names: readonly string[] = ['first'];
let loads = 0;
const load: ConfigLoader = () => {
  loads++;
  const text = JSON.stringify({
    listen: `127.0.0.1:${port}`,
    workers: 2,
    pools: {
      main: {
        upstreams: names.map((name) => ({ name, url: app.url })),
        health: calm,
        affinity: { learned: { cookie: 'sid' } },
      },
    },
    admin: false,
    log: { level: 'silent' },
    shutdown: { deadline: '1s' },
  });
  return loadConfigText(text, 'limpet.yaml', {}, () => '');
};
const { config } = load();
if (config === null) throw new Error('the config is sound');
const plane = await ControlPlane.start(config, load);
t.teardown(() => plane.shutdown.stop('the end of the test'));

t.test('reloads that are asked for while one runs are one more', async (t) => {
  names = ['first', 'second'];
  const before = loads;
  const results = await Promise.all(Array.from({ length: 6 }, () => plane.reload('signal')));
  t.same(
    results.map(({ result }) => result),
    ['applied', ...Array.from({ length: 5 }, () => 'unchanged')],
  );
  t.equal(loads - before, 2);
  t.equal(plane.current.number, 2);
});

t.test('rows of those who left are given to those who come, and nothing of the old ones stays', async (t) => {
  const used = new Set<number>();
  for (let round = 0; round < 40; round++) {
    names = ['second', `round-${round}`];
    t.equal((await plane.reload('signal')).result, 'applied');
    for (let i = 0; i < 4; i++) t.equal((await askPath(port, '/')).status, 200);
    await until('the config before is let go', () => plane.reloader.older === 0);
    for (const { slot } of plane.slots) used.add(slot);
  }
  t.ok(used.size <= 6, `${used.size} rows for 42 upstreams`);
  const [second, last] = plane.slots;
  t.equal(plane.table.inFlight[second!.slot], 0);
  const [free] = [...used].filter((slot) => slot !== second!.slot && slot !== last!.slot);
  t.equal(plane.board.describe(free!), null);
  t.same([plane.table.weight[free!], plane.table.latencyMs[free!]], [0, 0]);
});

t.test('a user whose home left is nobody’s by the row that another has now', async (t) => {
  names = ['second', 'third'];
  await plane.reload('signal');
  app.answer = (_request, response) => {
    response.setHeader('set-cookie', 'sid=one');
    response.end();
  };
  // Until it is the third that has given the session out.
  await until('somebody lives at the third', async () => {
    const { slot } = plane.slots[1]!;
    const before = plane.shelf.total('limpet_requests_total', { upstream: 'third' });
    await askPath(port, '/');
    return slot >= 0 && plane.shelf.total('limpet_requests_total', { upstream: 'third' }) > before;
  });
  app.answer = (_request, response, name) => response.end(name);
  const { slot } = plane.slots[1]!;
  names = ['second'];
  await plane.reload('signal');
  await until('its row is free', () => plane.reloader.older === 0);
  // Rows are given again in turn: somebody gets this one.
  for (let round = 0; round < 10 && !plane.slots.some((one) => one.slot === slot); round++) {
    names = ['second', `new-${round}`];
    await plane.reload('signal');
    await until('the config before is let go', () => plane.reloader.older === 0);
  }
  t.ok(
    plane.slots.some((one) => one.slot === slot),
    'the row is another’s',
  );
  const kept = () => plane.shelf.total('limpet_affinity_total', { result: 'kept' });
  const before = kept();
  await askPath(port, '/', { cookie: 'sid=one' });
  t.equal(kept(), before, 'nobody lives there yet');
});

t.test('a worker that dies is replaced by one with the newest config', async (t) => {
  names = ['newest'];
  await plane.reload('signal');
  await plane.crew.threads[0]?.terminate();
  await until('both listen', () => plane.crew.listening === 2);
  for (let i = 0; i < 12; i++) t.equal((await askPath(port, '/')).status, 200);
  // A worker counts a request after its answer has left.
  const counted = () => plane.shelf.total('limpet_requests_total', { upstream: 'newest' });
  await until('all are counted', () => counted() >= 12);
  t.equal(counted(), 12);
  names = ['newest', 'and-more'];
  t.equal((await plane.reload('signal')).result, 'applied', 'and takes part in the next reload');
  await until('the config before is let go', () => plane.reloader.older === 0);
});

t.test('a worker that dies while it prepares refuses the reload, and nothing has changed', async (t) => {
  names = ['never'];
  const before = plane.current;
  const reload = plane.reload('signal');
  await until('it is being prepared', () => loads > 0);
  const told = await Promise.all([reload, plane.crew.threads[1]?.terminate()]);
  if (told[0].result === 'refused') {
    t.match(told[0].error, /a worker/);
    t.equal(plane.current, before);
  } else {
    // It was ready before it died.
    t.equal(plane.current.config.pools[0]!.upstreams[0]!.name, 'never');
  }
  await until('both listen', () => plane.crew.listening === 2);
  t.equal((await askPath(port, '/')).status, 200);
  names = ['at-last'];
  t.equal((await plane.reload('signal')).result, 'applied');
});

t.test('ejections of those who left keep their sum, and give their place to those of others', async (t) => {
  const { shelf } = plane;
  const cells = new Set<number>();
  const rounds = 12;
  const before = shelf.total('limpet_ejections_total');
  for (let round = 0; round < rounds; round++) {
    names = [`ejected-${round}`];
    t.equal((await plane.reload('signal')).result, 'applied');
    const cell = shelf.own.counter('limpet_ejections_total', {
      pool: 'main',
      upstream: `ejected-${round}`,
      reason: 'failures',
    });
    shelf.own.values[cell]!++;
    cells.add(cell);
  }
  t.ok(cells.size <= 3, `${cells.size} cells for ${rounds} upstreams`);
  const told = shelf.shown('limpet_ejections_total').filter(({ labels }) => labels.upstream !== undefined);
  for (let round = 0; round < rounds; round++)
    t.equal(
      told.find(({ labels }) => labels.upstream === `ejected-${round}`)?.cells[0],
      1,
      'each by its name',
    );
  t.equal(shelf.total('limpet_ejections_total'), before + rounds);
});

t.test(
  'after many more names than there is room for at once, the newest is still counted by name',
  async (t) => {
    const { shelf } = plane;
    const before = shelf.total('limpet_requests_total');
    const rounds = 24;
    for (let round = 0; round < rounds; round++) {
      names = Array.from({ length: 40 }, (_, i) => `many-${round}-${i}`);
      t.equal((await plane.reload('signal')).result, 'applied');
      await askPath(port, '/');
      await until('the config before is let go', () => plane.reloader.older === 0);
    }
    for (let i = 0; i < 80; i++) await askPath(port, '/');
    await until('all are counted', () => shelf.total('limpet_requests_total') === before + rounds + 80);
    const told = shelf.shown('limpet_upstream_seconds').map(({ labels }) => labels.upstream);
    const counted = shelf.shown('limpet_requests_total').map(({ labels }) => labels.upstream);
    for (const name of names) {
      t.ok(told.includes(name), name);
      t.ok(counted.includes(name), name);
    }
    t.equal(shelf.total('limpet_metrics_overflow_total'), 0);
  },
);
