// Laravel's sessions: an encrypted id in the cookie, the session in Redis, a table, a file, a cache or a second cookie.
import { cookieValue } from '../cookie-profiles.ts';
import { LARAVEL_CIPHERS, type LaravelCipher, LaravelEncrypter } from '../crypto/laravel-encrypter.ts';
import { hmac, sameText } from '../crypto/macs.ts';
import { asUserId, type Data, lookAt, parseJson } from '../data.ts';
import { DecodeError } from '../decode/decode-error.ts';
import { decodePhp } from '../decode/php-serialize.ts';
import {
  type CredentialSource,
  type FormatSpec,
  formatKind,
  type Pending,
  type SessionFormat,
} from '../format.ts';
import type { OptionValues } from '../format-options.ts';
import type { Query, StoredValue, StoreReader } from '../store.ts';
import { type Finding, genuine, invalid, unknown } from '../verdict.ts';
import { CREDENTIAL_MAX } from './credential.ts';
import { twoFaced } from './remembered.ts';

const options = {
  cipher: {
    kind: 'choice',
    of: LARAVEL_CIPHERS,
    default: 'AES-256-CBC',
    about: '`cipher` of config/app.php.',
  },
  lifetime: {
    kind: 'seconds',
    default: 7200,
    about: 'SESSION_LIFETIME: how long a session in a table or a file counts after its last request.',
  },
  remember: {
    kind: 'texts',
    default: ['remember_web_59ba36addc2b2f9401580f014c7f58ea4e30989d'],
    about: 'Names of the remember-me cookies of the guards: while a genuine one is sent, the app decides.',
  },
} as const;

type Spec = FormatSpec<OptionValues<typeof options>>;

export const laravel = formatKind({
  cookie: 'laravel_session',
  // login_GUARD_SHA1 of Illuminate\Auth\SessionGuard, for the guard `web`.
  user: ['login_web_59ba36addc2b2f9401580f014c7f58ea4e30989d'],
  secrets: 'needed',
  stores: ['redis', 'postgres', 'mysql', 'sqlite', 'file', 'memcached'],
  storeless: true,
  options,
  about: 'Laravel 8 to 13 with the session drivers redis, database, file, memcached and cookie.',
  build: (spec) => new Laravel(spec),
});

const ID = /^[A-Za-z0-9]{40}$/;
const ROW = ['payload', 'last_activity'] as const;

/** A payload that is alive, one character a byte; null: none, or no longer. */
type Held = { readonly payload: string; readonly endsAtS: number | null } | null;

/**
 * Illuminate of Laravel 8.83, 12 and 13: Cookie/Middleware/EncryptCookies.php and CookieValuePrefix.php, Session/Store.php and its handlers.
 * A payload may be encrypted once more (SESSION_ENCRYPT), and is PHP or JSON; all of that is seen from the payload itself.
 */
class Laravel implements SessionFormat {
  readonly prepare = null;
  readonly steps: readonly string[];
  readonly alsoReads: readonly string[];
  readonly #spec: Spec;
  readonly #encrypter: LaravelEncrypter;

  constructor(spec: Spec) {
    this.#spec = spec;
    this.alsoReads = spec.options.remember;
    // One of the choices above.
    this.#encrypter = new LaravelEncrypter(spec.secrets, spec.options.cipher as LaravelCipher);
    const where = spec.store === null ? 'the cookie of that name' : spec.store;
    this.steps = ['the cookie is decrypted and gives the session id', `the session is read from ${where}`];
  }

  read({ cookies }: CredentialSource): Pending | Finding {
    const value = cookieValue('php', cookies, this.#spec.cookie);
    if (value === null || value === '') return this.#orRemembered(invalid('credential.none'), cookies);
    if (value.length > CREDENTIAL_MAX) return invalid('credential.too-long');
    const id = this.#open(this.#spec.cookie, value);
    if (id === null) return this.#orRemembered(invalid('decrypt.failed'), cookies);
    if (!ID.test(id)) return this.#orRemembered(invalid('credential.malformed'), cookies);
    const data = this.#spec.store === null ? (cookieValue('php', cookies, id) ?? '') : '';
    const remembered = this.#remembered(cookies);
    return {
      ...twoFaced(remembered, `${id}${data}`),
      session: id,
      check: async (stores, nowS) => {
        const finding = data === '' ? await this.#stored(id, stores, nowS) : this.#fromCookie(id, data, nowS);
        return remembered && isNobody(finding) ? unknown('user.remembered') : finding;
      },
    };
  }

  /** What Laravel put into the cookie `name`; null: it is not Laravel's, or another cookie's. */
  #open(name: string, value: string): string | null {
    const opened = this.#encrypter.decrypt(value);
    if (opened === null) return null;
    const { plain } = opened;
    for (const key of this.#encrypter.keys) {
      const prefix = `${hmac('sha1', key, `${name}v2`).toString('hex')}|`;
      if (sameText(plain.slice(0, prefix.length), prefix)) return plain.slice(prefix.length);
    }
    return null;
  }

