// Django's sessions in any of its five engines: a table, a cache, both, files, or the cookie itself.
import { Buffer } from 'node:buffer';
import { cookieValue } from '../cookie-profiles.ts';
import type { DjangoHash } from '../crypto/django-signing.ts';
import { type Data, lookAt } from '../data.ts';
import { DecodeError } from '../decode/decode-error.ts';
import { canInflate } from '../decode/inflate.ts';
import {
  type CredentialSource,
  FormatProblem,
  type FormatSpec,
  formatKind,
  type Pending,
  type SessionFormat,
} from '../format.ts';
import type { OptionValues } from '../format-options.ts';
import type { StoredCell, StoreReader } from '../store.ts';
import { type Finding, genuine, invalid, unknown } from '../verdict.ts';
import { fileEndsAtS, isoSeconds } from './django-expiry.ts';
import { DJANGO_OPTIONS, type Engine, engineOf, isCache } from './django-options.ts';
import {
  CachedValue,
  type CacheSerializer,
  type Compressor,
  SignedText,
  type TextProblem,
  type TextSerializer,
} from './django-value.ts';
import { CREDENTIAL_MAX } from './flask-cookie.ts';
import { pythonUser } from './python-user.ts';

type Spec = FormatSpec<OptionValues<typeof DJANGO_OPTIONS>>;

export const django = formatKind({
  cookie: 'sessionid',
  user: ['_auth_user_id'],
  secrets: 'optional',
  stores: ['redis', 'memcached', 'postgres', 'mysql', 'sqlite', 'file'],
  storeless: true,
  rows: ['postgres', 'mysql', 'sqlite'],
  options: DJANGO_OPTIONS,
  about: 'Django 2.2 to 5 with the session engines db, cache, cached_db, file and signed_cookies.',
  build: (spec) => new Django(spec),
});

const STEPS: Readonly<Record<Engine, readonly string[]>> = {
  db: ['the session’s row is looked up by its key', 'the row’s expiry date and signature are checked'],
  cache: ['the session is looked up in the cache by its key'],
  cached_db: [
    'the session is looked up in the cache, then as a row',
    'a row’s expiry date and signature are checked',
  ],
  file: ['the session’s file is read', 'its signature and age are checked'],
  signed_cookies: ['the cookie’s signature and age are checked'],
};

/**
 * django/contrib/sessions/backends/*.py of 3.2.25 and 4.2 and django/contrib/auth/__init__.py, `get_user`. The app also compares
 * `_auth_user_hash` with the user's password and may refuse an inactive user: that only it can see.
 */
class Django implements SessionFormat {
  readonly prepare = null;
  readonly steps: readonly string[];
  readonly #spec: Spec;
  readonly #engine: Engine;
  /** Null: the engine signs nothing. */
  readonly #text: SignedText | null;
  /** Null: no cache is asked. */
  readonly #cached: CachedValue | null;
  readonly #table: boolean;
  readonly #prefix: string;

