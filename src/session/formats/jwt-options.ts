// What may be configured of a JSON Web Token, and the keys and algorithms that come of it: what contradicts itself is refused here.
import { createSecretKey, type KeyObject, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { JwkSet } from '../crypto/jwk-set.ts';
import { fitsKey, JWS_ALGORITHMS, type JwsAlgorithm, usualAlgorithms } from '../crypto/jws-algorithms.ts';
import { KeptKeys } from '../crypto/kept-keys.ts';
import { fetchKeys, readKeyFile } from '../crypto/key-sources.ts';
import { keyBytes } from '../crypto/keys.ts';
import { PemKeys } from '../crypto/pem-keys.ts';
import { KeyProblem, type PublicKeys } from '../crypto/public-keys.ts';
import { FormatProblem, type FormatSpec } from '../format.ts';
import type { OptionValues } from '../format-options.ts';

export const JWT_OPTIONS = {
  publicKey: { kind: 'text', default: null, about: 'The public key, or several, as PEM text.' },
  publicKeyFile: { kind: 'path', about: 'A PEM file with the public key, or with several.' },
  jwksFile: {
    kind: 'path',
    about: 'A file with a JSON Web Key Set; read again when a token names a key that it lacks.',
  },
  jwksUrl: { kind: 'text', default: null, about: 'Where the issuer publishes its JSON Web Key Set.' },
  jwksDeadline: { kind: 'seconds', default: 5, about: 'How long a reading of `jwksUrl` may take.' },
  jwksMaxAge: { kind: 'seconds', default: 600, about: 'Age at which the key set is read again.' },
  jwksCooldown: {
    kind: 'seconds',
    default: 30,
    about: 'Shortest time between two readings for tokens that name a key which the set lacks.',
  },
  jwksCa: {
    kind: 'path',
    about: 'PEM file of the certificates that `jwksUrl` is trusted by; left out: the system’s.',
  },
  jwksPlain: {
    kind: 'flag',
    default: false,
    about:
      'Let `jwksUrl` be http: though it leaves this machine: whoever is on the way can then forge tokens.',
  },
  algorithms: {
    kind: 'texts',
    default: [],
    about:
      'Algorithms that are accepted. Left out: HS256 with `secrets`, else RS256, ES256, ES384, ES512 and EdDSA, as the keys have it.',
  },
  issuer: { kind: 'texts', default: [], about: 'The `iss` that is wanted, one of them. Left out: any.' },
  audience: { kind: 'texts', default: [], about: 'The `aud` that is wanted, one of them. Left out: any.' },
  typ: {
    kind: 'text',
    default: null,
    about: 'The `typ` that the header must have, such as `at+jwt`. Left out: any.',
  },
  clockTolerance: { kind: 'seconds', default: 0, about: 'How far clocks may differ for `exp` and `nbf`.' },
  bearer: { kind: 'flag', default: true, about: 'Read the token from `Authorization: Bearer`.' },
  fromCookie: { kind: 'flag', default: true, about: 'Read the token from the cookie.' },
  first: {
    kind: 'choice',
    of: ['bearer', 'cookie'],
    default: 'bearer',
    about: 'Which of the two decides where a request has both.',
  },
} as const;

export type JwtSpec = FormatSpec<OptionValues<typeof JWT_OPTIONS>>;

/** What signatures are checked with: shared secrets, or public keys. */
export interface JwtKeys {
  readonly secrets: readonly KeyObject[];
  readonly keys: PublicKeys | null;
  readonly algorithms: ReadonlyMap<string, JwsAlgorithm>;
}

const SOURCES = ['publicKey', 'publicKeyFile', 'jwksFile', 'jwksUrl'] as const;
/** Where a key set may hold keys of any kind. */
const SET_ALGORITHMS = ['RS256', 'ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519'];

/** Throws FormatProblem unless there is exactly one source of keys, and every algorithm is one that its keys can be for. */
export function jwtKeys(spec: JwtSpec): JwtKeys {
  const { options } = spec;
  const given = SOURCES.filter((name) => options[name] !== null);
  const sources = [...(spec.secrets.length > 0 ? ['secrets'] : []), ...given];
  if (sources.length === 0)
    throw new FormatProblem(
      '',
      'nothing says what tokens are signed with',
      `secrets, or jwt: { jwksUrl: https://… }`,
    );
  if (sources.length > 1)
    throw new FormatProblem(atOf(given[0]!), `${sources.join(' and ')} are both given`, 'one source of keys');
  if (spec.secrets.length > 0) return sharedKeys(spec);
  const keys = publicKeys(spec, given[0]!);
  const known = keys instanceof PemKeys ? keys.keys : null;
  const usual = known?.flatMap(usualAlgorithms) ?? SET_ALGORITHMS;
  const algorithms = chosen(options.algorithms.length > 0 ? options.algorithms : usual);
  for (const algorithm of algorithms.values()) {
    if (algorithm.kty === 'oct')
      throw new FormatProblem(
        'verify.jwt.algorithms',
        `${algorithm.name} is for shared secrets: with a public key for its secret, anybody could sign`,
        'an algorithm of the key: RS256, ES256, EdDSA',
      );
    if (known !== null && !known.some((key) => fitsKey(algorithm, key)))
      throw new FormatProblem(
        'verify.jwt.algorithms',
        `${algorithm.name} is not for the key that is given`,
        known.flatMap(usualAlgorithms).join(', '),
      );
  }
  return { secrets: [], keys, algorithms };
}

function sharedKeys({ secrets, options }: JwtSpec): JwtKeys {
  const algorithms = chosen(options.algorithms.length > 0 ? options.algorithms : ['HS256']);
  for (const { name, kty } of algorithms.values()) {
    if (kty !== 'oct')
      throw new FormatProblem(
        'verify.jwt.algorithms',
        `${name} is not for shared secrets`,
        'HS256, HS384, HS512; or a public key in place of `secrets`',
      );
  }
  const keys = secrets.map((secret, index) => {
    const at = `secrets[${index}]`;
    if (secret.includes('-----BEGIN '))
      throw new FormatProblem(at, 'this is a PEM key and no shared secret', 'jwt: { publicKey: … }');
    const bytes = keyBytes(secret);
    if (bytes.length === 0) throw new FormatProblem(at, 'this secret has no bytes', 'the secret of the app');
    return createSecretKey(bytes);
  });
  return { secrets: keys, keys: null, algorithms };
}

function chosen(names: readonly string[]): ReadonlyMap<string, JwsAlgorithm> {
  const rows = names.map((name): [string, JwsAlgorithm] => {
    const row = JWS_ALGORITHMS.get(name);
    if (row === undefined)
      throw new FormatProblem(
        'verify.jwt.algorithms',
        `there is no algorithm ${JSON.stringify(name.slice(0, 20))}`,
        [...JWS_ALGORITHMS.keys()].join(', '),
      );
    return [name, row];
  });
  return new Map(rows);
}

function publicKeys(spec: JwtSpec, source: (typeof SOURCES)[number]): PublicKeys {
  const { options } = spec;
  const at = atOf(source);
  const maxAgeS = options.jwksMaxAge ?? Number.POSITIVE_INFINITY;
  const cooldownS = options.jwksCooldown ?? Number.POSITIVE_INFINITY;
  const text = options[source]!; // The source is the one that is given.
  switch (source) {
    case 'publicKey':
      return pemKeys(text, at);
    case 'publicKeyFile':
      return pemKeys(fileText(text, at), at);
    case 'jwksFile': {
      const set = JwkSet.parse(fileText(text, at));
      if (set === null)
        throw new FormatProblem(
          at,
          'the file is no key set, or holds no key for signatures',
          '{"keys": [{"kty": "RSA", …}]}',
        );
      return new KeptKeys({ read: () => readKeyFile(text), set, maxAgeS, cooldownS });
    }
    case 'jwksUrl': {
      const server = keyServer(spec, text);
      return new KeptKeys({ read: () => fetchKeys(server), set: null, maxAgeS, cooldownS });
    }
  }
}

function pemKeys(text: string, at: string): PemKeys {
  try {
    return new PemKeys(text);
  } catch (error) {
    if (!(error instanceof KeyProblem)) throw error;
    throw new FormatProblem(at, error.message, error.right);
  }
}

function keyServer({ options }: JwtSpec, text: string): Parameters<typeof fetchKeys>[0] {
  const { jwksDeadline, jwksPlain, jwksCa } = options;
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url === null || (url.protocol !== 'https:' && url.protocol !== 'http:'))
    throw new FormatProblem(
      atOf('jwksUrl'),
      'this is no URL of a key set',
      'https://HOST/.well-known/jwks.json',
    );
  if (url.protocol === 'http:' && !jwksPlain && !isNear(url.hostname))
    throw new FormatProblem(
      atOf('jwksUrl'),
      'whoever is on the way could put keys of his own into it',
      'an https: URL, or jwksPlain: true',
    );
  if (jwksDeadline === null || jwksDeadline <= 0)
    throw new FormatProblem(atOf('jwksDeadline'), 'a reading must come to an end', '5s');
  if (jwksCa !== null && url.protocol === 'http:')
    throw new FormatProblem(atOf('jwksCa'), 'an http: URL has no certificate', 'leave it out');
  return {
    url,
    deadlineMs: jwksDeadline * 1000,
    ca: jwksCa === null ? null : certificates(jwksCa, atOf('jwksCa')),
  };
}

/** Of a text without a certificate, TLS makes a list of authorities that is empty: every reading would fail, and never say why. */
function certificates(path: string, at: string): string {
  const text = fileText(path, at);
  try {
    new X509Certificate(text);
  } catch {
    throw new FormatProblem(at, 'the file holds no certificate as PEM', '-----BEGIN CERTIFICATE-----');
  }
  return text;
}

/** This machine. */
function isNear(host: string): boolean {
  return host === 'localhost' || host === '[::1]' || /^127(\.\d{1,3}){3}$/.test(host);
}

function fileText(path: string, at: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown';
    throw new FormatProblem(at, `the file cannot be read (${code})`, 'a file that Limpet may read');
  }
}

function atOf(option: string): string {
  return `verify.jwt.${option}`;
}
