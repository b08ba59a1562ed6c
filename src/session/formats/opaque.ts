// A home-grown session: a random id in the cookie or as a bearer token, and what it means in a store.
import { type CookieProfile, cookieValue } from '../cookie-profiles.ts';
import { asUserId, type Data, lookAt, parseJson } from '../data.ts';
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
  bearer: { kind: 'flag', default: false, about: 'The id may also come as `Authorization: Bearer`.' },
  content: {
    kind: 'choice',
    of: ['json', 'user'],
    default: 'json',
    about: 'What the store holds under the id: JSON, or the user id itself.',
  },
  idColumn: { kind: 'text', default: 'id', about: 'Column of the id, in a table.' },
  dataColumn: { kind: 'text', default: 'data', about: 'Column of the content, in a table.' },
  expiresColumn: {
    kind: 'text',
    default: null,
    about:
      'Column of the end, in a table: a time, or unix seconds. Without it rows do not end by themselves.',
  },
} as const;

type Spec = FormatSpec<OptionValues<typeof options>>;

export const opaque = formatKind({
  cookie: null,
  user: ['user'],
  secrets: 'none',
  stores: ['redis', 'memcached', 'postgres', 'mysql', 'sqlite', 'mongo', 'file'],
  storeless: false,
  memory: 'a map of its own',
  options,
  about: 'Any random id that a store knows, in a cookie or as a bearer token.',
  build: (spec) => new Opaque(spec),
});

/** What an id may be made of: nothing that a store, a path or a log could take for more than an id. */
const ID = /^[A-Za-z0-9._~+/=:-]{1,512}$/;

class Opaque implements SessionFormat {
  readonly prepare = null;
  readonly steps: readonly string[];
  readonly readsBearer: boolean;
  readonly #spec: Spec;

  constructor(spec: Spec) {
    this.#spec = spec;
    this.readsBearer = spec.options.bearer;
    this.steps = [`the id is looked up in ${spec.store}`];
  }

  read({ cookies, authorization }: CredentialSource): Pending | Finding {
    const { cookie, options } = this.#spec;
    // One of the choices above, which are profiles.
    let id = cookieValue(options.parser as CookieProfile, cookies, cookie);
    if ((id === null || id === '') && options.bearer)
      id = /^Bearer +(\S+) *$/i.exec(authorization ?? '')?.[1] ?? null;
    if (id === null || id === '') return invalid('credential.none');
    if (id.length > CREDENTIAL_MAX) return invalid('credential.too-long');
    if (!ID.test(id)) return invalid('credential.malformed');
    const known = id;
    return { identity: known, check: (stores, nowS) => this.#check(known, stores, nowS) };
  }

  async #check(id: string, stores: StoreReader, nowS: number): Promise<Finding> {
    const { store, user, options } = this.#spec;
    const stored = await stores.get(this.#query(id));
    if (stored === null) return invalid('store.none');
    const isRow = store === 'postgres' || store === 'mysql' || store === 'sqlite' || store === 'mongo';
    const text = isRow ? stored.cells.get(options.dataColumn) : Buffer.from(stored.bytes).toString('utf8');
    const endsAtS = isRow ? endOf(stored, options.expiresColumn) : stored.endsAtS;
    if (endsAtS === undefined || text === undefined || text === null) return unknown('store.malformed');
    if (endsAtS !== null && endsAtS <= nowS) return invalid('expired');
    const plain = text instanceof Uint8Array ? Buffer.from(text).toString('utf8') : text;
    if (options.content === 'user') return genuine(asUserId(plain), { user: plain } as Data, endsAtS);
    const session = typeof plain === 'string' ? parseJson(plain) : undefined;
    if (session === undefined) return unknown('store.malformed');
    return genuine(asUserId(lookAt(session, user)), session, endsAtS);
  }

  #query(id: string): Query {
    const { store, prefix, table, options } = this.#spec;
    if (store === 'mongo') return { kind: 'document', collection: table ?? 'sessions', key: id };
    if (store === 'postgres' || store === 'mysql' || store === 'sqlite') {
      const { idColumn, dataColumn, expiresColumn } = options;
      const columns = expiresColumn === null ? [dataColumn] : [dataColumn, expiresColumn];
      return { kind: 'row', table: table ?? 'sessions', keyColumn: idColumn, key: id, columns };
    }
    return { kind: 'value', key: `${prefix ?? ''}${id}` };
  }
}

/** Null: none configured. Undefined: there is none that can be read. */
function endOf({ cells }: StoredValue, column: string | null): number | null | undefined {
  if (column === null) return null;
  const end = cells.get(column);
  if (typeof end === 'number') return end;
  if (typeof end !== 'string') return undefined;
  const parsed = /^\d+$/.test(end) ? Number(end) : Date.parse(end) / 1000;
  return Number.isFinite(parsed) ? parsed : undefined;
}
