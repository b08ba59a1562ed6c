// Schema of the tokens that apps are given in place of a session, and of the keys that sign them.
import { OWN_CLAIMS, TOKEN_ALGORITHMS } from '../../session/phantom/token-options.ts';
import { block, choice, type Key, leaf, list, map, secret } from './keys.ts';

const SECOND = 1000;
const HOUR = 3600 * SECOND;
const DAY = 24 * HOUR;

/** `claim`: how a session's value is named, as the fields that are passed on have it. */
export function passedToken<T>(claim: Key<T>) {
  return block(
    'A short-lived JSON Web Token for the app, made from a valid session: signed once and used until it is half over. Needs no more than `jwt: { audience: NAME }`. See [phantom tokens](phantom-token.md).',
    {
      field: leaf(
        'fieldName',
        'Field that carries it. In `Authorization` it stands behind `Bearer`, and a client’s own never passes.',
        { default: 'Limpet-Token' },
      ),
      jwt: block(
        'What it says, beside `sub` (the user), `sid` (a digest of the session), `iat` and `exp`.',
        {
          issuer: leaf('text', '`iss`: who made it.', {
            default: 'limpet',
            json: { minLength: 1, maxLength: 512 },
          }),
          audience: list(
            '`aud`: for whom it is. Apps must refuse any other.',
            leaf('text', '', { json: { minLength: 1, maxLength: 512 } }),
            { min: 1, max: 20, single: true, required: true },
          ),
          ttl: leaf('duration', 'Life of a token, which never goes beyond the end of the session.', {
            default: '60s',
            min: 5 * SECOND,
            max: HOUR,
          }),
          claims: map(
            `Further claims by name, each from a place in the session; not ${OWN_CLAIMS.join(', ')}.`,
            claim,
            { keys: 'text', max: 20, default: {} },
          ),
        },
        { required: true },
      ),
      withhold: leaf(
        'flag',
        'The cookie or token that the client showed does not reach the app, but on `exempt` paths, where the app itself logs people in and out.',
        { default: false },
      ),
    },
    {},
  );
}

export const signing = block(
  'Keys that sign the tokens of `pass.token`. Their public halves are at `/.well-known/jwks.json` of the admin API and the probes, and of routes with `jwks: true`.',
  {
    keys: list(
      'Private keys of P-256 or Ed25519, as PEM or JWK: the first signs, all are published; those behind it may be public ones. Share one between replicas. Without any, one is made at start.',
      secret('', {}),
      { default: [], single: true, max: 10 },
    ),
    algorithm: choice('Of keys that are made.', TOKEN_ALGORITHMS, { default: 'ES256' }),
    rotate: leaf('duration', 'How often another key is made. Not for `keys`, which change with the config.', {
      default: '1d',
      min: 2 * SECOND,
      max: 20 * DAY,
      words: { never: Number.POSITIVE_INFINITY },
    }),
    maxAge: leaf(
      'duration',
      'How long apps may keep the key set before they read it again. So long a new key is published before it signs.',
      { default: '10m', min: SECOND, max: DAY },
    ),
  },
  { default: {} },
);
