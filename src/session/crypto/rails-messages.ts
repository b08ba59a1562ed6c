// Encrypted cookies of Rails opened: keys derived from secret_key_base once, messages in both of the forms that Rails wrote.
import { Buffer } from 'node:buffer';
import { createDecipheriv, pbkdf2Sync } from 'node:crypto';
import { strictBase64 } from '../decode/strict-base64.ts';
import { keyBytes } from './keys.ts';
import { hmac, sameText } from './macs.ts';

/** Salts as `config.action_dispatch` names them. */
export interface RailsSalts {
  /** `authenticated_encrypted_cookie_salt`. */
  readonly gcm: string;
  /** `encrypted_cookie_salt`. */
  readonly cbc: string;
  /** `encrypted_signed_cookie_salt`. */
  readonly mac: string;
}

/** How keys are derived. */
export interface RailsKeys {
  /** `key_generator_hash_digest_class`: one key for each digest and secret. */
  readonly digests: readonly string[];
  readonly iterations: number;
  readonly salts: RailsSalts;
  /** `cookies_digest`, of the signature of messages in CBC. */
  readonly macDigest: string;
}

interface KeySet {
  readonly gcm: Buffer;
  readonly cbc: Buffer;
  readonly mac: Buffer;
}

const IV_GCM = 12;
const IV_CBC = 16;
const TAG = 16;
const MAC_KEY = 64;

/** Whether a text has the outer form of an encrypted message: two or three parts with `--` between them. Cheap. */
export function looksEncrypted(text: string): boolean {
  const last = text.lastIndexOf('--');
  return last > 0 && last + 2 < text.length;
}

/**
 * activesupport/lib/active_support/message_encryptor.rb, key_generator.rb and actionpack's action_dispatch/middleware/cookies.rb
 * (EncryptedKeyRotatingCookieJar) of Rails 6.1 to 8.1. An app that encrypts in GCM also accepts what it wrote in CBC, and the reverse, as
 * long as the salts of both are set, as they are unless somebody took them away.
 */
export class RailsMessages {
  readonly #keys: readonly KeySet[];
  readonly #macDigest: string;

  constructor(secrets: readonly string[], { digests, iterations, salts, macDigest }: RailsKeys) {
    const keys: KeySet[] = [];
    for (const digest of digests) {
      for (const secret of secrets.map(keyBytes)) {
        const derive = (salt: string, length: number): Buffer =>
          pbkdf2Sync(secret, salt, iterations, length, digest);
        keys.push({
          gcm: derive(salts.gcm, 32),
          cbc: derive(salts.cbc, 32),
          mac: derive(salts.mac, MAC_KEY),
        });
      }
    }
    this.#keys = keys;
    this.#macDigest = macDigest;
  }

  /** The plain text, or null when no key opens it. Base64 is strict, so a message has one spelling. Throws nothing. */
  open(text: string): Buffer | null {
    const parts = text.split('--', 4);
    if (parts.length === 3) return this.#openGcm(parts);
    return parts.length === 2 ? this.#openCbc(parts[0]!, parts[1]!) : null;
  }

  #openGcm(parts: readonly string[]): Buffer | null {
    const [sealed, iv, tag] = parts.map(strictBase64);
    if (!sealed || !iv || !tag || iv.length !== IV_GCM || tag.length !== TAG) return null;
    for (const { gcm } of this.#keys) {
      const decipher = createDecipheriv('aes-256-gcm', gcm, iv, { authTagLength: TAG });
      decipher.setAuthTag(tag);
      try {
        return Buffer.concat([decipher.update(sealed), decipher.final()]);
      } catch {
        // Another key may be the one.
      }
    }
    return null;
  }

  /** `base64(base64(ct)--base64(iv))--hex`; nothing is decrypted that is not signed. */
  #openCbc(text: string, mac: string): Buffer | null {
    const keys = this.#keys.find((set) =>
      sameText(hmac(this.#macDigest, set.mac, text).toString('hex'), mac),
    );
    const parts = keys === undefined ? [] : (strictBase64(text)?.toString('latin1').split('--', 3) ?? []);
    const [sealed, iv] = parts.map(strictBase64);
    if (keys === undefined || parts.length !== 2 || !sealed || !iv || iv.length !== IV_CBC) return null;
    const decipher = createDecipheriv('aes-256-cbc', keys.cbc, iv);
    try {
      return Buffer.concat([decipher.update(sealed), decipher.final()]);
    } catch {
      return null;
    }
  }
}
