// Sessions of @fastify/secure-session 8: JSON in the cookie, encrypted by libsodium's secretbox.
import { xsalsa20poly1305 } from '@noble/ciphers/salsa.js';
import { cookieValue } from '../cookie-profiles.ts';
import { type PasswordCost, passwordKey } from '../crypto/password-key.ts';
import { asUserId, lookAt, parseJson } from '../data.ts';
import {
  type CredentialSource,
  FormatProblem,
  type FormatSpec,
  formatKind,
  type Pending,
  type SessionFormat,
} from '../format.ts';
import type { OptionValues } from '../format-options.ts';
import type { StoreReader } from '../store.ts';
import { type Finding, genuine, invalid, unknown } from '../verdict.ts';
import { CREDENTIAL_MAX } from './credential.ts';

const options = {
  mode: {
    kind: 'choice',
    of: ['secret', 'key'],
    default: 'secret',
    about:
      '`secret`: `secrets` are the plug-in’s `secret`. `key`: they are its `key`, 32 bytes in base64 or after `hex:`.',
  },
  salt: {
    kind: 'text',
    default: null,
    about:
      'The plug-in’s `salt`: 16 characters, or 16 bytes after `base64:`. Left out: the salt that is built into the plug-in.',
  },
  expiry: { kind: 'seconds', default: 86_401, about: '`expiry` of the plug-in.' },
} as const;

type Spec = FormatSpec<OptionValues<typeof options>>;

export const fastifySecureSession = formatKind({
  cookie: 'session',
  user: null,
  secrets: 'needed',
  stores: [],
  storeless: true,
  options,
  about: '@fastify/secure-session: the session is in the cookie, encrypted.',
  build: (spec) => new FastifySecureSession(spec),
});

const KEY_BYTES = 32;
const MAC_BYTES = 16;
const NONCE_BYTES = 24;
const SECRET_BYTES_MIN = 32;
/** index.js of @fastify/secure-session 8.4: the salt where the app gives none. Public, so it protects nothing. */
const SALT = Buffer.from('mq9hDxBVDbspDR6nLfFT1g==', 'base64');
/** libsodium's crypto_pwhash OPSLIMIT_MODERATE and MEMLIMIT_MODERATE, which is Argon2id 1.3 in one lane. */
const COST: PasswordCost = { passes: 3, memoryKiB: 256 * 1024, keyBytes: KEY_BYTES };

/** Ciphertext and nonce of a cookie. */
interface Sealed {
  readonly cipher: Buffer;
  readonly nonce: Buffer;
}

/** index.js of @fastify/secure-session 8.4, `decodeSecureSession`. */
class FastifySecureSession implements SessionFormat {
  readonly prepare: (() => Promise<void>) | null;
  readonly steps = ['the cookie is decrypted', 'the time in it is not longer ago than `expiry`'];
  readonly #spec: Spec;
  /** Null: not derived yet. */
  #keys: readonly Uint8Array[] | null;

  constructor(spec: Spec) {
    const { mode, salt } = spec.options;
    this.#spec = spec;
    if (mode === 'key') {
      if (salt !== null)
        throw new FormatProblem(atOf('salt'), 'keys are used as they are, without a salt', 'leave it out');
      this.#keys = spec.secrets.map(rawKey);
      this.prepare = null;
      return;
    }
    for (const [index, secret] of spec.secrets.entries()) {
      if (Buffer.byteLength(secret) < SECRET_BYTES_MIN)
        throw new FormatProblem(
          `secrets[${index}]`,
          'the plug-in takes no secret as short as that',
          `${SECRET_BYTES_MIN} bytes or more`,
        );
    }
    const saltBytes = saltOf(salt);
    this.#keys = null;
    this.prepare = async () => {
      const keys: Uint8Array[] = [];
      // One after the other: each takes 256 MiB while it lasts.
      for (const secret of spec.secrets) keys.push(await passwordKey(secret, saltBytes, COST));
      this.#keys = keys;
    };
  }

  read({ cookies }: CredentialSource): Pending | Finding {
    const value = cookieValue('npm-cookie2', cookies, this.#spec.cookie);
    if (value === null || value === '') return invalid('credential.none');
    if (value.length > CREDENTIAL_MAX) return invalid('credential.too-long');
    const [cipherText, nonceText] = value.split(';', 2);
    if (nonceText === undefined) return invalid('credential.malformed');
    const cipher = Buffer.from(cipherText!, 'base64');
    const nonce = Buffer.from(nonceText, 'base64');
    if (cipher.length < MAC_BYTES || nonce.length !== NONCE_BYTES) return invalid('credential.malformed');
    // By the bytes: Node's decoder takes many spellings of them, and so does the app.
    const identity = `${nonce.toString('latin1')}${cipher.toString('latin1')}`;
    return { identity, check: (_stores: StoreReader, nowS: number) => this.#check({ cipher, nonce }, nowS) };
  }

  #check(sealed: Sealed, nowS: number): Finding {
    if (this.#keys === null) return unknown('keys.none');
    const text = opened(sealed, this.#keys);
    if (text === null) return invalid('decrypt.failed');
    const session = parseJson(text);
    // The plug-in throws here, and the app answers 500.
    if (session === undefined) return invalid('credential.malformed');
    const { expiry } = this.#spec.options;
    const writtenAtS = lookAt(session, ['__ts']);
    // Rounded to the next second, up or down: it was not before the one that went before.
    const issuedAtS = typeof writtenAtS === 'number' ? writtenAtS - 1 : null;
    const user = asUserId(lookAt(session, this.#spec.user));
    if (writtenAtS === undefined || expiry === null) return genuine(user, session, null, issuedAtS);
    if (typeof writtenAtS !== 'number') return invalid('credential.malformed');
    const endsAtS = writtenAtS + expiry;
    return endsAtS <= nowS ? invalid('expired') : genuine(user, session, endsAtS, issuedAtS);
  }
}

/** The text inside, by the first of the keys that opens it. */
function opened({ cipher, nonce }: Sealed, keys: readonly Uint8Array[]): string | null {
  for (const key of keys) {
    try {
      return Buffer.from(xsalsa20poly1305(key, nonce).decrypt(cipher)).toString('utf8');
    } catch {
      // Its only way to say that the MAC is not of this key.
    }
  }
  return null;
}

/** As the plug-in reads a key that is a text: base64; `base64:` may stand before it. */
function rawKey(secret: string, index: number): Buffer {
  const text = secret.startsWith('base64:') ? secret.slice(7) : secret;
  const key = secret.startsWith('hex:') ? Buffer.from(secret.slice(4), 'hex') : Buffer.from(text, 'base64');
  if (key.length !== KEY_BYTES)
    throw new FormatProblem(
      `secrets[${index}]`,
      `this key has ${key.length} bytes`,
      `${KEY_BYTES} bytes in base64; or mode: secret`,
    );
  return key;
}

function saltOf(salt: string | null): Buffer {
  if (salt === null) return SALT;
  const bytes = salt.startsWith('base64:')
    ? Buffer.from(salt.slice(7), 'base64')
    : Buffer.from(salt, 'ascii');
  if (bytes.length !== SALT.length)
    throw new FormatProblem(atOf('salt'), `this salt has ${bytes.length} bytes`, `${SALT.length} bytes`);
  return bytes;
}

function atOf(option: string): string {
  return `verify.fastify-secure-session.${option}`;
}
