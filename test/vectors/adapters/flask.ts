// Vectors of Flask's own sessions as session blocks, with and without Flask-Login.
import type { Configured, Vector } from '../judge.ts';
import { cookieOptions, flaskLogin } from './flask-login.ts';

export function flask(vector: Vector): Configured {
  const { config, secrets } = vector;
  // An operator knows whether the app uses Flask-Login: its settings are there then.
  if (config.sessionProtection !== undefined || config.rememberCookie !== undefined)
    return flaskLogin(vector);
  return {
    verify: 'flask',
    cookie: config.cookieName,
    secrets,
    user: config.userIdKeys,
    options: cookieOptions(config),
  };
}
