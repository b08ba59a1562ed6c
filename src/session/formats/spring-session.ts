// Spring Session: an id in the cookie, the session in a Redis hash or a row of JDBC's table, a security context inside.
import { cookieValues } from '../cookie-profiles.ts';
import { asUserId, type Data, type DataPath, lookAt, parseJson, type UserId } from '../data.ts';
import { DecodeError } from '../decode/decode-error.ts';
import { decodeJava, JAVA_CLASS } from '../decode/java.ts';
import {
  type CredentialSource,
  FormatProblem,
  type FormatSpec,
  formatKind,
  type Pending,
  type SessionFormat,
} from '../format.ts';
import type { OptionValues } from '../format-options.ts';
import type { StoredCell, StoredValue, StoreReader } from '../store.ts';
import { type Finding, genuine, invalid, unknown } from '../verdict.ts';
import { CREDENTIAL_MAX } from './credential.ts';
import { orRemembered, twoFaced } from './remembered.ts';

const options = {
  base64: { kind: 'flag', default: true, about: '`useBase64Encoding` of the cookie serializer.' },
  jvmRoutes: {
    kind: 'texts',
    default: [],
    about: '`jvmRoute` of the cookie serializer, of each instance: what stands behind the id and a dot.',
  },
  remember: {
    kind: 'texts',
    default: ['remember-me'],
    about: 'Names of remember-me cookies: while one is sent, the app decides.',
  },
} as const;

type Spec = FormatSpec<OptionValues<typeof options>>;

const CONTEXT = 'SPRING_SECURITY_CONTEXT';
const USER: DataPath = [CONTEXT, 'authentication', 'principal', 'username'];

export const springSession = formatKind({
  cookie: 'SESSION',
  user: USER,
  secrets: 'none',
  stores: ['redis', 'postgres', 'mysql'],
  storeless: false,
  memory: 'MapSessionRepository',
  options,
  about: 'Spring Session with Redis (default and indexed repository) or JDBC, and Spring Security.',
  build: (spec) => new SpringSession(spec),
});

/** Cookies of one name that are tried; Tomcat hands on all of them. */
const IDS_MAX = 8;
const ATTRIBUTE = 'sessionAttr:';

/**
 * spring-session 4.1 web/http/DefaultCookieSerializer.java, `readCookieValues`; data/redis/RedisSessionRepository.java and
 * RedisSessionMapper.java, `findById`; JdbcIndexedSessionRepository.java. Values are Java's serialization or JSON.
 */
class SpringSession implements SessionFormat {
  readonly prepare = null;
  readonly steps: readonly string[];
  readonly alsoReads: readonly string[];
  readonly #spec: Spec;
  readonly #prefix: string;

  constructor(spec: Spec) {
    if (spec.store !== 'redis' && spec.user.join('\n') !== USER.join('\n'))
      throw new FormatProblem(
        'user',
        'a row of JDBC names its user in the column PRINCIPAL_NAME only',
        'no `user`, or the store Redis',
      );
    this.#spec = spec;
    this.alsoReads = spec.options.remember;
    this.#prefix = spec.prefix ?? 'spring:session:sessions:';
    this.steps = [
      `the session is looked up in ${spec.store} by its id`,
      'its last access and longest pause are looked at',
      'the security context names the user',
    ];
  }

  read({ cookies }: CredentialSource): Pending | Finding {
    const { cookie, options } = this.#spec;
    const nobodyYet = (finding: Finding): Finding =>
      orRemembered(finding, 'tomcat', cookies, options.remember);
    const values = cookieValues('tomcat', cookies, cookie).filter((value) => value !== '');
    if (values.length === 0) return nobodyYet(invalid('credential.none'));
    const length = values.reduce((sum, value) => sum + value.length, 0);
    if (values.length > IDS_MAX || length > CREDENTIAL_MAX) return invalid('credential.too-long');
    const ids = values.flatMap((value) => idOf(value, options) ?? []);
    if (ids.length === 0) return nobodyYet(invalid('credential.malformed'));
    const remembered = nobodyYet(invalid('store.none')).verdict === 'unknown';
    return {
      // An id may hold any character, so only its length tells where it ends.
      ...twoFaced(remembered, ids.map((id) => `${id.length}:${id}`).join('')),
      ...(ids.length === 1 ? { session: ids[0]! } : {}),
      check: async (stores, nowS) => nobodyYet(await this.#first(ids, stores, nowS)),
    };
  }

  /** Each id in turn, until one has a session. */
  async #first(ids: readonly string[], stores: StoreReader, nowS: number): Promise<Finding> {
    let finding = invalid('store.none');
    for (const id of ids) {
      finding = await (this.#spec.store === 'redis'
        ? this.#hash(id, stores, nowS)
        : this.#row(id, stores, nowS));
      if (finding.verdict !== 'invalid') return { ...finding, session: id };
    }
    return finding;
  }

  async #hash(id: string, stores: StoreReader, nowS: number): Promise<Finding> {
    const stored = await stores.get({ kind: 'hash', key: `${this.#prefix}${id}`, fields: [] });
    if (stored === null || stored.cells.size === 0) return invalid('store.none');
    try {
      return this.#judge(stored, nowS);
    } catch (error) {
      if (error instanceof DecodeError) return unknown('store.malformed');
      throw error;
    }
  }