  constructor(spec: Spec) {
    const { options, store } = spec;
    this.#spec = spec;
    this.#engine = engineOf(options.engine, store);
    this.steps = [
      ...STEPS[this.#engine],
      'the user’s authentication backend must be one of those configured',
    ];
    // The choices of the options have no other words than these types.
    const compressor = options.cacheCompressor as Compressor;
    if (compressor !== 'none' && !canInflate(compressor))
      throw new FormatProblem('cacheCompressor', 'this Node cannot read zstd', 'Node 22.15 or later');
    const caching = store !== null && isCache(store);
    this.#cached = caching
      ? new CachedValue(options.cacheSerializer as CacheSerializer, compressor, store)
      : null;
    this.#table = this.#engine === 'db' || this.#engine === 'cached_db';
    if (this.#engine === 'cached_db' && caching && (spec.rows ?? null) === null)
      throw new FormatProblem(
        'rows',
        'cached_db looks for a row when the cache has none',
        'the store of the table',
      );
    if (this.#engine !== 'cache' && spec.secrets.length === 0)
      throw new FormatProblem(
        'secrets',
        `the engine ${this.#engine} signs its sessions`,
        'the app’s SECRET_KEY',
      );
    const salt =
      this.#engine === 'signed_cookies'
        ? 'django.contrib.sessions.backends.signed_cookies'
        : `django.contrib.sessions.${options.class}`;
    const legacySalt = this.#engine === 'signed_cookies' ? null : `django.contrib.sessions${options.class}`;
    this.#text =
      this.#engine === 'cache'
        ? null
        : new SignedText(
            spec.secrets,
            salt,
            legacySalt,
            options.hash as DjangoHash,
            options.serializer as TextSerializer,
          );
    const own =
      this.#engine === 'file'
        ? spec.cookie
        : `${options.keyPrefix}:${options.keyVersion}:django.contrib.sessions.${this.#engine}`;
    this.#prefix = spec.prefix ?? own;
  }

  read(request: CredentialSource): Pending | Finding {
    const value = cookieValue('django', request.cookies, this.#spec.cookie);
    if (value === null || value === '') return invalid('credential.none');
    if (value.length > CREDENTIAL_MAX) return invalid('credential.too-long');
    // SessionBase._validate_session_key
    if (value.length < 8) return invalid('credential.malformed');
    if (this.#engine === 'file' && !/^[a-z0-9]+$/.test(value)) return invalid('credential.malformed');
    const check = (stores: StoreReader, nowS: number): Finding | Promise<Finding> =>
      this.#engine === 'signed_cookies' ? this.#cookie(value, nowS) : this.#stored(value, stores, nowS);
    return { identity: value, check };
  }

  #cookie(value: string, nowS: number): Finding {
    const opened = this.#text!.open(value); // this engine has it
    if (typeof opened === 'string') return invalid(opened === 'payload' ? 'credential.malformed' : opened);
    const ageS = this.#spec.options.age;
    const { signedAtS } = opened;
    if (ageS === null || signedAtS === null) return this.#judge(opened.data, null, signedAtS);
    // A time to come is no fault here: `age > max_age` alone is asked.
    if (nowS - signedAtS > ageS) return invalid('expired');
    return this.#judge(opened.data, signedAtS + ageS, signedAtS);
  }

  async #stored(value: string, stores: StoreReader, nowS: number): Promise<Finding> {
    const key = Buffer.from(value, 'latin1').toString('utf8');
    if (this.#engine === 'file') return this.#file(key, stores, nowS);
    if (this.#cached !== null) {
      const found = await this.#cache(this.#cached, key, stores);
      // cached_db takes a value that cannot be read for none.
      if (!this.#table || (found.verdict !== 'invalid' && found.verdict !== 'unknown')) return found;
    }
    return this.#row(key, stores, nowS);
  }

  async #cache(cached: CachedValue, key: string, stores: StoreReader): Promise<Finding> {
    const stored = await stores.get({ kind: 'value', key: this.#prefix + key });
    if (stored === null) return invalid('store.none');
    try {
      return this.#judge(cached.decode(stored), stored.endsAtS);
    } catch (error) {
      if (error instanceof DecodeError) return unknown('store.malformed');
      throw error;
    }
  }

  async #row(key: string, stores: StoreReader, nowS: number): Promise<Finding> {
    const stored = await stores.get({
      kind: 'row',
      table: this.#spec.table ?? 'django_session',
      keyColumn: 'session_key',
      key,
      columns: ['session_key', 'session_data', 'expire_date'],
    });
    // Because some databases find `ABC` under `abc`: to Django that is one session, to us it must not have two names.
    if (stored === null || stored.cells.get('session_key') !== key) return invalid('store.none');
    const expiresAtS = seconds(stored.cells.get('expire_date'));
    const cell = stored.cells.get('session_data');
    const text = cell instanceof Uint8Array ? Buffer.from(cell).toString('latin1') : cell;
    if (expiresAtS === undefined || typeof text !== 'string') return unknown('store.malformed');
    if (expiresAtS <= nowS) return invalid('expired');
    const opened = this.#text!.open(text); // engines with a table have it
    return typeof opened === 'string' ? corrupt(opened) : this.#judge(opened.data, expiresAtS);
  }

  async #file(key: string, stores: StoreReader, nowS: number): Promise<Finding> {
    const stored = await stores.get({ kind: 'value', key: this.#prefix + key });
    if (stored === null) return invalid('store.none');
    // A new session's file is empty until it is saved.
    if (stored.bytes.length === 0) return genuine(null, {});
    const opened = this.#text!.open(Buffer.from(stored.bytes).toString('latin1')); // this engine has it
    if (typeof opened === 'string') return corrupt(opened);
    const ageS = this.#spec.options.age;
    if (stored.mtimeS === null) return unknown('store.malformed');
    const endsAtS = fileEndsAtS(opened.data, stored.mtimeS, ageS ?? Number.POSITIVE_INFINITY);
    if (endsAtS === undefined) return unknown('store.malformed');
    if (endsAtS !== null && nowS > endsAtS) return invalid('expired');
    return this.#judge(opened.data, endsAtS === null || !Number.isFinite(endsAtS) ? null : endsAtS);
  }

  /** `signedAtS`: of a cookie. A text in a store is signed anew with each change, and its key stays. */
  #judge(session: Data, endsAtS: number | null, signedAtS: number | null = null): Finding {
    const { user, options } = this.#spec;
    const id = pythonUser(session, user);
    if (id === null || user.length !== 1 || user[0] !== '_auth_user_id')
      return genuine(id, session, endsAtS, signedAtS);
    const backend = lookAt(session, ['_auth_user_backend']);
    const known =
      typeof backend === 'string' && (options.backends.length === 0 || options.backends.includes(backend));
    return genuine(known ? id : null, session, endsAtS, signedAtS);
  }
}

/** A text in a store that was not signed, or not by us, is an empty session to Django: nobody, and no session either. */
function corrupt(problem: TextProblem): Finding {
  if (problem === 'payload') return unknown('store.malformed');
  return invalid(problem === 'signature.bad' ? 'signature.bad' : 'store.malformed');
}

function seconds(cell: StoredCell | undefined): number | undefined {
  if (typeof cell === 'number') return cell;
  if (typeof cell === 'bigint') return Number(cell);
  return typeof cell === 'string' ? isoSeconds(cell) : undefined;
}
