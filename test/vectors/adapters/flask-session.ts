// Flask-Session's vectors as session blocks.
import type { Configured, Vector } from '../judge.ts';

export function flaskSession({ config, secrets, storeKind }: Vector): Configured {
  return {
    verify: 'flask-session',
    cookie: config.cookieName,
    secrets,
    user: config.userIdKeys,
    store: storeKind === 'memcached' ? 'memcached' : 'redis',
    prefix: config.keyPrefix,
    options: { format: config.valueFormat, signer: config.useSigner === true },
  };
}
