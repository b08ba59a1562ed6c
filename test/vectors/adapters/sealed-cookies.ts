// Vectors of @fastify/secure-session and iron-session as session blocks.
import type { Configured, Vector } from '../judge.ts';

export function fastifySecureSession({ config, secrets }: Vector): Configured {
  return {
    verify: 'fastify-secure-session',
    cookie: config.cookieName,
    secrets: config.mode === 'key' ? config.keysBase64 : secrets,
    user: config.userIdKeys,
    options: { mode: config.mode, salt: config.salt ?? null, expiry: config.expiry },
  };
}

/** The password map, newest first. */
export function ironSession({ config }: Vector): Configured {
  const passwords = Object.entries(config.passwords as Readonly<Record<string, string>>);
  passwords.sort(([a], [b]) => Number(b) - Number(a));
  return {
    verify: 'iron-session',
    cookie: config.cookieName,
    secrets: passwords.map(([, password]) => password),
    user: config.userIdKeys,
    options: { version: String(config.major), ids: passwords.map(([id]) => id) },
  };
}
