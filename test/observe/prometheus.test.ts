// What /metrics promises: text that Prometheus reads, sums that are right, and a cost that does not grow with its readers.
import t from 'tap';
import { HandClock } from '../../src/base/clock.ts';
import { MetricBook } from '../../src/observe/metric-book.ts';
import { MetricShelf } from '../../src/observe/metric-shelf.ts';
import { METRICS } from '../../src/observe/names.ts';
import { Exposition } from '../../src/observe/prometheus.ts';

function setup() {
  const clock = new HandClock();
  const shelf = new MetricShelf({ workers: 2, capacity: 500, onFull: () => {} });
  let asked = 0;
  const exposition = new Exposition({
    shelf,
    upstreams: () => {
      asked++;
      return [{ pool: 'shop', name: 'we"ird\\', up: true, inFlight: 3, users: 42 }];
    },
    pools: () => [{ pool: 'shop', waiting: 5 }],
    generation: () => 9,
    configSinceMs: () => 1_700_000_000_500,
    logDropped: () => 0,
    nowMs: () => clock.nowMs(),
    processMetrics: false,
  });
  return { clock, shelf, exposition, asked: () => asked };
}

t.test('every metric of the table is told, with its help and type', async (t) => {
  const text = await setup().exposition.text();
  for (const [name, { kind, help }] of Object.entries(METRICS)) {
    t.ok(text.includes(`# HELP ${name} ${help}\n# TYPE ${name} ${kind}\n`), name);
  }
});

t.test('histograms are cumulative and agree with their count', async (t) => {
  const { shelf, exposition } = setup();
  for (const worker of [0, 1]) {
    const book = new MetricBook(shelf.memory(worker), (d) => shelf.declare(worker, d));
    const base = book.histogram('limpet_request_seconds', { route: 'shop/' });
    for (const seconds of [0.0002, 0.004, 100]) book.observe(base, seconds);
  }
  const lines = (await exposition.text())
    .split('\n')
    .filter((line) => line.startsWith('limpet_request_seconds'));
  const buckets = lines.filter((line) => line.includes('_bucket')).map((line) => Number(line.split(' ')[1]));
  t.same(
    buckets,
    [...buckets].sort((a, b) => a - b),
    'no bucket is below the one before',
  );
  t.ok(lines.includes('limpet_request_seconds_bucket{route="shop/",le="0.0001"} 0'));
  t.ok(lines.includes('limpet_request_seconds_bucket{route="shop/",le="0.00025"} 2'));
  t.ok(lines.includes('limpet_request_seconds_bucket{route="shop/",le="60"} 4'));
  t.ok(lines.includes('limpet_request_seconds_bucket{route="shop/",le="+Inf"} 6'));
  t.ok(lines.includes('limpet_request_seconds_count{route="shop/"} 6'));
  t.ok(lines.some((line) => line.startsWith('limpet_request_seconds_sum{route="shop/"} 200.0084')));
});

t.test('label values that hold quotes and backslashes can’t break out of their quotes', async (t) => {
  const text = await setup().exposition.text();
  t.ok(text.includes('limpet_pool_waiting{pool="shop"} 5\n'));
  t.ok(text.includes('limpet_upstream_inflight{pool="shop",upstream="we\\"ird\\\\"} 3\n'));
  t.ok(text.includes('limpet_upstream_users{pool="shop",upstream="we\\"ird\\\\"} 42\n'));
  t.ok(text.includes('limpet_config_generation 9\n'));
  t.ok(text.includes('limpet_config_applied_timestamp_seconds 1700000000.5\n'));
});

t.test('within a second, many readers cost what one does', async (t) => {
  const { clock, exposition, asked } = setup();
  await Promise.all(Array.from({ length: 10 }, () => exposition.text()));
  t.equal(asked(), 3, 'one look for each of the three gauges');
  clock.advance(999);
  await exposition.text();
  t.equal(asked(), 3);
  clock.advance(1);
  await exposition.text();
  t.equal(asked(), 6);
});

t.test('the process itself is told of, unless asked not to', async (t) => {
  const { shelf } = setup();
  const options = {
    shelf,
    upstreams: () => [],
    pools: () => [],
    generation: () => 1,
    configSinceMs: () => 0,
    logDropped: () => 0,
    nowMs: () => 0,
  };
  const text = await new Exposition(options).text();
  t.match(text, /^process_cpu_user_seconds_total \d/m);
  t.match(text, /^process_resident_memory_bytes \d/m);
});
