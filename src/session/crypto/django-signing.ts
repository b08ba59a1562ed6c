// Django's signed texts: `value:time:signature`, as its sessions in cookies, files and tables are written.
import { Buffer } from 'node:buffer';
import { createHash } from 'node:crypto';
import { keyBytes } from './keys.ts';
import { hmac, sameText } from './macs.ts';

/** The hashes that a Django accepts: SHA-1 before 3.1, both in 3.1 and 3.2, SHA-256 from 4.0. */
export type DjangoHash = 'sha1' | 'sha256' | 'either';

/** A text whose signature held. */
export interface DjangoSigned {
  /** The payload as it was signed: base64url, with a dot before it when compressed. */
  readonly value: string;
  /** Unix seconds. */
  readonly signedAtS: number;
}

const BASE62 = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';

/** django/core/signing.py of 3.2 and 4.2: `Signer`, `TimestampSigner`. One salt, keys derived once. */
export class DjangoSigner {
  readonly #keys: readonly { readonly hash: string; readonly key: Buffer }[];

  constructor(secrets: readonly string[], salt: string, hash: DjangoHash) {
    const hashes = hash === 'either' ? ['sha256', 'sha1'] : [hash];
    this.#keys = secrets.flatMap((secret) =>
      hashes.map((name) => ({
        hash: name,
        // salted_hmac: the key is a plain hash of salt and secret.
        key: createHash(name).update(`${salt}signer`).update(keyBytes(secret)).digest(),
      })),
    );
  }

  /** The signed value, or why it is none. `text`: one character a byte. */
  unsign(text: string): DjangoSigned | 'signature.bad' | 'credential.malformed' {
    const colon = text.lastIndexOf(':');
    if (colon < 0) return 'credential.malformed';
    const signed = text.slice(0, colon);
    const mac = text.slice(colon + 1);
    const bytes = Buffer.from(signed, 'latin1');
    let found = false;
    for (const { hash, key } of this.#keys) {
      if (sameText(hmac(hash, key, bytes).toString('base64url'), mac)) found = true;
    }
    if (!found) return 'signature.bad';
    const before = signed.lastIndexOf(':');
    const signedAtS = before < 0 ? null : base62(signed.slice(before + 1));
    return signedAtS === null ? 'credential.malformed' : { value: signed.slice(0, before), signedAtS };
  }
}

/** The form of before Django 3.1: base64 of `sha1 in hex:payload`, without a time. */
export class LegacyDjangoSigner {
  readonly #keys: readonly Buffer[];

  /** `salt`: `django.contrib.sessions` and the class's name, with nothing between. */
  constructor(secrets: readonly string[], salt: string) {
    this.#keys = secrets.map((secret) => createHash('sha1').update(salt).update(keyBytes(secret)).digest());
  }

  /** The payload, or null when the text is not of this form or not signed by us. */
  unsign(text: string): Buffer | null {
    const bytes = Buffer.from(text, 'base64');
    const colon = bytes.indexOf(0x3a);
    if (colon < 0) return null;
    const payload = bytes.subarray(colon + 1);
    const mac = bytes.toString('latin1', 0, colon);
    let found = false;
    for (const key of this.#keys) {
      if (sameText(hmac('sha1', key, payload).toString('hex'), mac)) found = true;
    }
    return found ? payload : null;
  }
}

/** A number of up to ten digits, or null. */
function base62(text: string): number | null {
  if (text === '' || text.length > 10) return null;
  let value = 0;
  for (const char of text) {
    const digit = BASE62.indexOf(char);
    if (digit < 0) return null;
    value = value * 62 + digit;
  }
  return value;
}
