// Which session blocks must say by what the homes of their sessions are found, because a pool behind them asks.
import type { Config } from '../config/config.ts';
import type { HomesWanted } from '../session/home-keys.ts';

/** By name of the block; those that are not there need not. */
export function homesWanted({ routes, pools }: Config): ReadonlyMap<string, HomesWanted> {
  const wanted = new Map<string, HomesWanted>();
  for (const { action, affinity, sessions } of routes) {
    if (action.kind !== 'pool' || !affinity) continue;
    const homes = pools.find(({ name }) => name === action.pool)?.affinity?.session ?? null;
    if (homes === null) continue;
    for (const name of sessions) if (wanted.get(name) !== 'user') wanted.set(name, homes.by);
  }
  return wanted;
}
