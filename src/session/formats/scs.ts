// Sessions of alexedwards/scs: a random token in the cookie, a gob in Redis or a table.
import { createHash } from 'node:crypto';
import { cookieValues } from '../cookie-profiles.ts';
import { asUserId, lookAt } from '../data.ts';
import { DecodeError } from '../decode/decode-error.ts';
import { decodeGob } from '../decode/gob.ts';
import {
  type CredentialSource,
  type FormatSpec,
  formatKind,
  type Pending,
  type SessionFormat,
} from '../format.ts';
import type { OptionValues } from '../format-options.ts';
import type { Query, StoredCell, StoreReader } from '../store.ts';
import { type Finding, genuine, invalid, unknown } from '../verdict.ts';
import { CREDENTIAL_MAX } from './credential.ts';

const options = {
  hashToken: { kind: 'flag', default: false, about: '`HashTokenInStore` of the session manager.' },
} as const;

/** 1 January 1970, 0:00, as a Julian day. */
const UNIX_EPOCH_JULIAN = 2_440_587.5;

type Spec = FormatSpec<OptionValues<typeof options>>;

export const scs = formatKind({
  cookie: 'session',
  user: null,
  secrets: 'none',
  stores: ['redis', 'postgres', 'mysql', 'sqlite'],
  storeless: false,
  memory: 'memstore',
  options,
  about: 'alexedwards/scs with redisstore, goredisstore, postgresstore, mysqlstore or sqlite3store.',
  build: (spec) => new Scs(spec),
});

/**
 * session.go and data.go of scs 2.8, `Load`; redisstore.go, postgresstore.go, sqlite3store.go. Only the store's own expiry counts:
 * `Deadline` inside is not looked at on load.
 */
class Scs implements SessionFormat {
  readonly prepare = null;
  readonly steps = ['the session is looked up by its token', 'its values are read'];
  readonly #spec: Spec;

  constructor(spec: Spec) {
    this.#spec = spec;
  }

  read({ cookies }: CredentialSource): Pending | Finding {
    const token = cookieValues('go', cookies, this.#spec.cookie)[0];
    if (token === undefined || token === '') return invalid('credential.none');
    if (token.length > CREDENTIAL_MAX) return invalid('credential.too-long');
    return { identity: token, check: (stores, nowS) => this.#check(token, stores, nowS) };
  }

  async #check(token: string, stores: StoreReader, nowS: number): Promise<Finding> {
    const stored = await stores.get(this.#query(token));
    if (stored === null) return invalid('store.none');
    const inRedis = this.#spec.store === 'redis';
    const data = inRedis ? stored.bytes : stored.cells.get('data');
    const expiry = inRedis ? stored.endsAtS : this.#expiry(stored.cells.get('expiry'));
    if (!(data instanceof Uint8Array) || (expiry !== null && typeof expiry !== 'number'))
      return unknown('store.malformed');
    if (!inRedis && (expiry ?? 0) <= nowS) return invalid('expired');
    try {
      const session = decodeGob(data);
      // The deadline is never zero, so it is always written.
      if (lookAt(session, ['Deadline']) === undefined) return unknown('store.malformed');
      const values = lookAt(session, ['Values']) ?? new Map();
      return genuine(asUserId(lookAt(values, this.#spec.user)), values, expiry);
    } catch (error) {
      if (error instanceof DecodeError) return unknown('store.malformed');
      throw error;
    }
  }

  /** SQLite's is a Julian day, which its `julianday` makes. */
  #expiry(cell: StoredCell | undefined): StoredCell | undefined {
    return this.#spec.store === 'sqlite' && typeof cell === 'number'
      ? (cell - UNIX_EPOCH_JULIAN) * 86_400
      : cell;
  }

  #query(token: string): Query {
    const { store, prefix, table, options } = this.#spec;
    const key = options.hashToken ? createHash('sha256').update(token).digest('base64url') : token;
    if (store === 'redis') return { kind: 'value', key: `${prefix ?? 'scs:session:'}${key}` };
    return { kind: 'row', table: table ?? 'sessions', keyColumn: 'token', key, columns: ['data', 'expiry'] };
  }
}
