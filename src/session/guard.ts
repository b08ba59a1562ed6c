// What stands before a route: one session block, or several of which any will do.
import { CarriedCookies } from './carried-cookies.ts';
import type { CredentialSource } from './format.ts';
import type { Standing, VerdictWaiter } from './standing.ts';
import { VERDICT_NAMES } from './verdict.ts';
import type { SessionVerifier } from './verifier.ts';
import { WithheldCookies } from './withheld-cookies.ts';

/**
 * How much a verdict is worth where several blocks are asked, by its number, if it passes and if it does not: the best one counts, of
 * equals the first. What cannot be told and is refused for that is worth more than a visitor who may not pass, so that nobody is sent
 * to log in by an outage, and less than one who may.
 */
const REFUSED = VERDICT_NAMES.map((verdict) => ['invalid', 'anonymous', 'unknown'].indexOf(verdict));
const PASSING = VERDICT_NAMES.map((verdict) =>
  verdict === 'invalid' ? 0 : 3 + ['anonymous', 'unknown', 'valid'].indexOf(verdict),
);
const VALID = VERDICT_NAMES.indexOf('valid');

function worthOf({ verifier, verdict, reason }: Standing): number {
  return (verifier.policy.mayPass(verdict, reason) ? PASSING : REFUSED)[verdict]!;
}

/** What a client shows that the app is not to see. */
export interface Withheld {
  readonly cookies: WithheldCookies;
  /** `Authorization` too. */
  readonly authorization: boolean;
}

/** One a route and worker. */
export class SessionGuard {
  /** In the order of the config, at least one. */
  readonly verifiers: readonly SessionVerifier[];
  /** Whether a connection may remember its last verdict by `Cookie` and `Authorization` alone. */
  readonly memorable: boolean;
  /** The cookies that its blocks read. */
  readonly cookies: CarriedCookies;
  /** Null: all reaches the app. */
  readonly withheld: Withheld | null;

  constructor(verifiers: readonly SessionVerifier[]) {
    this.verifiers = verifiers;
    this.memorable = verifiers.every((verifier) => verifier.memorable);
    this.cookies = new CarriedCookies(verifiers.flatMap(({ carriers }) => carriers));
    const withholding = verifiers.filter(({ withholds }) => withholds);
    this.withheld =
      withholding.length === 0
        ? null
        : {
            cookies: new WithheldCookies(withholding.flatMap(({ carriers }) => carriers)),
            authorization: withholding.some(({ bearer, authorization }) => bearer || authorization),
          };
  }

  /** `Revocations.notesLogins`. Hot. */
  get notesLogins(): boolean {
    return this.verifiers[0]!.notesLogins;
  }

  /** `Revocations.isAt`. Hot. */
  isAt(sequence: number): boolean {
    return this.verifiers[0]!.isAt(sequence);
  }

  /** `Revocations.sequence`. */
  get sequence(): number {
    return this.verifiers[0]!.sequence;
  }

  /** The standing now, or null: then `waiter` is told later, as SessionVerifier.check says. */
  check(source: CredentialSource, waiter: VerdictWaiter): Standing | null {
    const only = this.verifiers.length === 1 ? this.verifiers[0]! : null;
    return only === null ? new Walk(this.verifiers, source, waiter).go() : only.check(source, waiter);
  }
}

/** One request before several blocks, which are asked one after the other. */
class Walk implements VerdictWaiter {
  waitsFor: object | null = null;
  readonly #verifiers: readonly SessionVerifier[];
  readonly #source: CredentialSource;
  readonly #waiter: VerdictWaiter;
  #next = 0;
  #best: Standing | null = null;

  constructor(verifiers: readonly SessionVerifier[], source: CredentialSource, waiter: VerdictWaiter) {
    this.#verifiers = verifiers;
    this.#source = source;
    this.#waiter = waiter;
  }

  /** Asks on; the standing once it is known, or null while a block is waited for. */
  go(): Standing | null {
    while (this.#next < this.#verifiers.length) {
      const standing = this.#verifiers[this.#next++]!.check(this.#source, this);
      if (standing === null) {
        this.#waiter.waitsFor = this;
        return null;
      }
      if (this.#take(standing)) break;
    }
    return this.#best;
  }

  onVerdict(standing: Standing): void {
    if (this.#waiter.waitsFor !== this) return;
    const done = this.#take(standing) ? this.#best : this.go();
    if (done === null) return;
    this.#waiter.waitsFor = null;
    this.#waiter.onVerdict(done);
  }

  /** Notes a standing; true when no other one can matter. Who was revoked is refused, whatever else he shows. */
  #take(standing: Standing): boolean {
    const isRevoked = standing.reason === 'revoked';
    if (this.#best === null || isRevoked || worthOf(standing) > worthOf(this.#best)) this.#best = standing;
    return isRevoked || (standing.verdict === VALID && standing.verifier.sequence === 0);
  }
}
