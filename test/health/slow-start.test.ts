// The ramp by which one that came back gets its weight.
import t from 'tap';
import { slowStartShare } from '../../src/health/slow-start.ts';

t.test('from a tenth to all of it, never falling, in ten steps', async (t) => {
  const shares = Array.from({ length: 10_001 }, (_, ms) => slowStartShare(ms, 10_000));
  t.equal(shares[0], 0.1);
  t.equal(shares[5000], 0.6);
  t.equal(shares[10_000], 1);
  t.equal(new Set(shares).size, 10);
  t.ok(shares.every((share, i) => i === 0 || share >= shares[i - 1]!));
});

t.test('without slow start the whole weight is there at once', async (t) => {
  t.equal(slowStartShare(0, 0), 1);
});
