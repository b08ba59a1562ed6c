// Says which pools have their sessions watched, and by which cookie: the pool's own word, else that of the session blocks before it.
import type { ContinuityOptions } from '../pool/options.ts';
import type { SessionOptions } from '../session/options.ts';
import type { PoolConfig, RouteConfig } from './config.ts';
import { blame, type Draft, items, whole } from './draft.ts';
import type { ReadPool } from './schema/root.ts';

type Read = Exclude<ReadPool['continuity'], false | undefined>;

const HOUR = 3_600_000;
/** What holds where nothing is written: the schema's defaults. */
const DEFAULTS = { login: [], ignore: [], entries: 100_000, idle: HOUR / 4 } as const;

/** The pools, each with what is watched of it. */
export function resolveContinuity(
  draft: Draft,
  pools: readonly PoolConfig[],
  routes: readonly RouteConfig[],
  sessions: readonly SessionOptions[],
): PoolConfig[] {
  return pools.map((pool) => {
    const { written, path } = writtenFor(draft, pool.name);
    if (written === false) return pool;
    const block = blockBefore(pool.name, routes, sessions);
    const continuity = resolveOne(draft, written, path, block);
    return { ...pool, continuity };
  });
}

/** What the config says of it, long or short. */
function writtenFor(
  draft: Draft,
  pool: string,
): { readonly written: ReadPool['continuity']; readonly path: string } {
  const short = draft.places.has('continuity') && pool === 'default';
  return short
    ? { written: draft.read.continuity, path: 'continuity' }
    : { written: draft.read.pools?.[pool]?.continuity, path: `pools.${pool}.continuity` };
}

/** The first session block with a cookie on a route to the pool. */
function blockBefore(
  pool: string,
  routes: readonly RouteConfig[],
  sessions: readonly SessionOptions[],
): SessionOptions | null {
  for (const { action, sessions: names } of routes) {
    if (action.kind !== 'pool' || action.pool !== pool) continue;
    const block = sessions.find(({ name, cookie }) => names.includes(name) && cookie !== '');
    if (block !== undefined) return block;
  }
  return null;
}

function resolveOne(
  draft: Draft,
  read: Read | undefined,
  path: string,
  block: SessionOptions | null,
): ContinuityOptions | null {
  const cookie = read?.cookie ?? block?.cookie;
  if (cookie === undefined) {
    // A session block that could not be read is blamed already.
    if (read !== undefined && !draft.places.isMeant(`${path}.cookie`) && !draft.findings.failed)
      blame(draft, path, 'this does not say which cookie is watched', 'cookie: connect.sid');
    return null;
  }
  const kept = block === null || block.cookie !== cookie || block.store !== null;
  const { login, ignore, entries, idle } = read ?? DEFAULTS;
  for (const [text, at] of items(read?.login, `${path}.login`)) {
    if (/^(\/|https?:\/\/[^/?#\s]+)/.test(text)) continue;
    const here = draft.places.has(at) ? at : `${path}.login`;
    blame(draft, here, 'this is neither a path nor an address', '/login, or https://id.example.com/');
  }
  return {
    cookie,
    holds: read?.holds ?? (kept ? 'id' : 'session'),
    login: whole(login),
    ignore: whole(ignore),
    entries,
    idleMs: idle,
  };
}
