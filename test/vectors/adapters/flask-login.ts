// Flask-Login's vectors as session blocks.
import type { Configured, Vector } from '../judge.ts';

export function flaskLogin({ config, secrets }: Vector): Configured {
  return {
    verify: 'flask-login',
    cookie: config.cookieName,
    secrets,
    user: config.userIdKeys,
    options: {
      ...cookieOptions(config),
      ...(config.sessionProtection !== undefined && { protection: config.sessionProtection ?? 'none' }),
      ...(config.rememberCookie !== undefined && {
        remember: config.rememberCookie === null ? [] : [config.rememberCookie],
      }),
    },
  };
}

/** What an app may change about Flask's cookie. */
export function cookieOptions(config: Vector['config']): Readonly<Record<string, unknown>> {
  return {
    ...(config.maxAge !== undefined && { lifetime: config.maxAge }),
    ...(config.salt !== undefined && { salt: config.salt }),
    ...(config.keyDerivation !== undefined && { derivation: config.keyDerivation }),
    ...(config.digest !== undefined && { digest: config.digest }),
  };
}
