// Sessions of cookie-session 2: base64 of JSON in one cookie, its signature in another.
import { cookieValue } from '../cookie-profiles.ts';
import { KEYGRIP_DIGESTS, keygripVerifies } from '../crypto/keygrip.ts';
import { asUserId, type Data, lookAt, parseJson } from '../data.ts';
import {
  type CredentialSource,
  type FormatSpec,
  formatKind,
  type Pending,
  type SessionFormat,
} from '../format.ts';
import type { OptionValues } from '../format-options.ts';
import { type Finding, genuine, invalid } from '../verdict.ts';
import { CREDENTIAL_MAX } from './credential.ts';

export const KEYGRIP_OPTIONS = {
  digest: {
    kind: 'choice',
    of: KEYGRIP_DIGESTS,
    default: 'sha1',
    about: 'Hash of the Keygrip that the app was given.',
  },
} as const;

type Spec = FormatSpec<OptionValues<typeof KEYGRIP_OPTIONS>>;

export const cookieSession = formatKind({
  cookie: 'session',
  user: null,
  secrets: 'needed',
  stores: [],
  storeless: true,
  options: KEYGRIP_OPTIONS,
  about: 'cookie-session for Express: the session is in the cookie, signed by Keygrip.',
  build: (spec) => new CookieSession(spec),
});

/** A value and its signature, as a request carries them. */
export interface SignedCookie {
  readonly value: string;
  readonly signature: string;
}

/** Name of the cookie that holds the signature of the cookie `name`. */
export function signatureOf(name: string): string {
  return `${name}.sig`;
}

/** The cookie `name` and `name.sig`, read as cookies 0.9 does (index.js, `get`); a Finding where there is none of the two. */
export function readSigned(cookies: string, name: string): SignedCookie | Finding {
  const value = cookieValue('npm-cookies', cookies, name);
  if (value === null || value === '') return invalid('credential.none');
  const signature = cookieValue('npm-cookies', cookies, signatureOf(name));
  if (signature === null) return invalid('signature.bad');
  return value.length + signature.length > CREDENTIAL_MAX
    ? invalid('credential.too-long')
    : { value, signature };
}

/** The session in a value: base64 of JSON; undefined when it is none. */
export function decodeCookieJson(value: string): Data | undefined {
  return parseJson(Buffer.from(value, 'base64').toString('utf8'));
}

/** index.js of cookie-session 2.1, `tryGetSession`. It holds no time: a copy is good as long as the key. */
class CookieSession implements SessionFormat {
  readonly prepare = null;
  readonly alsoReads: readonly string[];
  readonly steps = ['the signature in the second cookie is checked', 'the session is read from the cookie'];
  readonly #spec: Spec;

  constructor(spec: Spec) {
    this.#spec = spec;
    this.alsoReads = [signatureOf(spec.cookie)];
  }

  read({ cookies }: CredentialSource): Pending | Finding {
    const signed = readSigned(cookies, this.#spec.cookie);
    if (!('value' in signed)) return signed;
    return { identity: `${signed.value}.${signed.signature}`, check: () => this.#check(signed) };
  }

  #check({ value, signature }: SignedCookie): Finding {
    const { cookie, secrets, options, user } = this.#spec;
    if (!keygripVerifies(cookie, value, signature, secrets, options.digest)) return invalid('signature.bad');
    const session = decodeCookieJson(value);
    // cookie-session begins a new session where the old one cannot be read.
    if (session === undefined) return invalid('credential.malformed');
    return genuine(asUserId(lookAt(session, user)), session);
  }
}
