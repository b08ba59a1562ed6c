// Which row of the shared table each upstream has: the same count on the main thread and in every worker.
import type { Config, PoolConfig, UpstreamConfig } from '../config/config.ts';

/** One upstream with its row. */
export interface SlottedUpstream {
  readonly slot: number;
  /** Position in its pool. */
  readonly position: number;
  readonly poolId: number;
  readonly pool: PoolConfig;
  readonly upstream: UpstreamConfig;
}

/** Rows in config order, pool after pool. */
export function assignSlots(config: Config): SlottedUpstream[] {
  const slotted: SlottedUpstream[] = [];
  config.pools.forEach((pool, poolId) => {
    pool.upstreams.forEach((upstream, position) => {
      slotted.push({ slot: slotted.length, position, poolId, pool, upstream });
    });
  });
  return slotted;
}

/** Rows that a table for `config` needs: pools have cells of their own in some columns, so at least one a pool. */
export function rowsOf(config: Config): number {
  const upstreams = config.pools.reduce((sum, pool) => sum + pool.upstreams.length, 0);
  return Math.max(1, upstreams, config.pools.length);
}
