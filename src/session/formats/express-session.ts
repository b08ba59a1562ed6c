// Sessions of express-session 1.19 in any of its usual stores: a signed id in the cookie, JSON in the store.

import { cookieValue } from '../cookie-profiles.ts';
import { hmac, sameText } from '../crypto/macs.ts';
import { asUserId, lookAt, parseJson } from '../data.ts';
import { type FormatSpec, formatKind, type Pending, type SessionFormat } from '../format.ts';
import type { OptionValues } from '../format-options.ts';
import type { StoreReader } from '../store.ts';
import { type Finding, genuine, invalid, unknown } from '../verdict.ts';

const options = {} as const;

export const expressSession = formatKind({
  cookie: 'connect.sid',
  user: null,
  secrets: 'needed',
  stores: ['redis', 'postgres', 'memcached', 'mongo'],
  storeless: false,
  options,
  about: 'express-session with connect-redis, connect-pg-simple, connect-memcached or connect-mongo.',
  build: (spec) => new ExpressSession(spec),
});

/** index.js of express-session 1.19: `getcookie`, `unsigncookie`; and the stores' own keys. */
class ExpressSession implements SessionFormat {
  readonly prepare = null;
  readonly steps = ['the cookie’s signature is checked', 'the session is looked up by its id'];
  readonly #spec: FormatSpec<OptionValues<typeof options>>;
  readonly #prefix: string;

  constructor(spec: FormatSpec<OptionValues<typeof options>>) {
    this.#spec = spec;
    this.#prefix = spec.prefix ?? 'sess:';
  }

  read(request: { readonly cookies: string }): Pending | Finding {
    const value = cookieValue('npm-cookie', request.cookies, this.#spec.cookie);
    if (value === null || value === '') return invalid('credential.none');
    if (!value.startsWith('s:')) return invalid('credential.malformed');
    return { identity: value, check: (stores) => this.#check(value.slice(2), stores) };
  }

  async #check(signed: string, stores: StoreReader): Promise<Finding> {
    const dot = signed.lastIndexOf('.');
    const id = signed.slice(0, dot);
    const mac = signed.slice(dot + 1);
    const signs = (secret: string): boolean =>
      sameText(hmac('sha256', secret, id).toString('base64').replace(/=+$/, ''), mac);
    if (dot < 0 || !this.#spec.secrets.some(signs)) return invalid('signature.bad');
    const stored = await stores.get({ kind: 'value', key: this.#prefix + id });
    if (stored === null) return invalid('store.none');
    const session = parseJson(Buffer.from(stored.bytes).toString('utf8'));
    if (session === undefined) return unknown('store.malformed');
    return genuine(asUserId(lookAt(session, this.#spec.user)), session, stored.endsAtS);
  }
}
