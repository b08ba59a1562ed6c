// express-session's vectors as session blocks, and the rows and documents as the drivers would give them.
import type { StoredCell, StoredValue } from '../../../src/session/store.ts';
import { type Configured, storedValue, type Vector } from '../judge.ts';

const FAMILIES = { 'postgres-row': 'postgres', 'mongo-doc': 'mongo', memcached: 'memcached' } as const;

export function expressSession(vector: Vector): Configured {
  const { config, secrets } = vector;
  const kind = storeOf(vector);
  const base = {
    verify: 'express-session',
    cookie: config.cookieName,
    secrets,
    user: config.userIdKeys,
    prefix: config.keyPrefix,
    options: { storeSecret: config.storeEncryption?.secret ?? null },
  } as const;
  if (kind === 'postgres') {
    return { ...base, store: kind, table: config.table, reader: (query) => held(vector, query.key, pgCells) };
  }
  if (kind === 'mongo') {
    return {
      ...base,
      store: kind,
      table: config.collection,
      reader: (query) => held(vector, query.key, mongoCells),
    };
  }
  return { ...base, store: kind };
}

/** A vector whose key is absent has no store kind; what was configured tells. */
function storeOf({ config, storeKind, id }: Vector): 'redis' | 'postgres' | 'mongo' | 'memcached' {
  if (Object.hasOwn(FAMILIES, storeKind)) return FAMILIES[storeKind as keyof typeof FAMILIES];
  if (config.table !== undefined) return 'postgres';
  if (config.collection !== undefined) return 'mongo';
  return id.includes('memcached') ? 'memcached' : 'redis';
}

function held(
  vector: Vector,
  key: string,
  cells: (vector: Vector) => [string, StoredCell][],
): StoredValue | null {
  if (vector.storeKey !== key || vector.storeValue === null) return null;
  return storedValue(vector, cells(vector));
}

/** The driver tells JSON as text and times as unix seconds. */
function pgCells({ storeValue, storeRow }: Vector): [string, StoredCell][] {
  return [
    ['sess', Buffer.from(storeValue!, 'base64').toString('utf8')],
    ['expire', storeRow!.expire_epoch],
  ];
}

function mongoCells({ storeRow }: Vector): [string, StoredCell][] {
  const { session, expires } = storeRow!;
  return [
    ['session', typeof session === 'string' ? session : JSON.stringify(session)],
    ...(expires ? [['expires', Date.parse(expires.$date) / 1000] as [string, StoredCell]] : []),
  ];
}
