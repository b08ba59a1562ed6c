// Cookies signed by a second cookie beside them, as the keygrip package does for Koa and cookie-session.
import { hmac, sameText } from './macs.ts';

/** Hashes that keygrip can be told to use. */
export const KEYGRIP_DIGESTS = ['sha1', 'sha256', 'sha512'] as const;

/**
 * Whether `signature` is that of `name=value` by any of the keys: base64url of the HMAC, without padding. keygrip 1.1 index.js, `sign` and
 * `verify`; the name is signed too, so a value cannot be moved to another cookie.
 */
export function keygripVerifies(
  name: string,
  value: string,
  signature: string,
  keys: readonly string[],
  digest: string,
): boolean {
  const text = Buffer.from(`${name}=${value}`, 'utf8');
  return keys.some((key) => sameText(hmac(digest, key, text).toString('base64url'), signature));
}
