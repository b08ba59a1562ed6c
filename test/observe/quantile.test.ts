// Quantiles read from buckets: exact where they can be, within the bucket else.
import t from 'tap';
import { BUCKET_BOUNDS_S, cellsOf } from '../../src/observe/names.ts';
import { quantileOf } from '../../src/observe/quantile.ts';

/** Cells of a histogram in which these durations were counted. */
function cellsWith(durations: readonly number[]): Float64Array {
  const cells = new Float64Array(cellsOf('histogram'));
  for (const seconds of durations) {
    const bucket = BUCKET_BOUNDS_S.findIndex((bound) => seconds <= bound);
    cells[bucket < 0 ? BUCKET_BOUNDS_S.length : bucket]!++;
  }
  return cells;
}

t.test('nothing counted has no quantile', async (t) => {
  t.equal(quantileOf(cellsWith([]), 0.5), null);
});

t.test('it lies in the bucket of the true one, whatever the durations', async (t) => {
  let seed = 7;
  const chance = (): number => {
    seed = (seed * 48271) % 2147483647;
    return seed / 2147483647;
  };
  const durations = Array.from({ length: 5000 }, () => 0.0003 * 20_000 ** chance()).sort((a, b) => a - b);
  for (const share of [0.01, 0.5, 0.9, 0.99, 0.999]) {
    const exact = durations[Math.ceil(share * durations.length) - 1]!;
    const told = quantileOf(cellsWith(durations), share)!;
    const upper = BUCKET_BOUNDS_S.find((bound) => exact <= bound)!;
    const lower = BUCKET_BOUNDS_S[BUCKET_BOUNDS_S.indexOf(upper) - 1]!;
    t.ok(told > lower && told <= upper, `${share}: ${told} for ${exact}`);
    // The ends of the range fill their buckets in part only.
    if (share === 0.5 || share === 0.9) t.ok(Math.abs(Math.log(told / exact)) < 0.15, 'and near it');
  }
});

t.test('a higher share is never told as a shorter time', async (t) => {
  const cells = cellsWith([0.00001, 0.0002, 0.0002, 0.004, 0.3, 0.3, 8, 200]);
  let before = 0;
  for (let share = 0.01; share <= 1; share += 0.01) {
    const told = quantileOf(cells, share)!;
    t.ok(told >= before);
    before = told;
  }
  t.equal(
    quantileOf(cells, 1),
    BUCKET_BOUNDS_S.at(-1),
    'what is beyond all bounds is told as the last of them',
  );
});
