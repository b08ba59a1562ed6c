// /metrics as strict readers have it: both forms say the same, and OpenMetrics points from a bucket to a trace that fell into it.
import t from 'tap';
import { HandClock } from '../../src/base/clock.ts';
import { Exemplars } from '../../src/observe/exemplars.ts';
import { preferredFormat } from '../../src/observe/exposition-format.ts';
import { MetricBook } from '../../src/observe/metric-book.ts';
import { MetricShelf } from '../../src/observe/metric-shelf.ts';
import { BUCKET_BOUNDS_S, METRICS, type MetricDefinition } from '../../src/observe/names.ts';
import { Exposition } from '../../src/observe/prometheus.ts';
import { readMetrics } from '../kit/metric-text.ts';

/** What other people's dashboards go by: design.md, section 5. */
const CONTRACT: Readonly<Record<string, readonly string[]>> = {
  limpet_requests_total: ['route', 'pool', 'upstream', 'code'],
  limpet_request_seconds: ['route'],
  limpet_upstream_seconds: ['pool', 'upstream'],
  limpet_upstream_up: ['pool', 'upstream'],
  limpet_upstream_inflight: ['pool', 'upstream'],
  limpet_upstream_users: ['pool', 'upstream'],
  limpet_affinity_total: ['result'],
  limpet_session_checks_total: ['session', 'verdict', 'source'],
  limpet_session_resets_total: ['pool'],
  limpet_retries_total: ['reason'],
  limpet_refused_total: ['code'],
  limpet_connections: [],
  limpet_config_generation: [],
};

t.test('the names and labels of the contract are there', async (t) => {
  for (const [name, labels] of Object.entries(CONTRACT)) {
    const metric = (METRICS as Readonly<Record<string, MetricDefinition>>)[name];
    t.ok(metric, name);
    for (const label of labels) t.ok(metric?.labels.includes(label), `${name}{${label}}`);
  }
});

t.test('no two metrics are one to OpenMetrics, which leaves `_total` out of a name', async (t) => {
  const names = Object.keys(METRICS).map((name) => name.replace(/_total$/, ''));
  t.same(
    names.filter((name, i) => names.indexOf(name) !== i),
    [],
  );
});

