// Flask-Session: an id in the cookie, signed or not, and the session in Redis or Memcached as pickle, MessagePack or JSON.
import { Buffer } from 'node:buffer';
import { cookieValue } from '../cookie-profiles.ts';
import { canonical, Signer, splitSigned } from '../crypto/itsdangerous.ts';
import { type Data, parseJson } from '../data.ts';
import { DecodeError, UnreadError } from '../decode/decode-error.ts';
import { decodeMsgpack } from '../decode/msgpack.ts';
import { decodePickle } from '../decode/pickle.ts';
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
import { CREDENTIAL_MAX } from './flask-cookie.ts';
import { pythonUser } from './python-user.ts';
import { carriesOne, orRemembered, twoFaced } from './remembered.ts';

const options = {
  format: {
    kind: 'choice',
    of: ['msgpack', 'json', 'pickle'],
    default: 'msgpack',
    about: 'SESSION_SERIALIZATION_FORMAT from 0.6 on; `pickle` for all before.',
  },
  signer: {
    kind: 'flag',
    default: false,
    about: 'SESSION_USE_SIGNER: the id is signed with SECRET_KEY.',
  },
  remember: {
    kind: 'texts',
    default: [],
    about: 'Names of remember-me cookies: while one is sent, the app decides.',
  },
} as const;

type Spec = FormatSpec<OptionValues<typeof options>>;
type Decoder = (bytes: Uint8Array) => Data;

export const flaskSession = formatKind({
  cookie: 'session',
  user: null,
  secrets: 'optional',
  stores: ['redis', 'memcached'],
  storeless: false,
  options,
  about: 'Flask-Session 0.3 to 0.8 with Redis or Memcached.',
  build: (spec) => new FlaskSession(spec),
});

/** flask_session/sessions.py of 0.3.2; base.py and redis/redis.py of 0.8.0. */
class FlaskSession implements SessionFormat {
  readonly prepare = null;
  readonly steps: readonly string[];
  readonly alsoReads: readonly string[];
  readonly #spec: Spec;
  readonly #signer: Signer | null;
  readonly #decoders: readonly Decoder[];
  readonly #prefix: string;

  constructor(spec: Spec) {
    const { format, signer } = spec.options;
    if (signer && spec.secrets.length === 0)
      throw new FormatProblem(
        'secrets',
        'the session’s id is signed, but there is no secret',
        'the app’s SECRET_KEY',
      );
    this.#spec = spec;
    this.alsoReads = spec.options.remember;
    this.#signer = signer
      ? new Signer(spec.secrets, { salt: 'flask-session', derivation: 'hmac', digest: 'sha1' })
      : null;
    this.#decoders = DECODERS[format as keyof typeof DECODERS]; // the choice above has no other words
    this.#prefix = spec.prefix ?? 'session:';
    this.steps = [
      ...(signer ? ['the signature of the cookie’s id is checked'] : []),
      'the session is looked up by its id',
    ];
  }

  read(request: CredentialSource): Pending | Finding {
    const { cookies } = request;
    const { remember } = this.#spec.options;
    const value = cookieValue('werkzeug', cookies, this.#spec.cookie);
    if (value === null || value === '')
      return orRemembered(invalid('credential.none'), 'werkzeug', cookies, remember);
    if (value.length > CREDENTIAL_MAX)
      return orRemembered(invalid('credential.too-long'), 'werkzeug', cookies, remember);
    const signed = this.#signer === null ? null : splitSigned(value);
    if (this.#signer !== null && signed === null)
      return orRemembered(invalid('signature.bad'), 'werkzeug', cookies, remember);
    const remembered = carriesOne('werkzeug', cookies, remember);
    return {
      ...twoFaced(remembered, signed === null ? value : canonical(signed)),
      session: idOf(signed?.text ?? value),
      check: (stores) => {
        const bad = signed !== null && !this.#signer?.verifies(signed);
        if (bad) return orRemembered(invalid('signature.bad'), 'werkzeug', cookies, remember);
        return this.#check(signed?.text ?? value, stores).then((finding) =>
          orRemembered(finding, 'werkzeug', cookies, remember),
        );
      },
    };
  }

  async #check(id: string, stores: StoreReader): Promise<Finding> {
    const key = this.#prefix + idOf(id);
    const stored = await stores.get({ kind: 'value', key });
    if (stored === null || stored.bytes.length === 0) return invalid('store.none');
    const session = this.#decode(stored.bytes);
    // Up to 0.5 what cannot be read is no session: a new one begins. From 0.6 on the app fails on it.
    if (session === 'broken' && this.#spec.options.format === 'pickle') return invalid('store.malformed');
    if (typeof session === 'string') return unknown('store.malformed');
    return genuine(pythonUser(session, this.#spec.user), session, stored.endsAtS);
  }

  /** The session; `unread`: Python may read it, `broken`: nobody does. */
  #decode(bytes: Uint8Array): (Data & object) | 'unread' | 'broken' {
    let why: 'unread' | 'broken' = 'broken';
    for (const decode of this.#decoders) {
      try {
        const session = decode(bytes);
        if (typeof session === 'object' && session !== null && !Array.isArray(session)) return session;
      } catch (error) {
        if (!(error instanceof DecodeError)) throw error;
        if (error instanceof UnreadError) why = 'unread';
      }
    }
    return why;
  }
}

/** The id as the store has it; `id`: one character a byte. */
function idOf(id: string): string {
  return Buffer.from(id, 'latin1').toString('utf8');
}

function decodeJson(bytes: Uint8Array): Data {
  const value = parseJson(Buffer.from(bytes).toString('utf8'));
  if (value === undefined) throw new DecodeError('not the JSON of a session');
  return value;
}

/** MsgSpecSerializer.decode: its own format, the other one, then pickle. */
const DECODERS = {
  msgpack: [decodeMsgpack, decodeJson, decodePickle],
  json: [decodeJson, decodeMsgpack, decodePickle],
  pickle: [decodePickle],
} as const;
