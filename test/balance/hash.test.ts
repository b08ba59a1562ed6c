// Consistent hashing: the same key, the same upstream, until that has more than its share.
import t from 'tap';
import { Avoid } from '../../src/balance/balancer.ts';
import { SimulatedPool, upstreams } from '../laws/simulated-pool.ts';

const NO_BOUND = Number.POSITIVE_INFINITY;

function nameFor(pool: SimulatedPool, key: number, avoid: Avoid | null = null): string {
  return pool.candidates[pool.balancer.pick(key, avoid)]!.name;
}

t.test('the order of upstreams, the worker and the time do not matter', async (t) => {
  const one = new SimulatedPool('hash', upstreams(1, 2, 1, 3), 1);
  const two = new SimulatedPool('hash', upstreams(1, 2, 1, 3).reverse(), 99);
  for (let i = 0; i < 5000; i++) {
    const key = one.key();
    if (nameFor(one, key) !== nameFor(two, key)) t.fail(`key ${key}`);
  }
  t.pass('5000 keys');
});

t.test('keys of one that leaves spread over all others', async (t) => {
  const before = new SimulatedPool('hash', upstreams(1, 1, 1, 1, 1), 1, NO_BOUND);
  const after = new SimulatedPool('hash', upstreams(1, 1, -1, 1, 1), 1, NO_BOUND);
  const heirs = new Map<string, number>();
  let moved = 0;
  for (let i = 0; i < 50_000; i++) {
    const key = before.key();
    if (nameFor(before, key) !== 'u2') continue;
    moved++;
    heirs.set(nameFor(after, key), (heirs.get(nameFor(after, key)) ?? 0) + 1);
  }
  t.equal(heirs.size, 4);
  for (const [name, count] of heirs)
    t.ok(Math.abs(count / moved - 0.25) < 0.03, `${name}: ${count} of ${moved}`);
});

t.test('a changed weight moves no more keys than it must', async (t) => {
  const before = new SimulatedPool('hash', upstreams(1, 1, 1, 1), 1, NO_BOUND);
  const after = new SimulatedPool('hash', upstreams(1, 2, 1, 1), 1, NO_BOUND);
  let moved = 0;
  for (let i = 0; i < 50_000; i++) {
    const key = before.key();
    const is = nameFor(after, key);
    if (nameFor(before, key) === is) continue;
    moved++;
    if (is !== 'u1') t.fail('a key moved between others');
  }
  // From a share of 1/4 to 2/5.
  t.ok(Math.abs(moved / 50_000 - 0.15) < 0.01, `${moved}`);
});

t.test('one hot key fills nobody above the bound, and returns home when there is room', async (t) => {
  const pool = new SimulatedPool('hash', upstreams(1, 1, 1, 1), 1, 1.25);
  const { inFlight } = pool.input.load;
  const key = 0xdeadbeef;
  const home = pool.balancer.pick(key, null);
  for (let total = 0; total < 400; total++) {
    const position = pool.balancer.pick(key, null);
    const slot = pool.candidates[position]!.slot;
    inFlight[slot]!++;
    const bound = Math.ceil((1.25 * (total + 1)) / 4);
    if (inFlight[slot]! > bound) t.fail(`${inFlight[slot]} in flight, bound ${bound}`);
  }
  t.ok(
    pool.candidates.every((c) => inFlight[c.slot]! > 0),
    'a hot key is spread',
  );
  inFlight[pool.candidates[home]!.slot] = 0;
  t.equal(pool.balancer.pick(key, null), home);
});

t.test('without a bound a key stays, however busy its upstream is', async (t) => {
  const pool = new SimulatedPool('hash', upstreams(1, 1, 1), 1, NO_BOUND);
  const home = pool.balancer.pick(7, null);
  pool.input.load.inFlight[pool.candidates[home]!.slot] = 100_000;
  t.equal(pool.balancer.pick(7, null), home);
});

t.test('where only overfull ones are left, the bound yields', async (t) => {
  const pool = new SimulatedPool('hash', upstreams(1, 1, 1), 1, 1);
  const avoid = new Avoid();
  pool.input.load.inFlight[pool.candidates[0]!.slot] = 50;
  pool.input.load.inFlight[pool.candidates[1]!.slot] = 50;
  avoid.add(pool.candidates[2]!.slot);
  t.ok(pool.balancer.pick(1, avoid) >= 0);
});
