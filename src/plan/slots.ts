// Which row of the shared table each upstream has, and which number each pool and route: the same on the main thread and in every worker.
import type { Config, PoolConfig, UpstreamConfig } from '../config/config.ts';

/** Rows and numbers of everything in a config. The main thread's SlotBook keeps them over reloads. Structured-cloneable. */
export interface Rows {
  /** Row of each upstream in the shared table, by pool, then by position in it. */
  readonly upstreams: readonly (readonly number[])[];
  /** Number of each pool: its cell in the columns that pools have. */
  readonly pools: readonly number[];
  /** Number of each route, by which its metrics are found. */
  readonly routes: readonly number[];
}

/** One upstream with its row. */
export interface SlottedUpstream {
  readonly slot: number;
  /** Position in its pool. */
  readonly position: number;
  readonly poolId: number;
  readonly pool: PoolConfig;
  readonly upstream: UpstreamConfig;
}

/** What a config gets that is the only one: everything in its order. */
export function firstRows(config: Config): Rows {
  let slot = 0;
  return {
    upstreams: config.pools.map(({ upstreams }) => upstreams.map(() => slot++)),
    pools: config.pools.map((_, id) => id),
    routes: config.routes.map((_, index) => index),
  };
}

/** Upstreams in config order, pool after pool. */
export function assignSlots(config: Config, rows: Rows = firstRows(config)): SlottedUpstream[] {
  return config.pools.flatMap((pool, at) =>
    pool.upstreams.map((upstream, position) => ({
      slot: rows.upstreams[at]![position]!,
      position,
      poolId: rows.pools[at]!,
      pool,
      upstream,
    })),
  );
}

/** Rows that a table for `config` needs: pools have cells of their own in some columns, so at least one a pool. */
export function rowsOf(config: Config): number {
  const upstreams = config.pools.reduce((sum, pool) => sum + pool.upstreams.length, 0);
  return Math.max(1, upstreams, config.pools.length);
}
