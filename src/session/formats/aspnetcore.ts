// ASP.NET Core's two cookies: the sign-in ticket, and the state of a session in a distributed cache.
import { cookieValue } from '../cookie-profiles.ts';
import { type MasterKey, protectingKey, purposesOf, unprotect } from '../crypto/data-protection.ts';
import { KeyRing } from '../crypto/key-ring.ts';
import { asUserId, type Data, lookAt, type UserId } from '../data.ts';
import { DecodeError } from '../decode/decode-error.ts';
import { decodeNetSession, decodeNetTicket } from '../decode/net-ticket.ts';
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
import { CREDENTIAL_MAX } from './credential.ts';

const ringOptions = {
  keys: {
    kind: 'path',
    about: 'Folder of the key ring (`PersistKeysToFileSystem`), with the keys in plain text.',
  },
  application: {
    kind: 'text',
    default: null,
    about: '`SetApplicationName`; without that in the app, the path of its content root.',
  },
} as const;

const authOptions = {
  ...ringOptions,
  scheme: {
    kind: 'text',
    default: 'Cookies',
    about: 'Name of the authentication scheme: `Cookies`, or `Identity.Application` with ASP.NET Identity.',
  },
} as const;

const sessionOptions = {
  ...ringOptions,
  userEncoding: {
    kind: 'choice',
    of: ['utf8', 'int32'],
    default: 'utf8',
    about: 'How the user id is stored: by `SetString` or by `SetInt32`.',
  },
} as const;

type AuthSpec = FormatSpec<OptionValues<typeof authOptions>>;
type SessionSpec = FormatSpec<OptionValues<typeof sessionOptions>>;

export const aspnetcoreAuth = formatKind({
  cookie: '.AspNetCore.Cookies',
  user: ['claims', 'nameidentifier'],
  secrets: 'none',
  stores: [],
  storeless: true,
  options: authOptions,
  about: 'Cookie authentication and Identity of ASP.NET Core, whose key ring can be read.',
  build: (spec) => new AspNetAuth(spec),
});

export const aspnetcoreSession = formatKind({
  cookie: '.AspNetCore.Session',
  user: null,
  secrets: 'none',
  stores: ['redis'],
  storeless: false,
  memory: 'AddDistributedMemoryCache',
  options: sessionOptions,
  about: 'Session state of ASP.NET Core in the distributed Redis cache, whose key ring can be read.',
  build: (spec) => new AspNetSession(spec),
});

/** CookieAuthenticationHandler.cs, `SessionIdClaim`. */
const STORED_TICKET_CLAIM = 'Microsoft.AspNetCore.Authentication.Cookies-SessionId';

/** Parts of one cookie that ChunkingCookieManager.cs may write. */
const CHUNKS_MAX = 50;

/** What both cookies are: base64 of a payload that the key ring opens, for purposes that name app and use. */
class Protector {
  readonly #ring: KeyRing;
  readonly #purposes: Buffer;
  readonly #spelling: RegExp;

  constructor(
    kind: string,
    options: OptionValues<typeof ringOptions>,
    purposes: readonly string[],
    spelling: RegExp,
  ) {
    const { keys, application } = options;
    const at = `verify.${kind}`;
    if (keys === null)
      throw new FormatProblem(
        'verify',
        'nothing says where the key ring is',
        `{ ${kind}: { keys: folder } }`,
      );
    if (application === null)
      throw new FormatProblem(
        'verify',
        'keys are bound to the name of the application',
        `{ ${kind}: { application: NAME } }`,
      );
    this.#ring = new KeyRing(keys, `${at}.keys`);
    this.#purposes = purposesOf([application, ...purposes]);
    this.#spelling = spelling;
  }

