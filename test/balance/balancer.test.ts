// What a request avoids is remembered within bounds.
import t from 'tap';
import { Avoid } from '../../src/balance/balancer.ts';

t.test('what was added is avoided until cleared', async (t) => {
  const avoid = new Avoid();
  t.equal(avoid.has(0), false);
  avoid.add(0);
  avoid.add(7);
  t.equal(avoid.has(0), true);
  t.equal(avoid.has(7), true);
  t.equal(avoid.has(1), false);
  avoid.clear();
  t.equal(avoid.has(0), false);
});

t.test('setting the count back forgets what was added since, and no more', async (t) => {
  const avoid = new Avoid();
  avoid.add(1);
  avoid.add(2);
  avoid.add(3);
  avoid.count = 1;
  avoid.add(4);
  t.same(
    [1, 2, 3, 4].map((s) => avoid.has(s)),
    [true, false, false, true],
  );
});

t.test('a full list forgets the oldest, one by one', async (t) => {
  const avoid = new Avoid(3);
  for (let slot = 1; slot <= 5; slot++) avoid.add(slot);
  t.same(
    [1, 2, 3, 4, 5].map((s) => avoid.has(s)),
    [false, false, true, true, true],
  );
});
