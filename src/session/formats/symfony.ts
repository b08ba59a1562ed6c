// Symfony's sessions: PHP's own id, in Redis or a table, with a security token inside.
import { asUserId, type Data, lookAt, type UserId } from '../data.ts';
import { DecodeError } from '../decode/decode-error.ts';
import { decodePhp } from '../decode/php-serialize.ts';
import { decodePhpSession } from '../decode/php-session.ts';
import {
  type CredentialSource,
  type FormatSpec,
  formatKind,
  type Pending,
  type SessionFormat,
} from '../format.ts';
import type { OptionValues } from '../format-options.ts';
import type { StoredValue, StoreReader } from '../store.ts';
import { type Finding, genuine, invalid, unknown } from '../verdict.ts';
import { readPhpId } from './php.ts';
import { orRemembered, twoFaced } from './remembered.ts';

const options = {
  firewall: { kind: 'text', default: 'main', about: 'Name of the firewall context whose token counts.' },
  userProperty: {
    kind: 'text',
    default: null,
    about: "Property of the app's user class with the id; without it, the usual names are tried.",
  },
  remember: {
    kind: 'texts',
    default: ['REMEMBERME'],
    about: 'Names of remember-me cookies: while one is sent, the app decides.',
  },
} as const;

type Spec = FormatSpec<OptionValues<typeof options>>;

export const symfony = formatKind({
  cookie: 'PHPSESSID',
  user: [],
  secrets: 'none',
  stores: ['redis', 'postgres', 'mysql', 'sqlite'],
  storeless: false,
  options,
  about: 'Symfony 5.4 to 7 with RedisSessionHandler or PdoSessionHandler and the security component.',
  build: (spec) => new Symfony(spec),
});

/** What user classes call their identifier, in the order of preference. */
const USER_PROPERTIES = ['userIdentifier', 'username', 'email', 'id'] as const;
/** Above this `sess_lifetime` is a point in time, below it a duration (PdoSessionHandler.php, MAX_LIFETIME). */
const MAX_LIFETIME_S = 315_576_000;

/**
 * symfony/http-foundation 5.4 Session/Storage/Handler/{Redis,Pdo}SessionHandler.php; symfony/security-core 5.4 Authentication/Token/
 * AbstractToken.php, `__serialize`: the last array member holds [user, authenticated, …]. The app also compares the user with its
 * provider's, which only it can.
 */
class Symfony implements SessionFormat {
  readonly prepare = null;
  readonly steps: readonly string[];
  readonly alsoReads: readonly string[];
  readonly #spec: Spec;

  constructor(spec: Spec) {
    this.#spec = spec;
    this.alsoReads = spec.options.remember;
    this.steps = [
      'the id is looked at',
      `the session is looked up in ${spec.store} by its id`,
      `the token of the firewall ${spec.options.firewall} names the user`,
    ];
  }

  read({ cookies }: CredentialSource): Pending | Finding {
    const { cookie, options } = this.#spec;
    const nobodyYet = (finding: Finding): Finding => orRemembered(finding, 'php', cookies, options.remember);
    const id = readPhpId(cookies, cookie);
    if (typeof id !== 'string') return nobodyYet(id);
    const remembered = nobodyYet(invalid('store.none')).verdict === 'unknown';
    return {
      ...twoFaced(remembered, id),
      session: id,
      check: async (stores, nowS) => nobodyYet(await this.#check(id, stores, nowS)),
    };
  }

  async #check(id: string, stores: StoreReader, nowS: number): Promise<Finding> {
    const { store, prefix, table } = this.#spec;
    const stored = await stores.get(
      store === 'redis'
        ? { kind: 'value', key: `${prefix ?? 'sf_s'}${id}` }
        : {
            kind: 'row',
            table: table ?? 'sessions',
            keyColumn: 'sess_id',
            key: id,
            columns: ['sess_data', 'sess_lifetime', 'sess_time'],
          },
    );
    if (stored === null) return invalid('store.none');
    const held = store === 'redis' ? { bytes: stored.bytes, endsAtS: stored.endsAtS } : rowOf(stored);
    if (held === null) return unknown('store.malformed');
    if (store !== 'redis' && held.endsAtS !== null && held.endsAtS < Math.floor(nowS))
      return invalid('expired');
    try {
      const session = decodePhpSession('php', held.bytes);
      return genuine(this.#user(session), session, held.endsAtS, createdAtS(session));
    } catch (error) {
      if (error instanceof DecodeError) return unknown('store.malformed');
      throw error;
    }
  }

  #user(session: Data): UserId | null {
    // Where the app says where its user is, the token is not looked at.
    if (this.#spec.user.length > 0) return asUserId(lookAt(session, this.#spec.user));
    const { firewall, userProperty } = this.#spec.options;
    const written = lookAt(session, ['_sf2_attributes', `_security_${firewall}`]);
    if (typeof written !== 'string' && !(written instanceof Uint8Array)) return null;
    const token = decodePhp(typeof written === 'string' ? Buffer.from(written, 'utf8') : written);
    if (!(token instanceof Map)) throw new DecodeError('a token that is no object');
    const parent = [...token.values()].findLast((member) => member instanceof Map);
    const user = lookAt(parent, [0]);
    if (!(user instanceof Map)) return asUserId(user);
    const names = userProperty === null ? USER_PROPERTIES : [userProperty];
    for (const name of names) {
      const id = asUserId(lookAt(user, [name]));
      if (id !== null) return id;
    }
    // Somebody is logged in, but who cannot be seen: not a reason to say that nobody is.
    throw new DecodeError('a user without a property that is known');
  }
}

/**
 * When the session was begun: MetadataBag.php, `c` of `_sf2_meta`, which a login stamps anew as it changes the id (Session/Storage/
 * NativeSessionStorage.php, `regenerate`). Null: the bag is not there.
 */
function createdAtS(session: Data): number | null {
  const created = lookAt(session, ['_sf2_meta', 'c']);
  return typeof created === 'number' ? created : null;
}

/** Null: not a row of PdoSessionHandler's. */
function rowOf({ cells }: StoredValue): { readonly bytes: Uint8Array; readonly endsAtS: number } | null {
  const data = cells.get('sess_data');
  const lifetime = Number(cells.get('sess_lifetime'));
  const time = Number(cells.get('sess_time'));
  const bytes = typeof data === 'string' ? Buffer.from(data, 'utf8') : data;
  if (!(bytes instanceof Uint8Array) || !Number.isFinite(lifetime) || !Number.isFinite(time)) return null;
  return { bytes, endsAtS: lifetime <= MAX_LIFETIME_S ? time + lifetime : lifetime };
}
