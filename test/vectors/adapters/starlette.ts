// Vectors of Starlette's SessionMiddleware as session blocks.
import type { Configured, Vector } from '../judge.ts';

export function starlette({ config, secrets }: Vector): Configured {
  return {
    verify: 'starlette',
    cookie: config.cookieName,
    secrets,
    user: config.userIdKeys,
    options: config.maxAge === undefined ? {} : { maxAge: config.maxAge },
  };
}
