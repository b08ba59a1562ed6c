// Rack::Session::Cookie of the rack-session gem 2: the session itself in the cookie, encrypted.
import { Buffer } from 'node:buffer';
import { keyBytes } from '../crypto/keys.ts';
import { RACK_SECRET_MIN, RackEncryptor } from '../crypto/rack-encryptor.ts';
import { asUserId, type Data, lookAt } from '../data.ts';
import { DecodeError } from '../decode/decode-error.ts';
import { decodeRubySession } from '../decode/ruby-session.ts';
import {
  type CredentialSource,
  FormatProblem,
  type FormatSpec,
  formatKind,
  type Pending,
  type SessionFormat,
} from '../format.ts';
import type { OptionValues } from '../format-options.ts';
import { type Finding, genuine, invalid } from '../verdict.ts';
import { RackSigned } from './rack-cookie.ts';
import { type RackCheck, readRack, withOwnId } from './rack-credential.ts';

const options = {
  serializer: {
    kind: 'choice',
    of: ['hybrid', 'marshal', 'json'],
    default: 'hybrid',
    about: '`serialize_json: true` is json, else marshal; `hybrid` reads both.',
  },
  purpose: {
    kind: 'text',
    default: null,
    about: 'What a message is bound to: the `key` of the app’s middleware; the cookie’s name if left out.',
  },
  legacySecrets: {
    kind: 'secrets',
    about:
      '`legacy_hmac_secret`: signed cookies of Rack 2 are accepted too. `secret` does so by itself, `secrets` does not.',
  },
  legacyCoder: {
    kind: 'choice',
    of: ['marshal', 'json', 'zip-json'],
    default: 'marshal',
    about: '`legacy_hmac_coder`.',
  },
  legacyHmac: {
    kind: 'choice',
    of: ['sha1', 'sha256', 'sha384', 'sha512'],
    default: 'sha1',
    about: '`legacy_hmac`.',
  },
  remember: {
    kind: 'texts',
    default: [],
    about: 'Names of remember-me cookies: while one is sent, the app decides.',
  },
} as const;

type Spec = FormatSpec<OptionValues<typeof options>>;

export const rackSession = formatKind({
  cookie: 'rack.session',
  user: null,
  secrets: 'needed',
  stores: [],
  storeless: true,
  options,
  about: 'Rack::Session::Cookie of rack-session 2, both versions of its messages.',
  build: (spec) => new RackSession(spec),
});

/**
 * lib/rack/session/cookie.rb of rack-session 2.1.2, `unpacked_cookie_data`. Up to 2.1.1 the gem takes a cookie that is not encrypted at
 * all for a session; that is never done here.
 */
class RackSession implements SessionFormat, RackCheck {
  readonly prepare = null;
  readonly steps: readonly string[];
  readonly alsoReads: readonly string[];
  readonly #spec: Spec;
  readonly #encryptor: RackEncryptor;
  readonly #legacy: RackSigned | null;

  constructor(spec: Spec) {
    const { options } = spec;
    const secrets = spec.secrets.map(keyBytes);
    const short = secrets.findIndex(({ length }) => length < RACK_SECRET_MIN);
    if (short >= 0)
      throw new FormatProblem(
        `secrets[${short}]`,
        `a secret of ${secrets[short]!.length} bytes, which rack-session refuses`,
        'the app’s own secret, of at least 64 bytes',
      );
    this.#spec = spec;
    this.alsoReads = options.remember;
    this.#encryptor = new RackEncryptor(secrets, options.purpose ?? spec.cookie);
    const legacy = options.legacySecrets;
    this.#legacy =
      legacy.length === 0 ? null : new RackSigned(legacy, options.legacyHmac, options.legacyCoder);
    this.steps = [
      'the cookie is decrypted, for this cookie’s name only',
      ...(this.#legacy === null ? [] : ['or else the signature of a cookie of Rack 2 is checked']),
      'the session is read from the cookie',
    ];
  }

  read(request: CredentialSource): Pending | Finding {
    return readRack(request.cookies, this.#spec.cookie, this.#spec.options.remember, this);
  }

  canonical(value: string): string | null {
    // A text with `--` may be a signed one, of which there is one spelling, or by chance a message.
    if (this.#legacy !== null && value.includes('--')) return value;
    // Either alphabet is taken, with padding or without it.
    const bytes = Buffer.from(value, 'base64url');
    const text = bytes.toString('base64url');
    return bytes.length > 0 && text === plainUrl(value) ? text : null;
  }

  check(value: string): Finding {
    const plain = this.#encryptor.open(Buffer.from(value, 'base64url'));
    if (plain === null) return this.#checkLegacy(value);
    try {
      return this.#found(decodeRubySession(plain, this.#spec.options.serializer));
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error;
      return invalid('credential.malformed');
    }
  }

  #checkLegacy(value: string): Finding {
    if (this.#legacy === null) return invalid('decrypt.failed');
    const session = this.#legacy.open(value);
    return typeof session === 'string' ? invalid(session) : this.#found(session.data);
  }

  #found(session: Data): Finding {
    return withOwnId(genuine(asUserId(lookAt(session, this.#spec.user)), session));
  }
}

function plainUrl(value: string): string {
  return value
    .replaceAll('+', '-')
    .replaceAll('/', '_')
    .replace(/={1,2}$/, '');
}
