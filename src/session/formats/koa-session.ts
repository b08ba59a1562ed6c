// Sessions of koa-session 7: whole in a signed cookie, or in Redis under the signed cookie's value.
import { keygripVerifies } from '../crypto/keygrip.ts';
import { asUserId, type Data, lookAt } from '../data.ts';
import {
  type CredentialSource,
  type FormatSpec,
  formatKind,
  type Pending,
  type SessionFormat,
} from '../format.ts';
import type { OptionValues } from '../format-options.ts';
import type { StoreReader } from '../store.ts';
import { type Finding, genuine, invalid, unknown } from '../verdict.ts';
import {
  decodeCookieJson,
  KEYGRIP_OPTIONS,
  readSigned,
  type SignedCookie,
  signatureOf,
} from './cookie-session.ts';
import { sessionOf } from './express-session.ts';

type Spec = FormatSpec<OptionValues<typeof KEYGRIP_OPTIONS>>;

export const koaSession = formatKind({
  cookie: 'koa.sess',
  user: null,
  secrets: 'needed',
  stores: ['redis'],
  storeless: true,
  options: KEYGRIP_OPTIONS,
  about: 'koa-session: in the signed cookie, or with a store such as koa-redis.',
  build: (spec) => new KoaSession(spec),
});

/** lib/context.js of koa-session 7.0, `initFromCookie`, `initFromExternal` and `valid`; koa-redis 4.0 adds no prefix. */
class KoaSession implements SessionFormat {
  readonly prepare = null;
  readonly steps: readonly string[];
  readonly alsoReads: readonly string[];
  readonly #spec: Spec;

  constructor(spec: Spec) {
    this.#spec = spec;
    this.alsoReads = [signatureOf(spec.cookie)];
    const where = spec.store === null ? 'read from the cookie' : 'looked up by the cookie’s value';
    this.steps = [
      'the signature in the second cookie is checked',
      `the session is ${where}`,
      'its `_expire` must not have passed',
    ];
  }

  read({ cookies }: CredentialSource): Pending | Finding {
    const { cookie, secrets, options, store } = this.#spec;
    const signed = readSigned(cookies, cookie);
    if (!('value' in signed)) return signed;
    if (!keygripVerifies(cookie, signed.value, signed.signature, secrets, options.digest))
      return invalid('signature.bad');
    return {
      identity: signed.value,
      check: (stores, nowS) =>
        store === null ? this.#fromCookie(signed, nowS) : this.#fromStore(signed.value, stores, nowS),
    };
  }

  #fromCookie({ value }: SignedCookie, nowS: number): Finding {
    const session = decodeCookieJson(value);
    if (session === undefined) return invalid('credential.malformed');
    return this.#judge(session, null, nowS, writtenAtS(session));
  }

  async #fromStore(key: string, stores: StoreReader, nowS: number): Promise<Finding> {
    const stored = await stores.get({ kind: 'value', key: `${this.#spec.prefix ?? ''}${key}` });
    if (stored === null) return invalid('store.none');
    const session = sessionOf(stored.bytes);
    return session === undefined ? unknown('store.malformed') : this.#judge(session, stored.endsAtS, nowS);
  }

  #judge(session: Data, storeEndsAtS: number | null, nowS: number, issuedAtS: number | null = null): Finding {
    const expire = lookAt(session, ['_expire']);
    const endsAtS = typeof expire === 'number' ? expire / 1000 : null;
    if (endsAtS !== null && endsAtS < nowS) return invalid('expired');
    const ends = Math.min(endsAtS ?? Number.POSITIVE_INFINITY, storeEndsAtS ?? Number.POSITIVE_INFINITY);
    const user = asUserId(lookAt(session, this.#spec.user));
    return genuine(user, session, Number.isFinite(ends) ? ends : null, issuedAtS);
  }
}

/** When the app wrote a session: lib/context.js, `save`, sets `_expire` to then and `_maxAge`. Null: it ends with the browser. */
function writtenAtS(session: Data): number | null {
  const expire = lookAt(session, ['_expire']);
  const maxAge = lookAt(session, ['_maxAge']);
  return typeof expire === 'number' && typeof maxAge === 'number' ? (expire - maxAge) / 1000 : null;
}
