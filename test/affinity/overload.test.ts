// New users never land on an upstream above its share, and never on nobody.
import t from 'tap';
import { OverloadRule } from '../../src/affinity/overload.ts';
import { SeededRandom } from '../../src/base/random.ts';

const set = (...weights: number[]) => weights.map((weight, slot) => ({ slot, weight }));
const verdicts = (rule: OverloadRule, n: number) => Array.from({ length: n }, (_, i) => rule.overloaded(i));

t.test('an upstream far above the mean gets no new user, one below does', async (t) => {
  const rule = new OverloadRule(1.5);
  rule.measure(set(1, 1, 1), [100, 10, 10]);
  t.same(verdicts(rule, 3), [true, false, false]);
  rule.measure(set(1, 1, 1), [50, 40, 30]);
  t.same(verdicts(rule, 3), [false, false, false], 'within 1.5 times the mean');
});

t.test('an empty pool refuses nobody', async (t) => {
  const rule = new OverloadRule(1);
  rule.measure(set(1, 1, 1), [0, 0, 0]);
  t.same(verdicts(rule, 3), [false, false, false]);
});

t.test('shares follow the weights', async (t) => {
  const rule = new OverloadRule(1.2);
  rule.measure(set(3, 1), [60, 40]);
  t.same(verdicts(rule, 2), [false, true]);
});

t.test('never refuses everybody, whatever the loads', async (t) => {
  const random = new SeededRandom(4);
  for (let i = 0; i < 20_000; i++) {
    const n = 1 + random.below(8);
    const rule = new OverloadRule(1 + random.below(3) / 4);
    const candidates = Array.from({ length: n }, (_, slot) => ({
      slot,
      weight: (1 + random.below(1000)) / 256,
    }));
    rule.measure(
      candidates,
      candidates.map(() => random.below(random.below(2) === 0 ? 4 : 100_000)),
    );
    if (verdicts(rule, n).every((v) => v)) t.fail('refuses all');
  }
  t.pass('20,000 pools');
});

t.test('a rush between two measurements is spread, and ends within the bound', async (t) => {
  const rule = new OverloadRule(1.5);
  rule.measure(set(1, 1, 1, 1), [0, 0, 0, 0]);
  const landed = [0, 0, 0, 0];
  // Everybody wants the first; whoever is refused takes the next that is not.
  for (let user = 0; user < 1000; user++) {
    let position = 0;
    while (rule.overloaded(position)) position++;
    rule.assigned(position);
    landed[position]!++;
    const mean = (user + 1) / 4;
    if (landed[position]! > Math.ceil(1.5 * mean)) t.fail(`user ${user}: ${landed[position]} above ${mean}`);
  }
  t.same(landed, [375, 375, 250, 0]);
});

t.test('Infinity switches the rule off', async (t) => {
  const rule = new OverloadRule(Number.POSITIVE_INFINITY);
  rule.measure(set(1, 1), [1_000_000, 0]);
  t.same(verdicts(rule, 2), [false, false]);
});

t.test('slots that nothing is known of count as empty', async (t) => {
  const rule = new OverloadRule(1.5);
  rule.measure(
    [
      { slot: 5, weight: 1 },
      { slot: 9, weight: 1 },
    ],
    [1, 1, 1, 1, 1, 30],
  );
  t.same(verdicts(rule, 2), [true, false]);
});

t.test('what chance may bring is no overload of users whom a hash placed', async (t) => {
  const crowded = (rule: OverloadRule, n: number) => Array.from({ length: n }, (_, i) => rule.crowded(i));
  const rule = new OverloadRule(1.5);
  rule.measure(set(1, 1, 1), [5, 2, 0]);
  t.same(verdicts(rule, 3), [true, false, false]);
  t.same(crowded(rule, 3), [false, false, false]);
  rule.measure(set(1, 1, 1), [9000, 1000, 1000]);
  t.same(crowded(rule, 3), [true, false, false], 'of many users, chance brings little');
  rule.measure(set(1, 1, 1), [30, 0, 0]);
  t.same(crowded(rule, 3), [true, false, false]);
  const off = new OverloadRule(Number.POSITIVE_INFINITY);
  off.measure(set(1, 1), [1000, 0]);
  t.same(crowded(off, 2), [false, false]);
});

t.test('chance alone hardly ever crowds anybody', async (t) => {
  const random = new SeededRandom(11);
  let refused = 0;
  let placed = 0;
  for (let round = 0; round < 400; round++) {
    const n = 2 + random.below(8);
    const loads = new Array<number>(n).fill(0);
    const rule = new OverloadRule(1.5);
    rule.measure(set(...loads.map(() => 1)), loads);
    for (let user = 0; user < 200; user++) {
      const at = random.below(n);
      placed++;
      if (rule.crowded(at)) refused++;
      rule.assigned(at);
    }
  }
  t.ok(refused / placed < 0.001, `${refused} of ${placed}`);
});
