// Sessions of express-session 1.19 in any of its usual stores: a signed id in the cookie, JSON in the store.
import { cookieValue } from '../cookie-profiles.ts';
import { decryptKruptein } from '../crypto/kruptein.ts';
import { verifiedId } from '../crypto/signed-id.ts';
import { asUserId, type Data, lookAt, parseJson } from '../data.ts';
import { DecodeError } from '../decode/decode-error.ts';
import {
  type CredentialSource,
  FormatProblem,
  type FormatSpec,
  formatKind,
  type Pending,
  type SessionFormat,
} from '../format.ts';
import type { OptionValues } from '../format-options.ts';
import type { Query, StoredValue, StoreReader } from '../store.ts';
import { type Finding, genuine, invalid, unknown } from '../verdict.ts';
import { CREDENTIAL_MAX } from './credential.ts';

const options = {
  storeSecret: {
    kind: 'secret',
    about: '`secret` of connect-memcached, which encrypts what it stores (kruptein).',
  },
} as const;

type Spec = FormatSpec<OptionValues<typeof options>>;

export const expressSession = formatKind({
  cookie: 'connect.sid',
  user: null,
  secrets: 'needed',
  stores: ['redis', 'postgres', 'memcached', 'mongo'],
  storeless: false,
  memory: 'MemoryStore',
  options,
  about: 'express-session with connect-redis, connect-pg-simple, connect-memcached or connect-mongo.',
  build: (spec) => new ExpressSession(spec),
});

/** What a store holds of a session, and until when; null: nothing that still counts. */
type Held = { readonly text: string; readonly endsAtS: number | null } | null;

/**
 * index.js of express-session 1.19, `getcookie` and `unsigncookie`. It does not look at `cookie.expires` of what a store returns: only the
 * store's own expiry counts.
 */
class ExpressSession implements SessionFormat {
  readonly prepare = null;
  readonly steps: readonly string[];
  readonly #spec: Spec;

  constructor(spec: Spec) {
    if (spec.options.storeSecret !== null && spec.store !== 'memcached')
      throw new FormatProblem(
        'verify.express-session.storeSecret',
        'only connect-memcached encrypts what it stores',
        'leave it out',
      );
    this.#spec = spec;
    this.steps = ['the cookie’s signature is checked', `the session is looked up in ${spec.store} by its id`];
  }

  read({ cookies }: CredentialSource): Pending | Finding {
    const value = cookieValue('npm-cookie', cookies, this.#spec.cookie);
    if (value === null || value === '') return invalid('credential.none');
    if (value.length > CREDENTIAL_MAX) return invalid('credential.too-long');
    if (!value.startsWith('s:')) return invalid('credential.malformed');
    const id = verifiedId(value.slice(2), this.#spec.secrets);
    if (id === null) return invalid('signature.bad');
    return { identity: id, check: (stores, nowS) => this.#check(id, stores, nowS) };
  }

  async #check(id: string, stores: StoreReader, nowS: number): Promise<Finding> {
    const stored = await stores.get(this.#query(id));
    const held = stored === null ? null : this.#held(stored, nowS);
    if (held === undefined) return unknown('store.malformed');
    if (held === null) return invalid(stored === null ? 'store.none' : 'expired');
    const text = await this.#plain(held.text);
    const session = text === null ? undefined : parseJson(text);
    if (session === undefined) return unknown('store.malformed');
    return genuine(asUserId(lookAt(session, this.#spec.user)), session, held.endsAtS);
  }

  /** connect-redis 9 `_prefix`; connect-pg-simple 10 `get`; connect-memcached 3 `getKey`; connect-mongo 6 `get`. */
  #query(id: string): Query {
    const { store, prefix, table } = this.#spec;
    switch (store) {
      case 'postgres':
        return {
          kind: 'row',
          table: table ?? 'session',
          keyColumn: 'sid',
          key: id,
          columns: ['sess', 'expire'],
        };
      case 'mongo':
        return { kind: 'document', collection: table ?? 'sessions', key: id };
      default:
        return { kind: 'value', key: `${prefix ?? (store === 'redis' ? 'sess:' : '')}${id}` };
    }
  }

  /** Undefined: not what the store's package writes. */
  #held({ bytes, cells, endsAtS }: StoredValue, nowS: number): Held | undefined {
    const { store } = this.#spec;
    if (store !== 'postgres' && store !== 'mongo')
      return { text: Buffer.from(bytes).toString('utf8'), endsAtS };
    const text = cells.get(store === 'postgres' ? 'sess' : 'session');
    const ends = cells.get(store === 'postgres' ? 'expire' : 'expires') ?? null;
    if (typeof text !== 'string' || (ends !== null && typeof ends !== 'number')) return undefined;
    // connect-pg-simple asks for `expire >= now` in whole seconds, rounded up; connect-mongo for `expires > now`, or none.
    if (store === 'postgres')
      return ends !== null && ends >= Math.ceil(nowS) ? { text, endsAtS: ends } : null;
    return ends === null || ends > nowS ? { text, endsAtS: ends } : null;
  }

  /** The JSON; null when it cannot be decrypted. */
  async #plain(text: string): Promise<string | null> {
    const secret = this.#spec.options.storeSecret;
    if (secret === null) return text;
    try {
      return await decryptKruptein(text, secret);
    } catch (error) {
      if (error instanceof DecodeError) return null;
      throw error;
    }
  }
}

/** What @fastify/session and express-session write alike. Undefined: no session. */
export function sessionOf(bytes: Uint8Array): Data | undefined {
  return parseJson(Buffer.from(bytes).toString('utf8'));
}
