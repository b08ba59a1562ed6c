// Messages of Rack::Session::Encryptor opened: both versions, under each of the secrets.
import { Buffer } from 'node:buffer';
import { createDecipheriv } from 'node:crypto';
import { hmac, sameBytes } from './macs.ts';

const VERSION = 1;
const SALT = 32;

interface KeyPair {
  readonly cipher: Buffer;
  /** Null: the secret is too short for version 1. */
  readonly mac: Buffer | null;
}

/** Fewest bytes of a secret: half for the cipher's key, and in version 1 the rest for the signature's. */
export const RACK_SECRET_MIN = 32;
const V1_SECRET_MIN = 64;

/**
 * lib/rack/session/encryptor.rb of rack-session 2.1.2, `decrypt`. Version 1: 01, salt 32, iv 16, AES-256-CTR, HMAC-SHA256 over all
 * before it and the purpose. Version 2: 02, salt 32, iv 12, tag 16, AES-256-GCM with version, salt and purpose as AAD. The key of either
 * is HMAC-SHA256 of the salt.
 */
export class RackEncryptor {
  readonly #keys: readonly KeyPair[];
  readonly #purpose: Buffer;

  /** `purpose`: the cookie's name. Secrets of at least 32 bytes. */
  constructor(secrets: readonly Buffer[], purpose: string) {
    this.#keys = secrets.map((secret) => ({
      cipher: secret.subarray(0, RACK_SECRET_MIN),
      mac: secret.length < V1_SECRET_MIN ? null : secret.subarray(RACK_SECRET_MIN),
    }));
    this.#purpose = Buffer.from(purpose, 'utf8');
  }

  /** The serialized session without its padding, or null when no secret opens it. Throws nothing for any bytes. */
  open(message: Buffer): Buffer | null {
    for (const key of this.#keys) {
      const plain = message[0] === 1 ? this.#openV1(message, key) : this.#openV2(message, key);
      if (plain !== null) return withoutPadding(plain);
    }
    return null;
  }

  #openV1(message: Buffer, { cipher, mac }: KeyPair): Buffer | null {
    const end = message.length - 32;
    const start = VERSION + SALT + 16;
    if (mac === null || end <= start) return null;
    const signed = Buffer.concat([message.subarray(0, end), this.#purpose]);
    if (!sameBytes(hmac('sha256', mac, signed), message.subarray(end))) return null;
    const key = hmac('sha256', cipher, message.subarray(VERSION, VERSION + SALT));
    const decipher = createDecipheriv('aes-256-ctr', key, message.subarray(VERSION + SALT, start));
    return Buffer.concat([decipher.update(message.subarray(start, end)), decipher.final()]);
  }

  #openV2(message: Buffer, { cipher }: KeyPair): Buffer | null {
    const iv = VERSION + SALT;
    const start = iv + 12 + 16;
    if (message[0] !== 2 || message.length <= start) return null;
    const key = hmac('sha256', cipher, message.subarray(VERSION, iv));
    const decipher = createDecipheriv('aes-256-gcm', key, message.subarray(iv, iv + 12), {
      authTagLength: 16,
    });
    decipher.setAAD(Buffer.concat([message.subarray(0, iv), this.#purpose]));
    decipher.setAuthTag(message.subarray(iv + 12, start));
    try {
      return Buffer.concat([decipher.update(message.subarray(start)), decipher.final()]);
    } catch {
      return null;
    }
  }
}

/** The first two bytes say how many random ones follow. */
function withoutPadding(plain: Buffer): Buffer {
  return plain.length < 2 ? plain : plain.subarray(2 + plain.readUInt16LE(0));
}
