// Rails' sessions in a store: a bare id in the cookie, the session under a hash of it.
import { createHash } from 'node:crypto';
import { asUserId, type Data, lookAt } from '../data.ts';
import { DecodeError } from '../decode/decode-error.ts';
import { type CacheEntry, decodeCacheEntry, openDalli } from '../decode/rails-cache-entry.ts';
import { decodeRailsRow } from '../decode/rails-row.ts';
import { decodeRubySession, isSession } from '../decode/ruby-session.ts';
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
import { type RackCheck, readRack } from './rack-credential.ts';
import {
  RAILS_STORE_FAMILIES,
  RAILS_STORE_OPTIONS,
  type RailsStoreName,
  railsPrefix,
  railsStoreName,
} from './rails-store-options.ts';

const options = {
  ...RAILS_STORE_OPTIONS,
  remember: {
    kind: 'texts',
    default: [],
    about: 'Names of remember-me cookies: while one is sent, the app decides.',
  },
} as const;

export type RailsStoreSpec = FormatSpec<OptionValues<typeof options>>;

export const railsStore = formatKind({
  cookie: '_session_id',
  user: null,
  secrets: 'none',
  stores: RAILS_STORE_FAMILIES,
  storeless: false,
  memory: 'ActiveSupport::Cache::MemoryStore',
  options,
  about: 'Rails’ cache_store, redis_store, mem_cache_store and active_record_store, 6.1 to 8.1.',
  build: (spec) => new RailsStore(spec),
});

/** Ids are 32 hex digits; old ones and those of other generators may be other texts without blanks. */
const ID = /^[\x21-\x7e]{1,200}$/;
const PRIVATE_ID = /^\d+::/;
/** Longest key of Memcached, bytes; Rails hashes longer ones, which no id of its own makes. */
const MEMCACHED_KEY_MAX = 250;

/**
 * action_dispatch/middleware/session/cache_store.rb of Rails 6.1 to 8.1, redis-actionpack 5.3 redis_store.rb, Rack::Session::Dalli of
 * Dalli 3.0, activerecord-session_store 2.3 active_record_store.rb; the private id is Rack::Session::SessionId's. The first three do not
 * refuse a private id as a cookie: whoever can read the store has all of its sessions, so that is the app's own door.
 */
export class RailsStore implements SessionFormat, RackCheck {
  readonly prepare = null;
  readonly isId = true;
  readonly alsoReads: readonly string[];
  readonly steps: readonly string[];
  readonly #spec: RailsStoreSpec;
  readonly #name: RailsStoreName;
  readonly #prefix: string;

  constructor(spec: RailsStoreSpec) {
    this.#spec = spec;
    this.alsoReads = spec.options.remember;
    this.#name = railsStoreName(spec.options.sessionStore, spec.store);
    this.#prefix =
      railsPrefix(spec.prefix, this.#name) + (this.#name === 'cache_store' ? '_session_id:' : '');
    this.steps = [
      'the session is looked up by the hash of its id',
      ...(this.#looksForRawIds ? ['or else by the id itself'] : []),
    ];
  }

  read(request: CredentialSource): Pending | Finding {
    return readRack(request.cookies, this.#spec.cookie, this.#spec.options.remember, this);
  }

  canonical(value: string): string | null {
    return ID.test(value) ? value : null;
  }

  async check(id: string, stores: StoreReader, nowS: number): Promise<Finding> {
    let ended = false;
    for (const key of this.#keys(id)) {
      const stored = await stores.get(this.#query(key));
      if (stored === null) continue;
      try {
        const { value, endsAtS } = this.#decode(stored);
        // As in Ruby's `a || b`: what is nil or false is not there.
        if (value === null || value === false) continue;
        ended = endsAtS !== null && endsAtS <= nowS;
        if (ended) continue;
        if (!isSession(value)) return unknown('store.malformed');
        return genuine(asUserId(lookAt(value, this.#spec.user)), value, earliest(endsAtS, stored.endsAtS));
      } catch (error) {
        if (!(error instanceof DecodeError)) throw error;
        return unknown('store.malformed');
      }
    }
    return invalid(ended ? 'expired' : 'store.none');
  }

  get #looksForRawIds(): boolean {
    return this.#spec.options.rawIds && this.#name !== 'mem_cache_store';
  }

  #keys(id: string): readonly string[] {
    if (this.#name === 'active_record_store' && PRIVATE_ID.test(id)) return [];
    const hashed = `${this.#prefix}2::${createHash('sha256').update(id, 'latin1').digest('hex')}`;
    if (!this.#looksForRawIds) return [hashed];
    if (this.#spec.store !== 'memcached') return [hashed, this.#prefix + id];
    // mem_cache_store.rb, `normalize_key`: of what an id may hold, only `%` is escaped.
    const raw = this.#prefix + id.replaceAll('%', '%25');
    return raw.length > MEMCACHED_KEY_MAX ? [hashed] : [hashed, raw];
  }

  #query(key: string): Query {
    if (this.#name !== 'active_record_store') return { kind: 'value', key };
    const { idColumn: keyColumn, dataColumn: column } = this.#spec.options;
    return { kind: 'row', table: this.#spec.table ?? 'sessions', keyColumn, key, columns: [column] };
  }

  #decode(stored: StoredValue): CacheEntry {
    const { serializer, dataColumn: column } = this.#spec.options;
    if (this.#name === 'active_record_store')
      return { value: decodeRailsRow(stored.cells.get(column), serializer), endsAtS: null };
    const value = this.#spec.store === 'memcached' ? openDalli(stored.bytes, stored.flags) : stored.bytes;
    if (this.#name === 'cache_store') return decodeCacheEntry(value);
    const session: Data = value instanceof Uint8Array ? decodeRubySession(value, serializer) : value;
    return { value: session, endsAtS: null };
  }
}

function earliest(a: number | null, b: number | null): number | null {
  return a === null || b === null ? (a ?? b) : Math.min(a, b);
}
