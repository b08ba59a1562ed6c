// A home-grown session: a value and its HMAC in one cookie, put together in whichever way the app does it.
import { type CookieProfile, cookieValue } from '../cookie-profiles.ts';
import { keyBytes } from '../crypto/keys.ts';
import { hmac, sameBytes } from '../crypto/macs.ts';
import { asUserId, type Data, lookAt, parseJson } from '../data.ts';
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
import { CREDENTIAL_MAX } from './credential.ts';

const options = {
  parser: {
    kind: 'choice',
    of: [
      'npm-cookie',
      'npm-cookie2',
      'npm-cookies',
      'django',
      'werkzeug',
      'rack',
      'php',
      'go',
      'plug',
      'tomcat',
      'aspnet',
    ],
    default: 'npm-cookie',
    about: 'Whose way of reading the `Cookie` field the app has.',
  },
  digest: {
    kind: 'choice',
    of: ['sha256', 'sha1', 'sha384', 'sha512'],
    default: 'sha256',
    about: 'Hash of the HMAC.',
  },
  encoding: {
    kind: 'choice',
    of: ['base64url', 'base64', 'hex'],
    default: 'base64url',
    about: 'How the signature is written, without padding.',
  },
  separator: {
    kind: 'text',
    default: '.',
    about: 'What stands between value and signature; its last one counts.',
  },
  signs: {
    kind: 'choice',
    of: ['value', 'name=value'],
    default: 'value',
    about: 'What the signature is over.',
  },
  content: {
    kind: 'choice',
    of: ['user', 'json', 'base64-json'],
    default: 'base64-json',
    about: 'What the value is: the user id itself, JSON, or JSON in base64 or base64url.',
  },
  expires: {
    kind: 'text',
    default: null,
    about:
      'Where in the JSON its end is, in unix seconds: `exp`. Without it a copy is good as long as the secret.',
  },
  issued: {
    kind: 'text',
    default: null,
    about:
      'Where in the JSON the time of its signing is, in unix seconds: `iat`. Without it a revocation cannot tell by time.',
  },
} as const;

type Spec = FormatSpec<OptionValues<typeof options>>;

export const signedCookie = formatKind({
  cookie: null,
  user: ['user'],
  secrets: 'needed',
  stores: [],
  storeless: true,
  options,
  about: 'Any cookie that holds a value and an HMAC of it.',
  build: (spec) => new SignedCookieFormat(spec),
});

/** RFC 2104. Nothing of it is guessed: every part is configured. */
class SignedCookieFormat implements SessionFormat {
  readonly prepare = null;
  readonly steps: readonly string[];
  readonly #spec: Spec;
  readonly #keys: readonly Buffer[];

  constructor(spec: Spec) {
    if (spec.options.separator === '')
      throw new FormatProblem('verify.signed-cookie.separator', 'nothing separates value and signature', '.');
    for (const name of ['expires', 'issued'] as const) {
      if (spec.options.content === 'user' && spec.options[name] !== null)
        throw new FormatProblem(
          `verify.signed-cookie.${name}`,
          'a value that is the user id holds no times',
          'leave it out',
        );
    }
    this.#spec = spec;
    this.#keys = spec.secrets.map(keyBytes);
    this.steps = [
      'the signature behind the value is checked',
      ...(spec.options.expires === null ? [] : ['its end must not have passed']),
    ];
  }

  read({ cookies }: CredentialSource): Pending | Finding {
    const { cookie, options } = this.#spec;
    // One of the choices above, which are profiles.
    const written = cookieValue(options.parser as CookieProfile, cookies, cookie);
    if (written === null || written === '') return invalid('credential.none');
    if (written.length > CREDENTIAL_MAX) return invalid('credential.too-long');
    const at = written.lastIndexOf(options.separator);
    const value = written.slice(0, Math.max(0, at));
    const mac = decodeMac(written.slice(at + options.separator.length), options.encoding);
    if (at < 0 || mac === null) return invalid('credential.malformed');
    const text = options.signs === 'value' ? value : `${cookie}=${value}`;
    if (!this.#keys.some((key) => sameBytes(hmac(options.digest, key, text), mac)))
      return invalid('signature.bad');
    return { identity: value, check: (_stores, nowS) => this.#judge(value, nowS) };
  }

  #judge(value: string, nowS: number): Finding {
    const { options, user } = this.#spec;
    if (options.content === 'user') return genuine(asUserId(value), { user: value });
    const session = readJson(value, options.content === 'base64-json');
    if (session === undefined) return invalid('credential.malformed');
    const end = options.expires === null ? null : lookAt(session, options.expires.split('.'));
    const issued = options.issued === null ? null : lookAt(session, options.issued.split('.'));
    const issuedAtS = typeof issued === 'number' ? issued : null;
    const id = asUserId(lookAt(session, user));
    if (end === null) return genuine(id, session, null, issuedAtS);
    if (typeof end !== 'number') return invalid('credential.malformed');
    return end <= nowS ? invalid('expired') : genuine(id, session, end, issuedAtS);
  }
}

function readJson(value: string, encoded: boolean): Data | undefined {
  return parseJson(encoded ? Buffer.from(value, 'base64').toString('utf8') : value);
}

/** The bytes of a signature; null when they are not written as configured. */
function decodeMac(text: string, encoding: 'base64url' | 'base64' | 'hex' | string): Buffer | null {
  const shape =
    encoding === 'hex'
      ? /^([0-9a-f]{2})+$/
      : encoding === 'base64'
        ? /^[A-Za-z0-9+/]+={0,2}$/
        : /^[A-Za-z0-9_-]+={0,2}$/;
  if (!shape.test(text)) return null;
  return Buffer.from(text, encoding === 'hex' ? 'hex' : 'base64');
}
