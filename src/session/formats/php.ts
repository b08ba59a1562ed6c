// PHP's own sessions: a bare id in the cookie, the variables in a file, Redis or Memcached.

import { cookieValue } from '../cookie-profiles.ts';
import { asUserId, lookAt } from '../data.ts';
import { DecodeError } from '../decode/decode-error.ts';
import { decodePhpSession, meetsReference, PHP_HANDLERS } from '../decode/php-session.ts';
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

const options = {
  handler: {
    kind: 'choice',
    of: PHP_HANDLERS,
    default: 'php',
    about: '`session.serialize_handler`.',
  },
} as const;

type Spec = FormatSpec<OptionValues<typeof options>>;

export const php = formatKind({
  cookie: 'PHPSESSID',
  user: null,
  secrets: 'none',
  stores: ['file', 'redis', 'memcached'],
  storeless: false,
  options,
  about: 'PHP 7 and 8 with sessions in files, phpredis or php-memcached, in any serialize handler.',
  build: (spec) => new PhpSession(spec),
});

/** What keys begin with: ext/session mod_files.c; phpredis redis_session.c; php-memcached php_memcached_session.c. */
const PREFIXES: Readonly<Record<string, string>> = {
  file: 'sess_',
  redis: 'PHPREDIS_SESSION:',
  memcached: 'memc.sess.key.',
};

/** An id that PHP takes (ext/session/session.c, `php_session_valid_key`). */
const ID = /^[A-Za-z0-9,-]{1,256}$/;

/** The id of PHP's session cookie, or a Finding where there is none that PHP would take. */
export function readPhpId(cookies: string, name: string): string | Finding {
  const id = cookieValue('php', cookies, name);
  if (id === null || id === '') return invalid('credential.none');
  return ID.test(id) ? id : invalid('credential.malformed');
}

/**
 * PHP 8.2. The collector alone ends sessions in files: one that is older than gc_maxlifetime and still there is alive (mod_files.c,
 * `ps_files_read`). An empty session is one in which nobody is logged in.
 */
class PhpSession implements SessionFormat {
  readonly prepare = null;
  readonly steps = ['the id is looked at', 'the session is looked up by its id, and its variables are read'];
  readonly #spec: Spec;
  readonly #prefix: string;

  constructor(spec: Spec) {
    this.#spec = spec;
    this.#prefix = spec.prefix ?? PREFIXES[spec.store ?? 'file']!;
  }

  read({ cookies }: CredentialSource): Pending | Finding {
    const id = readPhpId(cookies, this.#spec.cookie);
    if (typeof id !== 'string') return id;
    return { identity: id, check: (stores) => this.#check(id, stores) };
  }

  async #check(id: string, stores: StoreReader): Promise<Finding> {
    const stored = await stores.get({ kind: 'value', key: `${this.#prefix}${id}` });
    if (stored === null) return invalid('store.none');
    const { handler } = this.#spec.options;
    try {
      const session = decodePhpSession(handler, stored.bytes);
      const user = asUserId(lookAt(session, this.#spec.user));
      if (user === null && handler === 'msgpack' && meetsReference(session, this.#spec.user))
        return unknown('user.elsewhere');
      return genuine(user, session, stored.endsAtS);
    } catch (error) {
      if (error instanceof DecodeError) return unknown('store.malformed');
      throw error;
    }
  }
}
