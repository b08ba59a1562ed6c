// Least connections: exact, weighted, and fair among the tied.
import t from 'tap';
import { Avoid } from '../../src/balance/balancer.ts';
import { SeededRandom } from '../../src/base/random.ts';
import { SimulatedPool, upstreams } from '../laws/simulated-pool.ts';

/** Sets in-flight counts by position. */
function load(pool: SimulatedPool, counts: readonly number[]): void {
  counts.forEach((count, i) => {
    pool.input.load.inFlight[pool.candidates[i]!.slot] = count;
  });
}

t.test('the smallest (in flight + 1) / weight wins, exactly', async (t) => {
  const random = new SeededRandom(2);
  for (let round = 0; round < 5000; round++) {
    const n = 1 + random.below(6);
    const weights = Array.from({ length: n }, () => 1 + random.below(5));
    const pool = new SimulatedPool('least-connections', upstreams(...weights));
    const counts = weights.map(() => 1 + random.below(20));
    load(pool, counts);
    const avoid = new Avoid();
    if (n > 1 && round % 2 === 0) avoid.add(pool.candidates[random.below(n)]!.slot);
    const position = pool.pick(avoid);
    for (let i = 0; i < n; i++) {
      if (avoid.has(pool.candidates[i]!.slot)) continue;
      if ((counts[i]! + 1) * weights[position]! < (counts[position]! + 1) * weights[i]!) {
        t.fail(`${counts} by ${weights}: ${position} although ${i} is less busy`);
      }
    }
  }
  t.pass('5000 pools');
});

for (const counts of [
  [3, 3, 3, 3],
  [1, 2, 1, 2],
  [2, 1, 2, 1],
  [5, 1, 1, 5],
  [1, 1, 1, 9],
]) {
  t.test(`ties in ${counts.join(' ')} go to each of the tied equally`, async (t) => {
    const pool = new SimulatedPool('least-connections', upstreams(1, 1, 1, 1));
    load(pool, counts);
    const least = Math.min(...counts);
    const tied = counts.filter((c) => c === least).length;
    const rounds = 12_000;
    const seen = [0, 0, 0, 0];
    for (let i = 0; i < rounds; i++) seen[pool.pick()]!++;
    seen.forEach((count, i) => {
      const fair = counts[i] === least ? rounds / tied : 0;
      t.ok(Math.abs(count - fair) <= fair * 0.05, `${i}: ${count} of ${fair}`);
    });
  });
}

t.test('idle upstreams of nearly equal weight share a quiet pool', async (t) => {
  const pool = new SimulatedPool('least-connections', upstreams(100, 99));
  const seen = [0, 0];
  for (let i = 0; i < 1990; i++) seen[pool.pick()]!++;
  t.same(seen, [1000, 990]);
});

t.test('a count below zero is taken for idle', async (t) => {
  const pool = new SimulatedPool('least-connections', upstreams(1, 1));
  load(pool, [-1, 5]);
  for (let i = 0; i < 10; i++) t.equal(pool.pick(), 0);
});
