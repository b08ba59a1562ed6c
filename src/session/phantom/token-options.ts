// What a config says of the tokens that apps are given in place of a session, and of the keys that sign them.
import type { PassedField } from '../passed-fields.ts';

/** Algorithms of tokens (RFC 7518 section 3.4, RFC 8037 section 3.1). */
export const TOKEN_ALGORITHMS = ['ES256', 'EdDSA'] as const;
export type TokenAlgorithm = (typeof TOKEN_ALGORITHMS)[number];

/** Claims that Limpet itself writes (RFC 7519 section 4.1; `sid`: OpenID Connect Front-Channel Logout 1.0, section 3). */
export const OWN_CLAIMS: readonly string[] = ['iss', 'aud', 'sub', 'sid', 'iat', 'exp', 'nbf', 'jti'];

/** The tokens of one session block. */
export interface TokenOptions {
  /** Field that carries it; in `Authorization` behind `Bearer`. */
  readonly field: string;
  readonly issuer: string;
  /** At least one. */
  readonly audience: readonly string[];
  readonly ttlS: number;
  /** What of the session gets into it, under the claim's name. */
  readonly claims: readonly PassedField[];
  /** The session's own cookie or token is kept from the app. */
  readonly withhold: boolean;
}

/** A key that was configured, already read. */
export interface GivenKey {
  readonly algorithm: TokenAlgorithm;
  /** PKCS #8, or SPKI of one that only verifies; PEM. Never printed. */
  readonly pem: string;
  /** It can sign. */
  readonly private: boolean;
}

/** The keys of all tokens. */
export interface SigningOptions {
  /** Of keys that are made. */
  readonly algorithm: TokenAlgorithm;
  /** The first signs, all are published; empty: one is made at start. */
  readonly keys: readonly GivenKey[];
  /** How often another key is made; Infinity: never. */
  readonly rotateMs: number;
  /** How long apps may keep the key set before they read it again. */
  readonly maxAgeMs: number;
  /** Longest life of a token, so long an old key stays published; 0: no block makes tokens. */
  readonly tokenMs: number;
}
