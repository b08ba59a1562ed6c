// The vectors of Rack and Rails as session blocks, and their tables: a row's text is the vector's value.
import type { StoreFamily } from '../../../src/session/store.ts';
import { type Configured, storedValue, type Vector } from '../judge.ts';

export function rackCookie({ config, secrets }: Vector): Configured {
  const coder: string = config.coder;
  return {
    verify: 'rack-cookie',
    cookie: config.cookieName,
    secrets,
    user: config.userIdKeys,
    options: {
      hmac: config.hmac,
      coder: coder.includes('zip') ? 'zip-json' : coder.includes('json') ? 'json' : 'marshal',
    },
  };
}

export function rackSession({ config, secrets }: Vector): Configured {
  return {
    verify: 'rack-session',
    cookie: config.cookieName,
    secrets,
    user: config.userIdKeys,
    options: { serializer: config.serializer, purpose: config.purpose },
  };
}

/** Vectors of Devise are of this kind too. */
export function railsCookie({ config, secrets }: Vector): Configured {
  const { pbkdf2, iterations, salts } = config.kdf;
  const gcm = config.cipher === 'aes-256-gcm';
  const isDevise = config.rememberCookie !== undefined || config.timeoutIn !== undefined;
  return {
    verify: isDevise ? 'devise' : 'rails-cookie',
    cookie: config.cookieName,
    secrets,
    user: config.userIdKeys,
    options: {
      digest: pbkdf2,
      iterations,
      serializer: config.serializer,
      ...(gcm
        ? { authenticatedEncryptedCookieSalt: salts.enc }
        : { encryptedCookieSalt: salts.enc, encryptedSignedCookieSalt: salts.sign }),
      ...(config.rememberCookie === undefined ? {} : { remember: [config.rememberCookie] }),
      ...(config.timeoutIn === undefined ? {} : { timeoutIn: config.timeoutIn }),
    },
  };
}

export function railsStore(vector: Vector): Configured {
  const { config, storeKind } = vector;
  const block = { verify: 'rails-store', cookie: config.cookieName, user: config.userIdKeys } as const;
  const format: string = config.valueFormat;
  if (config.table !== undefined)
    return {
      ...block,
      store: 'postgres',
      table: config.table,
      options: { serializer: format.includes('json') ? 'json' : 'marshal' },
      reader: (query) => {
        const absent = vector.storeValue === null || query.kind !== 'row' || query.key !== vector.storeKey;
        if (absent) return null;
        return storedValue(vector, [
          ['data', Buffer.from(vector.storeValue ?? '', 'base64').toString('utf8')],
        ]);
      },
    };
  const store: StoreFamily = storeKind === 'memcached' ? 'memcached' : 'redis';
  return {
    ...block,
    store,
    prefix: config.namespace ? `${config.namespace}:` : '',
    options: { sessionStore: format.includes('Cache::Entry') ? 'cache_store' : 'redis_store' },
  };
}
