// JSON Web Tokens from a cookie or Authorization: signed by a shared secret or an issuer's key, with the algorithms fixed by the config.
import { createHmac, type KeyObject } from 'node:crypto';
import { compactVerify, errors } from 'jose';
import { cookieValue } from '../cookie-profiles.ts';
import { ecdsaTwin } from '../crypto/ecdsa-twin.ts';
import type { JwsAlgorithm } from '../crypto/jws-algorithms.ts';
import { sameBytes } from '../crypto/macs.ts';
import type { FoundKeys, KeysChange } from '../crypto/public-keys.ts';
import { asUserId, lookAt } from '../data.ts';
import {
  type CredentialSource,
  FormatProblem,
  formatKind,
  type Pending,
  type SessionFormat,
} from '../format.ts';
import type { StoreReader } from '../store.ts';
import { type Finding, genuine, invalid, unknown } from '../verdict.ts';
import { CREDENTIAL_MAX } from './credential.ts';
import {
  type ClaimRules,
  claimsEndS,
  claimsIssuedS,
  claimsProblem,
  claimsTokenId,
  isType,
} from './jwt-claims.ts';
import { JWT_OPTIONS, type JwtKeys, type JwtSpec, jwtKeys } from './jwt-options.ts';
import {
  bearerToken,
  type CompactToken,
  jsonObject,
  readHeader,
  splitToken,
  type TokenHeader,
} from './jwt-token.ts';

export const jwt = formatKind({
  cookie: 'access_token',
  user: ['sub'],
  secrets: 'optional',
  stores: [],
  storeless: true,
  options: JWT_OPTIONS,
  about:
    'A JSON Web Token in a cookie or in `Authorization: Bearer`, signed by a shared secret or by an issuer with a key set.',
  build: (spec) => new Jwt(spec),
});

/**
 * RFC 7519 as jose 6.2 (jws/compact/verify.js, jwt/verify.js) and jsonwebtoken 9 (verify.js) judge it, with the rules of RFC 8725: the config
 * and the key say which algorithm may be, the header only which of them it is. HMACs are computed at once; all else is jose's.
 */
class Jwt implements SessionFormat {
  readonly prepare: (() => Promise<void>) | null;
  readonly readsBearer: boolean;
  readonly steps: readonly string[];
  readonly #spec: JwtSpec;
  readonly #keys: JwtKeys;
  readonly #rules: ClaimRules;

  constructor(spec: JwtSpec) {
    const { bearer, fromCookie, clockTolerance, issuer, audience } = spec.options;
    if (!bearer && !fromCookie)
      throw new FormatProblem('verify.jwt.bearer', 'the token is read from nowhere', 'bearer or fromCookie');
    if (clockTolerance === null)
      throw new FormatProblem('verify.jwt.clockTolerance', 'then no token would ever end', '0s to 60s');
    this.#spec = spec;
    this.#keys = jwtKeys(spec);
    this.#rules = { issuers: issuer, audiences: audience, toleranceS: clockTolerance };
    this.prepare = this.#keys.keys?.prepare ?? null;
    this.readsBearer = bearer;
    const claims = [
      'exp',
      'nbf',
      ...(issuer.length > 0 ? ['iss'] : []),
      ...(audience.length > 0 ? ['aud'] : []),
    ];
    this.steps = [
      `the token is signed by ${[...this.#keys.algorithms.keys()].join(' or ')}`,
      `its claims ${claims.join(', ')} hold`,
    ];
  }

  watch(told: (change: KeysChange) => void): void {
    this.#keys.keys?.watch?.(told);
  }

  read({ cookies, authorization }: CredentialSource): Pending | Finding {
    const text = this.#token(cookies, authorization);
    if (text === null) return invalid('credential.none');
    if (text.length > CREDENTIAL_MAX) return invalid('credential.too-long');
    const token = splitToken(text);
    if (token === null) return invalid('credential.malformed');
    // The last character of a signature has bits that nobody reads: all its spellings are one token.
    const identity = `${token.signed}.${token.signature.toString('base64url')}`;
    const check = (_stores: StoreReader, nowS: number) => this.#check(token, nowS);
    if (this.#keys.keys === null) return { identity, check };
    return {
      identity,
      // Not before somebody asks: where it is remembered nobody does.
      get alias() {
        return twinOf(token);
      },
      check,
    };
  }

  #token(cookies: string, authorization: string | null): string | null {
    const { bearer, fromCookie, first } = this.#spec.options;
    const sent = bearer ? bearerToken(authorization) : null;
    if (!fromCookie || (sent !== null && first === 'bearer')) return sent;
    const kept = cookieValue('npm-cookie', cookies, this.#spec.cookie);
    return kept === null || kept === '' ? sent : kept;
  }

  #check(token: CompactToken, nowS: number): Finding | Promise<Finding> {
    const header = readHeader(token.header);
    if (header === null) return invalid('credential.malformed');
    const algorithm = typeof header.alg === 'string' ? this.#keys.algorithms.get(header.alg) : undefined;
    if (algorithm === undefined) return invalid('token.algorithm');
    if (header.critical || !this.#isWantedType(header)) return invalid('token.claims');
    const { keys } = this.#keys;
    if (keys === null)
      return this.#isOurs(algorithm, token) ? this.#claims(token, nowS) : invalid('signature.bad');
    return this.#checkPublic(token, algorithm, keys.find(algorithm, header.kid, nowS), nowS);
  }

  #isWantedType({ typ }: TokenHeader): boolean {
    const wanted = this.#spec.options.typ;
    return wanted === null || isType(typ, wanted);
  }

  /** Measured: 2 µs; the same by way of WebCrypto's promises 30 µs. */
  #isOurs({ hash }: JwsAlgorithm, { signed, signature }: CompactToken): boolean {
    for (const secret of this.#keys.secrets) {
      if (sameBytes(createHmac(hash, secret).update(signed, 'latin1').digest(), signature)) return true;
    }
    return false;
  }

  async #checkPublic(
    token: CompactToken,
    { name }: JwsAlgorithm,
    finding: FoundKeys | Promise<FoundKeys>,
    nowS: number,
  ): Promise<Finding> {
    const keys = await finding;
    if (keys === null) return unknown('keys.none');
    if (keys.length === 0) return invalid('token.key');
    for (const key of keys) {
      if (await isSignedBy(key, name, token)) return this.#claims(token, nowS);
    }
    return invalid('signature.bad');
  }

  #claims(token: CompactToken, nowS: number): Finding {
    const claims = jsonObject(token.payload);
    if (claims === null) return invalid('credential.malformed');
    const problem = claimsProblem(claims, this.#rules, nowS);
    if (problem !== null) return invalid(problem);
    const user = asUserId(lookAt(claims, this.#spec.user));
    const found = genuine(user, claims, claimsEndS(claims, this.#rules.toleranceS), claimsIssuedS(claims));
    const tokenId = claimsTokenId(claims);
    return tokenId === null ? found : { ...found, tokenId };
  }
}

/** The same token with the other signature that its holder can make of the one it has; undefined: there is none. */
function twinOf({ header, signed, signature }: CompactToken): string | undefined {
  const alg = readHeader(header)?.alg;
  const twin = typeof alg === 'string' ? ecdsaTwin(alg, signature) : null;
  return twin === null ? undefined : `${signed}.${twin.toString('base64url')}`;
}

async function isSignedBy(key: KeyObject, algorithm: string, { text }: CompactToken): Promise<boolean> {
  try {
    await compactVerify(text, key, { algorithms: [algorithm] });
    return true;
  } catch (error) {
    if (error instanceof errors.JOSEError) return false;
    throw error;
  }
}
