// Flask's own sessions, all of which are in a signed cookie.
import { cookieValue } from '../cookie-profiles.ts';
import { canonical, type Signed } from '../crypto/itsdangerous.ts';
import { asUserId, lookAt } from '../data.ts';
import {
  type CredentialSource,
  type FormatSpec,
  formatKind,
  type Pending,
  type SessionFormat,
} from '../format.ts';
import type { OptionValues } from '../format-options.ts';
import { type Finding, genuine } from '../verdict.ts';
import { FLASK_COOKIE_OPTIONS, FlaskCookie } from './flask-cookie.ts';
import { carriesOne, orRemembered, twoFaced } from './remembered.ts';

const options = {
  ...FLASK_COOKIE_OPTIONS,
  remember: {
    kind: 'texts',
    default: [],
    about: 'Names of remember-me cookies: while one is sent, the app decides.',
  },
} as const;

type Spec = FormatSpec<OptionValues<typeof options>>;

export const flask = formatKind({
  cookie: 'session',
  user: null,
  secrets: 'needed',
  stores: [],
  storeless: true,
  options,
  about: 'Flask 2 and 3 with its own sessions in a signed cookie (itsdangerous).',
  build: (spec) => new Flask(spec),
});

/** See FlaskCookie for the source. */
class Flask implements SessionFormat {
  readonly prepare = null;
  readonly alsoReads: readonly string[];
  readonly steps = ['the cookie’s signature and age are checked', 'the session is read from the cookie'];
  readonly #spec: Spec;
  readonly #cookie: FlaskCookie;

  constructor(spec: Spec) {
    this.#spec = spec;
    this.alsoReads = spec.options.remember;
    this.#cookie = new FlaskCookie(spec.secrets, spec.options);
  }

  read(request: CredentialSource): Pending | Finding {
    const { cookies } = request;
    const { cookie, options } = this.#spec;
    const signed = this.#cookie.read(cookieValue('werkzeug', cookies, cookie));
    if ('verdict' in signed) return orRemembered(signed, 'werkzeug', cookies, options.remember);
    const remembered = carriesOne('werkzeug', cookies, options.remember);
    const text = canonical(signed);
    return {
      ...twoFaced(remembered, text),
      check: (_stores, nowS) =>
        orRemembered(this.#check(signed, nowS), 'werkzeug', cookies, options.remember),
    };
  }

  #check(signed: Signed, nowS: number): Finding {
    const session = this.#cookie.open(signed, nowS);
    if (session.verdict !== undefined) return session;
    const { data, endsAtS, signedAtS } = session;
    return genuine(asUserId(lookAt(data, this.#spec.user)), data, endsAtS, signedAtS);
  }
}
