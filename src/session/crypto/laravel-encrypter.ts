// What Laravel's encrypter writes: cookies, and payloads of sessions where SESSION_ENCRYPT is set.
import { createDecipheriv } from 'node:crypto';
import { FormatProblem } from '../format.ts';
import { keyBytes } from './keys.ts';
import { hmac, sameText } from './macs.ts';

export const LARAVEL_CIPHERS = ['AES-256-CBC', 'AES-256-GCM', 'AES-128-CBC', 'AES-128-GCM'] as const;
export type LaravelCipher = (typeof LARAVEL_CIPHERS)[number];

interface Envelope {
  readonly iv: string;
  readonly value: string;
  readonly mac: string;
  readonly tag: string;
}

/**
 * Illuminate/Encryption/Encrypter.php of Laravel 8 to 13: base64 of JSON with iv, value, mac and tag. CBC: HMAC-SHA256 in hex over iv and
 * value as they are written; GCM: a tag of 16 bytes, no mac. Keys: APP_KEY, then APP_PREVIOUS_KEYS.
 */
export class LaravelEncrypter {
  readonly keys: readonly Buffer[];
  readonly #cipher: LaravelCipher;

  /** Throws FormatProblem for a key of another length than the cipher's. */
  constructor(secrets: readonly string[], cipher: LaravelCipher) {
    this.#cipher = cipher;
    this.keys = secrets.map(keyBytes);
    const length = cipher.includes('128') ? 16 : 32;
    const short = this.keys.findIndex((key) => key.length !== length);
    if (short >= 0)
      throw new FormatProblem(
        `secrets[${short}]`,
        `a key of ${this.keys[short]!.length} bytes is not one of ${cipher}`,
        `APP_KEY as it is, with its base64: in front, of ${length} bytes`,
      );
  }

  /** The plain text, one character a byte, and the key that did it; null when no key does. */
  decrypt(text: string): { readonly plain: string; readonly key: Buffer } | null {
    const envelope = readEnvelope(text);
    if (envelope === null) return null;
    for (const key of this.keys) {
      const plain = this.#cipher.endsWith('GCM') ? this.#gcm(envelope, key) : this.#cbc(envelope, key);
      if (plain !== null) return { plain, key };
    }
    return null;
  }

  #cbc({ iv, value, mac, tag }: Envelope, key: Buffer): string | null {
    const vector = Buffer.from(iv, 'base64');
    if (tag !== '' || vector.length !== 16) return null;
    if (!sameText(hmac('sha256', key, iv + value).toString('hex'), mac)) return null;
    return finish(createDecipheriv(this.#cipher.toLowerCase(), key, vector), value);
  }

  #gcm({ iv, value, tag }: Envelope, key: Buffer): string | null {
    const vector = Buffer.from(iv, 'base64');
    const bytes = Buffer.from(tag, 'base64');
    if (bytes.length !== 16 || vector.length !== 12) return null;
    // The cipher is one of GCM, which the overload for a plain string does not know.
    const name = this.#cipher.toLowerCase() as 'aes-256-gcm' | 'aes-128-gcm';
    const decipher = createDecipheriv(name, key, vector, { authTagLength: 16 });
    decipher.setAuthTag(bytes);
    return finish(decipher, value);
  }
}

function finish(
  decipher: { update(text: string, from: 'base64', to: 'latin1'): string; final(to: 'latin1'): string },
  value: string,
): string | null {
  try {
    return decipher.update(value, 'base64', 'latin1') + decipher.final('latin1');
  } catch {
    return null;
  }
}

function readEnvelope(text: string): Envelope | null {
  let json: unknown;
  try {
    json = JSON.parse(Buffer.from(text, 'base64').toString('latin1'));
  } catch {
    return null;
  }
  if (typeof json !== 'object' || json === null) return null;
  const { iv, value, mac, tag = '' } = json as Record<string, unknown>; // any JSON object
  const all = [iv, value, mac, tag];
  return all.every((part) => typeof part === 'string') ? ({ iv, value, mac, tag } as Envelope) : null;
}
