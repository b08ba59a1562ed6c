// Signatures of Python's itsdangerous 2.x, which Flask, Flask-Session and Starlette sign with.
import { Buffer } from 'node:buffer';
import { createHash } from 'node:crypto';
import { pythonBase64 } from '../decode/python-base64.ts';
import { keyBytes } from './keys.ts';
import { hmac, sameBytes } from './macs.ts';

export type KeyDerivation = 'hmac' | 'django-concat' | 'concat' | 'none';

/** What an itsdangerous signer is made of. */
export interface SignerShape {
  readonly salt: string;
  readonly derivation: KeyDerivation;
  /** Hash by the name that OpenSSL has for it. */
  readonly digest: string;
}

/** A text split from its signature; not verified. */
export interface Signed {
  /** All before the last dot, one character a byte. */
  readonly text: string;
  readonly mac: Buffer;
}

/** The text and its signature, or null when there is none that Python could read. Signer.unsign. */
export function splitSigned(value: string): Signed | null {
  const dot = value.lastIndexOf('.');
  if (dot < 0) return null;
  const mac = pythonBase64(value.slice(dot + 1));
  return mac === null ? null : { text: value.slice(0, dot), mac };
}

/** One spelling for all that Python reads as the same signed text. */
export function canonical(signed: Signed): string {
  return `${signed.text}.${signed.mac.toString('base64url')}`;
}

/** Checks signatures; the keys are derived once. signer.py of itsdangerous 2.1.2: `derive_key`, `verify_signature`. */
export class Signer {
  readonly #keys: readonly Buffer[];
  readonly #digest: string;

  constructor(secrets: readonly string[], shape: SignerShape) {
    this.#digest = shape.digest;
    this.#keys = secrets.map((secret) => deriveKey(keyBytes(secret), shape));
  }

  /** Whether any of the keys made the signature. Every key is tried, whichever fits. */
  verifies(signed: Signed): boolean {
    const text = Buffer.from(signed.text, 'latin1');
    let found = false;
    for (const key of this.#keys) {
      if (sameBytes(hmac(this.#digest, key, text), signed.mac)) found = true;
    }
    return found;
  }
}

function deriveKey(secret: Buffer, shape: SignerShape): Buffer {
  const salt = Buffer.from(shape.salt, 'utf8');
  const hash = createHash(shape.digest);
  if (shape.derivation === 'hmac') return hmac(shape.digest, secret, salt);
  if (shape.derivation === 'django-concat') return hash.update(salt).update('signer').update(secret).digest();
  if (shape.derivation === 'concat') return hash.update(salt).update(secret).digest();
  return secret;
}

/** What a TimestampSigner signed: the value, and when. */
export interface Dated {
  readonly value: string;
  /** Unix seconds. */
  readonly signedAtS: number;
}

/** Splits the time off a verified text; null when there is none. timed.py: `TimestampSigner.unsign`. */
export function splitDate(text: string): Dated | null {
  const dot = text.lastIndexOf('.');
  if (dot < 0) return null;
  const time = pythonBase64(text.slice(dot + 1));
  if (time === null) return null;
  // Six bytes are a time in the year 8,900,000; longer ones are as far in the future as makes no difference.
  const seconds = time.length > 6 ? Number.MAX_SAFE_INTEGER : Number.parseInt(`0${time.toString('hex')}`, 16);
  return { value: text.slice(0, dot), signedAtS: seconds };
}

/**
 * Whether a signed text is of its time: the age must not be over `maxAgeS` and not negative, whole seconds on both sides. Without a
 * bound nothing is compared, a time to come included.
 */
export function ageProblem(
  signedAtS: number,
  maxAgeS: number | null,
  nowS: number,
): 'expired' | 'not-yet-valid' | null {
  if (maxAgeS === null) return null;
  const age = Math.floor(nowS) - signedAtS;
  return age > maxAgeS ? 'expired' : age < 0 ? 'not-yet-valid' : null;
}

/** The first second at which `ageProblem` says `expired`; null: never. */
export function endOf(signedAtS: number, maxAgeS: number | null): number | null {
  return maxAgeS === null ? null : signedAtS + maxAgeS + 1;
}
