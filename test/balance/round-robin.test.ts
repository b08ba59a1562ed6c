// Round robin over all workers as if there were one.
import t from 'tap';
import { Avoid } from '../../src/balance/balancer.ts';
import { RoundRobin } from '../../src/balance/round-robin.ts';
import { SimulatedPool, upstreams } from '../laws/simulated-pool.ts';

t.test('two workers that share a cursor hold the order together', async (t) => {
  const pool = new SimulatedPool('round-robin', upstreams(2, 1, 1));
  const workers = [new RoundRobin(pool.input), new RoundRobin(pool.input)];
  const order = Array.from({ length: 8 }, (_, i) => workers[(i * i) % 2]!.pick(0, null));
  t.same(order, [0, 1, 2, 0, 0, 1, 2, 0]);
});

t.test('the share of a full upstream goes to all others, not to the next one', async (t) => {
  const pool = new SimulatedPool('round-robin', upstreams(1, 1, 1, 1));
  const avoid = new Avoid();
  avoid.add(pool.candidates[0]!.slot);
  const counts = [0, 0, 0, 0];
  for (let i = 0; i < 3000; i++) counts[pool.pick(avoid)]!++;
  t.equal(counts[0], 0);
  for (const count of counts.slice(1)) t.ok(Math.abs(count - 1000) <= 10, `${counts}`);
});

t.test('the counter may wrap', async (t) => {
  const pool = new SimulatedPool('round-robin', upstreams(1, 1, 1));
  for (const start of [2 ** 31 - 2, -2, -(2 ** 31)]) {
    pool.input.cursor[1] = start;
    const seen = new Set<number>();
    for (let i = 0; i < 6; i++) seen.add(pool.pick());
    t.same([...seen].sort(), [0, 1, 2]);
  }
});