t.test('names say what they are, as the conventions of Prometheus have it', async (t) => {
  for (const [name, { kind, labels, help }] of Object.entries<MetricDefinition>(METRICS)) {
    t.match(name, /^limpet_[a-z_]+$/);
    t.equal(name.endsWith('_total'), kind === 'counter', `${name}: only counters are totals`);
    if (kind === 'histogram') t.match(name, /_seconds$/, `${name}: its unit comes last`);
    t.notMatch(name, /_(bucket|count|sum|created|info|ms|milliseconds|percent)$/);
    for (const label of labels)
      t.match(label, /^(?!le$|quantile$|job$|instance$)[a-z]+$/, `${name}{${label}}`);
    t.notMatch(help, /["\\\n]/, `${name}: nothing that one form escapes and the other does not`);
    t.match(help, /^\S.*\.$/, `${name}: a sentence`);
  }
});

t.test(
  'the buckets reach from a hundred microseconds to a minute, and a quantile is off by 2.5 at most',
  async (t) => {
    t.equal(BUCKET_BOUNDS_S[0], 0.0001);
    t.equal(BUCKET_BOUNDS_S.at(-1), 60);
    t.ok(BUCKET_BOUNDS_S.length <= 20, 'each costs a series');
    for (let i = 1; i < BUCKET_BOUNDS_S.length; i++) {
      const step = BUCKET_BOUNDS_S[i]! / BUCKET_BOUNDS_S[i - 1]!;
      t.ok(step > 1.9 && step <= 3.0001, `${BUCKET_BOUNDS_S[i]} is ${step} times the one before`);
    }
  },
);

const TRACE = '0af7651916cd43dd8448eb211c80319c';

function setup() {
  const clock = new HandClock();
  const shelf = new MetricShelf({ workers: 2, capacity: 2000, onFull: () => {} });
  const books = [0, 1].map(
    (worker) => new MetricBook(shelf.memory(worker), (told) => shelf.declare(worker, told)),
  );
  const exemplars = new Exemplars();
  let asked = 0;
  const exposition = new Exposition({
    shelf,
    exemplars,
    upstreams: () => {
      asked++;
      return [{ pool: 'sh"op\\', name: 'a\nb', up: true, inFlight: 3, users: 42 }];
    },
    pools: () => [{ pool: 'shop', waiting: 5 }],
    generation: () => 9,
    configSinceMs: () => 1_700_000_000_000,
    logDropped: () => 0,
    connectionsMax: () => 1000,
    nowMs: () => clock.nowMs(),
  });
  return { clock, shelf, books, exemplars, exposition, asked: () => asked };
}

t.test('both forms are read by a strict reader, and say the same', async (t) => {
  const { books, exposition } = setup();
  for (const [i, book] of books.entries()) {
    const route = book.histogram('limpet_request_seconds', { route: 'a\\"b/' });
    for (const seconds of [0.00005, 0.0001, 0.3, 7, 100]) book.observe(route, seconds * (i + 1));
    book.values[book.counter('limpet_retries_total', { pool: 'p', reason: 'x.y' })]! += 7;
  }
  const text = readMetrics(await exposition.text('text'), 'text');
  const open = readMetrics(await exposition.text('openmetrics'), 'open');
  for (const name of Object.keys(METRICS)) {
    const { kind, help } = (METRICS as Readonly<Record<string, MetricDefinition>>)[name]!;
    const plain = text.get(name);
    const opened = open.get(name.replace(/_total$/, ''));
    t.match(plain, { type: kind, help }, name);
    t.match(opened, { type: kind, help }, name);
    t.same(
      opened?.samples.map(({ name, value }) => [name, value]),
      plain?.samples.map(({ name, value }) => [name, value]),
      `${name}: the same values`,
    );
  }
  t.match(text.get('limpet_upstream_users')?.samples[0]?.labels, { pool: 'sh"op\\', upstream: 'a\nb' });
  t.match(open.get('limpet_retries')?.samples, [{ name: 'limpet_retries_total', value: 14 }]);
  t.equal(text.get('limpet_retries_total')?.samples[0]?.value, 14, 'also behind OpenMetrics');
  t.ok(text.has('process_cpu_seconds_total') && open.has('process_cpu_seconds'), 'and of the process');
  const again = readMetrics(await exposition.text('text'), 'text');
  t.same([...again.keys()], [...text.keys()]);
});

t.test('a bucket points to the last traced request that fell into it', async (t) => {
  const { books, clock, exemplars, exposition } = setup();
  const book = books[0]!;
  const base = book.histogram('limpet_request_seconds', { route: 'r' });
  const traced = (traceId: string, seconds: number): void => {
    book.observe(base, seconds);
    exemplars.note({
      traceId,
      spans: [],
      times: [{ metric: 'limpet_request_seconds', labels: { route: 'r' }, seconds }],
      endMs: 1_700_000_000_123,
    });
  };
  traced(TRACE.replace('0', '1'), 0.003);
  traced(TRACE, 0.004);
  traced(TRACE, 0.0025);
  traced(TRACE, 100);
  book.observe(base, 0.2);
  const buckets = async () =>
    readMetrics(await exposition.text('openmetrics'), 'open').get('limpet_request_seconds')!.samples;
  const pointing = (await buckets()).filter(({ exemplar }) => exemplar !== null);
  t.same(
    pointing.map(({ labels, exemplar }) => [labels.le, exemplar?.labels.trace_id, exemplar?.value]),
    [
      ['0.0025', TRACE, 0.0025],
      ['0.005', TRACE, 0.004],
      ['+Inf', TRACE, 100],
    ],
    'and not where nothing was traced',
  );
  t.equal(pointing[0]?.exemplar?.atS, 1_700_000_000.123);
  clock.advance(1000);
  t.notMatch(await exposition.text('text'), TRACE, 'the older form has no room for it');
});

t.test('within a second, many readers of one form cost what one does', async (t) => {
  const { clock, exposition, asked } = setup();
  await exposition.text('openmetrics');
  const once = asked();
  await Promise.all(Array.from({ length: 50 }, () => exposition.text('openmetrics')));
  t.equal(asked(), once);
  clock.advance(1000);
  await exposition.text('openmetrics');
  t.equal(asked(), 2 * once);
});

t.test('the form is what Accept prefers', async (t) => {
  const prometheus =
    'application/openmetrics-text;version=1.0.0;q=0.5,application/openmetrics-text;version=0.0.1;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2';
  for (const [accept, format] of [
    [undefined, 'text'],
    ['', 'text'],
    ['*/*', 'text'],
    ['text/plain', 'text'],
    ['text/html, */*;q=0.8', 'text'],
    [prometheus, 'openmetrics'],
    ['application/openmetrics-text', 'openmetrics'],
    ['APPLICATION/OpenMetrics-Text; Version=1.0.0', 'openmetrics'],
    ['application/openmetrics-text; version="1.0.0"', 'openmetrics'],
    ['application/openmetrics-text;q=0.1, text/plain;q=0.9', 'text'],
    ['application/openmetrics-text;q=0', 'text'],
    ['application/openmetrics-text;version=2.0.0, text/plain;q=0.1', 'text'],
    ['application/openmetrics-text;q=nonsense', 'text'],
    [',,;;=,', 'text'],
  ] as const)
    t.equal(preferredFormat(accept), format, String(accept));
});
