// The budget lets a share of the traffic be tried again, and a little always.
import t from 'tap';
import { RetryBudget } from '../../src/pool/retry-budget.ts';

/** Takes until refused; says how many were given. */
function drain(budget: RetryBudget, nowMs: number): number {
  let taken = 0;
  while (taken < 100_000 && budget.take(nowMs)) taken++;
  return taken;
}

t.test('without traffic three a second over the window are allowed', async (t) => {
  t.equal(drain(new RetryBudget(0.2, 1), 5_000), 30);
});

t.test('the floor is shared out between the workers, and no worker is left without any', async (t) => {
  t.equal(drain(new RetryBudget(0.2, 2), 0), 15);
  t.equal(drain(new RetryBudget(0.2, 64), 0), 1);
});

t.test('a share of recent requests may be tried again', async (t) => {
  const budget = new RetryBudget(0.2, 1);
  for (let i = 0; i < 1000; i++) budget.note(i);
  t.equal(drain(budget, 1000), 200);
});

t.test('a share of nothing leaves the floor', async (t) => {
  const budget = new RetryBudget(0, 1);
  for (let i = 0; i < 1000; i++) budget.note(i);
  t.equal(drain(budget, 1000), 30);
});

t.test(
  'what was spent comes back when the window has passed, and old requests pay for nothing',
  async (t) => {
    const budget = new RetryBudget(0.5, 1);
    for (let i = 0; i < 100; i++) budget.note(0);
    t.equal(drain(budget, 500), 50);
    t.equal(budget.take(9_900), false, 'still inside the window');
    t.equal(drain(budget, 10_000), 30, 'the requests have aged out too, so the floor is left');
    t.equal(drain(budget, 1e9), 30, 'a long pause is as good as a short one');
  },
);

t.test('the window slides: in any ten seconds the spent stay within the share', async (t) => {
  const budget = new RetryBudget(0.1, 1);
  const spentAt: number[] = [];
  for (let ms = 0; ms < 60_000; ms += 2) {
    budget.note(ms);
    if (budget.take(ms)) spentAt.push(ms);
  }
  for (let from = 0; from < 50_000; from += 500) {
    const spent = spentAt.filter((at) => at >= from && at < from + 10_000).length;
    // 5,000 requests in ten seconds. The bucket that is being emptied may be counted twice: one second's share beside it.
    t.ok(spent <= 550, `${spent} retries in ten seconds from ${from} ms`);
  }
});
