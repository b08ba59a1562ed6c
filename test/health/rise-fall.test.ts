// A steady opinion from unsteady results.
import t from 'tap';
import { RiseFall } from '../../src/health/rise-fall.ts';

t.test('the first result decides at once', async (t) => {
  for (const ok of [true, false]) {
    const monitor = new RiseFall(5, 5);
    t.equal(monitor.healthy, null);
    t.ok(monitor.record(ok));
    t.equal(monitor.healthy, ok);
  }
});

t.test('it falls after so many bad results in a row, not after as many in all', async (t) => {
  const monitor = new RiseFall(2, 3);
  monitor.record(true);
  t.same(
    [false, false, true, false, false].map((ok) => monitor.record(ok)),
    Array(5).fill(false),
  );
  t.ok(monitor.record(false));
  t.equal(monitor.healthy, false);
});

t.test('it rises after so many good results in a row', async (t) => {
  const monitor = new RiseFall(2, 1);
  monitor.record(false);
  t.same(
    [true, false, true].map((ok) => monitor.record(ok)),
    [false, false, false],
  );
  t.ok(monitor.record(true));
  t.ok(monitor.record(false), 'with one needed, one is enough');
});