  #judge({ cells, endsAtS }: StoredValue, nowS: number): Finding {
    const last = decoded(cells.get('lastAccessedTime'));
    const pause = decoded(cells.get('maxInactiveInterval'));
    // The mapper wants all three.
    const created = decoded(cells.get('creationTime'));
    if (typeof created !== 'number') return unknown('store.malformed');
    if (typeof last !== 'number' || typeof pause !== 'number') return unknown('store.malformed');
    const ends = pause < 0 ? Number.POSITIVE_INFINITY : last / 1000 + pause;
    if (ends <= nowS) return invalid('expired');
    const attributes = new Map<Data, Data>();
    const wanted = String(this.#spec.user[0]);
    for (const [name, cell] of cells) {
      if (!name.startsWith(ATTRIBUTE) || isEmpty(cell)) continue;
      const attribute = name.slice(ATTRIBUTE.length);
      // Of the others one that cannot be read is only not there.
      attributes.set(attribute, attribute === wanted ? decoded(cell) : readable(cell));
    }
    const end = Math.min(ends, endsAtS ?? Number.POSITIVE_INFINITY);
    const user = userOf(attributes, this.#spec.user);
    return genuine(user, attributes, Number.isFinite(end) ? end : null, created / 1000);
  }

  /** PostgreSQL folds the names of its schema to lower case, MySQL keeps them. */
  async #row(id: string, stores: StoreReader, nowS: number): Promise<Finding> {
    const lower = this.#spec.store === 'postgres';
    const named = (name: string): string => (lower ? name.toLowerCase() : name);
    const [ends, principal] = [named('EXPIRY_TIME'), named('PRINCIPAL_NAME')];
    const creation = named('CREATION_TIME');
    const stored = await stores.get({
      kind: 'row',
      table: this.#spec.table ?? named('SPRING_SESSION'),
      keyColumn: named('SESSION_ID'),
      key: id,
      columns: [ends, principal, creation],
    });
    if (stored === null) return invalid('store.none');
    const endsMs = Number(stored.cells.get(ends) ?? Number.NaN);
    if (!Number.isFinite(endsMs)) return unknown('store.malformed');
    if (endsMs / 1000 <= nowS) return invalid('expired');
    const user = stored.cells.get(principal) ?? null;
    const createdMs = Number(stored.cells.get(creation) ?? Number.NaN);
    const createdAtS = Number.isFinite(createdMs) ? createdMs / 1000 : null;
    return genuine(asUserId(user), new Map([['principal', user]]), endsMs / 1000, createdAtS);
  }
}

/** The id in a cookie's value; null: the serializer would drop it (java.util.Base64's basic decoder takes no other spelling). */
function idOf(value: string, { base64, jvmRoutes }: Spec['options']): string | null {
  if (base64 && !/^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}(?:==)?|[A-Za-z0-9+/]{3}=?)?$/.test(value))
    return null;
  const id = base64 ? Buffer.from(value, 'base64').toString('utf8') : value;
  const route = jvmRoutes.find((one) => id.endsWith(`.${one}`));
  return route === undefined ? id : id.slice(0, -route.length - 1);
}

/** The value of a field: Java's, or JSON. Throws DecodeError. */
function decoded(cell: StoredCell | undefined): Data {
  if (!(cell instanceof Uint8Array)) throw new DecodeError('a field that is not there');
  if (cell[0] === 0xac && cell[1] === 0xed) return decodeJava(cell);
  // In a list, so that a number or text alone is read as well.
  const json = parseJson(`[${Buffer.from(cell).toString('utf8')}]`);
  if (!Array.isArray(json) || json.length !== 1) throw new DecodeError('neither Java nor JSON');
  return unboxed(json[0] as Data);
}

/** Jackson writes a value whose type JSON cannot tell as a list: `["java.lang.Long",42]`. */
function unboxed(value: Data): Data {
  if (!Array.isArray(value) || value.length !== 2) return value;
  const [type, inner] = value as readonly Data[];
  return typeof type === 'string' && /^java\.(lang|util)\.\w+$/.test(type) ? inner! : value;
}

function readable(cell: StoredCell): Data {
  try {
    return decoded(cell);
  } catch (error) {
    if (error instanceof DecodeError) return null;
    throw error;
  }
}

/** A removed attribute is an empty value. */
function isEmpty(cell: StoredCell): boolean {
  return cell === null || (cell instanceof Uint8Array && cell.length === 0);
}

/** A principal may be an object with a user name, or the name itself. Spring's anonymous authentication is nobody's. */
function userOf(attributes: Data, path: DataPath): UserId | null {
  const user = asUserId(unboxed(lookAt(attributes, path) ?? null));
  if (path[0] !== CONTEXT) return user;
  const authentication = lookAt(attributes, path.slice(0, 2));
  const kind = lookAt(authentication, [JAVA_CLASS]);
  if (typeof kind === 'string' && kind.endsWith('.AnonymousAuthenticationToken')) return null;
  if (lookAt(authentication, ['authenticated']) === false) return null;
  return user ?? asUserId(lookAt(attributes, path.slice(0, -1)));
}
