// Flask-Login over Flask's own sessions: its user, its session protection and its remember-me cookie, which is checked here.
import { Buffer } from 'node:buffer';
import { createHash } from 'node:crypto';
import { cookieValue } from '../cookie-profiles.ts';
import { canonical, type Signed } from '../crypto/itsdangerous.ts';
import { keyBytes } from '../crypto/keys.ts';
import { hmac, sameText } from '../crypto/macs.ts';
import { asUserId, type Data, lookAt } from '../data.ts';
import { pythonBytesRepr } from '../decode/python-repr.ts';
import {
  type CredentialSource,
  type FormatSpec,
  formatKind,
  type Pending,
  type SessionFormat,
} from '../format.ts';
import type { OptionValues } from '../format-options.ts';
import { type Finding, genuine, invalid, unknown } from '../verdict.ts';
import { CREDENTIAL_MAX, FLASK_COOKIE_OPTIONS, FlaskCookie, type FlaskSession } from './flask-cookie.ts';

const options = {
  ...FLASK_COOKIE_OPTIONS,
  protection: {
    kind: 'choice',
    of: ['basic', 'strong', 'none'],
    default: 'basic',
    about: 'SESSION_PROTECTION: `strong` ends a session that comes from another address or user agent.',
  },
  remember: {
    kind: 'texts',
    default: ['remember_token'],
    about: 'REMEMBER_COOKIE_NAME: the first is checked here; an empty list: the app has none.',
  },
} as const;

type Spec = FormatSpec<OptionValues<typeof options>>;

export const flaskLogin = formatKind({
  cookie: 'session',
  user: ['_user_id'],
  secrets: 'needed',
  stores: [],
  storeless: true,
  options,
  about: 'Flask-Login over the sessions that Flask keeps in a signed cookie.',
  build: (spec) => new FlaskLogin(spec),
});

/** flask_login/login_manager.py of Flask-Login 0.6.2: `_load_user`, `_session_protection_failed`; utils.py: `decode_cookie`, `_create_identifier`. */
class FlaskLogin implements SessionFormat {
  readonly prepare = null;
  readonly looksAround: boolean;
  readonly alsoReads: readonly string[];
  readonly steps: readonly string[];
  readonly #spec: Spec;
  readonly #cookie: FlaskCookie;
  /** Null: SECRET_KEY is a text that Flask-Login cannot use for this, as it takes latin1 alone. */
  readonly #rememberKey: Buffer | null;

  constructor(spec: Spec) {
    this.#spec = spec;
    this.alsoReads = spec.options.remember;
    this.#cookie = new FlaskCookie(spec.secrets, spec.options);
    this.#rememberKey = latin1Key(spec.secrets[0] ?? '');
    this.looksAround = spec.options.protection === 'strong';
    this.steps = [
      'the cookie’s signature and age are checked',
      ...(this.looksAround ? ['address and user agent are compared with those of the login'] : []),
      ...(spec.options.remember.length > 0 ? ['the remember-me cookie’s signature is checked'] : []),
    ];
  }

  read(request: CredentialSource): Pending | Finding {
    const { cookies } = request;
    const remember = this.#rememberCookie(cookies);
    const value = cookieValue('werkzeug', cookies, this.#spec.cookie);
    const signed = this.#cookie.read(value);
    if ('verdict' in signed && remember === null) return signed;
    const around = this.looksAround ? surroundings(request) : '';
    const session = 'verdict' in signed ? '' : canonical(signed);
    return {
      // Lengths keep the parts apart.
      identity: `${session.length} ${session} ${remember?.length ?? -1} ${remember ?? ''} ${around}`,
      // What else comes beside it, junk too, makes another identity of the same session.
      session: session === '' ? (remember ?? '') : session,
      check: (_stores, nowS) => this.#check(signed, remember, around, nowS),
    };
  }

  #check(signed: Signed | Finding, remember: string | null, around: string, nowS: number): Finding {
    const opened = 'verdict' in signed ? signed : this.#cookie.open(signed, nowS);
    // Without a session that holds, Flask begins an empty one: nothing to protect, and a remember-me cookie counts.
    if (opened.verdict !== undefined) return remember === null ? opened : this.#remembered(remember, opened);
    const user = asUserId(lookAt(opened.data, this.#spec.user));
    if (this.#isStolen(opened, around))
      return user === null ? genuine(null, opened.data, opened.endsAtS) : invalid('client.other');
    const found = genuine(user, opened.data, opened.endsAtS, opened.signedAtS);
    const cleared = lookAt(opened.data, ['_remember']) === 'clear';
    return user !== null || remember === null || cleared ? found : this.#remembered(remember, found);
  }

  /** Strong protection: whoever sends the session is not who logged in. Permanent sessions only lose their freshness. */
  #isStolen(session: FlaskSession, around: string): boolean {
    if (!this.looksAround || isEmpty(session.data)) return false;
    if (isTruthy(lookAt(session.data, ['_permanent']))) return false;
    const identifier = lookAt(session.data, ['_id']);
    const expected = createHash('sha512').update(around, 'utf8').digest('hex');
    return typeof identifier !== 'string' || !sameText(identifier, expected);
  }

  #rememberCookie(cookies: string): string | null {
    const name = this.#spec.options.remember[0];
    return name === undefined ? null : cookieValue('werkzeug', cookies, name);
  }

  /** The user of a remember-me cookie `id|mac`; `otherwise` when it is none. */
  #remembered(cookie: string, otherwise: Finding): Finding {
    if (this.#rememberKey === null) return unknown('user.remembered');
    const bar = cookie.lastIndexOf('|');
    if (bar < 0 || cookie.length > CREDENTIAL_MAX) return otherwise;
    const id = Buffer.from(cookie.slice(0, bar), 'latin1');
    if (!sameText(hmac('sha512', this.#rememberKey, id).toString('hex'), cookie.slice(bar + 1)))
      return otherwise;
    const user = asUserId(id.toString('utf8'));
    return user === null
      ? otherwise
      : { ...genuine(user, otherwise.data ?? { _user_id: user }), session: cookie };
  }
}

/** What is hashed: reprs of the bytes of address and user agent. The agent's bytes are latin1 read and UTF-8 written, as WSGI has it. */
function surroundings(request: CredentialSource): string {
  const agent = request.userAgent;
  const agentText = agent === null ? 'None' : pythonBytesRepr(Buffer.from(agent, 'utf8').toString('latin1'));
  return `${pythonBytesRepr(request.clientAddress)}|${agentText}`;
}

function latin1Key(secret: string): Buffer | null {
  const bytes = keyBytes(secret);
  if (bytes.toString('utf8') !== secret) return bytes;
  return /[^\0-\xff]/.test(secret) ? null : Buffer.from(secret, 'latin1');
}

function isEmpty(data: Data): boolean {
  return typeof data === 'object' && data !== null && Object.keys(data).length === 0;
}

function isTruthy(value: Data | undefined): boolean {
  return value !== undefined && value !== null && value !== false && value !== 0 && value !== '';
}
