// Sessions of Auth.js and its forerunner NextAuth.js: encrypted tokens in a cookie that may come in pieces, or behind Bearer.
import { hash, hkdfSync } from 'node:crypto';
import { errors, jwtDecrypt } from 'jose';
import { type CookieProfile, cookieMap } from '../cookie-profiles.ts';
import { asUserId, type Data, lookAt } from '../data.ts';
import {
  type CredentialSource,
  type FormatSpec,
  formatKind,
  type Pending,
  type SessionFormat,
} from '../format.ts';
import type { OptionValues } from '../format-options.ts';
import type { StoreReader } from '../store.ts';
import { type Finding, genuine, invalid } from '../verdict.ts';
import { CHUNKED_MAX } from './credential.ts';
import { claimsIssuedS, claimsTokenId } from './jwt-claims.ts';
import { isBase64url } from './jwt-token.ts';

const options = {
  salt: {
    kind: 'text',
    default: null,
    about:
      'Salt of the key, where the app has its own. Left out: none for NextAuth 4, the cookie’s name for Auth.js.',
  },
  bearer: {
    kind: 'flag',
    default: true,
    about: 'Read `Authorization: Bearer` where there is no cookie, as getToken does.',
  },
} as const;

type Spec = FormatSpec<OptionValues<typeof options>>;

export const nextauth = formatKind({
  cookie: 'next-auth.session-token',
  user: ['sub'],
  secrets: 'needed',
  stores: [],
  storeless: true,
  options,
  about: 'NextAuth.js 4 with its JWT strategy. With https the cookie is `__Secure-next-auth.session-token`.',
  build: (spec) => new EncryptedToken(spec, 'npm-cookie', nextauthKeys(spec)),
});

export const authjs = formatKind({
  cookie: 'authjs.session-token',
  user: ['sub'],
  secrets: 'needed',
  stores: [],
  storeless: true,
  options,
  about:
    'Auth.js (NextAuth 5) with its JWT strategy. With https the cookie is `__Secure-authjs.session-token`.',
  build: (spec) => new EncryptedToken(spec, 'npm-cookie2', authjsKeys(spec)),
});

/** Both frameworks allow for this much, seconds. */
const TOLERANCE_S = 15;

/** A key, and what tokens that are made with it say. */
interface TokenKey {
  readonly enc: string;
  /** RFC 7638 thumbprint; null: tokens name no key, so each is tried. */
  readonly kid: string | null;
  readonly bytes: Uint8Array;
}

function derive(secret: string, salt: string, info: string, length: number): Buffer {
  return Buffer.from(hkdfSync('sha256', secret, salt, info, length));
}

/** next-auth 4.24 jwt/index.js, `getDerivedEncryptionKey`. */
function nextauthKeys({ secrets, options: { salt } }: Spec): readonly TokenKey[] {
  const info = `NextAuth.js Generated Encryption Key${salt === null || salt === '' ? '' : ` (${salt})`}`;
  return secrets.map((secret) => ({
    enc: 'A256GCM',
    kid: null,
    bytes: derive(secret, salt ?? '', info, 32),
  }));
}

/** @auth/core 0.41 jwt.js, `getDerivedEncryptionKey` and `decode`: it writes A256CBC-HS512 and reads A256GCM too. */
function authjsKeys({ secrets, cookie, options: { salt } }: Spec): readonly TokenKey[] {
  const name = salt ?? cookie;
  const info = `Auth.js Generated Encryption Key (${name})`;
  return [['A256CBC-HS512', 64, 'sha512'] as const, ['A256GCM', 32, 'sha256'] as const].flatMap(
    ([enc, length, digest]) =>
      secrets.map((secret) => {
        const bytes = derive(secret, name, info, length);
        const kid = hash(digest, JSON.stringify({ k: bytes.toString('base64url'), kty: 'oct' }), 'base64url');
        return { enc, kid, bytes };
      }),
  );
}

/**
 * next-auth 4.24 and @auth/core 0.41 `getToken` and `decode`; the decryption is jose's. `iat` and `jti` are new whenever the app writes the
 * cookie anew.
 */
class EncryptedToken implements SessionFormat {
  readonly prepare = null;
  readonly readsBearer: boolean;
  readonly alsoReads: readonly string[];
  readonly steps = [
    'the token, put together of all cookies that begin with the name, is decrypted',
    'its claims exp and nbf hold',
  ];
  readonly #spec: Spec;
  readonly #profile: CookieProfile;
  readonly #keys: readonly TokenKey[];
  readonly #encryptions: string[];

  constructor(spec: Spec, profile: CookieProfile, keys: readonly TokenKey[]) {
    this.#spec = spec;
    this.#profile = profile;
    this.#keys = keys;
    this.#encryptions = [...new Set(keys.map(({ enc }) => enc))];
    this.readsBearer = spec.options.bearer;
    this.alsoReads = [`${spec.cookie}*`];
  }

