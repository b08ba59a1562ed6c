// What a book promises the hot path: the same cell for the same labels, no allocation, and a bound that holds.
import { Worker } from 'node:worker_threads';
import t from 'tap';
import {
  MetricBook,
  type MetricBookMemory,
  type MetricDeclaration,
  StatusCounter,
} from '../../src/observe/metric-book.ts';
import { MetricShelf } from '../../src/observe/metric-shelf.ts';
import { BUCKET_BOUNDS_S, cellsOf } from '../../src/observe/names.ts';

function memoryOf(capacity: number): MetricBookMemory {
  return { buffer: new SharedArrayBuffer(capacity * 8), capacity, edition: 1 };
}

t.test('the same labels give the same cell, in whatever order they are named', async (t) => {
  const told: MetricDeclaration[] = [];
  const book = new MetricBook(memoryOf(1000), (d) => told.push(d));
  const first = book.counter('limpet_affinity_total', { pool: 'shop', result: 'kept' });
  t.equal(book.counter('limpet_affinity_total', { result: 'kept', pool: 'shop' }), first);
  t.not(book.counter('limpet_affinity_total', { pool: 'shop', result: 'moved' }), first);
  t.equal(told.filter((d) => d.name === 'limpet_affinity_total').length, 2, 'each series is told once');
});

t.test('labels that only look alike when joined are different series', async (t) => {
  const book = new MetricBook(memoryOf(1000), () => {});
  const a = book.counter('limpet_affinity_total', { pool: 'a,b', result: 'c' });
  const b = book.counter('limpet_affinity_total', { pool: 'a', result: 'b,c' });
  t.not(a, b);
});

t.test('a duration lands in the first bucket whose bound is not below it', async (t) => {
  const book = new MetricBook(memoryOf(1000), () => {});
  const base = book.histogram('limpet_request_seconds', { route: '/' });
  for (const [seconds, bucket] of [
    [0, 0],
    [0.0001, 0],
    [0.00011, 1],
    [0.003, BUCKET_BOUNDS_S.indexOf(0.005)],
    [60, BUCKET_BOUNDS_S.length - 1],
    [61, BUCKET_BOUNDS_S.length],
    [-1, 0],
    [Number.NaN, 0],
  ] as const) {
    const before = book.values[base + bucket]!;
    book.observe(base, seconds);
    t.equal(book.values[base + bucket], before + 1, `${seconds} s`);
  }
  t.equal(
    book.values[base + BUCKET_BOUNDS_S.length + 1],
    0.0001 + 0.00011 + 0.003 + 60 + 61,
    'the sum holds no NaN',
  );
});

t.test(
  'a full book counts what is left over in one place, says so once, and writes nobody else’s cells',
  async (t) => {
    const told: MetricDeclaration[] = [];
    const book = new MetricBook(memoryOf(30), (d) => told.push(d));
    const indexes: number[] = [];
    for (let i = 0; i < 100; i++) indexes.push(book.counter('limpet_refused_total', { code: `c${i}` }));
    t.ok(book.full);
    for (const index of indexes) book.values[index]!++;
    const given = indexes.filter((index) => index !== 0);
    t.equal(new Set(given).size, given.length);
    t.ok(given.length > 0);
    t.equal(book.values[0], 100 - given.length);
    const late = book.histogram('limpet_request_seconds', { route: '/late' });
    book.observe(late, 1);
    t.equal(book.values[0], 100 - given.length + 1, 'a refused duration counts as well');
    t.equal(told.filter((d) => d.refused).length, 1);
    t.ok(
      late + cellsOf('histogram') <= Math.min(...given),
      'the spare histogram ends before the first series',
    );
  },
);

t.test('statuses get a series each, those that are none share one', async (t) => {
  const told: MetricDeclaration[] = [];
  const book = new MetricBook(memoryOf(1000), (d) => told.push(d));
  const counter = new StatusCounter(book, '/', 'shop', 'blue');
  for (const status of [200, 200, 503, 0, 99, 600, -1, 599, 100]) counter.count(status);
  const byCode = Object.fromEntries(
    told.filter((d) => d.name === 'limpet_requests_total').map((d) => [d.labels.code, book.values[d.index]]),
  );
  t.same(byCode, { 200: 2, 503: 1, 0: 4, 599: 1, 100: 1 });
});

t.test('counting allocates nothing', async (t) => {
  const book = new MetricBook(memoryOf(1000), () => {});
  const base = book.histogram('limpet_request_seconds', { route: '/' });
  const counter = new StatusCounter(book, '/', 'shop', 'blue');
  const kept: object[] = [];
  const calls = 200_000;
  const count = (): void => {
    for (let i = 0; i < calls; i++) {
      book.observe(base, i * 1e-6);
      counter.count(200);
    }
  };
  const allocate = (): void => {
    for (let i = 0; i < calls; i++) kept[i & 1] = { i };
  };
  /** Bytes a call of several runs, the least first: other work allocates too, and a collection may hide some of a run. */
  const grownBy = (work: () => void): number[] => {
    const grown: number[] = [];
    for (let run = 0; run < 8; run++) {
      const before = process.memoryUsage().heapUsed;
      work();
      grown.push((process.memoryUsage().heapUsed - before) / calls);
    }
    return grown.filter((bytes) => bytes >= 0).sort((a, b) => a - b);
  };
  const control = grownBy(allocate).at(-1) ?? 0;
  const bytes = grownBy(count)[0] ?? Number.POSITIVE_INFINITY;
  t.ok(control >= 8, `the control allocates: ${control} bytes a call`);
  t.ok(bytes < 1, `${bytes} bytes a call`);
});

t.test('what a worker counts is seen by the main thread, and outlives the worker', async (t) => {
  const shelf = new MetricShelf({ workers: 1, capacity: 1000, onFull: () => t.fail('there was room') });
  const url = new URL('../../src/observe/metric-book.ts', import.meta.url).href;
  const run = async (): Promise<void> => {
    const worker = new Worker(
      `const { parentPort, workerData } = require('node:worker_threads');
       import(${JSON.stringify(url)}).then(({ MetricBook, StatusCounter }) => {
         const book = new MetricBook(workerData, (d) => parentPort.postMessage(d));
         const counter = new StatusCounter(book, '/', 'shop', 'blue');
         for (let i = 0; i < 1000; i++) counter.count(200);
         book.observe(book.histogram('limpet_request_seconds', { route: '/' }), 0.2);
         book.values[book.gauge('limpet_connections', { listener: 'web' })] = 7;
         parentPort.postMessage('done');
       });
       setInterval(() => {}, 1000);`,
      { eval: true, workerData: shelf.memory(0) },
    );
    await new Promise<void>((resolve, reject) => {
      worker.on('error', reject);
      worker.on('message', (message: MetricDeclaration | 'done') => {
        if (message === 'done') resolve();
        else shelf.declare(0, message);
      });
    });
    t.equal(shelf.total('limpet_connections'), 7, 'read while the worker runs');
    await worker.terminate();
    shelf.retire(0);
  };
  await run();
  t.equal(shelf.total('limpet_requests_total', { code: '200' }), 1000);
  t.equal(shelf.total('limpet_request_seconds'), 1);
  t.equal(shelf.total('limpet_connections'), 0, 'the connections of a dead worker are closed');
  await run();
  t.equal(shelf.total('limpet_requests_total', { code: '200' }), 2000, 'its replacement goes on from there');
});
