// The vectors of @fastify/session, cookie-session and koa-session as session blocks.
import type { Configured, Vector } from '../judge.ts';

export function fastifySession({ config, secrets }: Vector): Configured {
  return {
    verify: 'fastify-session',
    cookie: config.cookieName,
    secrets,
    user: config.userIdKeys,
    store: 'redis',
    prefix: config.keyPrefix,
    options: { cookiePrefix: config.cookiePrefix, algorithm: config.algorithm },
  };
}

export function cookieSession({ config, secrets }: Vector): Configured {
  return {
    verify: 'cookie-session',
    cookie: config.cookieName,
    secrets,
    user: config.userIdKeys,
    options: { digest: config.algorithm },
  };
}

export function koaSession({ config, secrets }: Vector): Configured {
  return {
    verify: 'koa-session',
    cookie: config.cookieName,
    secrets,
    user: config.userIdKeys,
    store: config.mode === 'redis' ? 'redis' : null,
    prefix: config.keyPrefix,
    options: { digest: config.algorithm },
  };
}
