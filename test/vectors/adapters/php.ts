// The vectors of PHP, Laravel and Symfony as session blocks.
import type { StoreFamily } from '../../../src/session/store.ts';
import { type Configured, storedValue, type Vector } from '../judge.ts';

export function phpNative({ config }: Vector): Configured {
  const families: Record<string, StoreFamily> = { sess_: 'file', 'memc.sess.key.': 'memcached' };
  return {
    verify: 'php',
    cookie: config.cookieName,
    user: config.userIdKeys,
    store: families[config.keyPrefix] ?? 'redis',
    prefix: config.keyPrefix,
    options: { handler: config.serializeHandler },
  };
}

export function laravel(vector: Vector): Configured {
  const { config, secrets } = vector;
  const base: Configured = {
    verify: 'laravel',
    cookie: config.cookieName,
    secrets,
    user: config.userIdKeys,
    options: {
      cipher: config.cipher,
      lifetime: config.lifetimeMinutes * 60,
      remember: [config.rememberCookie],
    },
  };
  switch (config.driver) {
    case 'redis':
      return { ...base, store: 'redis', prefix: config.keyTemplate.replace('<id>', '') };
    case 'file':
      return { ...base, store: 'file' };
    case 'database':
      return { ...base, store: 'postgres', reader: (query) => laravelRow(vector, query.key) };
    default:
      return { ...base, store: null };
  }
}

function laravelRow(vector: Vector, key: string) {
  if (vector.storeKey !== key || vector.storeValue === null) return null;
  return storedValue(vector, [
    ['payload', Buffer.from(vector.storeValue, 'base64').toString('latin1')],
    ['last_activity', vector.storeRow!.last_activity],
  ]);
}

export function symfony(vector: Vector): Configured {
  const { config } = vector;
  const base: Configured = {
    verify: 'symfony',
    cookie: config.cookieName,
    options: { firewall: config.firewall },
  };
  if (config.table === null) return { ...base, store: 'redis', prefix: config.keyPrefix };
  return {
    ...base,
    store: 'postgres',
    table: config.table,
    reader: ({ key }) =>
      vector.storeKey !== key || vector.storeValue === null
        ? null
        : storedValue(vector, [
            ['sess_data', Buffer.from(vector.storeValue, 'base64')],
            ['sess_lifetime', vector.storeRow!.sess_lifetime],
            ['sess_time', vector.storeRow!.sess_time],
          ]),
  };
}
