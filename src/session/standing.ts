// A verdict as requests use it, and who waits for one.

import type { HomeKeys } from './home-keys.ts';
import { encodeFieldText } from './passed-fields.ts';
import type { PhantomToken } from './phantom/phantom-token.ts';
import type { SessionPolicy } from './policy.ts';
import type { RevocationSubject } from './revocations.ts';
import type { Tracked } from './tracked.ts';
import { type Finding, type Reason, VERDICT_NAMES } from './verdict.ts';

/** `untilMs` of a standing that has ended before its time: by a logout, a change in the store, or a revocation. */
export const ENDED_MS = -1;

/** The verifier, as those see it who hold a verdict of its. */
export interface StandingOwner {
  /** Of the session block. */
  readonly name: string;
  readonly policy: SessionPolicy;
  /** Name of the session cookie. */
  readonly cookie: string;
  /** Whether its credentials may come as bearer tokens: how a refusal challenges. */
  readonly bearer: boolean;
  /** How often whoever stays is asked for again where his verdict is not remembered, ms. */
  readonly againMs: number;
  /** `Revocations.sequence`. */
  readonly sequence: number;
  /** `Revocations.isAt`. Hot. */
  isAt(sequence: number): boolean;
  /** A verdict remembered by a connection was used again. Hot. */
  countAgain(standing: Standing): void;
  /** Has the token of a standing signed anew for whom it took too long; false: it is good, or there is none. */
  awaitToken(standing: Standing, waiter: VerdictWaiter): boolean;
}

/** Texts shorter than this are never pieces of others, UTF-16 units (V8, `SlicedString::kMinLength`). */
const SLICED_MIN = 13;

/** What a revocation can name beside the credential. */
export type StandingFacts = Omit<RevocationSubject, 'key'>;

/**
 * Changes that a verdict is read again for since its last use: parallel requests touch a session as often as they are, and behind them one
 * that is used elsewhere is let go.
 */
export const REREADS = 4;

/** What many standings have in common, made once for all of them. */
export interface StandingKind {
  readonly verifier: StandingOwner;
  /** Position in VERDICT_NAMES. */
  readonly verdict: number;
  readonly reason: Reason;
}

/**
 * A verdict as requests use it. Small: a million of them are remembered. Times are whole numbers, which take no room of their own. What each
 * request looks at comes first, so that the processor fetches one or two lines of memory for it and not three.
 */
export class Standing {
  readonly kind: StandingKind;
  /** Until when it may be used again, monotonic ms; 0: only for this request; ENDED_MS: no more. Set back when the session ends early. */
  untilMs: number;
  /** Field lines for the upstream. */
  readonly lines: string;
  /** `Revocations.sequence` when it was last compared with them. */
  seen = 0;
  /** What the app is given in place of the session; null: nothing. */
  token: PhantomToken | null = null;
  /** How many changes it is still read again for: set by each use, so that one that nobody uses here costs the store nothing more. */
  rereads = REREADS;
  /** When it was last known to be true, monotonic s; −1: it is in doubt, so that no outage may lengthen it. */
  heldS = -1;
  /** When the session itself ends, unix s; −1: not known. */
  endsS = -1;
  /** What it was read from, where the store tells of changes; else null. */
  tracked: Tracked | null = null;
  /** Null: it says no more of itself than its user, whose line is the second. */
  facts: StandingFacts | null = null;
  /** What its home is found by; null: no pool looks for one, or there was nothing to tell it by. */
  home: HomeKeys | null = null;

  constructor(kind: StandingKind, untilMs: number, lines: string) {
    this.kind = kind;
    this.untilMs = untilMs;
    this.lines = lines;
  }

  get verifier(): StandingOwner {
    return this.kind.verifier;
  }

  /** Position in VERDICT_NAMES. */
  get verdict(): number {
    return this.kind.verdict;
  }

  get reason(): Reason {
    return this.kind.reason;
  }

  /** Whether it may be used now, and with the token that it has. Hot. */
  stands(nowMs: number): boolean {
    if (this.untilMs <= nowMs || !this.verifier.isAt(this.seen)) return false;
    return this.token === null || this.token.untilMs > nowMs;
  }

  /** What revocations are compared with. `key`: SHA-256 of the identity that it is remembered by. */
  subject(key: string): RevocationSubject {
    if (this.facts !== null) return { key, ...this.facts };
    return { key, session: null, user: secondValue(this.lines), tokenId: null, issuedAtS: null };
  }

  /** The same for one request in an outage: the app is told that it is an old verdict. */
  asStale(): Standing {
    const lines = this.lines.replace('\r\n', ';stale\r\n');
    const stale = new Standing(this.kind, 0, lines);
    stale.seen = this.seen;
    stale.heldS = this.heldS;
    stale.endsS = this.endsS;
    stale.facts = this.facts;
    stale.token = this.token;
    stale.home = this.home;
    return stale;
  }
}

/** One whose store tells of its changes. */
export interface TrackedStanding extends Standing {
  tracked: Tracked;
}

export function isTracked(standing: Standing): standing is TrackedStanding {
  return standing.tracked !== null;
}

/** Who waits for a verdict. To give the waiting up, it sets `waitsFor` to null, and may wait for something else at once. */
export interface VerdictWaiter {
  /** What will tell the verdict; set by `check` when it returns null, and null again before the verdict is told. */
  waitsFor: object | null;
  onVerdict(standing: Standing): void;
}

/** One check under way, and all who wait for it. */
export class CheckFlight {
  readonly #waiters: VerdictWaiter[] = [];

  join(waiter: VerdictWaiter): void {
    waiter.waitsFor = this;
    this.#waiters.push(waiter);
  }

  /** Those who still wait, each taken out of its waiting as it is given. */
  *land(): Iterable<VerdictWaiter> {
    for (const waiter of this.#waiters) {
      if (waiter.waitsFor !== this) continue;
      waiter.waitsFor = null;
      yield waiter;
    }
  }
}

/** What a finding says that revocations can name. */
export function factsOf(finding: Finding, session: string | null): StandingFacts {
  const user = finding.user === null ? null : ownText(String(finding.user));
  const id = finding.session ?? session;
  const { tokenId = null, issuedAtS = null } = finding;
  return { session: id === null ? null : ownText(id), user, tokenId, issuedAtS };
}

/** The same text in memory of its own: as a piece of a `Cookie` field it would keep the whole of that for as long as it is remembered. */
function ownText(text: string): string {
  if (text.length < SLICED_MIN) return text;
  const encoding = /[^\0-\xff]/.test(text) ? 'utf16le' : 'latin1';
  return Buffer.from(text, encoding).toString(encoding);
}

/** Whether the lines tell all of it, so that nothing more need be remembered. */
export function areInLines(facts: StandingFacts, userField: string | null): boolean {
  const { session, user, tokenId, issuedAtS } = facts;
  if (session !== null || tokenId !== null || issuedAtS !== null) return false;
  return userField !== null && user !== null && user.length <= 1024 && encodeFieldText(user) === user;
}

/** The value of the second of some field lines. */
function secondValue(lines: string): string | null {
  const start = lines.indexOf(': ', lines.indexOf('\r\n')) + 2;
  return start < 2 ? null : lines.slice(start, lines.indexOf('\r\n', start));
}

export function verdictNumber(finding: Finding): number {
  return VERDICT_NAMES.indexOf(finding.verdict);
}
