// Peak EWMA steers around slow upstreams, tries new ones with care and forgives.
import t from 'tap';
import { BALANCER_KINDS } from '../../src/balance/kinds.ts';
import { feedLatency } from '../../src/balance/latency.ts';
import { SimulatedPool, upstreams } from '../laws/simulated-pool.ts';

/**
 * Open load on upstreams with fixed latencies: a request every `everyMs`; returns requests by position. Answers feed the averages as
 * the workers do.
 */
function run(
  pool: SimulatedPool,
  latenciesMs: readonly number[],
  everyMs: number,
  requests: number,
): number[] {
  const { load } = pool.input;
  const due: { atMs: number; position: number; startMs: number }[] = [];
  const counts = latenciesMs.map(() => 0);
  for (let i = 0; i < requests; i++) {
    pool.clock.advance(everyMs);
    const nowMs = pool.clock.nowMs();
    for (let k = due.length - 1; k >= 0; k--) {
      const answer = due[k]!;
      if (answer.atMs > nowMs) continue;
      due.splice(k, 1);
      const slot = pool.candidates[answer.position]!.slot;
      load.inFlight[slot]!--;
      feedLatency(load, slot, answer.atMs - answer.startMs, nowMs);
    }
    const position = pool.pick();
    counts[position]!++;
    load.inFlight[pool.candidates[position]!.slot]!++;
    due.push({ atMs: nowMs + latenciesMs[position]!, position, startMs: nowMs });
  }
  return counts;
}

function fresh(...weights: number[]): SimulatedPool {
  const pool = new SimulatedPool('peak-ewma', upstreams(...weights));
  pool.input.load.latencyMs.fill(0);
  pool.input.load.latencyAtMs.fill(0);
  return pool;
}

for (const n of [2, 3, 8]) {
  t.test(`one of ${n} that takes 2 s gets less than one request in a hundred`, async (t) => {
    const pool = fresh(...new Array<number>(n).fill(1));
    const latencies = new Array<number>(n).fill(5);
    latencies[1] = 2000;
    const counts = run(pool, latencies, 1, 60_000);
    t.ok(counts[1]! < 600, `${counts}`);
  });
}

t.test('an unknown upstream is tried by one request until it has answered', async (t) => {
  const pool = fresh(1, 1, 1);
  const { load } = pool.input;
  for (const at of [0, 1]) feedLatency(load, pool.candidates[at]!.slot, 10, pool.clock.nowMs());
  const unknown = pool.candidates[2]!.slot;
  let tries = 0;
  for (let i = 0; i < 1000; i++) {
    if (pool.pick() !== 2) continue;
    tries++;
    load.inFlight[unknown]!++;
  }
  t.equal(tries, 1);
  load.inFlight[unknown] = 0;
  feedLatency(load, unknown, 10, pool.clock.nowMs());
  tries = 0;
  for (let i = 0; i < 1000; i++) if (pool.pick() === 2) tries++;
  t.ok(tries > 200, `${tries}`);
});

t.test('one that became fast again gets its share back within two minutes', async (t) => {
  const pool = fresh(1, 1, 1);
  run(pool, [5, 5, 2000], 5, 2000);
  pool.input.load.inFlight.fill(0);
  run(pool, [5, 5, 5], 5, 24_000);
  const counts = run(pool, [5, 5, 5], 5, 3000);
  t.ok(counts[2]! > 600, `${counts}`);
});

t.test('upstreams that are idle for an hour are told apart by what they have in flight', async (t) => {
  const pool = fresh(1, 1);
  const { load } = pool.input;
  for (const c of pool.candidates) feedLatency(load, c.slot, 10, pool.clock.nowMs());
  pool.clock.advance(3_600_000);
  load.inFlight[pool.candidates[0]!.slot] = 3;
  for (let i = 0; i < 100; i++) if (pool.pick() !== 1) t.fail('the busy one was picked');
  t.pass('100 picks');
});

t.test(
  'a third that is ten times slower gets less than one request in thirty, though one pair in nine is slow',
  async (t) => {
    const latencies = Array.from({ length: 30 }, (_, i) => (i % 3 === 0 ? 50 : 5));
    const pool = fresh(...latencies.map(() => 1));
    const counts = run(pool, latencies, 1, 60_000);
    const slow = counts.filter((_, i) => i % 3 === 0).reduce((a, b) => a + b, 0);
    t.ok(slow < 2000 && slow > 60, `${slow} of 60,000`);
  },
);

t.test('where all turn slow, two choices do again', async (t) => {
  const pool = fresh(...new Array<number>(30).fill(1));
  const { load } = pool.input;
  let looks = 0;
  const balancer = BALANCER_KINDS['peak-ewma'].build(
    {
      ...pool.input,
      random: {
        below: (n) => {
          looks++;
          return pool.random.below(n);
        },
      },
    },
    { kind: 'peak-ewma', hash: null, hashLoad: 1.25 },
  );
  const looksOf = (picks: number): number => {
    looks = 0;
    for (let i = 0; i < picks; i++) balancer.pick(0, null);
    return looks / picks;
  };
  for (const latencyMs of [5, 500]) {
    for (const { slot } of pool.candidates) feedLatency(load, slot, latencyMs, pool.clock.nowMs());
    t.ok(looksOf(50) > 2, `${latencyMs} ms are dear at first`);
    looksOf(500);
    t.equal(looksOf(500), 2, `${latencyMs} ms are usual now`);
  }
});
