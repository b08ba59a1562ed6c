// A quantile of the durations in a histogram's cells, as well as buckets can tell it.
import { BUCKET_BOUNDS_S } from './names.ts';

/**
 * The `share` quantile (0 … 1) in seconds, or null where nothing was counted. Within a bucket durations are taken to lie evenly on
 * a logarithmic scale, since the bounds grow by a factor: the error is then the same share of a short time and of a long one. What
 * is longer than the last bound is told as that bound. `cells` are laid out as a book's: a count a bucket, then the one above.
 */
export function quantileOf(cells: ArrayLike<number>, share: number): number | null {
  const buckets = BUCKET_BOUNDS_S.length;
  let count = 0;
  for (let bucket = 0; bucket <= buckets; bucket++) count += cells[bucket]!;
  if (count <= 0) return null;
  const rank = share * count;
  let below = 0;
  for (let bucket = 0; bucket < buckets; bucket++) {
    const inside = cells[bucket]!;
    if (inside > 0 && below + inside >= rank) {
      const upper = BUCKET_BOUNDS_S[bucket]!;
      // The first bucket has no lower bound; half of its upper one stands for it.
      const lower = bucket === 0 ? upper / 2 : BUCKET_BOUNDS_S[bucket - 1]!;
      return lower * (upper / lower) ** ((rank - below) / inside);
    }
    below += inside;
  }
  return BUCKET_BOUNDS_S[buckets - 1]!;
}