  /** The payload of a cookie's value, or null when it cannot be one. */
  payloadOf(value: string): Buffer | null {
    if (!this.#spelling.test(value)) return null;
    const payload = Buffer.from(value, 'base64');
    return protectingKey(payload) === null ? null : payload;
  }

  /** The plain text, or why there is none. */
  open(payload: Buffer): Buffer | Finding {
    const id = protectingKey(payload);
    const key: MasterKey | null = id === null ? null : this.#ring.find(id);
    if (key === null || key.revoked) return invalid('token.key');
    return unprotect(payload, key, this.#purposes) ?? invalid('decrypt.failed');
  }
}

/**
 * CookieAuthenticationHandler.cs, ChunkingCookieManager.cs and TicketSerializer.cs of ASP.NET Core (main, read and not run). With Identity the
 * app also checks the security stamp from time to time, which only it can.
 */
class AspNetAuth implements SessionFormat {
  readonly prepare = null;
  readonly steps = [
    'the ticket is decrypted with the key ring',
    'its expiry must not have passed',
    'its claims name the user',
  ];
  readonly alsoReads: readonly string[];
  readonly #spec: AuthSpec;
  readonly #protector: Protector;

  constructor(spec: AuthSpec) {
    this.#spec = spec;
    this.alsoReads = [`${spec.cookie}C*`];
    const use = 'Microsoft.AspNetCore.Authentication.Cookies.CookieAuthenticationMiddleware';
    // SecureDataFormat.cs: base64url.
    this.#protector = new Protector(
      'aspnetcore-auth',
      spec.options,
      [use, spec.options.scheme, 'v2'],
      /^[\w-]+={0,2}$/,
    );
  }

  read({ cookies }: CredentialSource): Pending | Finding {
    const value = this.#whole(cookies);
    if (value === null || value === '') return invalid('credential.none');
    // A ticket may come in several cookies, all of which a request's head has room for.
    if (value.length > 4 * CREDENTIAL_MAX) return invalid('credential.too-long');
    const payload = this.#protector.payloadOf(value);
    if (payload === null) return invalid('credential.malformed');
    return { identity: payload.toString('latin1'), check: (_stores, nowS) => this.#check(payload, nowS) };
  }

  /** `chunks-3` stands for three cookies more. */
  #whole(cookies: string): string | null {
    const { cookie } = this.#spec;
    const value = cookieValue('aspnet', cookies, cookie);
    const count = Number(/^chunks-(\d{1,2})$/.exec(value ?? '')?.[1] ?? 0);
    if (count === 0 || count > CHUNKS_MAX) return value;
    const parts = Array.from({ length: count }, (_, i) =>
      cookieValue('aspnet', cookies, `${cookie}C${i + 1}`),
    );
    return parts.includes(null) ? '!' : parts.join('');
  }

  #check(payload: Buffer, nowS: number): Finding {
    const plain = this.#protector.open(payload);
    if (!Buffer.isBuffer(plain)) return plain;
    try {
      const ticket = decodeNetTicket(plain);
      const endsAtS = dateOf(ticket, '.expires');
      if (endsAtS !== null && endsAtS < nowS) return invalid('expired');
      // With an ITicketStore the cookie holds but the key of the ticket.
      if (lookAt(ticket, ['claims', STORED_TICKET_CLAIM]) !== undefined) return unknown('user.elsewhere');
      const user = asUserId(lookAt(ticket, this.#spec.user));
      return genuine(user, ticket, endsAtS, dateOf(ticket, '.issued'));
    } catch (error) {
      if (error instanceof DecodeError) return invalid('credential.malformed');
      throw error;
    }
  }
}

/** A property of a ticket, unix seconds; null: what is no date is none (AuthenticationProperties.cs, `GetDateTimeOffset`). */
function dateOf(ticket: Data, name: string): number | null {
  const timeS = Date.parse(String(lookAt(ticket, ['properties', name]) ?? '')) / 1000;
  return Number.isNaN(timeS) ? null : timeS;
}

/** SessionMiddleware.cs, CookieProtection.cs, DistributedSession.cs; RedisCache.cs for the hash. */
class AspNetSession implements SessionFormat {
  readonly prepare = null;
  readonly steps = ['the cookie is decrypted with the key ring', 'the session is looked up by its key'];
  readonly #spec: SessionSpec;
  readonly #protector: Protector;

  constructor(spec: SessionSpec) {
    this.#spec = spec;
    // CookieProtection.cs: plain base64 whose padding was cut off.
    this.#protector = new Protector(
      'aspnetcore-session',
      spec.options,
      ['SessionMiddleware'],
      /^[A-Za-z0-9+/]+={0,2}$/,
    );
  }

  read({ cookies }: CredentialSource): Pending | Finding {
    const value = cookieValue('aspnet', cookies, this.#spec.cookie);
    if (value === null || value === '') return invalid('credential.none');
    if (value.length > CREDENTIAL_MAX) return invalid('credential.too-long');
    const payload = this.#protector.payloadOf(value);
    if (payload === null) return invalid('credential.malformed');
    return { identity: payload.toString('latin1'), check: (stores) => this.#check(payload, stores) };
  }

  #check(payload: Buffer, stores: StoreReader): Finding | Promise<Finding> {
    const plain = this.#protector.open(payload);
    if (!Buffer.isBuffer(plain)) return plain;
    const key = plain.toString('utf8');
    return key.length === 36 ? this.#stored(key, stores) : invalid('credential.malformed');
  }

  async #stored(key: string, stores: StoreReader): Promise<Finding> {
    const query = { kind: 'hash', key: `${this.#spec.prefix ?? ''}${key}`, fields: ['data'] } as const;
    const stored = await stores.get(query);
    const data = stored?.cells.get('data');
    if (stored === null || data === undefined || data === null) return invalid('store.none');
    if (!(data instanceof Uint8Array)) return unknown('store.malformed');
    try {
      const session = decodeNetSession(data);
      return { ...genuine(this.#user(session), session, stored.endsAtS), session: key };
    } catch (error) {
      if (error instanceof DecodeError) return unknown('store.malformed');
      throw error;
    }
  }

  #user(session: Data): UserId | null {
    const value = lookAt(session, this.#spec.user);
    if (this.#spec.options.userEncoding === 'utf8') return asUserId(value);
    const bytes = typeof value === 'string' ? Buffer.from(value, 'utf8') : value;
    return bytes instanceof Uint8Array && bytes.length === 4 ? Buffer.from(bytes).readInt32BE(0) : null;
  }
}
