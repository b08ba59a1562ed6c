// Makes standings out of findings: with their lines, for one request or to be remembered.
import { type HomeKeys, homeKeys } from './home-keys.ts';
import { passedLines } from './passed-fields.ts';
import type { PhantomToken } from './phantom/phantom-token.ts';
import {
  Standing,
  type StandingFacts,
  type StandingKind,
  type StandingOwner,
  verdictNumber,
} from './standing.ts';
import { type Finding, REVOKED, type Reason, VERDICT_NAMES } from './verdict.ts';
import type { VerifierInput } from './verifier-input.ts';

/** In place of `seen`: no sequence has it. */
const NEVER_SEEN = -1;

export class StandingMaker {
  readonly #owner: StandingOwner;
  readonly #in: Pick<VerifierInput, 'options' | 'homes'>;
  /** Verdicts that say nothing but themselves, made once. */
  readonly #plain = new Map<Reason, Standing>();
  readonly #kinds: readonly Map<Reason, StandingKind>[] = VERDICT_NAMES.map(() => new Map());

  constructor(owner: StandingOwner, input: Pick<VerifierInput, 'options' | 'homes'>) {
    this.#owner = owner;
    this.#in = input;
  }

  /** What the home of a session is found by; null: no pool asks. */
  home(key: string, session: string | null, user: Finding['user']): HomeKeys | null {
    const { homes } = this.#in;
    return homes === undefined ? null : homeKeys(key, session, user, homes);
  }

  /** To be used until `untilMs`; 0: once. */
  make(finding: Finding, untilMs: number): Standing {
    return new Standing(this.#kind(finding), untilMs, this.#lines(finding));
  }

  #kind(finding: Finding): StandingKind {
    const { reason } = finding;
    const verdict = verdictNumber(finding);
    let kind = this.#kinds[verdict]!.get(reason);
    if (kind === undefined) {
      kind = { verifier: this.#owner, verdict, reason };
      this.#kinds[verdict]!.set(reason, kind);
    }
    return kind;
  }

  /** For one request. What holds nothing of a session is the same for all. */
  once(finding: Finding, home: HomeKeys | null, token: PhantomToken | null = null): Standing {
    if (isOfSomebody(finding) || home !== null) {
      const single = this.make(finding, 0);
      single.home = home;
      single.token = token;
      if (finding.endsAtS !== null) single.endsS = Math.floor(finding.endsAtS);
      return single;
    }
    let standing = this.#plain.get(finding.reason);
    if (standing === undefined || VERDICT_NAMES[standing.verdict] !== finding.verdict) {
      standing = this.make(finding, 0);
      this.#plain.set(finding.reason, standing);
    }
    return standing;
  }

  /** For what somebody ended: to be remembered for good, and compared each time. */
  revoked(facts: StandingFacts): Standing {
    const standing = this.make(REVOKED, Number.MAX_SAFE_INTEGER);
    standing.seen = NEVER_SEEN;
    standing.facts = facts;
    return standing;
  }

  #lines(finding: Finding): string {
    const { pass } = this.#in.options;
    const lines = passedLines(finding, pass.user, pass.fields);
    // Put together from pieces it would be a tree of them: larger to keep, and slower to write with every request.
    return Buffer.from(lines, 'latin1').toString('latin1');
  }
}

/** Whether a session was found at all: a service may say no more of one than its user. */
export function isOfSomebody(finding: Finding): boolean {
  return finding.data !== null || finding.user !== null;
}