  read({ cookies, authorization }: CredentialSource): Pending | Finding {
    const kept = this.#joined(cookies);
    const text = kept === '' && this.#spec.options.bearer ? bearerText(authorization) : kept;
    if (text === null) return invalid('credential.malformed');
    if (text === '') return invalid('credential.none');
    if (text.length > CHUNKED_MAX) return invalid('credential.too-long');
    const identity = identityOf(text);
    if (identity === null) return invalid('credential.malformed');
    return { identity, check: (_stores: StoreReader, nowS: number) => this.#check(text, nowS) };
  }

  /** `SessionStore`: every cookie whose name begins with the session cookie's, by the number behind its last dot. */
  #joined(cookies: string): string {
    if (!cookies.includes(this.#spec.cookie)) return '';
    const pieces = [...cookieMap(this.#profile, cookies)].filter(([name]) =>
      name.startsWith(this.#spec.cookie),
    );
    if (pieces.length === 1) return pieces[0]![1];
    const numbered = pieces.map(([name, value]): [number, string] => [
      Number.parseInt(name.slice(name.lastIndexOf('.') + 1), 10),
      value,
    ]);
    // A name without a number stands where it is, as comparing with NaN has it.
    return numbered
      .sort(([a], [b]) => a - b)
      .map(([, value]) => value)
      .join('');
  }

  async #check(text: string, nowS: number): Promise<Finding> {
    let finding = invalid('token.key');
    for (const key of this.#keys) {
      const found = await this.#checkWith(key, text, nowS);
      if (found !== null) finding = found;
      if (found !== null && found.reason !== 'decrypt.failed') break;
    }
    return finding;
  }

  /** Auth.js finds a key by `kid`, and takes the first secret's where a token has none. */
  #isMeant(key: TokenKey, kid: unknown): boolean {
    if (key.kid === null) return true;
    return kid === undefined ? this.#keys.find(({ enc }) => enc === key.enc) === key : kid === key.kid;
  }

  /** Null: the token is not for this key. */
  async #checkWith(key: TokenKey, text: string, nowS: number): Promise<Finding | null> {
    try {
      const { payload } = await jwtDecrypt(
        text,
        ({ kid, enc }) => {
          if (enc !== key.enc || !this.#isMeant(key, kid)) throw new OtherKey();
          return key.bytes;
        },
        {
          keyManagementAlgorithms: ['dir'],
          contentEncryptionAlgorithms: this.#encryptions,
          clockTolerance: TOLERANCE_S,
          currentDate: new Date(nowS * 1000),
        },
      );
      const endsAtS = typeof payload.exp === 'number' ? payload.exp + TOLERANCE_S : null;
      const claims = payload as { readonly [key: string]: Data }; // jose made it by JSON.parse
      const user = asUserId(lookAt(claims, this.#spec.user));
      const found = genuine(user, claims, endsAtS, claimsIssuedS(claims));
      const tokenId = claimsTokenId(claims);
      return tokenId === null ? found : { ...found, tokenId };
    } catch (error) {
      if (error instanceof OtherKey) return null;
      if (error instanceof errors.JOSEError) return refusal(error);
      throw error;
    }
  }
}

/** Thrown through jose by the choice of a key: the token names another one. */
class OtherKey extends Error {}

function refusal(error: errors.JOSEError): Finding {
  if (error instanceof errors.JWTExpired) return invalid('expired');
  if (error instanceof errors.JOSEAlgNotAllowed) return invalid('token.algorithm');
  if (error instanceof errors.JWEDecryptionFailed) return invalid('decrypt.failed');
  if (error instanceof errors.JWTClaimValidationFailed)
    return invalid(
      error.claim === 'nbf' && error.reason === 'check_failed' ? 'not-yet-valid' : 'token.claims',
    );
  return invalid('credential.malformed');
}

/** `getToken`: what stands behind `Bearer` and one space, percent-decoded. Empty: none; null: it cannot be decoded. */
function bearerText(authorization: string | null): string | null {
  const [scheme, token = ''] = authorization?.split(' ', 2) ?? [];
  if (scheme !== 'Bearer') return '';
  try {
    return decodeURIComponent(token);
  } catch {
    return null;
  }
}

/** One text for all spellings of a token (RFC 7516 section 7.1); null: it has not the form of one. The header is authenticated as it came. */
function identityOf(text: string): string | null {
  const parts = text.split('.', 6);
  if (parts.length !== 5 || !parts.every(isBase64url)) return null;
  const [header, ...rest] = parts;
  return [header, ...rest.map((part) => Buffer.from(part, 'base64url').toString('base64url'))].join('.');
}
