// A JSON Web Key Set as public keys to look up: what in it is no key for signatures is passed over.
import { createPublicKey, type KeyObject, type webcrypto } from 'node:crypto';
import { type Data, lookAt } from '../data.ts';
import { fitsKey, JWS_ALGORITHMS, type JwsAlgorithm } from './jws-algorithms.ts';

/** The most keys of a set that are looked at. */
const KEYS_MAX = 256;
/** Longest set, characters. */
export const SET_CHARACTERS_MAX = 256 * 1024;

interface SetKey {
  readonly key: KeyObject;
  readonly kid: unknown;
  /** The one algorithm that it is for, or undefined. */
  readonly alg: unknown;
}

export class JwkSet {
  readonly #keys: readonly SetKey[];

  private constructor(keys: readonly SetKey[]) {
    this.#keys = keys;
  }

  /** The set in `text`; null when it is none, or holds no key that could verify anything. */
  static parse(text: string): JwkSet | null {
    if (text.length > SET_CHARACTERS_MAX) return null;
    let found: Data | undefined;
    try {
      found = lookAt(JSON.parse(text) as Data, ['keys']); // JSON holds nothing that Data does not
    } catch {
      return null;
    }
    if (!Array.isArray(found) || found.length > KEYS_MAX) return null;
    const keys = (found as readonly Data[]).flatMap((jwk) => readKey(jwk) ?? []);
    return keys.length === 0 ? null : new JwkSet(keys);
  }

  /**
   * The key for a token; null: none fits. As jose 6.2 has it (jwks/local.js, `isUsableJWK`): the key's type, curve and `alg` fit the
   * algorithm, and its `kid` the token's, if that has one. Where several fit, nothing says which: that is none too.
   */
  find(algorithm: JwsAlgorithm, kid: unknown): KeyObject | null {
    const fitting = this.#keys.filter(
      (one) =>
        (kid === undefined || (typeof kid === 'string' && kid === one.kid)) &&
        (one.alg === undefined || one.alg === algorithm.name) &&
        fitsKey(algorithm, one.key),
    );
    return fitting.length === 1 ? fitting[0]!.key : null;
  }
}

/** Null: a shared secret, a private key, a key for something else, a kind or curve that no algorithm here has. */
function readKey(jwk: Data): SetKey | null {
  if (typeof jwk !== 'object' || jwk === null || Array.isArray(jwk)) return null;
  const member = (name: string): Data | undefined => lookAt(jwk, [name]);
  if (member('d') !== undefined || member('k') !== undefined) return null;
  const use = member('use');
  const operations = member('key_ops');
  if (use !== undefined && use !== 'sig') return null;
  if (operations !== undefined && !(Array.isArray(operations) && operations.includes('verify'))) return null;
  try {
    // Node checks each member, and throws for whatever is no key.
    const key = createPublicKey({ key: jwk as webcrypto.JsonWebKey, format: 'jwk' });
    const fits = [...JWS_ALGORITHMS.values()].some((algorithm) => fitsKey(algorithm, key));
    return fits ? { key, kid: member('kid'), alg: member('alg') } : null;
  } catch {
    return null;
  }
}
