// The budget lets a share of the traffic be tried again, second by second, and a little always.
import t from 'tap';
import { SeededRandom } from '../../src/base/random.ts';
import { RetryBudget } from '../../src/pool/retry-budget.ts';

/** Takes until refused; says how many were given. */
function drain(budget: RetryBudget, nowMs: number): number {
  let taken = 0;
  while (taken < 100_000 && budget.take(nowMs)) taken++;
  return taken;
}

/** What the floor gives at once after a pause, and a second. */
const SAVED = 9;
const FLOOR_PER_S = 3;

t.test('without traffic nine are allowed at once, and three a second after that', async (t) => {
  const budget = new RetryBudget(0.2, 1);
  t.equal(drain(budget, 5_000), SAVED);
  t.equal(drain(budget, 5_300), 0);
  t.equal(drain(budget, 6_000), FLOOR_PER_S);
  t.equal(drain(budget, 1e9), SAVED, 'a long pause is as good as one of three seconds');
});

t.test('the floor is shared out between the workers, and no worker is left without any', async (t) => {
  t.equal(drain(new RetryBudget(0.2, 3), 0), SAVED / 3);
  t.equal(drain(new RetryBudget(0.2, 64), 0), 1);
});

t.test('a share of the requests of the last second may be tried again, beside the floor', async (t) => {
  const budget = new RetryBudget(0.2, 1);
  for (let i = 0; i < 1000; i++) budget.note(i);
  t.equal(drain(budget, 999), 200 + SAVED);
});

t.test('a share of nothing leaves the floor', async (t) => {
  const budget = new RetryBudget(0, 1);
  for (let i = 0; i < 1000; i++) budget.note(i);
  t.equal(drain(budget, 1000), SAVED);
});

t.test('what was spent comes back after a second; old requests pay for nothing', async (t) => {
  const budget = new RetryBudget(0.5, 1);
  drain(budget, 0);
  for (let i = 0; i < 100; i++) budget.note(0);
  t.equal(drain(budget, 0), 50);
  for (let i = 0; i < 100; i++) budget.note(940);
  t.equal(drain(budget, 940), 50 + 2, 'they have paid for the share of these; the floor has gone on');
  t.equal(drain(budget, 1000), 0, 'the first have aged out for requests, yet not their retries');
  t.equal(drain(budget, 1100), 1, 'the second requests have been spent; the floor goes on');
  for (let i = 0; i < 100; i++) budget.note(2100);
  t.equal(drain(budget, 2100), 50 + FLOOR_PER_S);
});

t.test('quiet minutes save nothing but the floor', async (t) => {
  const budget = new RetryBudget(0.2, 1);
  for (let ms = 0; ms < 60_000; ms += 2) budget.note(ms);
  t.equal(drain(budget, 60_000), 95 + SAVED, 'a share of 0.95 s');
});

for (const share of [0.01, 0.1, 0.2, 1]) {
  t.test(`in any second the spent stay within ${share} of its requests and the floor`, async (t) => {
    const random = new SeededRandom(7);
    const budget = new RetryBudget(share, 1);
    const noted: number[] = [];
    const spent: number[] = [];
    // Traffic between nothing and 4,000 a second that changes each 0.7 s; a retry is wanted with every request.
    for (let ms = 0; ms < 30_000; ms++) {
      const most = [0, 1, 2, 5, 9][Math.floor(ms / 700) % 5]!;
      for (let i = random.below(most + 1); i > 0; i--) {
        budget.note(ms);
        noted.push(ms);
        if (budget.take(ms)) spent.push(ms);
      }
    }
    const within = (of: readonly number[], from: number, to: number) =>
      of.filter((at) => at > from && at <= to).length;
    let worst = 0;
    for (let to = 1000; to < 30_000; to += 130) {
      const retries = within(spent, to - 1000, to);
      const atMost = share * within(noted, to - 1000, to);
      // Requests that came after the last retry of a second pay for nothing in it: only a second that ends with one is looked at.
      if (spent.includes(to)) worst = Math.max(worst, retries - atMost);
    }
    t.ok(spent.length > 0.5 * share * noted.length, `most of it can be spent: ${spent.length}`);
    t.ok(worst <= SAVED + FLOOR_PER_S, `${worst} above the share`);
  });
}
