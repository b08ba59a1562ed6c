// The laws that every balancer of the closed table obeys.
import t from 'tap';
import { Avoid } from '../../src/balance/balancer.ts';
import { BALANCER_KINDS } from '../../src/balance/kinds.ts';
import { KINDS, SimulatedPool, upstreams } from './simulated-pool.ts';

const PICKS = 100_000;

/** Share of `PICKS` requests by position. */
function shares(pool: SimulatedPool, concurrency: number): number[] {
  const counts = new Array<number>(pool.candidates.length).fill(0);
  for (let i = 0; i < PICKS; i++) counts[pool.request(concurrency)]!++;
  return counts.map((c) => c / PICKS);
}

for (const kind of KINDS) {
  t.test(`${kind}: gives a candidate or nothing, never another position`, async (t) => {
    const pool = new SimulatedPool(kind, upstreams(1, -1, 2, -1, 1));
    const seen = new Set<number>();
    for (let i = 0; i < 10_000; i++) seen.add(pool.request(20));
    t.same([...seen].sort(), [0, 1, 2]);
  });

  t.test(`${kind}: one candidate gets everything`, async (t) => {
    const pool = new SimulatedPool(kind, upstreams(-1, 3));
    for (let i = 0; i < 100; i++) if (pool.request(10) !== 0) t.fail('another position');
    const avoid = new Avoid();
    avoid.add(pool.candidates[0]!.slot);
    t.equal(pool.pick(avoid), -1, 'nobody when it is avoided');
  });

  for (const weights of [
    [1, 1, -1, 1, 1],
    [3, -5, 1, 2, -1, 4],
    [10, 1, -2, 1],
  ]) {
    t.test(`${kind}: weights ${weights.join(' ')} hold while some are down and all are busy`, async (t) => {
      const pool = new SimulatedPool(kind, upstreams(...weights), 7);
      const seen = shares(pool, 200);
      seen.forEach((share, position) => {
        const fair = pool.fairShare(position);
        t.ok(Math.abs(share - fair) < 0.01, `u at ${position}: ${share} of ${fair}`);
      });
    });
  }

  // Peak EWMA is left out: with one request at a time it means to give everything to the fastest.
  if (kind !== 'peak-ewma') {
    t.test(`${kind}: weights hold in a quiet pool too`, async (t) => {
      const pool = new SimulatedPool(kind, upstreams(5, 1, -1, 2), 3);
      const seen = shares(pool, 1);
      seen.forEach((share, position) => {
        const fair = pool.fairShare(position);
        t.ok(Math.abs(share - fair) < 0.01, `u at ${position}: ${share} of ${fair}`);
      });
    });
  }

  t.test(`${kind}: whichever two are left, both get their half`, async (t) => {
    const pool = new SimulatedPool(kind, upstreams(1, 1, -1, 1, 1, 1), 11);
    const n = pool.candidates.length;
    const rounds = 4000;
    for (let a = 0; a < n; a++) {
      for (let b = a + 1; b < n; b++) {
        const avoid = new Avoid();
        pool.candidates.forEach((c, i) => {
          if (i !== a && i !== b) avoid.add(c.slot);
        });
        let first = 0;
        for (let i = 0; i < rounds; i++) {
          const position = pool.pick(avoid);
          if (position === a) first++;
          else if (position !== b) t.fail(`picked ${position}, which is avoided`);
        }
        // Four standard deviations of a fair coin; hash adds the unevenness of its buckets, below 1 %.
        const bound = 4 * Math.sqrt(0.25 / rounds) + 0.01;
        t.ok(Math.abs(first / rounds - 0.5) < bound, `${a} and ${b}: ${first} of ${rounds}`);
      }
    }
  });

  t.test(`${kind}: what is avoided is never picked, and nobody only when all are`, async (t) => {
    const pool = new SimulatedPool(kind, upstreams(100, 1, 1, -3, 0.01), 5);
    const n = pool.candidates.length;
    for (let mask = 0; mask < 1 << n; mask++) {
      const avoid = new Avoid();
      pool.candidates.forEach((c, i) => {
        if (mask & (1 << i)) avoid.add(c.slot);
      });
      for (let i = 0; i < 200; i++) {
        const position = pool.pick(avoid);
        if (mask === (1 << n) - 1) {
          if (position !== -1) t.fail('picked although all are avoided');
        } else if (position < 0 || position >= n || mask & (1 << position)) {
          t.fail(`mask ${mask}: picked ${position}`);
        }
      }
    }
  });

  t.test(`${kind}: of 300, busy and some down, only the three are picked that are not avoided`, async (t) => {
    const set = Array.from({ length: 300 }, (_, i) => (1 + (i % 3)) * (i % 5 === 0 ? -1 : 1));
    const pool = new SimulatedPool(kind, upstreams(...set), 13);
    const n = pool.candidates.length;
    const { inFlight } = pool.input.load;
    for (const { slot } of pool.candidates) inFlight[slot] = 1 + pool.random.below(5);
    const left = new Set([3, n >> 1, n - 1]);
    const avoid = new Avoid(n);
    pool.candidates.forEach((c, position) => {
      if (!left.has(position)) avoid.add(c.slot);
    });
    const seen = new Set<number>();
    for (let i = 0; i < 3000; i++) {
      const position = pool.pick(avoid);
      seen.add(position);
      // Busier with each pick, so that a balancer that goes by load comes to all three.
      if (position >= 0) inFlight[pool.candidates[position]!.slot]!++;
    }
    t.same(seen, left);
  });

  t.test(`${kind}: the same seed makes the same picks`, async (t) => {
    const one = new SimulatedPool(kind, upstreams(1, 2, 3), 9);
    const two = new SimulatedPool(kind, upstreams(1, 2, 3), 9);
    for (let i = 0; i < 1000; i++) if (one.request(30) !== two.request(30)) t.fail(`differs at ${i}`);
    t.pass('identical');
  });

  if (BALANCER_KINDS[kind].usesKey) {
    t.test(`${kind}: when one leaves only its keys move, at most 1.2/n of them`, async (t) => {
      const before = new SimulatedPool(kind, upstreams(1, 1, 1, 1, 1, 1, 1, 1));
      const after = new SimulatedPool(kind, upstreams(1, 1, 1, -1, 1, 1, 1, 1));
      let moved = 0;
      for (let i = 0; i < PICKS; i++) {
        const key = before.key();
        const was = before.candidates[before.balancer.pick(key, null)]!.name;
        const is = after.candidates[after.balancer.pick(key, null)]!.name;
        if (was === is) continue;
        moved++;
        if (was !== 'u3') t.fail(`a key of ${was} moved`);
      }
      t.ok(moved / PICKS <= 1.2 / 8, `${moved} of ${PICKS} moved`);
    });
  }
}
