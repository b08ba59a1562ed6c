// The rules for a token's claims, the same for every algorithm: whom it is from, whom it is for, and when it holds.
import { type Data, lookAt } from '../data.ts';
import type { Reason } from '../verdict.ts';

export interface ClaimRules {
  /** Empty: any, or none. */
  readonly issuers: readonly string[];
  /** The token must be for one of them. Empty: for anybody. */
  readonly audiences: readonly string[];
  readonly toleranceS: number;
}

/** Longest `jti` that is remembered, UTF-16 units. */
const TOKEN_ID_MAX = 512;

/**
 * Why the claims do not hold, or null. As jose 6.2 (lib/jwt_claims_set.js, `validateClaimsSet`) and jsonwebtoken 9 (verify.js) have it: time in
 * whole seconds, `exp` equal to now is over, `nbf` equal to now holds, a time that is no number is refused, one that is missing is not.
 */
export function claimsProblem(claims: Data, rules: ClaimRules, nowS: number): Reason | null {
  const { issuers, audiences, toleranceS } = rules;
  const issuer = lookAt(claims, ['iss']);
  if (issuers.length > 0 && !(typeof issuer === 'string' && issuers.includes(issuer))) return 'token.claims';
  if (audiences.length > 0 && !isFor(lookAt(claims, ['aud']), audiences)) return 'token.claims';
  const now = Math.floor(nowS);
  const times = [lookAt(claims, ['iat']), lookAt(claims, ['nbf']), lookAt(claims, ['exp'])] as const;
  if (times.some((time) => time !== undefined && typeof time !== 'number')) return 'token.claims';
  const [, notBefore, expires] = times;
  if (typeof notBefore === 'number' && notBefore > now + toleranceS) return 'not-yet-valid';
  return typeof expires === 'number' && expires <= now - toleranceS ? 'expired' : null;
}

/** When the claims cease to hold, unix seconds; null: never. */
export function claimsEndS(claims: Data, toleranceS: number): number | null {
  const expires = lookAt(claims, ['exp']);
  return typeof expires === 'number' ? expires + toleranceS : null;
}

/** When the token was issued (`iat`), unix seconds; null: it does not say. */
export function claimsIssuedS(claims: Data): number | null {
  const issued = lookAt(claims, ['iat']);
  return typeof issued === 'number' && Number.isFinite(issued) ? issued : null;
}

/** The token's own id (`jti`); null: it has none, or none that anybody would name it by. */
export function claimsTokenId(claims: Data): string | null {
  const id = lookAt(claims, ['jti']);
  return typeof id === 'string' && id !== '' && id.length <= TOKEN_ID_MAX ? id : null;
}

function isFor(audience: Data | undefined, wanted: readonly string[]): boolean {
  if (typeof audience === 'string') return wanted.includes(audience);
  return Array.isArray(audience) && wanted.some((one) => (audience as readonly Data[]).includes(one));
}

/** Whether a header's `typ` is the wanted media type: case and `application/` are left aside (RFC 7515 section 4.1.9). */
export function isType(typ: Data | undefined, wanted: string): boolean {
  return typeof typ === 'string' && mediaType(typ) === mediaType(wanted);
}

function mediaType(typ: string): string {
  const lower = typ.toLowerCase();
  return lower.includes('/') ? lower : `application/${lower}`;
}
