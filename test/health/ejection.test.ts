// How long, and how many.
import t from 'tap';
import { Ejection, mayEject } from '../../src/health/ejection.ts';

const options = { errors: 3, ejectForMs: 1000, maxEjectForMs: 6000, maxEjected: 0.5, statuses: [] };

t.test('each repeat doubles the time, up to the bound', async (t) => {
  const ejection = new Ejection(options);
  const spans: number[] = [];
  for (let nowMs = 0, i = 0; i < 5; i++) {
    const span = ejection.begin(nowMs);
    spans.push(span);
    nowMs += span;
  }
  t.same(spans, [1000, 2000, 4000, 6000, 6000]);
});

t.test('good conduct as long as the last ejection takes one off', async (t) => {
  const ejection = new Ejection(options);
  ejection.begin(0);
  t.equal(ejection.begin(1000), 2000);
  ejection.end(3000);
  t.equal(ejection.begin(4900), 4000, 'not long enough');
  ejection.end(5000);
  t.equal(ejection.begin(9000), 4000, 'one forgotten, one added');
  t.equal(ejection.begin(1e9), 1000, 'all forgotten');
});

t.test('a bound below the first time does not shorten it', async (t) => {
  t.equal(new Ejection({ ...options, maxEjectForMs: 10 }).begin(0), 1000);
});

t.test('a share of the ready ones may be out, and one always', async (t) => {
  const may = (ready: number, ejected: number, share: number, otherEligible = ready - ejected - 1): boolean =>
    mayEject({ ready, ejected, otherEligible }, share);
  t.ok(may(4, 1, 0.5));
  t.notOk(may(4, 2, 0.5));
  t.ok(may(3, 0, 0.1), 'a tenth of three is still one');
  t.notOk(may(3, 1, 0.1));
  t.ok(may(2, 0, 0.5));
  t.notOk(may(3, 0, 0), '0 % is nobody');
});

t.test('the last one stays, unless all of them may go', async (t) => {
  t.notOk(mayEject({ ready: 1, ejected: 0, otherEligible: 0 }, 0.99));
  t.notOk(mayEject({ ready: 5, ejected: 0, otherEligible: 0 }, 0.99), 'the others are down');
  t.ok(mayEject({ ready: 1, ejected: 0, otherEligible: 0 }, 1));
  t.ok(mayEject({ ready: 2, ejected: 1, otherEligible: 0 }, 1));
});
