// When silence is suspicious, and how many probes that may cost; the verdicts are promised in health-board.test.ts.
import t from 'tap';
import { ProbeAllowance, suspicionAfterMs } from '../../src/health/suspicion.ts';

t.test(
  'silence is suspicious after 200 ms or four times the 99th percentile, whichever is more',
  async (t) => {
    const auto = { afterMs: null, probeTimeoutMs: 100 };
    t.equal(suspicionAfterMs(auto, 0), 200);
    t.equal(suspicionAfterMs(auto, 20), 200);
    t.equal(suspicionAfterMs(auto, 500), 2000);
    t.equal(suspicionAfterMs({ ...auto, afterMs: 50 }, 500), 50, 'the operator knows better');
  },
);

t.test('the allowance is a burst and then a rate', async (t) => {
  const allowance = new ProbeAllowance(10, 20, 0);
  const taken = (nowMs: number): number => {
    let n = 0;
    while (allowance.take(nowMs)) n++;
    return n;
  };
  t.equal(taken(0), 20);
  t.equal(taken(99), 0);
  t.equal(taken(500), 5);
  t.equal(taken(1e9), 20);
});
