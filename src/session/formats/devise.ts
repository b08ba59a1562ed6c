// Devise over any of Rails' session stores: where Warden keeps the user, when he was last seen, and his remember-me cookie.
import { lookAt } from '../data.ts';
import {
  type CredentialSource,
  FormatProblem,
  type FormatSpec,
  formatKind,
  type Pending,
  type SessionFormat,
} from '../format.ts';
import type { OptionValues } from '../format-options.ts';
import { type Finding, invalid } from '../verdict.ts';
import { RailsCookie } from './rails-cookie.ts';
import { RAILS_COOKIE_OPTIONS } from './rails-options.ts';
import { RailsStore } from './rails-store.ts';
import { RAILS_STORE_FAMILIES, RAILS_STORE_OPTIONS } from './rails-store-options.ts';
import { orRemembered } from './remembered.ts';

const DEFAULT_SCOPE = 'user';

const options = {
  ...RAILS_COOKIE_OPTIONS,
  ...RAILS_STORE_OPTIONS,
  scope: {
    kind: 'text',
    default: DEFAULT_SCOPE,
    about: 'The scope that must be signed in: `user`, `admin`, …',
  },
  timeoutIn: {
    kind: 'seconds',
    default: null,
    about: '`timeout_in` of timeoutable: a user who was not seen for so long is signed out.',
  },
  remember: {
    kind: 'texts',
    default: [rememberOf(DEFAULT_SCOPE)],
    about: 'Names of remember-me cookies, `remember_SCOPE_token`: while one is sent, the app decides.',
  },
} as const;

type Spec = FormatSpec<OptionValues<typeof options>>;

export const devise = formatKind({
  cookie: null,
  user: userOf(DEFAULT_SCOPE),
  secrets: 'optional',
  stores: RAILS_STORE_FAMILIES,
  storeless: true,
  options,
  about: 'Devise 4 on Rails 6.1 to 8.1: in the encrypted cookie, or with a store in that.',
  build: (spec) => new Devise(spec),
});

/**
 * Warden's session_serializer.rb (`warden.user.SCOPE.key`: [[id], salt]) and Devise 4.8 hooks/timeoutable.rb and models/timeoutable.rb.
 * The salt is compared with the user's row, so a changed password is for the app to see.
 */
class Devise implements SessionFormat {
  readonly prepare = null;
  readonly steps: readonly string[];
  readonly alsoReads: readonly string[];
  readonly #inner: SessionFormat;
  readonly #remember: readonly string[];
  readonly #timeoutS: number | null;
  readonly #seen: readonly string[];

  constructor(spec: Spec) {
    const { scope } = spec.options;
    // The defaults are those of the default scope; what else was configured stands.
    const user = spec.user.join() === userOf(DEFAULT_SCOPE).join() ? userOf(scope) : spec.user;
    const remember = spec.options.remember.map((name) =>
      name === rememberOf(DEFAULT_SCOPE) ? rememberOf(scope) : name,
    );
    const inner = { ...spec, user, options: { ...spec.options, remember } };
    if (spec.store === null && spec.secrets.length === 0)
      throw new FormatProblem(
        'secrets',
        'sessions are in the cookie, but there is no secret',
        'the app’s secret_key_base, or the store that holds its sessions',
      );
    this.#inner = spec.store === null ? new RailsCookie(inner) : new RailsStore(inner);
    this.#remember = remember;
    this.alsoReads = remember;
    this.#timeoutS = spec.options.timeoutIn;
    this.#seen = [`warden.user.${scope}.session`, 'last_request_at'];
    this.steps = [
      ...this.#inner.steps,
      ...(this.#timeoutS === null ? [] : ['the time when the user was last seen is checked']),
    ];
  }

  read(request: CredentialSource, nowS: number): Pending | Finding {
    const pending = this.#inner.read(request, nowS);
    if (this.#timeoutS === null || !('check' in pending)) return pending;
    const { cookies } = request;
    const timeoutS = this.#timeoutS;
    return {
      ...pending,
      check: (stores, atS) => {
        const settle = (finding: Finding): Finding =>
          orRemembered(this.#timed(finding, timeoutS, atS), 'rack', cookies, this.#remember);
        const found = pending.check(stores, atS);
        return found instanceof Promise ? found.then(settle) : settle(found);
      },
    };
  }

  #timed(finding: Finding, timeoutS: number, nowS: number): Finding {
    if (finding.verdict !== 'valid' || finding.data === null) return finding;
    const seen = lookAt(finding.data, this.#seen);
    const seenAtS = typeof seen === 'string' ? Date.parse(seen) / 1000 : seen;
    if (typeof seenAtS !== 'number' || !Number.isFinite(seenAtS)) return finding;
    const endsAtS = seenAtS + timeoutS;
    if (endsAtS <= nowS) return invalid('expired');
    return { ...finding, endsAtS: Math.min(endsAtS, finding.endsAtS ?? endsAtS) };
  }
}

function userOf(scope: string): readonly (string | number)[] {
  return [`warden.user.${scope}.key`, 0, 0];
}

function rememberOf(scope: string): string {
  return `remember_${scope}_token`;
}
