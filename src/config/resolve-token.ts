// The tokens that apps are given in place of a session, and the keys that sign them, out of the config as read.
import { KeyProblem } from '../session/crypto/public-keys.ts';
import type { SessionOptions } from '../session/options.ts';
import type { PassedField } from '../session/passed-fields.ts';
import { readGivenKey } from '../session/phantom/given-key.ts';
import {
  type GivenKey,
  OWN_CLAIMS,
  type SigningOptions,
  type TokenOptions,
} from '../session/phantom/token-options.ts';
import type { RouteConfig } from './config.ts';
import { blame, blameKey, type Draft, items, warn, whole } from './draft.ts';
import { checkPassedName } from './resolve-fields.ts';
import type { ReadSession } from './schema/root.ts';
import { quote } from './units.ts';

/** `path`: of the session block. `passed` reads a place in the session, as it does for fields. */
export function resolveToken(
  draft: Draft,
  read: ReadSession,
  path: string,
  passed: (name: string, written: ReadSession['pass']['fields'][string], at: string) => PassedField | null,
): TokenOptions | null {
  const { token } = read.pass;
  // What could not be read is blamed already.
  if (token?.jwt === undefined) return null;
  const at = `${path}.pass.token`;
  checkPassedName(draft, token.field, draft.places.has(`${at}.field`) ? `${at}.field` : at);
  const { issuer, audience, ttl, claims } = token.jwt;
  for (const name of Object.keys(claims)) {
    if (!OWN_CLAIMS.includes(name)) continue;
    blameKey(draft, `${at}.jwt.claims.${name}`, `${quote(name)} is Limpet's own to write`, 'another name');
  }
  if (read.cache === false)
    warn(
      draft,
      `${path}.cache`,
      'where nothing is remembered, a token is signed for every request',
      'cache: { ttl: 1s }, or no token',
    );
  return {
    field: token.field,
    issuer,
    audience: whole(audience),
    ttlS: Math.floor(ttl / 1000),
    claims: Object.entries(claims).flatMap(
      ([name, written]) => passed(name, written, `${at}.jwt.claims.${name}`) ?? [],
    ),
    withhold: token.withhold,
  };
}

/** Null where no session block makes tokens. */
export function resolveSigning(
  draft: Draft,
  sessions: readonly SessionOptions[],
  routes: readonly RouteConfig[],
): SigningOptions | null {
  const { read, places } = draft;
  const tokens = sessions.flatMap(({ pass }) => pass.token ?? []);
  const { algorithm, rotate, maxAge } = read.signing;
  const keys = givenKeys(draft);
  const named = places.isMeant('signing.keys');
  if (tokens.length === 0) {
    if (draft.findings.failed) return null;
    if (places.has('signing'))
      warn(draft, 'signing', 'no session block makes tokens, so nothing is signed', 'pass: { token: … }');
    routes.forEach(({ action }, i) => {
      if (action.kind === 'jwks')
        blameKey(
          draft,
          `routes[${i}].jwks`,
          'no session block makes tokens, so there are no keys',
          'pass.token',
        );
    });
    return null;
  }
  if (read.admin === false && !routes.some(({ action }) => action.kind === 'jwks'))
    warn(
      draft,
      'admin',
      'without the admin API nobody can read the keys that tokens are verified with',
      'a route with jwks: true',
    );
  if (!named) {
    const at = places.has('signing') ? 'signing' : tokenPlace(draft);
    warn(
      draft,
      at,
      'without `signing.keys` one is made at start: apps must read the key set again after a restart, and replicas have each their own',
      'signing: { keys: { file: signing.pem } }',
    );
    if (rotate < 2 * maxAge)
      blame(
        draft,
        places.has('signing.rotate') ? 'signing.rotate' : 'signing.maxAge',
        'a key is published for `maxAge` before it signs, and must be the one for as long at least',
        'rotate: twice maxAge, or more',
      );
  }
  for (const key of ['rotate', 'algorithm']) {
    if (!named || !places.has(`signing.${key}`)) continue;
    const why = `keys that are given are not made, so \`${key}\` means nothing`;
    blameKey(draft, `signing.${key}`, why, 'leave it out');
  }
  return {
    algorithm,
    keys,
    rotateMs: rotate,
    maxAgeMs: maxAge,
    tokenMs: Math.max(...tokens.map(({ ttlS }) => ttlS)) * 1000,
  };
}

function givenKeys(draft: Draft): GivenKey[] {
  return items(draft.read.signing.keys, 'signing.keys').flatMap(([text, item], i) => {
    const at = draft.places.has(item) ? item : 'signing.keys';
    try {
      const key = readGivenKey(text);
      if (i === 0 && !key.private)
        blame(draft, at, 'the first key signs, and this one can only verify', 'a private key first');
      return key;
    } catch (error) {
      if (!(error instanceof KeyProblem)) throw error;
      blame(draft, at, error.message, error.right);
      return [];
    }
  });
}

/** Where a token is asked for, to tell something of the keys that are not written. */
function tokenPlace({ read, places }: Draft): string {
  const paths = ['session', ...Object.keys(read.sessions ?? {}).map((name) => `sessions.${name}`)];
  return paths.map((path) => `${path}.pass.token`).find((path) => places.has(path)) ?? '';
}
