// A generation of the config as the main thread keeps it: what runs, which rows it has, and the memory that its pools share over the workers.
import { isDeepStrictEqual } from 'node:util';
import { type LearnedMemory, LearnedTable } from '../affinity/learned.ts';
import type { Config, PoolConfig } from '../config/config.ts';
import { assignSlots, type Rows, type SlottedUpstream } from '../plan/slots.ts';

/** Immutable; the one in force is replaced by the next. */
export interface MainGeneration {
  readonly number: number;
  /** As the file says it. */
  readonly given: Config;
  /** As it runs: ports and secrets that the file left open are there, and what only a restart changes is as it was. */
  readonly config: Config;
  readonly rows: Rows;
  readonly slots: readonly SlottedUpstream[];
  /** Of learned homes, by pool name. */
  readonly learned: ReadonlyMap<string, LearnedMemory>;
  /** Of the sessions that are watched, by pool name. */
  readonly trails: ReadonlyMap<string, LearnedMemory>;
  /** Unix ms at which it came into force. */
  readonly sinceMs: number;
}

/** What a generation is made from; `before`: the one in force, whose memories go on where they are still true. */
export interface GenerationParts {
  readonly number: number;
  readonly given: Config;
  readonly config: Config;
  readonly rows: Rows;
  readonly before: MainGeneration | null;
  readonly sinceMs: number;
}

export function makeGeneration(parts: GenerationParts): MainGeneration {
  const { config, rows, before } = parts;
  const learned = new Map<string, LearnedMemory>();
  const trails = new Map<string, LearnedMemory>();
  for (const pool of config.pools) {
    const old = before?.config.pools.find(({ name }) => name === pool.name) ?? null;
    const homes = keptHomes(pool, old, before) ?? LearnedTable.allocateFor(pool.affinity);
    if (homes !== null) learned.set(pool.name, homes);
    const { continuity } = pool;
    if (continuity === null) continue;
    const kept = keptTrails(pool, old, before);
    trails.set(pool.name, kept ?? LearnedTable.allocate(continuity.entries, continuity.idleMs));
  }
  const { number, given, sinceMs } = parts;
  return { number, given, config, rows, slots: assignSlots(config, rows), learned, trails, sinceMs };
}

/** Homes are rows of the shared table, which stay whoever comes and goes. */
function keptHomes(
  pool: PoolConfig,
  old: PoolConfig | null,
  before: MainGeneration | null,
): LearnedMemory | null {
  if (pool.affinity === null || old === null) return null;
  const { learned, session } = pool.affinity;
  const same = isDeepStrictEqual([old.affinity?.learned, old.affinity?.session], [learned, session]);
  return same ? (before?.learned.get(pool.name) ?? null) : null;
}

/** Trails hold positions in the pool, which stay as long as upstreams are only added behind those that there are. */
function keptTrails(
  pool: PoolConfig,
  old: PoolConfig | null,
  before: MainGeneration | null,
): LearnedMemory | null {
  if (old === null || !isDeepStrictEqual(old.continuity, pool.continuity)) return null;
  // Of marks before the app's own value the key depends too.
  if (old.affinity?.cookie?.mode !== pool.affinity?.cookie?.mode) return null;
  const stays = old.upstreams.every(({ name }, at) => pool.upstreams[at]?.name === name);
  return stays ? (before?.trails.get(pool.name) ?? null) : null;
}