  /** A genuine remember-me cookie is there: whether its token still counts, only the table of users knows. */
  #remembered(cookies: string): boolean {
    return this.#spec.options.remember.some((name) => {
      const value = cookieValue('php', cookies, name);
      return value !== null && value.length <= CREDENTIAL_MAX && this.#open(name, value) !== null;
    });
  }

  #orRemembered(finding: Finding, cookies: string): Finding {
    return this.#remembered(cookies) ? unknown('user.remembered') : finding;
  }

  async #stored(id: string, stores: StoreReader, nowS: number): Promise<Finding> {
    if (this.#spec.store === null) return invalid('store.none');
    const stored = await stores.get(this.#query(id));
    if (stored === null) return invalid('store.none');
    const held = this.#held(stored, nowS);
    if (held === undefined) return unknown('store.malformed');
    return held === null ? invalid('expired') : this.#judge(held.payload, held.endsAtS);
  }

  #query(id: string): Query {
    const { store, prefix, table } = this.#spec;
    if (store === 'file') return { kind: 'value', key: id };
    if (store === 'redis')
      return { kind: 'value', key: `${prefix ?? 'laravel_database_laravel_cache:'}${id}` };
    if (store === 'memcached') return { kind: 'value', key: `${prefix ?? 'laravel_cache:'}${id}` };
    return { kind: 'row', table: table ?? 'sessions', keyColumn: 'id', key: id, columns: ROW };
  }

  /** DatabaseSessionHandler.php, FileSessionHandler.php, CacheBasedSessionHandler.php, `read`. Undefined: not what they write. */
  #held({ bytes, cells, mtimeS, endsAtS }: StoredValue, nowS: number): Held | undefined {
    const { store, options } = this.#spec;
    const text = Buffer.from(bytes).toString('latin1');
    const lifetime = options.lifetime ?? Number.POSITIVE_INFINITY;
    if (store === 'redis') {
      const value = phpValue(text);
      return typeof value === 'string' ? { payload: value, endsAtS } : undefined;
    }
    if (store === 'memcached') return { payload: text, endsAtS };
    if (store === 'file') return alive(text, mtimeS ?? 0, lifetime, nowS);
    const payload = cells.get('payload');
    const last = cells.get('last_activity');
    if (typeof payload !== 'string' || typeof last !== 'number') return undefined;
    return alive(Buffer.from(payload, 'base64').toString('latin1'), last, lifetime, nowS);
  }

  /** CookieSessionHandler.php, `read`: JSON with the payload and its end. */
  #fromCookie(id: string, value: string, nowS: number): Finding {
    if (value.length > CREDENTIAL_MAX) return invalid('credential.too-long');
    const text = this.#open(id, value);
    if (text === null) return invalid('decrypt.failed');
    const held = parseJson(Buffer.from(text, 'latin1').toString('utf8'));
    const payload = lookAt(held, ['data']);
    const expires = lookAt(held, ['expires']);
    if (typeof payload !== 'string' || typeof expires !== 'number') return invalid('credential.malformed');
    if (nowS > expires) return invalid('expired');
    return this.#judge(Buffer.from(payload, 'utf8').toString('latin1'), expires);
  }

  #judge(payload: string, endsAtS: number | null): Finding {
    const session = this.#session(payload);
    if (session === undefined) return unknown('store.malformed');
    return genuine(asUserId(lookAt(session, this.#spec.user)), session, endsAtS);
  }

  /** Undefined: not what Laravel writes. */
  #session(payload: string): Data | undefined {
    let text = payload;
    if (text.startsWith('eyJ')) {
      // EncryptedStore.php: the plain text is a PHP text in turn.
      const opened = this.#encrypter.decrypt(text);
      const inner = opened === null ? undefined : phpValue(opened.plain);
      if (typeof inner !== 'string') return undefined;
      text = inner;
    }
    if (/^[[{]/.test(text)) return parseJson(Buffer.from(text, 'latin1').toString('utf8'));
    const value = phpValue(text);
    return typeof value === 'object' && value !== null && !(value instanceof Uint8Array) ? value : undefined;
  }
}

/** The value in bytes that are given one character each; texts come out the same way. Undefined: none. */
function phpValue(text: string): Data | undefined {
  try {
    const value = decodePhp(Buffer.from(text, 'latin1'));
    if (typeof value === 'string') return Buffer.from(value, 'utf8').toString('latin1');
    return value instanceof Uint8Array ? Buffer.from(value).toString('latin1') : value;
  } catch (error) {
    if (error instanceof DecodeError) return undefined;
    throw error;
  }
}

function alive(payload: string, lastS: number, lifetimeS: number, nowS: number): Held {
  const endsAtS = lastS + lifetimeS;
  if (endsAtS < Math.floor(nowS)) return null;
  return { payload, endsAtS: Number.isFinite(endsAtS) ? endsAtS : null };
}

function isNobody({ verdict }: Finding): boolean {
  return verdict === 'invalid' || verdict === 'anonymous';
}
