// A token in the compact form of RFC 7515 section 7.1 taken apart: bounded, strict in its alphabet, and one identity for all its spellings.
import { type Data, lookAt } from '../data.ts';

/** A token whose parts have the right alphabet. Nothing of it is verified. */
export interface CompactToken {
  /** As it came, for whoever verifies it. */
  readonly text: string;
  /** What is signed: header and payload, encoded as they came. */
  readonly signed: string;
  readonly header: string;
  readonly payload: string;
  readonly signature: Buffer;
}

/** The members of a header that decide, or null where it is no JSON object. */
export interface TokenHeader {
  readonly alg: Data | undefined;
  readonly kid: Data | undefined;
  readonly typ: Data | undefined;
  /** A critical extension is asked for that nobody here has, or `b64: false`, which no JWT may have (RFC 7797 section 7). */
  readonly critical: boolean;
}

/** The token behind `Bearer`, the scheme in any case (RFC 6750 section 2.1, RFC 9110 section 11.1); null: another scheme or nothing. */
export function bearerToken(authorization: string | null): string | null {
  if (authorization === null || authorization.length < 8 || authorization[6] !== ' ') return null;
  if (authorization.slice(0, 6).toLowerCase() !== 'bearer') return null;
  const token = authorization.slice(7).trim();
  return token === '' ? null : token;
}

/** The parts of a token; null: it has not three, or one is no base64url. An empty signature is none. */
export function splitToken(text: string): CompactToken | null {
  const first = text.indexOf('.');
  const second = first < 1 ? -1 : text.indexOf('.', first + 1);
  if (second < 0 || second === first + 1 || text.indexOf('.', second + 1) >= 0) return null;
  const header = text.slice(0, first);
  const payload = text.slice(first + 1, second);
  const signature = text.slice(second + 1);
  if (signature === '' || !isBase64url(header) || !isBase64url(payload) || !isBase64url(signature))
    return null;
  return {
    text,
    signed: text.slice(0, second),
    header,
    payload,
    signature: Buffer.from(signature, 'base64url'),
  };
}

/** Letters, digits, `-` and `_` only, in a length that bytes can have. Stray bits in the last character pass, as libraries let them. */
export function isBase64url(text: string): boolean {
  if (text.length % 4 === 1) return false;
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i);
    const letter = (c | 0x20) >= 0x61 && (c | 0x20) <= 0x7a;
    if (!letter && !(c >= 0x30 && c <= 0x39) && c !== 0x2d && c !== 0x5f) return false;
  }
  return true;
}

/** The header; null: no JSON object in UTF-8. `jwk`, `jku`, `x5c` and `x5u` are never looked at: a token does not bring its own key. */
export function readHeader(header: string): TokenHeader | null {
  const members = jsonObject(header);
  if (members === null) return null;
  const crit = lookAt(members, ['crit']);
  return {
    alg: lookAt(members, ['alg']),
    kid: lookAt(members, ['kid']),
    typ: lookAt(members, ['typ']),
    critical: crit !== undefined && !isPlainB64(crit, lookAt(members, ['b64'])),
  };
}

/** `"crit": ["b64"], "b64": true` says nothing but what is so anyway: jose takes it. */
function isPlainB64(crit: Data, b64: Data | undefined): boolean {
  return Array.isArray(crit) && crit.length > 0 && crit.every((name) => name === 'b64') && b64 === true;
}

const utf8 = new TextDecoder('utf-8', { fatal: true });

/** The JSON object that is encoded in `part`, or null. Of a member that comes twice the last counts, as in all of JavaScript's libraries. */
export function jsonObject(part: string): { readonly [key: string]: Data } | null {
  try {
    const value = JSON.parse(utf8.decode(Buffer.from(part, 'base64url'))) as Data; // JSON holds nothing that Data does not
    const is = typeof value === 'object' && value !== null && !Array.isArray(value);
    return is ? (value as { readonly [key: string]: Data }) : null;
  } catch {
    return null;
  }
}
