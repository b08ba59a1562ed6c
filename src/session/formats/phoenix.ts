// Plug's session cookie, as Phoenix uses it: an Erlang term, signed or encrypted.
import { createDecipheriv, pbkdf2Sync } from 'node:crypto';
import { xchacha20poly1305 } from '@noble/ciphers/chacha.js';
import { cookieValue } from '../cookie-profiles.ts';
import { hmac, sameBytes } from '../crypto/macs.ts';
import { asUserId, lookAt } from '../data.ts';
import { DecodeError } from '../decode/decode-error.ts';
import { decodeEtf } from '../decode/etf.ts';
import {
  type CredentialSource,
  FormatProblem,
  type FormatSpec,
  formatKind,
  type Pending,
  type SessionFormat,
} from '../format.ts';
import type { OptionValues } from '../format-options.ts';
import { type Finding, genuine, invalid, unknown } from '../verdict.ts';
import { CREDENTIAL_MAX } from './credential.ts';

const options = {
  signingSalt: { kind: 'text', default: null, about: '`signing_salt` of the endpoint.' },
  encryptionSalt: {
    kind: 'text',
    default: null,
    about: '`encryption_salt` of the endpoint; without it the cookie is signed only.',
  },
  oldSigningSalts: { kind: 'texts', default: [], about: '`signing_salt` of each of `rotating_options`.' },
  oldEncryptionSalts: {
    kind: 'texts',
    default: [],
    about: '`encryption_salt` of each of `rotating_options`, in the same order; `none` where it has none.',
  },
  iterations: {
    kind: 'count',
    default: 1000,
    min: 1,
    max: 1_000_000,
    about: '`key_iterations` of the endpoint.',
  },
} as const;

type Spec = FormatSpec<OptionValues<typeof options>>;

export const phoenix = formatKind({
  cookie: null,
  user: null,
  secrets: 'needed',
  stores: [],
  storeless: true,
  options,
  about:
    'Phoenix and Plug.Session with the cookie store, signed or encrypted; the secret is `secret_key_base`.',
  build: (spec) => new Phoenix(spec),
});

interface Keys {
  readonly signing: Buffer;
  /** Null: signed only. */
  readonly encryption: Buffer | null;
}

/** The bytes of base64url, padded or not, as Base.url_decode64 takes it with `padding: false`; null for anything else. */
function part(text: string): Buffer | null {
  return /^(?:[\w-]{4})*(?:[\w-]{2}(?:==)?|[\w-]{3}=?)?$/.test(text) ? Buffer.from(text, 'base64url') : null;
}

const SIGNED_HEAD = Buffer.from('HS256');

/**
 * plug 1.16 plug/session/cookie.ex; plug_crypto 2.1 and 1.2 message_verifier.ex, message_encryptor.ex, key_generator.ex. There is no time in
 * it: a copy is good as long as the key.
 */
class Phoenix implements SessionFormat {
  readonly prepare = null;
  readonly steps: readonly string[];
  readonly #spec: Spec;
  readonly #keys: readonly Keys[];

