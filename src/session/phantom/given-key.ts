// Reads a key that a config gives for signing tokens: PEM or JWK, of a kind that one of the algorithms takes.
import { createPrivateKey, createPublicKey, type KeyObject, type webcrypto } from 'node:crypto';
import { KeyProblem } from '../crypto/public-keys.ts';
import type { GivenKey, TokenAlgorithm } from './token-options.ts';

/** How a right one is made. */
const RIGHT = 'openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out signing.pem';

/** `text`: PKCS #8, SEC 1 or SPKI as PEM, or one key as JWK. Throws KeyProblem, which says nothing of the key, for any other. */
export function readGivenKey(text: string): GivenKey {
  const key = text.trimStart().startsWith('{') ? ofJwk(text) : ofPem(text);
  const isPrivate = key.type === 'private';
  const pem = key.export({ type: isPrivate ? 'pkcs8' : 'spki', format: 'pem' });
  return { algorithm: algorithmOf(key), pem: String(pem), private: isPrivate };
}

function ofPem(text: string): KeyObject {
  if (text.includes('-----BEGIN ENCRYPTED'))
    throw new KeyProblem('this key is locked by a password', 'openssl pkey -in locked.pem -out signing.pem');
  try {
    return text.includes('PRIVATE KEY-----') ? createPrivateKey(text) : createPublicKey(text);
  } catch {
    throw new KeyProblem('this is no key that can be read, in PEM or as a JWK', RIGHT);
  }
}

function ofJwk(text: string): KeyObject {
  try {
    const jwk = JSON.parse(text) as webcrypto.JsonWebKey; // what is none of one is refused by what reads it
    return jwk.d === undefined
      ? createPublicKey({ key: jwk, format: 'jwk' })
      : createPrivateKey({ key: jwk, format: 'jwk' });
  } catch {
    throw new KeyProblem('this JSON is no key', '{"kty":"EC","crv":"P-256","x":…,"y":…,"d":…}');
  }
}

/** A key's kind is its algorithm: one that would fit several is none of ours. */
function algorithmOf(key: KeyObject): TokenAlgorithm {
  if (key.asymmetricKeyType === 'ed25519') return 'EdDSA';
  if (key.asymmetricKeyType === 'ec' && key.asymmetricKeyDetails?.namedCurve === 'prime256v1') return 'ES256';
  throw new KeyProblem('this key is neither of P-256 nor of Ed25519', RIGHT);
}
