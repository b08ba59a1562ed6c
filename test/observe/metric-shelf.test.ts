// What the shelf promises: sums over all threads, and counters that never go back.
import t from 'tap';
import { MetricBook, type MetricDeclaration } from '../../src/observe/metric-book.ts';
import { countOf, MetricShelf } from '../../src/observe/metric-shelf.ts';

const quiet = (): void => {};

function bookOn(shelf: MetricShelf, worker: number): MetricBook {
  return new MetricBook(shelf.memory(worker), (declaration) => shelf.declare(worker, declaration));
}

t.test('two workers that count the same series are summed, whatever cells they use', async (t) => {
  const shelf = new MetricShelf({ workers: 2, capacity: 500, onFull: quiet });
  const [a, b] = [bookOn(shelf, 0), bookOn(shelf, 1)];
  a.counter('limpet_refused_total', { code: 'other' });
  const inA = a.counter('limpet_refused_total', { code: 'request.framing.both' });
  const inB = b.counter('limpet_refused_total', { code: 'request.framing.both' });
  t.not(inA, inB, 'the books laid it out differently');
  a.values[inA]! += 3;
  b.values[inB]! += 4;
  shelf.own.values[shelf.own.counter('limpet_worker_restarts_total', {})]!++;
  t.equal(shelf.total('limpet_refused_total', { code: 'request.framing.both' }), 7);
  t.equal(shelf.total('limpet_worker_restarts_total'), 1, 'the main thread has a book too');
  const histograms = [a, b].map(
    (book) => [book, book.histogram('limpet_request_seconds', { route: '/' })] as const,
  );
  for (const [book, base] of histograms) book.observe(base, 0.02);
  const [sum] = shelf.sums('limpet_request_seconds');
  t.equal(countOf(sum!.cells), 2);
  t.equal(sum!.cells.at(-1), 0.04);
});

t.test('a worker that dies takes no count along, and its late words are not believed', async (t) => {
  const shelf = new MetricShelf({ workers: 1, capacity: 500, onFull: quiet });
  const book = bookOn(shelf, 0);
  const index = book.counter('limpet_retries_total', { pool: 'shop', reason: 'upstream.connect.refused' });
  book.values[index] = 5;
  const late: MetricDeclaration[] = [];
  new MetricBook(shelf.memory(0), (d) => late.push(d)).counter('limpet_refused_total', { code: 'late' });
  shelf.retire(0);
  t.equal(shelf.total('limpet_retries_total'), 5);
  for (const declaration of late) shelf.declare(0, declaration);
  t.same(shelf.sums('limpet_refused_total'), [], 'a declaration of the retired book is ignored');
  book.values[index] = 100;
  t.equal(shelf.total('limpet_retries_total'), 5, 'the retired memory is no longer read');
  const next = bookOn(shelf, 0);
  next.values[next.counter('limpet_retries_total', { pool: 'shop', reason: 'upstream.connect.refused' })] = 2;
  t.equal(shelf.total('limpet_retries_total'), 7);
});

t.test('a book without room is told of by the metric that found none', async (t) => {
  const full: string[] = [];
  const shelf = new MetricShelf({ workers: 1, capacity: 25, onFull: (name) => full.push(name) });
  const book = bookOn(shelf, 0);
  for (let i = 0; i < 20; i++) book.values[book.counter('limpet_refused_total', { code: `c${i}` })]!++;
  t.same(full, ['limpet_refused_total']);
  t.equal(
    shelf.total('limpet_refused_total') + shelf.total('limpet_metrics_overflow_total'),
    20,
    'nothing is uncounted',
  );
});

t.test('no worker is given a book that is not its own', async (t) => {
  const shelf = new MetricShelf({ workers: 2, onFull: quiet });
  t.throws(() => shelf.memory(2), { name: 'InvariantError' });
  t.throws(() => shelf.memory(-1), { name: 'InvariantError' });
  t.not(shelf.memory(0).buffer, shelf.memory(1).buffer);
});

t.test(
  'what is let go of makes room, counts on in sums, and is told until many more have gone',
  async (t) => {
    const full: string[] = [];
    const shelf = new MetricShelf({ workers: 1, capacity: 200, onFull: (name) => full.push(name) });
    const book = bookOn(shelf, 0);
    const labels = (i: number) => ({ route: '/', pool: 'shop', upstream: `app-${i}`, code: '200' });
    const rounds = 3000;
    for (let i = 0; i < rounds; i++) {
      book.release((_name, { upstream }) => upstream === `app-${i - 1}`);
      book.values[book.counter('limpet_requests_total', labels(i))]!++;
      book.observe(book.histogram('limpet_upstream_seconds', { pool: 'shop', upstream: `app-${i}` }), 0.02);
      if (i % 500 === 0) t.equal(shelf.total('limpet_requests_total'), i + 1, 'no count is lost on the way');
    }
    t.same(full, []);
    t.equal(shelf.total('limpet_metrics_overflow_total'), 0);
    t.equal(shelf.total('limpet_requests_total', { pool: 'shop' }), rounds);
    t.equal(shelf.total('limpet_upstream_seconds'), rounds);
    const shown = shelf.shown('limpet_requests_total');
    t.ok(shown.length <= 1001, `${shown.length} are told by name`);
    t.ok(shown.every(({ labels: { upstream }, cells }) => upstream !== '' && cells[0] === 1));
    t.equal(
      shelf.total('limpet_requests_total', { upstream: `app-${rounds - 1}` }),
      1,
      'the newest by its name',
    );
    book.release((_name, { upstream }) => upstream === `app-${rounds - 1}`);
    book.values[book.counter('limpet_requests_total', labels(rounds - 1))]!++;
    t.equal(
      shelf.total('limpet_requests_total', { upstream: `app-${rounds - 1}` }),
      2,
      'who comes back counts on',
    );
  },
);

t.test(
  'cells that were let go of are not used anew at once, since their reader may not know yet',
  async (t) => {
    const shelf = new MetricShelf({ workers: 1, capacity: 200, onFull: quiet });
    const book = bookOn(shelf, 0);
    const old = book.counter('limpet_refused_total', { code: 'old' });
    book.values[old] = 7;
    book.release((_name, { code }) => code === 'old');
    t.equal(book.values[old], 7);
    t.not(book.counter('limpet_refused_total', { code: 'new' }), old);
    book.release(() => false);
    t.equal(book.counter('limpet_refused_total', { code: 'newer' }), old);
    t.equal(book.values[old], 0);
    t.equal(shelf.total('limpet_refused_total'), 7);
  },
);