  constructor(spec: Spec) {
    const { signingSalt, encryptionSalt, oldSigningSalts, oldEncryptionSalts, iterations } = spec.options;
    if (signingSalt === null)
      throw new FormatProblem(
        'verify',
        'the key is made of a salt, which is missing',
        '{ phoenix: { signingSalt: … } }',
      );
    if (oldEncryptionSalts.length > 0 && oldEncryptionSalts.length !== oldSigningSalts.length)
      throw new FormatProblem(
        'verify.phoenix.oldEncryptionSalts',
        'old salts come in pairs, and these are not as many as `oldSigningSalts`',
        'as many of both; `none` for options that only signed',
      );
    const derive = (secret: string, salt: string): Buffer =>
      pbkdf2Sync(secret, salt, iterations, 32, 'sha256');
    const pairs = [
      [signingSalt, encryptionSalt] as const,
      ...oldSigningSalts.map((salt, i) => {
        const encryption = oldEncryptionSalts[i] ?? 'none';
        return [salt, encryption === 'none' ? null : encryption] as const;
      }),
    ];
    this.#spec = spec;
    this.#keys = spec.secrets.flatMap((secret) =>
      pairs.map(([signing, encryption]) => ({
        signing: derive(secret, signing),
        encryption: encryption === null ? null : derive(secret, encryption),
      })),
    );
    this.steps = [encryptionSalt === null ? 'the cookie’s signature is checked' : 'the cookie is decrypted'];
  }

  read({ cookies }: CredentialSource): Pending | Finding {
    const value = cookieValue('plug', cookies, this.#spec.cookie);
    if (value === null || value === '') return invalid('credential.none');
    if (value.length > CREDENTIAL_MAX) return invalid('credential.too-long');
    // More parts than the longest form has are none of them.
    const parts = value.split('.', 6).map(part);
    if (parts.includes(null)) return invalid('credential.malformed');
    const bytes = parts as Buffer[]; // none is null
    // What is signed is signed as it was written; all else counts by its bytes.
    const signed = bytes[0]!.equals(SIGNED_HEAD) ? value.slice(0, value.lastIndexOf('.')) : '';
    const identity = `${signed}.${bytes.map((one) => one.toString('base64url')).join('.')}`;
    return { identity, check: () => this.#check(value, bytes) };
  }

  #check(value: string, parts: readonly Buffer[]): Finding {
    const plain = this.#open(value, parts);
    if (plain === null)
      return invalid(this.#spec.options.encryptionSalt === null ? 'signature.bad' : 'decrypt.failed');
    try {
      const session = decodeEtf(plain);
      const user = lookAt(session, this.#spec.user);
      // A token of phx.gen.auth is looked up in the table of the app.
      return user instanceof Uint8Array ? unknown('user.elsewhere') : genuine(asUserId(user), session);
    } catch (error) {
      if (error instanceof DecodeError) return invalid('credential.malformed');
      throw error;
    }
  }

  #open(value: string, parts: readonly Buffer[]): Uint8Array | null {
    for (const keys of this.#keys) {
      const plain =
        keys.encryption === null
          ? verify(value, parts, keys.signing)
          : (decryptX(parts, keys.encryption, value) ?? decryptWrapped(parts, keys.encryption, keys.signing));
      if (plain !== null) return plain;
    }
    return null;
  }
}

/** `SFMyNTY.TERM.MAC`: HS256 over the first two as they are written. */
function verify(value: string, parts: readonly Buffer[], key: Buffer): Uint8Array | null {
  const [head, term, mac] = parts;
  if (parts.length !== 3 || !head || !term || !mac || !head.equals(SIGNED_HEAD)) return null;
  const signed = value.slice(0, value.lastIndexOf('.'));
  return sameBytes(hmac('sha256', key, signed), mac) ? term : null;
}

/** `XCP.` and nonce, tag, ciphertext of XChaCha20-Poly1305 (plug_crypto 2). */
function decryptX(parts: readonly Buffer[], key: Buffer, value: string): Uint8Array | null {
  const body = parts[1];
  if (parts.length !== 2 || !value.startsWith('XCP.') || body === undefined || body.length < 40) return null;
  const nonce = body.subarray(0, 24);
  const sealed = Buffer.concat([body.subarray(40), body.subarray(24, 40)]);
  try {
    return xchacha20poly1305(key, nonce, Buffer.from('A128GCM')).decrypt(sealed);
  } catch {
    return null;
  }
}

/** Head, wrapped key, iv, ciphertext, tag (plug_crypto 1): a key of its own for each message, wrapped with ours. */
function decryptWrapped(parts: readonly Buffer[], key: Buffer, signing: Buffer): Uint8Array | null {
  const [head, wrapped, iv, sealed, tag] = parts;
  if (parts.length !== 5 || !head || !wrapped || !iv || !sealed || !tag) return null;
  if (head.toString('latin1') !== 'A128GCM' || wrapped.length !== 44) return null;
  const own = gcm(
    'aes-256-gcm',
    key,
    wrapped.subarray(32),
    wrapped.subarray(0, 16),
    wrapped.subarray(16, 32),
    signing,
  );
  return own === null ? null : gcm('aes-128-gcm', own, iv, sealed, tag, head);
}

function gcm(
  name: 'aes-256-gcm' | 'aes-128-gcm',
  key: Uint8Array,
  iv: Uint8Array,
  sealed: Uint8Array,
  tag: Uint8Array,
  aad: Uint8Array,
): Buffer | null {
  if (iv.length !== 12 || tag.length !== 16) return null;
  const decipher = createDecipheriv(name, key, iv, { authTagLength: 16 });
  decipher.setAAD(aad);
  decipher.setAuthTag(tag);
  try {
    return Buffer.concat([decipher.update(sealed), decipher.final()]);
  } catch {
    return null;
  }
}
