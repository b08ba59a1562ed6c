// What was ordered of a split holds for as long as the file says what it said then.
import t from 'tap';
import type { Config } from '../../src/config/config.ts';
import { loadConfigText } from '../../src/config/load.ts';
import { SplitOrders, weightsOf } from '../../src/process/split-orders.ts';

const given = (a: number, b: number): Config => {
  const text = `listen: 1
pools: { a: { upstreams: [http://a:1] }, b: { upstreams: [http://b:1] } }
routes: [{ pools: [{ pool: a, weight: ${a} }, { pool: b, weight: ${b} }] }, { path: /x, pool: a }]
`;
  return loadConfigText(text, 'limpet.yaml', {}, () => '').config!;
};

t.test('a pool may be called as what every object has', async (t) => {
  const text = `listen: 1
pools: { a: { upstreams: [http://a:1] }, constructor: { upstreams: [http://b:1] } }
routes: [{ pools: [{ pool: a, weight: 1 }, { pool: constructor, weight: 2 }] }, { path: /x, pools: [{ pool: a, weight: 1 }, { pool: constructor, weight: 2 }] }]
`;
  const file = loadConfigText(text, 'limpet.yaml', {}, () => '').config!;
  const orders = new SplitOrders();
  orders.order('/', { a: 3, constructor: 4 }, file);
  t.same(weightsOf(orders.apply(file), '/'), { a: 3, constructor: 4 });
  t.same(weightsOf(orders.apply(file), '/x'), { a: 1, constructor: 2 });
});

t.test('an order is laid over the file until that says something else, and can be taken back', async (t) => {
  const orders = new SplitOrders();
  const file = given(90, 10);
  t.equal(orders.apply(file), file, 'nothing was ordered');
  const undo = orders.order('/', { a: 50, b: 50 }, file);
  t.same(weightsOf(orders.apply(file), '/'), { a: 50, b: 50 });
  t.same(orders.apply(file).routes[2], file.routes[2], 'the rest is left alone');
  const undoSecond = orders.order('/', { a: 1, b: 99 }, file);
  undoSecond();
  t.same(weightsOf(orders.apply(file), '/'), { a: 50, b: 50 });
  t.same(weightsOf(orders.apply(given(80, 20)), '/'), { a: 80, b: 20 }, 'the file says otherwise');
  t.same(weightsOf(orders.apply(file), '/'), { a: 50, b: 50 }, 'which was not in force');
  orders.settle(given(80, 20));
  t.equal(orders.apply(file), file, 'now it was');
  undo();
  orders.order('/', { a: 0, b: 1 }, file)();
  t.equal(orders.apply(file), file);
});
