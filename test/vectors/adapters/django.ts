// Django's vectors as session blocks, and their stores: a row's text is the vector's value, and cached_db has a cache beside it.
import type { Query, StoredValue, StoreFamily } from '../../../src/session/store.ts';
import { type Configured, storedValue, type Vector } from '../judge.ts';

export function django(vector: Vector): Configured {
  const { config, secrets, storeKind } = vector;
  const engine: string = config.engine;
  const block: Configured = {
    verify: 'django',
    cookie: config.cookieName,
    secrets,
    user: config.userIdKeys,
    store: storeOf(engine, storeKind),
    rows: engine === 'cached_db' ? 'postgres' : null,
    prefix: config.keyPrefix ?? null,
    options: {
      engine,
      age: config.sessionAge,
      serializer: config.serializer,
      backends: config.backends,
      cacheSerializer: config.cacheValueFormat ?? 'pickle',
      cacheCompressor: config.compressor ?? 'none',
    },
  };
  return storeKind === 'sql-row' ? { ...block, reader: (query) => fromTable(vector, query) } : block;
}

function storeOf(engine: string, storeKind: string): StoreFamily | null {
  if (engine === 'signed_cookies') return null;
  if (engine === 'file') return 'file';
  if (engine === 'db') return 'postgres';
  return storeKind === 'memcached' ? 'memcached' : 'redis';
}

function fromTable(vector: Vector, query: Query): StoredValue | null {
  const row = vector.storeRow ?? {};
  if (query.kind === 'value') {
    if (query.key !== row.cacheKey || typeof row.cacheValue !== 'string') return null;
    const endsAtS = typeof row.cacheTtl === 'number' ? vector.checkAt + row.cacheTtl : null;
    return { ...storedValue(vector), bytes: Buffer.from(row.cacheValue, 'base64'), endsAtS };
  }
  if (vector.storeValue === null || query.key !== vector.storeKey || query.kind !== 'row') return null;
  return storedValue(vector, [
    ['session_key', vector.storeKey],
    ['session_data', Buffer.from(vector.storeValue, 'base64').toString('latin1')],
    ['expire_date', Date.parse(row.expire_date) / 1000],
  ]);
}
