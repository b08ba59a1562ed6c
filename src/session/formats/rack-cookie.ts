// Rack::Session::Cookie of Rack 1.6 to 2.2: the session itself in the cookie, signed but not encrypted.
import { Buffer } from 'node:buffer';
import { keyBytes } from '../crypto/keys.ts';
import { hmac, sameText } from '../crypto/macs.ts';
import { asUserId, type Data, lookAt } from '../data.ts';
import { DecodeError } from '../decode/decode-error.ts';
import { inflate } from '../decode/inflate.ts';
import { decodeRubySession } from '../decode/ruby-session.ts';
import {
  type CredentialSource,
  type FormatSpec,
  formatKind,
  type Pending,
  type SessionFormat,
} from '../format.ts';
import type { OptionValues } from '../format-options.ts';
import { type Finding, genuine, invalid } from '../verdict.ts';
import { type RackCheck, readRack, withOwnId } from './rack-credential.ts';

const options = {
  coder: {
    kind: 'choice',
    of: ['marshal', 'json', 'zip-json'],
    default: 'marshal',
    about: '`coder`: Base64::Marshal, Base64::JSON or Base64::ZipJSON.',
  },
  hmac: {
    kind: 'choice',
    of: ['sha1', 'sha256', 'sha384', 'sha512'],
    default: 'sha1',
    about: '`hmac`, the digest of the signature.',
  },
  remember: {
    kind: 'texts',
    default: [],
    about: 'Names of remember-me cookies: while one is sent, the app decides.',
  },
} as const;

type Spec = FormatSpec<OptionValues<typeof options>>;

/** How the signed text holds the session. */
export type RackCoder = 'marshal' | 'json' | 'zip-json';

export const rackCookie = formatKind({
  cookie: 'rack.session',
  user: null,
  secrets: 'needed',
  stores: [],
  storeless: true,
  options,
  about:
    'Rack::Session::Cookie of Rack 1.6 to 2.2, as Sinatra has it; secrets are `secret` and `old_secret`.',
  build: (spec) => new RackCookie(spec),
});

/** lib/rack/session/cookie.rb of Rack 2.2.22, `unpacked_cookie_data`. Nothing in it ends: `expire_after` is the browser's. */
class RackCookie implements SessionFormat, RackCheck {
  readonly prepare = null;
  readonly alsoReads: readonly string[];
  readonly steps = ['the cookie’s signature is checked', 'the session is read from the cookie'];
  readonly #spec: Spec;
  readonly #signed: RackSigned;

  constructor(spec: Spec) {
    this.#spec = spec;
    this.alsoReads = spec.options.remember;
    this.#signed = new RackSigned(spec.secrets, spec.options.hmac, spec.options.coder);
  }

  read(request: CredentialSource): Pending | Finding {
    return readRack(request.cookies, this.#spec.cookie, this.#spec.options.remember, this);
  }

  canonical(value: string): string | null {
    // The signature is over the text, so there is one spelling of it.
    return value.includes('--') ? value : null;
  }

  check(value: string): Finding {
    const session = this.#signed.open(value);
    if (typeof session === 'string') return invalid(session);
    return withOwnId(genuine(asUserId(lookAt(session.data, this.#spec.user)), session.data));
  }
}

/** Cookies `BASE64--HEX`, for the format above and for apps that moved on from it. */
export class RackSigned {
  readonly #keys: readonly Buffer[];
  readonly #digest: string;
  readonly #coder: RackCoder;

  constructor(secrets: readonly string[], digest: string, coder: RackCoder) {
    this.#keys = secrets.map(keyBytes);
    this.#digest = digest;
    this.#coder = coder;
  }

  /** The session, or why there is none. */
  open(value: string): { readonly data: Data } | 'signature.bad' | 'credential.malformed' {
    const end = value.lastIndexOf('--');
    const text = Buffer.from(value.slice(0, Math.max(end, 0)), 'latin1');
    const mac = value.slice(end + 2);
    let signed = false;
    for (const key of this.#keys) {
      if (sameText(hmac(this.#digest, key, text).toString('hex'), mac)) signed = true;
    }
    if (end < 0 || !signed) return 'signature.bad';
    try {
      return { data: this.#decode(Buffer.from(text.toString('latin1'), 'base64')) };
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error;
      return 'credential.malformed';
    }
  }

  #decode(bytes: Buffer): Data {
    if (this.#coder === 'marshal') return decodeRubySession(bytes, 'marshal');
    return decodeRubySession(this.#coder === 'json' ? bytes : inflate('zlib', bytes), 'json');
  }
}
