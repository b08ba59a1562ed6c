// The cookie in which Flask keeps a whole session: shared by plain Flask and by Flask-Login.
import {
  ageProblem,
  endOf,
  type KeyDerivation,
  type Signed,
  Signer,
  splitDate,
  splitSigned,
} from '../crypto/itsdangerous.ts';
import type { Data } from '../data.ts';
import { DecodeError } from '../decode/decode-error.ts';
import { decodeFlaskJson } from '../decode/flask-json.ts';
import { inflate } from '../decode/inflate.ts';
import { pythonBase64 } from '../decode/python-base64.ts';
import type { OptionValues } from '../format-options.ts';
import { type Finding, invalid } from '../verdict.ts';

/** Longest cookie that is looked at. Browsers stop at 4 KiB. */
export const CREDENTIAL_MAX = 8192;

export const FLASK_COOKIE_OPTIONS = {
  lifetime: {
    kind: 'seconds',
    default: 31 * 86_400,
    about: 'PERMANENT_SESSION_LIFETIME: Flask checks it for sessions that are not permanent too.',
  },
  salt: { kind: 'text', default: 'cookie-session', about: '`salt` of the session interface.' },
  derivation: {
    kind: 'choice',
    of: ['hmac', 'django-concat', 'concat', 'none'],
    default: 'hmac',
    about: '`key_derivation` of the session interface.',
  },
  digest: {
    kind: 'choice',
    of: ['sha1', 'sha256', 'sha384', 'sha512'],
    default: 'sha1',
    about: '`digest_method` of the session interface.',
  },
} as const;

/** A session that was signed. */
export interface FlaskSession {
  readonly verdict?: never;
  readonly data: Data;
  /** First unix second at which Flask drops it; null: never. */
  readonly endsAtS: number | null;
  /** When the cookie was signed, unix seconds: Flask does so with each change, and the cookie is then another. */
  readonly signedAtS: number;
}

/**
 * flask/sessions.py of Flask 2.2.2 and 3.1, `SecureCookieSessionInterface`; itsdangerous 2.1.2, url_safe.py and timed.py. Secrets: SECRET_KEY,
 * then SECRET_KEY_FALLBACKS (from 3.1). All are tried, since 3.1.0 signed with the last of the fallbacks (CVE-2025-47278).
 */
export class FlaskCookie {
  readonly #signer: Signer;
  readonly #lifetimeS: number | null;

  constructor(secrets: readonly string[], options: OptionValues<typeof FLASK_COOKIE_OPTIONS>) {
    this.#signer = new Signer(secrets, {
      salt: options.salt,
      // The choice above has no other words.
      derivation: options.derivation as KeyDerivation,
      digest: options.digest,
    });
    this.#lifetimeS = options.lifetime;
  }

  /** Splits a cookie; a Finding when it cannot be one. */
  read(value: string | null): Signed | Finding {
    if (value === null || value === '') return invalid('credential.none');
    if (value.length > CREDENTIAL_MAX) return invalid('credential.too-long');
    return splitSigned(value) ?? invalid('credential.malformed');
  }

  /** Checks signature and age, and reads the session. */
  open(signed: Signed, nowS: number): FlaskSession | Finding {
    if (!this.#signer.verifies(signed)) return invalid('signature.bad');
    const dated = splitDate(signed.text);
    if (dated === null) return invalid('credential.malformed');
    const problem = ageProblem(dated.signedAtS, this.#lifetimeS, nowS);
    if (problem !== null) return invalid(problem);
    try {
      const data = payload(dated.value);
      return { data, endsAtS: endOf(dated.signedAtS, this.#lifetimeS), signedAtS: dated.signedAtS };
    } catch (error) {
      if (error instanceof DecodeError) return invalid('credential.malformed');
      throw error;
    }
  }
}

/** URLSafeSerializerMixin.load_payload: base64url, deflated when a dot stands before it. */
function payload(value: string): Data {
  const packed = value.startsWith('.');
  const bytes = pythonBase64(packed ? value.slice(1) : value);
  if (bytes === null) throw new DecodeError('a session that is not base64');
  return decodeFlaskJson((packed ? inflate('zlib', bytes) : bytes).toString('utf8'));
}
