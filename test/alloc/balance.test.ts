// Balancing allocates nothing per request.
import t from 'tap';
import { Avoid } from '../../src/balance/balancer.ts';
import { feedLatency, feedP99 } from '../../src/balance/latency.ts';
import { rendezvous } from '../../src/balance/rendezvous.ts';
import { KINDS, SimulatedPool, upstreams } from '../laws/simulated-pool.ts';
import { bytesPerCall, NOISE_BYTES } from './bytes-per-call.ts';

t.test('the control allocates, and is seen to', async (t) => {
  let kept: unknown;
  const bytes = bytesPerCall((i) => {
    kept = { i };
  });
  t.ok(bytes >= 16, `${bytes} bytes`);
  t.ok(kept);
});

for (const kind of KINDS) {
  t.test(`${kind}: a pick allocates nothing`, async (t) => {
    const pool = new SimulatedPool(kind, upstreams(1, 2, -1, 1, 1.5));
    const { balancer } = pool;
    const { inFlight } = pool.input.load;
    const avoid = new Avoid();
    avoid.add(pool.candidates[1]!.slot);
    const bytes = bytesPerCall((i) => {
      // Keys stay small integers here: a larger one, boxed by the caller, is not the balancer's.
      const position = balancer.pick(Math.imul(i, 0x9e3779b1) >>> 2, i % 3 === 0 ? avoid : null);
      const slot = pool.candidates[position]!.slot;
      inFlight[slot] = (inFlight[slot]! + 1) & 15;
    });
    t.ok(bytes < NOISE_BYTES, `${bytes} bytes`);
  });
}

for (const kind of KINDS) {
  for (const weights of [1, 2]) {
    t.test(
      `${kind}: a pick from 300 ${weights === 1 ? 'equal' : 'weighted'} ones, busy, some avoided, some down, allocates nothing`,
      async (t) => {
        const set = Array.from({ length: 300 }, (_, i) => (1 + (i % weights)) * (i % 7 === 0 ? -1 : 1));
        const pool = new SimulatedPool(kind, upstreams(...set));
        const { balancer } = pool;
        const { inFlight } = pool.input.load;
        for (const { slot } of pool.candidates) inFlight[slot] = 1 + pool.random.below(9);
        const avoid = new Avoid();
        for (let i = 0; i < 40; i++) avoid.add(pool.candidates[i * 6]!.slot);
        const bytes = bytesPerCall((i) => {
          avoid.count = 20 + (i % 20);
          avoid.add(pool.candidates[1 + (i % 200)]!.slot);
          const position = balancer.pick(Math.imul(i, 0x9e3779b1) >>> 2, (i & 1) === 0 ? avoid : null);
          const slot = pool.candidates[position]!.slot;
          inFlight[slot] = (inFlight[slot]! % 9) + 1;
        });
        t.ok(bytes < NOISE_BYTES, `${bytes} bytes`);
      },
    );
  }
}

t.test('feeding latencies allocates nothing', async (t) => {
  const columns = { latencyMs: new Float64Array(4), latencyAtMs: new Float64Array(4) };
  const p99Ms = new Float64Array(4);
  const bytes = bytesPerCall((i) => {
    feedLatency(columns, i & 3, 1.5 + (i % 100), i + 0.25);
    feedP99(p99Ms, i & 3, 1.5 + (i % 100));
  });
  t.ok(bytes < NOISE_BYTES, `${bytes} bytes`);
});

t.test('finding a new home allocates nothing', async (t) => {
  const pool = new SimulatedPool('hash', upstreams(1, 2, -1, 1, 1.5));
  const bytes = bytesPerCall((i) => {
    rendezvous(i, i * 3, pool.candidates, null);
  });
  t.ok(bytes < NOISE_BYTES, `${bytes} bytes`);
});
