// Sessions of @fastify/session 11: a signed id in the cookie, JSON in Redis, and an expiry inside that counts too.
import { cookieValue } from '../cookie-profiles.ts';
import { verifiedId } from '../crypto/signed-id.ts';
import { asUserId, lookAt } from '../data.ts';
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
import { CREDENTIAL_MAX } from './credential.ts';
import { sessionOf } from './express-session.ts';

const options = {
  cookiePrefix: {
    kind: 'text',
    default: '',
    about: '`cookiePrefix` of the plug-in; apps that came from Express set `s:`.',
  },
  algorithm: {
    kind: 'choice',
    of: ['sha256', 'sha1', 'sha384', 'sha512'],
    default: 'sha256',
    about: '`algorithm` of the plug-in.',
  },
} as const;

type Spec = FormatSpec<OptionValues<typeof options>>;

export const fastifySession = formatKind({
  cookie: 'sessionId',
  user: null,
  secrets: 'needed',
  stores: ['redis', 'memcached'],
  storeless: false,
  memory: 'its MemoryStore',
  options,
  about: '@fastify/session with the stores of Express, such as connect-redis.',
  build: (spec) => new FastifySession(spec),
});

/** lib/fastifySession.js of @fastify/session 11.1, `decryptSession`; its cookies are read by @fastify/cookie 11. */
class FastifySession implements SessionFormat {
  readonly prepare = null;
  readonly steps = [
    'the cookie’s signature is checked',
    'the session is looked up by its id',
    'its own expiry must not have passed',
  ];
  readonly #spec: Spec;

  constructor(spec: Spec) {
    this.#spec = spec;
  }

  read({ cookies }: CredentialSource): Pending | Finding {
    const { cookie, secrets, options } = this.#spec;
    const value = cookieValue('npm-cookie2', cookies, cookie);
    if (value === null || value === '') return invalid('credential.none');
    if (value.length > CREDENTIAL_MAX) return invalid('credential.too-long');
    if (!value.startsWith(options.cookiePrefix)) return invalid('credential.malformed');
    const id = verifiedId(value.slice(options.cookiePrefix.length), secrets, options.algorithm);
    if (id === null) return invalid('signature.bad');
    return { identity: id, check: (stores, nowS) => this.#check(id, stores, nowS) };
  }

  async #check(id: string, stores: StoreReader, nowS: number): Promise<Finding> {
    const { prefix, store, user } = this.#spec;
    const stored = await stores.get({
      kind: 'value',
      key: `${prefix ?? (store === 'redis' ? 'sess:' : '')}${id}`,
    });
    if (stored === null) return invalid('store.none');
    const session = sessionOf(stored.bytes);
    if (session === undefined) return unknown('store.malformed');
    const expires = lookAt(session, ['cookie', 'expires']);
    const endsAtS = typeof expires === 'string' ? Date.parse(expires) / 1000 : null;
    // `expires` is a Date there, and a text that is none compares as never past.
    if (endsAtS !== null && endsAtS <= nowS) return invalid('expired');
    const ends = [stored.endsAtS, endsAtS].filter((end) => end !== null && Number.isFinite(end)) as number[];
    return genuine(asUserId(lookAt(session, user)), session, ends.length === 0 ? null : Math.min(...ends));
  }
}
