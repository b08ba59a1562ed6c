// Public keys given as PEM: one or several, tried in turn, so that a key can be changed without a moment in which tokens are refused.
import { createPublicKey, type KeyObject } from 'node:crypto';
import { fitsKey, type JwsAlgorithm, RSA_BITS_MIN } from './jws-algorithms.ts';
import { KeyProblem, type PublicKeys } from './public-keys.ts';

/** The most keys in one text: each is tried for every token. */
const KEYS_MAX = 8;
const BLOCK = /-----BEGIN ([A-Z0-9 ]{1,40})-----[A-Za-z0-9+/=\s]{1,20000}-----END \1-----/g;

/** Keys that need no look-up. */
export class PemKeys implements PublicKeys {
  readonly prepare = null;
  readonly keys: readonly KeyObject[];

  /** `text`: SPKI, PKCS #1 or certificates. Throws KeyProblem for what is no public key, or a weak one. */
  constructor(text: string) {
    const blocks = Array.from(text.matchAll(BLOCK), ([block, label]) => readBlock(block, label ?? ''));
    if (blocks.length === 0)
      throw new KeyProblem('there is no public key in it', '-----BEGIN PUBLIC KEY-----');
    if (blocks.length > KEYS_MAX)
      throw new KeyProblem(`it holds ${blocks.length} keys`, `at most ${KEYS_MAX}`);
    this.keys = blocks;
  }

  find(algorithm: JwsAlgorithm): readonly KeyObject[] {
    return this.keys.filter((key) => fitsKey(algorithm, key));
  }
}

function readBlock(block: string, label: string): KeyObject {
  if (label.endsWith('PRIVATE KEY'))
    throw new KeyProblem('it holds a private key, which nobody but the issuer should have', 'the public key');
  let key: KeyObject;
  try {
    key = createPublicKey(block);
  } catch {
    throw new KeyProblem(`its ${label} cannot be read`, 'a public key as `openssl pkey -pubout` writes it');
  }
  if (key.asymmetricKeyType === 'rsa' && (key.asymmetricKeyDetails?.modulusLength ?? 0) < RSA_BITS_MIN)
    throw new KeyProblem('its RSA key is too short to be safe', `${RSA_BITS_MIN} bits or more`);
  return key;
}
