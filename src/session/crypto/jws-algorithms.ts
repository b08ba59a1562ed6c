// The signature algorithms of tokens, and which keys each of them takes: what decides is the key, never the token's header.
import type { KeyObject } from 'node:crypto';

/** One row of RFC 7518 section 3.1, or of RFC 8037 and RFC 9864 for Ed25519. */
export interface JwsAlgorithm {
  readonly name: string;
  /** What the key must be; `oct`: a shared secret. */
  readonly kty: 'oct' | 'RSA' | 'EC' | 'OKP';
  /** Hash of an HMAC, by OpenSSL's name; '' for the others, whose hash is the library's affair. */
  readonly hash: string;
  /** Curve by its name in a JWK, where the algorithm has but one. */
  readonly curve: string | null;
}

const rows: readonly JwsAlgorithm[] = [
  { name: 'HS256', kty: 'oct', hash: 'sha256', curve: null },
  { name: 'HS384', kty: 'oct', hash: 'sha384', curve: null },
  { name: 'HS512', kty: 'oct', hash: 'sha512', curve: null },
  ...['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512'].map(
    (name) => ({ name, kty: 'RSA', hash: '', curve: null }) as const,
  ),
  { name: 'ES256', kty: 'EC', hash: '', curve: 'P-256' },
  { name: 'ES384', kty: 'EC', hash: '', curve: 'P-384' },
  { name: 'ES512', kty: 'EC', hash: '', curve: 'P-521' },
  { name: 'EdDSA', kty: 'OKP', hash: '', curve: 'Ed25519' },
  { name: 'Ed25519', kty: 'OKP', hash: '', curve: 'Ed25519' },
];

/** By name. `none` is not among them and never will be. */
export const JWS_ALGORITHMS: ReadonlyMap<string, JwsAlgorithm> = new Map(rows.map((row) => [row.name, row]));

/** Shortest RSA modulus, bits (RFC 7518 section 3.3). */
export const RSA_BITS_MIN = 2048;

/** OpenSSL's names of curves by those of RFC 7518. */
const CURVES: Readonly<Record<string, string>> = {
  'P-256': 'prime256v1',
  'P-384': 'secp384r1',
  'P-521': 'secp521r1',
};

/** Whether a public key is one that `algorithm` verifies with. */
export function fitsKey(algorithm: JwsAlgorithm, key: KeyObject): boolean {
  if (key.type !== 'public') return false;
  const { namedCurve, modulusLength = 0 } = key.asymmetricKeyDetails ?? {};
  switch (key.asymmetricKeyType) {
    case 'rsa':
      return algorithm.kty === 'RSA' && modulusLength >= RSA_BITS_MIN;
    case 'ec':
      return algorithm.kty === 'EC' && CURVES[algorithm.curve ?? ''] === namedCurve;
    case 'ed25519':
      return algorithm.kty === 'OKP';
    default:
      return false;
  }
}

/** What tokens of such a key are signed by where nothing is said: RS256 for RSA, else what the curve is for. Empty: no such key. */
export function usualAlgorithms(key: KeyObject): readonly string[] {
  return rows
    .filter((row) => fitsKey(row, key) && (row.kty !== 'RSA' || row.name === 'RS256'))
    .map((row) => row.name);
}
