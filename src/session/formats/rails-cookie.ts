// Rails' cookie store: the session itself in the cookie, encrypted.
import type { RailsMessages } from '../crypto/rails-messages.ts';
import { looksEncrypted } from '../crypto/rails-messages.ts';
import { asUserId, lookAt } from '../data.ts';
import { DecodeError } from '../decode/decode-error.ts';
import { openRailsEnvelope, type RailsMessage } from '../decode/rails-envelope.ts';
import { OtherSerializer, type RubySerializer } from '../decode/ruby-session.ts';
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
import { type RackCheck, readRack, withOwnId } from './rack-credential.ts';
import { RAILS_COOKIE_OPTIONS, railsMessages } from './rails-options.ts';

const options = {
  ...RAILS_COOKIE_OPTIONS,
  remember: {
    kind: 'texts',
    default: [],
    about: 'Names of remember-me cookies: while one is sent, the app decides.',
  },
} as const;

export type RailsCookieSpec = FormatSpec<OptionValues<typeof options>>;

export const railsCookie = formatKind({
  cookie: null,
  user: null,
  secrets: 'needed',
  stores: [],
  storeless: true,
  options,
  about: 'Rails’ cookie_store, 5.2 to 8.1; secrets are `secret_key_base` and those of rotations.',
  build: (spec) => new RailsCookie(spec),
});

/** ActionDispatch::Session::CookieStore and the encrypted cookie jar of Rails 6.1 to 8.1 (action_dispatch/middleware/cookies.rb). */
export class RailsCookie implements SessionFormat, RackCheck {
  readonly prepare = null;
  readonly alsoReads: readonly string[];
  readonly steps: readonly string[] = [
    'the cookie is decrypted, and its signature checked with it',
    'its purpose, which is this cookie’s name, and its end are checked',
    'the session is read from the cookie',
  ];
  readonly #spec: RailsCookieSpec;
  readonly #messages: RailsMessages;
  readonly #purpose: string;
  readonly #serializer: RubySerializer;

  constructor(spec: RailsCookieSpec) {
    this.#spec = spec;
    this.alsoReads = spec.options.remember;
    this.#messages = railsMessages(spec.secrets, spec.options);
    this.#purpose = `cookie.${spec.cookie}`;
    this.#serializer = spec.options.serializer;
  }

  read(request: CredentialSource): Pending | Finding {
    return readRack(request.cookies, this.#spec.cookie, this.#spec.options.remember, this);
  }

  canonical(value: string): string | null {
    return looksEncrypted(value) ? value : null;
  }

  check(value: string, _stores: StoreReader, nowS: number): Finding {
    const plain = this.#messages.open(value);
    if (plain === null) return invalid('decrypt.failed');
    let message: RailsMessage | null;
    try {
      message = openRailsEnvelope(plain, this.#purpose, this.#serializer);
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error;
      return error instanceof OtherSerializer
        ? unknown('credential.serializer')
        : invalid('credential.malformed');
    }
    if (message === null) return invalid('token.claims');
    const { session, endsAtS } = message;
    if (endsAtS !== null && nowS >= endsAtS) return invalid('expired');
    return withOwnId(genuine(asUserId(lookAt(session, this.#spec.user)), session, endsAtS));
  }
}
