// Which sessions that an app gives out come from a login: those are let live by a revocation that ends what their user held before.
import { hash } from 'node:crypto';
import type { CredentialSource, Pending } from './format.ts';
import type { Revocations } from './revocations.ts';
import { factsOf, type Standing, type StandingOwner } from './standing.ts';
import { NO_STORE } from './store.ts';
import { VERDICT_NAMES } from './verdict.ts';

const INVALID = VERDICT_NAMES.indexOf('invalid');
const UNKNOWN = VERDICT_NAMES.indexOf('unknown');

/** What a verdict on a credential is remembered by: SHA-256 of its identity, one character a byte. */
export function keyOf({ identity }: Pending): string {
  return hash('sha256', identity, 'latin1');
}

/** The verifier whose sessions they are, as the noter needs it. */
export interface LoginNoterInput {
  readonly owner: StandingOwner;
  readonly revocations: Revocations;
  /** The cookie holds all. */
  readonly storeless: boolean;
  /** Wall clock, ms. */
  readonly wallMs: () => number;
  /** The credential in a request; null: there is none that could be checked. Never throws. */
  readonly read: (source: CredentialSource) => Pending | null;
  /** The verdict that is remembered; null: none. */
  readonly remembered: (key: string) => Standing | null;
  /** Told of a check that threw. */
  readonly failed: (error: unknown) => void;
}

/** One a verifier. Asked only while a revocation is in force that a login lifts, or came while a request was on its way, so not hot. */
export class LoginNoter {
  readonly #in: LoginNoterInput;

  constructor(input: LoginNoterInput) {
    this.#in = input;
  }

  /**
   * An answer gives out what `given` holds to a request that showed `shown` and whose verdict was `standing`. Notes it as a login, unless it
   * is the session that was shown, or one that need not come from a login. False: the session that was shown was revoked meanwhile, so that
   * whatever is given in its place ends with it.
   */
  note(given: CredentialSource, shown: CredentialSource, standing: Standing): boolean {
    const { owner, revocations, read, remembered } = this.#in;
    // A revoked session was withheld: the app did not see it, so that what it gives is not its successor.
    const before = standing.reason === 'revoked' ? null : read(shown);
    const key = before === null ? '' : keyOf(before);
    const known = standing.verifier === owner ? standing : remembered(key);
    const isKnown = known !== null && known.verdict !== UNKNOWN;
    if (before !== null && isKnown && known.verdict !== INVALID)
      if (revocations.revokes(known.subject(key))) return false;
    if (!revocations.notesLogins) return true;
    const after = read(given);
    if (after === null || after.identity === before?.identity || after.identity === before?.alias)
      return true;
    // Nobody could tell whose session was shown, or a remember-me cookie was, which is the user's from before.
    if (!isKnown && (before !== null || known !== null)) return true;
    const givenKey = keyOf(after);
    if (!this.#mayBeEnded(after, givenKey)) return true;
    revocations.noteLogin(givenKey);
    if (after.alias !== undefined) revocations.noteLogin(keyOf({ ...after, identity: after.alias }));
    return true;
  }

  /**
   * Whether a revocation would end what has just been given out. Told at once where it is all in the cookie, so that visitors are not noted;
   * what the store has of it may not be written yet.
   */
  #mayBeEnded(given: Pending, key: string): boolean {
    const { storeless, wallMs, revocations, failed } = this.#in;
    if (!storeless) return true;
    try {
      const found = given.check(NO_STORE, wallMs() / 1000);
      if (found instanceof Promise) {
        found.catch(failed);
        return true;
      }
      const facts = factsOf(found, given.session ?? null);
      return found.data !== null && revocations.revokes({ key, ...facts });
    } catch (error) {
      failed(error);
      return true;
    }
  }
}
