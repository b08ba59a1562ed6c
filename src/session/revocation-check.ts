// Holds the verdicts of one session block, new ones and those that are remembered, against what has been revoked.
import type { Pending } from './format.ts';
import { keyOf } from './login-noter.ts';
import type { Revocations } from './revocations.ts';
import { ENDED_MS, type Standing, type StandingFacts } from './standing.ts';
import type { StandingMaker } from './standing-maker.ts';
import type { VerdictMemory } from './verdict-memory.ts';

/** One a verifier. */
export class RevocationCheck {
  readonly #revocations: Revocations;
  readonly #make: StandingMaker;
  /** Null where nothing is remembered. */
  readonly #memory: VerdictMemory | null;

  constructor(revocations: Revocations, make: StandingMaker, memory: VerdictMemory | null) {
    this.#revocations = revocations;
    this.#make = make;
    this.#memory = memory;
  }

  /**
   * A verdict that somebody holds and that stands otherwise, as the revocations leave it: the same where none ends it. `key`: what it is
   * remembered by. Null: it was revoked before, and must be asked for anew.
   */
  comparedHeld(held: Standing, key: string): Standing | null {
    if (held.reason === 'revoked') return null;
    const { sequence } = this.#revocations;
    const subject = held.subject(key);
    if (this.#revocations.revokes(subject)) return this.#revoke(key, subject);
    held.seen = sequence;
    return held;
  }

  /** Whether what a request shows is revoked, whoever's it is; asked before its store is. */
  endsCredential(read: Pending, key: string, session: string | null): boolean {
    return this.#revocations.revokesCredential(key, session) || this.#isAliasRevoked(read);
  }

  /** Whether the same session was revoked as it is shown in its other way: an order that names a digest says nothing of that. */
  #isAliasRevoked(read: Pending): boolean {
    if (this.#revocations.sequence === 0) return false;
    const { alias } = read;
    return (
      alias !== undefined && this.#revocations.revokesCredential(keyOf({ ...read, identity: alias }), null)
    );
  }

  /** A remembered verdict as the revocations leave it; null: the revocation that ended it was lifted, so that it must be asked anew. Hot. */
  compared(kept: Standing, key: string): Standing | null {
    const { sequence } = this.#revocations;
    if (kept.seen === sequence) return kept;
    const subject = kept.subject(key);
    const revoked = this.#revocations.revokes(subject);
    if (revoked !== (kept.reason === 'revoked')) {
      if (revoked) return this.#revoke(key, subject);
      this.#memory?.delete(key);
      return null;
    }
    // Who was revoked is compared each time: a login or the end of the revocation lifts it without a word.
    if (!revoked) kept.seen = sequence;
    return kept;
  }

  /** The standing of somebody whose new verdict a revocation ends; null: none does. */
  ended(key: string, facts: StandingFacts): Standing | null {
    return this.#revocations.revokes({ key, ...facts }) ? this.#revoke(key, facts) : null;
  }

  /** Remembers that somebody ended it: an outage must not bring it back. */
  #revoke(key: string, facts: StandingFacts): Standing {
    const standing = this.#make.revoked(facts);
    const kept = this.#memory?.get(key);
    if (kept !== undefined) kept.untilMs = ENDED_MS;
    this.#memory?.set(key, standing);
    return standing;
  }
}
