// express-session's vectors as session blocks.
import type { Configured, Vector } from '../judge.ts';

export function expressSession({ config, secrets }: Vector): Configured {
  return {
    verify: 'express-session',
    cookie: config.cookieName,
    secrets,
    user: config.userIdKeys,
    store: 'redis',
    prefix: config.keyPrefix,
  };
}
