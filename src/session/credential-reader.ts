// What requests and answers of one session block show, read without any verdict: never throws, whatever they hold.
import type { CredentialSource, Pending } from './format.ts';
import { type HomeKeys, homeOfCookies } from './home-keys.ts';
import { keyOf } from './login-noter.ts';
import type { VerifierInput } from './verifier-input.ts';

/** The parts of the verifier's input that it reads by. */
export type ReaderInput = Pick<VerifierInput, 'options' | 'format' | 'store' | 'homes' | 'wallMs' | 'onBug'>;

export class CredentialReader {
  readonly #in: ReaderInput;

  constructor(input: ReaderInput) {
    this.#in = input;
  }

  /** The credential in a request; null: there is none that could be checked. */
  read(source: CredentialSource): Pending | null {
    try {
      const read = this.#in.format.read(source, this.#in.wallMs() / 1000);
      return 'check' in read ? read : null;
    } catch (error) {
      this.#in.onBug(this.#in.options.name, error);
      return null;
    }
  }

  /** What a verdict on this is remembered by; null: there is nothing that could be checked. */
  keyOf(source: CredentialSource): string | null {
    const read = this.read(source);
    return read === null ? null : keyOf(read);
  }

  /** What stands for the session that the cookie would show with this value: the same for every spelling of it. Null: it shows none. */
  identityOf(value: string): string | null {
    const cookies = `${this.#in.options.cookie}=${value}`;
    const read = this.read({ cookies, authorization: null, userAgent: null, clientAddress: '' });
    return read === null ? null : (read.session ?? read.identity);
  }

  /**
   * What the home of a session is found by that an app has just given out: `cookies` are those that it set, as a browser would send them.
   * Null: they hold no session, or no pool asks.
   */
  givenHome(cookies: string): HomeKeys | null {
    const { options, format, store, homes, wallMs, onBug } = this.#in;
    if (homes === undefined) return null;
    try {
      return homeOfCookies(format, store === null, cookies, wallMs() / 1000, homes);
    } catch (error) {
      onBug(options.name, error);
      return null;
    }
  }
}
