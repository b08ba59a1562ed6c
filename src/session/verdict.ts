// What the check of a session comes to: one of four verdicts, and the reason for it.
import type { Data, UserId } from './data.ts';

/**
 * valid: the app would know the user. anonymous: a genuine session in which nobody is logged in. invalid: no session that the app
 * would accept. unknown: only the app can tell (a remember-me cookie, a store that is away), so it is never a reason to refuse.
 */
export type Verdict = 'valid' | 'anonymous' | 'invalid' | 'unknown';

/** The verdicts by their numbers: what tables and metrics count by. */
export const VERDICT_NAMES = [
  'valid',
  'anonymous',
  'invalid',
  'unknown',
] as const satisfies readonly Verdict[];

/** Every reason that a verdict can have, as `explain`, logs and docs name it. A closed table: nothing of a request gets into it. */
export const REASONS = {
  'user.known': 'the session is genuine and names its user',
  'user.none': 'the session is genuine, and nobody is logged in',
  'credential.none': 'the request carries no session',
  'credential.malformed': 'the session cookie or token has not the form that the framework gives it',
  'credential.ambiguous': 'the session cookie can be read in more than one way',
  'credential.too-long': 'the session cookie or token is longer than the bound',
  'credential.serializer': 'the app wrote the session with a serializer that is not read here',
  'signature.bad': 'the signature is not of any of the secrets',
  'decrypt.failed': 'it cannot be decrypted with any of the secrets',
  'token.algorithm': 'the token is signed by an algorithm that is not allowed',
  'token.key': 'no key is known for the token',
  'token.claims': 'the token is not for us: its issuer, audience or a critical header is another',
  'client.other': 'the session is bound to another address or browser than it came from',
  'not-yet-valid': 'the session or token is of a time to come',
  expired: 'the session has ended',
  revoked: 'the session, its token or all that its user held was revoked',
  'store.none': 'the store holds no such session',
  'store.malformed': 'the store holds something that the framework did not write',
  'store.down': 'the store did not answer',
  'store.late': 'the store did not answer in time',
  'store.busy': 'too many look-ups are waiting for the store',
  'user.remembered': 'a remember-me cookie may log the user in; only the app can tell',
  'user.elsewhere': 'the session only refers to its user; who that is, only the app can look up',
  'keys.none': 'the keys that tokens are checked with could not be had',
  'check.none': 'the request was not checked, since a CORS preflight never carries a session',
  'check.failed': 'the check itself failed, which is a fault of Limpet; the log says more',
} as const;

export type Reason = keyof typeof REASONS;

/** Those of a store that is away: the verdict may be another as soon as it is back. */
export const AWAY_REASONS: ReadonlySet<Reason> = new Set(['store.down', 'store.late', 'store.busy']);

/** What a check found. */
export interface Finding {
  readonly verdict: Verdict;
  /** Known only when `valid`. */
  readonly user: UserId | null;
  readonly reason: Reason;
  /** When the session itself ends, unix seconds, if that can be seen; null: not known. No verdict is kept beyond it. */
  readonly endsAtS: number | null;
  /** What the session holds, for fields that the app is told; null when nothing could be read. */
  readonly data: Data | null;
  /**
   * When it was issued or signed, unix seconds; left out or null: it does not say. What was issued before a time can be revoked, so it must
   * not move while the credential stays the same: the last change of a session in a store is none.
   */
  readonly issuedAtS?: number | null;
  /** The token's own id (`jti`); left out or null: it has none. */
  readonly tokenId?: string | null;
  /** The id that the framework gave the session, where only the check could see it (`Pending.session`); left out: it could not. */
  readonly session?: string;
}

/** Nobody: what was sent is no session. */
export function invalid(reason: Reason): Finding {
  return { verdict: 'invalid', user: null, reason, endsAtS: null, data: null };
}

/** Somebody ended it. */
export const REVOKED: Finding = invalid('revoked');

/** Only the app can tell. */
export function unknown(reason: Reason): Finding {
  return { verdict: 'unknown', user: null, reason, endsAtS: null, data: null };
}

/** A genuine session: valid when `user` is somebody, else anonymous. */
export function genuine(
  user: UserId | null,
  data: Data,
  endsAtS: number | null = null,
  issuedAtS: number | null = null,
): Finding {
  const found: Finding =
    user === null
      ? { verdict: 'anonymous', user: null, reason: 'user.none', endsAtS, data }
      : { verdict: 'valid', user, reason: 'user.known', endsAtS, data };
  return issuedAtS === null ? found : { ...found, issuedAtS };
}
