// Vectors of NextAuth 4 and Auth.js as session blocks; the two differ by what their keys are made for.
import type { Configured, Vector } from '../judge.ts';

export function authjs({ config, secrets }: Vector): Configured {
  const isOld = String(config.info).startsWith('NextAuth.js');
  const usualSalt = isOld ? '' : config.cookieName;
  return {
    verify: isOld ? 'nextauth' : 'authjs',
    cookie: config.cookieName,
    secrets,
    user: config.userIdKeys,
    options: { salt: config.salt === usualSalt ? null : config.salt },
  };
}
