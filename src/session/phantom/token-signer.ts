// Signs tokens in one worker, with the key that the main thread gave it last.
import { CompactSign, type CryptoKey, importJWK } from 'jose';
import type { SigningState } from './signing-keys.ts';

export class TokenSigner {
  #state: SigningState;
  #key: Promise<CryptoKey | Uint8Array>;

  constructor(state: SigningState) {
    this.#state = state;
    this.#key = importKey(state);
  }

  /** From now on this one signs. */
  use(state: SigningState): void {
    if (state.kid !== this.#state.kid) this.#key = importKey(state);
    this.#state = state;
  }

  /** A compact JWS over the claims, which are JSON. */
  async sign(claims: string): Promise<string> {
    const { algorithm, kid } = this.#state;
    return new CompactSign(Buffer.from(claims))
      .setProtectedHeader({ alg: algorithm, typ: 'JWT', kid })
      .sign(await this.#key);
  }
}

function importKey({ privateJwk, algorithm }: SigningState): Promise<CryptoKey | Uint8Array> {
  const key = importJWK(privateJwk, algorithm);
  // Who signs is told; before that nobody is.
  key.catch(() => {});
  return key;
}
