// The keys that sign tokens, kept by the main thread: given or made, published before they sign and for as long as what they signed lives.
import { createPrivateKey, createPublicKey } from 'node:crypto';
import { calculateJwkThumbprint, exportJWK, generateKeyPair, type JWK } from 'jose';
import type { Timer, Timers } from '../../base/timers.ts';
import type { GivenKey, SigningOptions, TokenAlgorithm } from './token-options.ts';

/** On top of what caches and lives come to: messages on their way, and clocks that differ, ms. */
const MARGIN_MS = 1000;

/** What a worker signs with and what it publishes. Structured-cloneable. */
export interface SigningState {
  readonly algorithm: TokenAlgorithm;
  /** RFC 7638 thumbprint: the same in every replica that has the key, and after a restart. */
  readonly kid: string;
  /** Never printed, and never sent anywhere but to this process's own threads. */
  readonly privateJwk: JWK;
  readonly published: PublishedKeys;
}

/** The public halves, for whoever verifies. */
export interface PublishedKeys {
  /** JWK Set (RFC 7517 section 5) as JSON. */
  readonly text: string;
  /** For `Cache-Control`. */
  readonly maxAgeS: number;
}

interface Key {
  readonly algorithm: TokenAlgorithm;
  readonly kid: string;
  readonly publicJwk: JWK;
  /** Null: it only verifies. */
  readonly privateJwk: JWK | null;
}

export interface SigningKeysInput {
  readonly options: SigningOptions;
  readonly timers: Timers;
  /** The keys are others than before: workers are to be told. */
  readonly onChange: (state: SigningState) => void;
  /** No key could be made; the one before signs on. */
  readonly onFailure: (error: unknown) => void;
}

export class SigningKeys {
  readonly #in: SigningKeysInput;
  /** All that are published; the one at `#signs` signs. */
  #keys: readonly Key[];
  #signs: Key;
  #timers = new Set<Timer>();
  #closed = false;

  private constructor(input: SigningKeysInput, keys: readonly Key[]) {
    this.#in = input;
    this.#keys = keys;
    // Neither the config nor `open` lets a ring begin without one.
    this.#signs = keys[0]!;
  }

  /** Reads the keys that were given, or makes one and begins to turn them over. */
  static async open(input: SigningKeysInput): Promise<SigningKeys> {
    const { keys, algorithm, rotateMs } = input.options;
    if (keys.length > 0) return new SigningKeys(input, await Promise.all(keys.map(ofGiven)));
    const made = new SigningKeys(input, [await make(algorithm)]);
    if (Number.isFinite(rotateMs)) made.#planNext();
    return made;
  }

  get state(): SigningState {
    const { algorithm, kid, privateJwk } = this.#signs;
    // Only a key that can sign becomes the one that does.
    return { algorithm, kid, privateJwk: privateJwk!, published: this.published };
  }

  get published(): PublishedKeys {
    const keys = this.#keys.map(({ algorithm, kid, publicJwk }) => ({
      ...publicJwk,
      kid,
      alg: algorithm,
      use: 'sig',
    }));
    return { text: JSON.stringify({ keys }), maxAgeS: Math.floor(this.#in.options.maxAgeMs / 1000) };
  }

  close(): void {
    this.#closed = true;
    for (const timer of this.#timers) timer.cancel();
    this.#timers.clear();
  }

  /** How long a new key is published before it signs: until then somebody may still go by the set without it. */
  get #leadMs(): number {
    return this.#in.options.maxAgeMs + MARGIN_MS;
  }

  #planNext(): void {
    this.#after(Math.max(0, this.#in.options.rotateMs - this.#leadMs), () => void this.#publishNext());
  }

  /** Never rejects. */
  async #publishNext(): Promise<void> {
    let next: Key;
    try {
      next = await make(this.#in.options.algorithm);
    } catch (error) {
      this.#in.onFailure(error);
      this.#planNext();
      return;
    }
    if (this.#closed) return;
    this.#keys = [...this.#keys, next];
    this.#in.onChange(this.state);
    this.#after(this.#leadMs, () => this.#switchTo(next));
  }

  #switchTo(next: Key): void {
    const old = this.#signs;
    this.#signs = next;
    this.#in.onChange(this.state);
    const { tokenMs, maxAgeMs } = this.#in.options;
    this.#after(tokenMs + maxAgeMs + MARGIN_MS, () => {
      this.#keys = this.#keys.filter((key) => key !== old);
      this.#in.onChange(this.state);
    });
    this.#planNext();
  }

  #after(ms: number, run: () => void): void {
    const timer = this.#in.timers.after(ms, () => {
      this.#timers.delete(timer);
      run();
    });
    this.#timers.add(timer);
  }
}

async function ofGiven({ algorithm, pem, private: signs }: GivenKey): Promise<Key> {
  const publicJwk = await exportJWK(createPublicKey(pem));
  const privateJwk = signs ? await exportJWK(createPrivateKey(pem)) : null;
  return { algorithm, kid: await calculateJwkThumbprint(publicJwk), publicJwk, privateJwk };
}

async function make(algorithm: TokenAlgorithm): Promise<Key> {
  const { publicKey, privateKey } = await generateKeyPair(algorithm, { extractable: true });
  const publicJwk = await exportJWK(publicKey);
  const kid = await calculateJwkThumbprint(publicJwk);
  return { algorithm, kid, publicJwk, privateJwk: await exportJWK(privateKey) };
}
