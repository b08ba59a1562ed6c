// Sessions that somebody else judges: an existing session service or forward-auth endpoint is asked who the client is.
import { asUserId, type Data, lookAt } from '../data.ts';
import { FormatProblem, type FormatSpec, formatKind, type Pending, type SessionFormat } from '../format.ts';
import type { OptionValues } from '../format-options.ts';
import type { Query, StoredValue, StoreReader } from '../store.ts';
import { type Finding, genuine, invalid, unknown } from '../verdict.ts';

const options = {
  cookies: {
    kind: 'texts',
    default: [],
    about: 'Names of the cookies that are sent on; `*` sends all. Left out: the session cookie alone.',
  },
  authorization: { kind: 'flag', default: true, about: 'Send the `Authorization` field on.' },
  userHeader: {
    kind: 'text',
    default: null,
    about: 'Field of the answer that names the user, such as `Remote-User`; the body is not looked at then.',
  },
} as const;

export const http = formatKind({
  cookie: null,
  user: ['user', 'id'],
  secrets: 'none',
  stores: ['http'],
  storeless: false,
  options,
  about:
    'A session service or forward-auth endpoint, asked by GET with the client’s cookie and Authorization.',
  build: (spec) => new HttpSession(spec),
});

/** Longest of what is sent on, characters. */
const CREDENTIAL_MAX = 8192;
/** A name of a field (RFC 9110 section 5.1). */
const FIELD_NAME = /^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}$/;

/**
 * 2xx: valid when the answer names a user, else anonymous. 401, 403, and the redirects to a login page that forward-auth endpoints
 * give (302, 303, 307): invalid. Anything else says nothing about the session.
 */
class HttpSession implements SessionFormat {
  readonly prepare = null;
  readonly steps: readonly string[];
  readonly alsoReads: readonly string[];
  readonly readsAuthorization: boolean;
  readonly #spec: FormatSpec<OptionValues<typeof options>>;
  readonly #names: ReadonlySet<string>;
  /** In lower case, as the store gives it; null: the body names the user. */
  readonly #userHeader: string | null;

  constructor(spec: FormatSpec<OptionValues<typeof options>>) {
    const { cookies, userHeader, authorization } = spec.options;
    if (spec.store !== 'http')
      throw new FormatProblem('store', 'there is no service to ask', 'store: http://HOST/PATH');
    if (userHeader !== null && !FIELD_NAME.test(userHeader))
      throw new FormatProblem('verify.http.userHeader', 'no field has that name', 'Remote-User');
    if (userHeader === null && spec.user.length === 0)
      throw new FormatProblem('user', 'nothing says where the user is', 'user: user.id, or userHeader');
    this.#spec = spec;
    this.alsoReads = cookies;
    this.readsAuthorization = authorization;
    this.#names = new Set(cookies.length > 0 ? cookies : [spec.cookie]);
    this.#userHeader = userHeader?.toLowerCase() ?? null;
    const sent = `${[...this.#names].join(', ')}${authorization ? ' and Authorization' : ''}`;
    const place = userHeader ?? spec.user.join('.');
    this.steps = [`the service is asked, with the client's ${sent}`, `its answer names the user at ${place}`];
  }

  read(request: { readonly cookies: string; readonly authorization: string | null }): Pending | Finding {
    const authorization = this.#spec.options.authorization ? (request.authorization ?? '') : '';
    if (request.cookies.length + authorization.length > 8 * CREDENTIAL_MAX)
      return invalid('credential.too-long');
    const cookies = this.#names.has('*') ? request.cookies : this.#picked(request.cookies);
    if (cookies === null) return unknown('credential.ambiguous');
    if (cookies === '' && authorization === '') return invalid('credential.none');
    if (cookies.length + authorization.length > CREDENTIAL_MAX) return invalid('credential.too-long');
    if (!isSendable(cookies) || !isSendable(authorization)) return invalid('credential.malformed');
    const fields: Record<string, string> = {};
    if (cookies !== '') fields.cookie = cookies;
    if (authorization !== '') fields.authorization = authorization;
    // Neither holds a line feed, so the two cannot run into each other.
    const identity = `${cookies}\n${authorization}`;
    const wanted = this.#userHeader === null ? [] : [this.#userHeader];
    const query: Query = { kind: 'ask', key: identity, fields, wanted };
    return { identity, check: (stores) => this.#check(query, stores) };
  }

  /**
   * The wanted cookies as they came, in their order, so that the service reads what the app reads. Null where a quoted value runs
   * over a semicolon: some parsers see other cookies there than others.
   */
  #picked(header: string): string | null {
    const picked: string[] = [];
    for (const part of header.split(';')) {
      const pair = part.trim();
      const equals = pair.indexOf('=');
      const value = pair.slice(equals + 1).trimStart();
      if (value.startsWith('"') && (value.length === 1 || !value.endsWith('"'))) return null;
      if (this.#names.has((equals < 0 ? pair : pair.slice(0, equals)).trimEnd())) picked.push(pair);
    }
    return picked.join('; ');
  }

  async #check(query: Query, stores: StoreReader): Promise<Finding> {
    const answer = await stores.get(query);
    const status = answer?.cells.get('status');
    if (answer === null || typeof status !== 'number') return unknown('store.malformed');
    switch (status) {
      case 401:
      case 403:
      case 302:
      case 303:
      case 307:
        return invalid('store.none');
      default:
        return status >= 200 && status < 300 ? this.#user(answer) : unknown('store.malformed');
    }
  }

  #user({ bytes, cells }: StoredValue): Finding {
    if (this.#userHeader !== null) {
      const user = cells.get(this.#userHeader);
      return genuine(asUserId(typeof user === 'string' ? user.trim() : null), null);
    }
    const body = bytes.length === 0 ? null : parse(bytes);
    if (body === undefined || (body !== null && typeof body !== 'object')) return unknown('store.malformed');
    return genuine(asUserId(lookAt(body ?? {}, this.#spec.user)), body ?? {});
  }
}

/** `null`, as some services answer for nobody, is data too; undefined: no JSON. */
function parse(bytes: Uint8Array): Data | undefined {
  try {
    return JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('utf8')) as Data; // JSON holds nothing else
  } catch {
    return undefined;
  }
}

/** What may stand in a field: no control character but the tab (RFC 9110 section 5.5). */
function isSendable(text: string): boolean {
  return !/[^\t\x20-\x7e\x80-\xff]/.test(text);
}
