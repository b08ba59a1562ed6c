// Response times become an average that remembers peaks and a percentile that holds.
import t from 'tap';
import { feedLatency, feedP99, LATENCY_DECAY_MS } from '../../src/balance/latency.ts';
import { SeededRandom } from '../../src/base/random.ts';

const columns = () => ({ latencyMs: new Float64Array(3), latencyAtMs: new Float64Array(3) });

t.test('a peak counts at once and fades by time, not by requests', async (t) => {
  const c = columns();
  feedLatency(c, 1, 10, 0);
  t.equal(c.latencyMs[1], 10);
  feedLatency(c, 1, 500, 1);
  t.equal(c.latencyMs[1], 500);
  for (let i = 0; i < 1000; i++) feedLatency(c, 1, 10, 1 + i / 1000);
  t.ok(c.latencyMs[1]! > 490, 'a thousand quick answers in a millisecond change little');
  feedLatency(c, 1, 10, 2 + LATENCY_DECAY_MS);
  t.ok(Math.abs(c.latencyMs[1]! - (10 + 490 / Math.E)) < 1, `${c.latencyMs[1]}`);
  t.equal(c.latencyMs[0], 0, 'others are untouched');
});

t.test('no sample, no clock breaks the average', async (t) => {
  const c = columns();
  for (const sample of [Number.NaN, -5, 0, Number.POSITIVE_INFINITY, 1]) {
    feedLatency(c, 0, sample, 100);
    feedLatency(c, 0, sample, 50);
    t.ok(c.latencyMs[0]! > 0 && c.latencyMs[0]! <= 3_600_000, `${sample}: ${c.latencyMs[0]}`);
  }
});

const SHAPES: readonly (readonly [string, (u: number) => number, number])[] = [
  ['uniform', (u) => 1 + 99 * u, 99.01],
  ['exponential', (u) => -20 * Math.log(1 - u), 20 * Math.log(100)],
  ['two kinds of answer', (u) => (u < 0.95 ? 2 : 300 + u), 300.99],
  ['microseconds', (u) => 0.01 + 0.01 * u, 0.0199],
];

for (const [name, quantile, expected] of SHAPES) {
  t.test(`p99 of ${name} settles near the truth`, async (t) => {
    const p99 = new Float64Array(2);
    const random = new SeededRandom(17);
    let sum = 0;
    const rounds = 100_000;
    for (let i = 0; i < rounds * 2; i++) {
      const sample = quantile(random.below(1_000_000) / 1_000_000);
      if (i >= rounds) {
        sum += p99[1]!;
      }
      feedP99(p99, 1, sample);
    }
    t.ok(Math.abs(sum / rounds / expected - 1) < 0.15, `mean estimate ${sum / rounds} of ${expected}`);
    t.equal(p99[0], 0);
  });
}

t.test('an extreme is forgotten: 2 s once, then 5 ms', async (t) => {
  const p99 = new Float64Array(1);
  feedP99(p99, 0, 2000);
  for (let i = 0; i < 8000; i++) feedP99(p99, 0, 5);
  t.ok(p99[0]! < 6, `${p99[0]}`);
});

t.test('a pool that turned slow is known within a hundred answers', async (t) => {
  const p99 = new Float64Array(1);
  for (let i = 0; i < 1000; i++) feedP99(p99, 0, 5);
  for (let i = 0; i < 100; i++) feedP99(p99, 0, 1000);
  t.ok(p99[0]! > 900, `${p99[0]}`);
});
