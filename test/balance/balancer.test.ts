// What a request avoids is remembered within bounds.
import t from 'tap';
import { Avoid } from '../../src/balance/balancer.ts';
import { SeededRandom } from '../../src/base/random.ts';

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

t.test('what is added twice stays avoided when the second time is forgotten', async (t) => {
  const avoid = new Avoid();
  avoid.add(5);
  const mark = avoid.count;
  avoid.add(5);
  avoid.add(900);
  avoid.count = mark;
  t.equal(avoid.has(5), true);
  t.equal(avoid.has(900), false);
});

t.test('it says the same as a plain list, whatever is added, forgotten and cleared', async (t) => {
  const random = new SeededRandom(4);
  const avoid = new Avoid(200);
  let list: number[] = [];
  for (let i = 0; i < 20_000; i++) {
    const what = random.below(100);
    if (what === 0) {
      avoid.clear();
      list = [];
    } else if (what < 10) {
      avoid.count = random.below(avoid.count + 1);
      list = list.slice(0, avoid.count);
    } else if (list.length < 200) {
      const slot = random.below(1000);
      avoid.add(slot);
      if (!list.includes(slot)) list.push(slot);
    }
    const asked = random.below(1100);
    if (avoid.has(asked) !== list.includes(asked)) t.fail(`after ${i} steps: ${asked}`);
  }
  t.pass('20,000 steps');
});
