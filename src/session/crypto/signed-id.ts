// Session ids with a signature behind their last dot, as the cookie-signature package writes them.
import { unsign } from 'cookie-signature';
import { hmac, sameText } from './macs.ts';

/**
 * The id in `ID.SIGNATURE`, or null when none of the secrets made the signature: base64 of the HMAC of the id, without its padding.
 * `algorithm`: a hash of OpenSSL's. cookie-signature 1.2 index.js; @fastify/cookie signer.js for other hashes than sha256.
 */
export function verifiedId(signed: string, secrets: readonly string[], algorithm = 'sha256'): string | null {
  const dot = signed.lastIndexOf('.');
  if (dot < 0) return null;
  for (const secret of secrets) {
    if (algorithm === 'sha256') {
      const id = unsign(signed, secret);
      if (id !== false) return id;
    } else {
      const id = signed.slice(0, dot);
      const mac = hmac(algorithm, secret, id).toString('base64').replace(/=+$/, '');
      if (sameText(mac, signed.slice(dot + 1))) return id;
    }
  }
  return null;
}
