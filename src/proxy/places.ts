// How many requests a pool could take at once: so many are woken from its line, and no more, so that nobody loses his place.
import type { Pool } from '../pool/pool.ts';

/** Requests that the eligible upstreams of `pool` can take beside those under way; Infinity where nothing bounds them. */
export function freePlaces(pool: Pool): number {
  const { upstreams, table } = pool;
  let sum = 0;
  for (let i = 0; i < upstreams.length; i++) {
    const upstream = upstreams[i]!;
    if (!upstream.serving) continue;
    const bound = upstream.spec.maxConnections;
    if (bound === 0) {
      sum = Number.POSITIVE_INFINITY;
      break;
    }
    sum += Math.max(0, bound - table.inFlight[upstream.slot]!);
  }
  const all = pool.spec.options.maxConnections;
  return all === 0 ? sum : Math.min(sum, Math.max(0, all - pool.inFlight()));
}
