// How the work of a pick grows with the pool is what the table of balancers says: counted in steps, not timed.
import t, { type Test } from 'tap';
import { Avoid } from '../../src/balance/balancer.ts';
import { BALANCER_KINDS, type Growth } from '../../src/balance/kinds.ts';
import type { BalanceOptions } from '../../src/balance/options.ts';
import { KINDS, SimulatedPool, upstreams } from './simulated-pool.ts';
import { StepCounter } from './step-counter.ts';

const SMALL = 16;
const LARGE = 1024;
const PICKS = 300;
/** Steps a pick by which counts of the same work may differ (see StepCounter). */
const SLACK = 4;

const counter = await StepCounter.start();
t.teardown(() => counter.stop());

/** Steps of one pick, on average, from a pool of `n`, each with up to `inFlight` requests; `avoided` of them are not wanted. */
async function steps(kind: BalanceOptions['kind'], n: number, inFlight: number, avoided = 0) {
  const pool = new SimulatedPool(kind, upstreams(...new Array<number>(n).fill(1)), 3);
  for (const { slot } of pool.candidates) {
    pool.input.load.inFlight[slot] = inFlight === 0 ? 0 : 1 + pool.random.below(inFlight);
  }
  const avoid = avoided === 0 ? null : new Avoid();
  for (let i = 0; i < avoided; i++) avoid!.add(pool.candidates[(i * 5) % n]!.slot);
  const keys = Array.from({ length: PICKS }, () => pool.key());
  // What is worked out once a key is worked out here.
  for (const key of keys) pool.balancer.pick(key, null);
  const all = await counter.count(() => {
    for (const key of keys) pool.balancer.pick(key, avoid);
  });
  return all / PICKS;
}

t.test('the control: steps are counted, and nearly the same each time', async (t) => {
  const once = await steps('least-connections', 100, 5);
  t.ok(once > 100, `${once} steps to look at 100 upstreams`);
  const again = await steps('least-connections', 100, 5);
  t.ok(Math.abs(again - once) <= SLACK, `${once} and ${again}`);
});

for (const kind of KINDS) {
  const { work } = BALANCER_KINDS[kind];
  const check = (t: Test, says: Growth, small: number, large: number): void => {
    const factor = large / small;
    const seen = `${small.toFixed(1)} steps of ${SMALL}, ${large.toFixed(1)} of ${LARGE}`;
    if (says === 'constant') t.ok(large < small * 1.5 + SLACK, `constant: ${seen}`);
    // Both ways: a table that says less of a balancer than it does is wrong, too.
    else t.ok(factor > 0.2 * (LARGE / SMALL) && factor < 1.5 * (LARGE / SMALL), `linear: ${seen}`);
  };

  t.test(`${kind}: an idle pool's pick is ${work.idle}`, async (t) => {
    check(t, work.idle, await steps(kind, SMALL, 0), await steps(kind, LARGE, 0));
  });

  t.test(`${kind}: a busy pool's pick is ${work.busy}`, async (t) => {
    check(t, work.busy, await steps(kind, SMALL, 8), await steps(kind, LARGE, 8));
  });

  t.test(`${kind}: a few avoided ones cost no more in a large pool than in a small one`, async (t) => {
    const small = await steps(kind, SMALL, 8, 4);
    const large = await steps(kind, LARGE, 8, 4);
    if (work.busy === 'constant') t.ok(large < small * 1.5 + SLACK, `${small} and ${large}`);
    else check(t, work.busy, small, large);
  });

  t.test(`${kind}: asking everybody in turn costs a pool of full ones no more than its square`, async (t) => {
    const tries = async (n: number): Promise<number> => {
      const pool = new SimulatedPool(kind, upstreams(...new Array<number>(n).fill(1)), 3);
      for (const { slot } of pool.candidates) pool.input.load.inFlight[slot] = 1 + pool.random.below(3);
      const avoid = new Avoid(n);
      const key = pool.key();
      return counter.count(() => {
        for (let at = pool.balancer.pick(key, avoid); at >= 0; at = pool.balancer.pick(key, avoid)) {
          avoid.add(pool.candidates[at]!.slot);
        }
      });
    };
    const small = await tries(32);
    const large = await tries(256);
    t.ok(large / small < 1.3 * (256 / 32) ** 2, `${small} steps of 32, ${large} of 256`);
  });
}
