// Starlette's (and so FastAPI's) SessionMiddleware: JSON in a signed cookie.
import { cookieValue } from '../cookie-profiles.ts';
import {
  ageProblem,
  canonical,
  endOf,
  type Signed,
  Signer,
  splitDate,
  splitSigned,
} from '../crypto/itsdangerous.ts';
import { asUserId, lookAt, parseJson } from '../data.ts';
import { pythonBase64 } from '../decode/python-base64.ts';
import {
  type CredentialSource,
  type FormatSpec,
  formatKind,
  type Pending,
  type SessionFormat,
} from '../format.ts';
import type { OptionValues } from '../format-options.ts';
import { type Finding, genuine, invalid } from '../verdict.ts';
import { CREDENTIAL_MAX } from './flask-cookie.ts';

const options = {
  maxAge: {
    kind: 'seconds',
    default: 14 * 86_400,
    about: '`max_age` of SessionMiddleware; `never` for None.',
  },
} as const;

type Spec = FormatSpec<OptionValues<typeof options>>;

export const starlette = formatKind({
  cookie: 'session',
  user: null,
  secrets: 'needed',
  stores: [],
  storeless: true,
  options,
  about: 'SessionMiddleware of Starlette and FastAPI.',
  build: (spec) => new Starlette(spec),
});

/** starlette/middleware/sessions.py of Starlette 0.26.1 and 0.47.3: `TimestampSigner(secret_key)` with its defaults. */
class Starlette implements SessionFormat {
  readonly prepare = null;
  readonly steps = ['the cookie’s signature and age are checked', 'the session is read from the cookie'];
  readonly #spec: Spec;
  readonly #signer: Signer;

  constructor(spec: Spec) {
    this.#spec = spec;
    this.#signer = new Signer(spec.secrets, {
      salt: 'itsdangerous.Signer',
      derivation: 'django-concat',
      digest: 'sha1',
    });
  }

  read(request: CredentialSource): Pending | Finding {
    const value = cookieValue('starlette', request.cookies, this.#spec.cookie);
    if (value === null || value === '') return invalid('credential.none');
    if (value.length > CREDENTIAL_MAX) return invalid('credential.too-long');
    const signed = splitSigned(value);
    if (signed === null) return invalid('credential.malformed');
    return { identity: canonical(signed), check: (_stores, nowS) => this.#check(signed, nowS) };
  }

  #check(signed: Signed, nowS: number): Finding {
    if (!this.#signer.verifies(signed)) return invalid('signature.bad');
    const dated = splitDate(signed.text);
    if (dated === null) return invalid('credential.malformed');
    const maxAgeS = this.#spec.options.maxAge;
    const problem = ageProblem(dated.signedAtS, maxAgeS, nowS);
    if (problem !== null) return invalid(problem);
    const bytes = pythonBase64(dated.value, false);
    const session = bytes === null ? undefined : parseJson(bytes.toString('utf8'));
    if (session === undefined) return invalid('credential.malformed');
    const { signedAtS } = dated;
    return genuine(asUserId(lookAt(session, this.#spec.user)), session, endOf(signedAtS, maxAgeS), signedAtS);
  }
}
