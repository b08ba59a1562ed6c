// An open door: what a session let in and what has not ended yet, looked at again for as long as it is open.
import type { LaterWork } from '../base/later-work.ts';
import { ENDED_MS, type Standing, type VerdictWaiter } from '../session/standing.ts';
import { VERDICT_NAMES } from '../session/verdict.ts';

/**
 * What is open of a request: nothing that could be closed; a poll, which has waited for its answer for long; an answer; one that has gone
 * on for long; a tunnel.
 */
export const OPEN = { shut: 0, poll: 1, answer: 2, stream: 3, tunnel: 4 } as const;

/** What a look came to: all is done; its verdict comes later; a verdict would have to be waited for, and there is no place. */
export const LOOK = { done: 0, waits: 1, left: 2 } as const;

/** Why a door was closed: the session was revoked; it ended by its own time; it ended otherwise, as by a logout; it is another user's now. */
export type CloseReason = 'revoked' | 'expired' | 'ended' | 'user';

/** The exchange, as its door sees it. */
export interface DoorOwner {
  /** What it was let in by, as SessionCheck has it. */
  readonly session: { readonly standing: Standing | null; readonly seen: number; readonly exempt: boolean };
  /** Asks for the verdict anew, as SessionGuard.check. */
  checkAgain(waiter: VerdictWaiter): Standing | null;
  /**
   * A verdict that stands otherwise, as the revocations leave it: the same where none ends it. Null: it must be asked for anew.
   */
  compared(standing: Standing): Standing | null;
  /** What is open of it (OPEN). */
  openAs(nowMs: number): number;
  /** The session is over, as `standing` says: what it let in is to be closed. */
  onSessionOver(standing: Standing): void;
}

/** Who keeps the doors of a worker. */
export interface DoorDesk {
  /** What is left to do behind a closed door that its client does not wait for. */
  readonly later: LaterWork;
  /** Lists it, until it is found shut. */
  join(door: Door): void;
  /** A verdict that a door waited for is there, or no longer waited for. */
  answered(): void;
  closed(session: string, reason: CloseReason): void;
  nowMs(): number;
  /** A whole number below `bound`. */
  chance(bound: number): number;
}

const INVALID = VERDICT_NAMES.indexOf('invalid');
const UNKNOWN = VERDICT_NAMES.indexOf('unknown');
/** Verdicts that run out at the same moment are asked for anew within so long, ms. */
const SPREAD_MS = 200;
/** What could not be told is asked again this often, ms, unless verdicts are remembered for less. */
const UNKNOWN_AGAIN_MS = 2000;
/**
 * A poll, and an answer that has not gone on for long, may do so for so long behind the end of their session, ms: a logout ends the session
 * before its own answer is complete, and that answer is the one thing that must reach the client.
 */
const ANSWER_GRACE_MS = 200;

/**
 * Part of an exchange, and reused with it. Open from the moment that the request is let in until it is over. It stays listed behind that until the
 * keeper's next round: most requests are over before one, and the next on the same connection finds it listed.
 */
export class Door implements VerdictWaiter {
  waitsFor: object | null = null;
  /** Neighbours in the keeper's list. */
  previous: Door | null = null;
  next: Door | null = null;
  listed = false;
  isOpen = false;
  readonly #desk: DoorDesk;
  readonly #owner: DoorOwner;
  /** The last verdict; null: nobody has looked yet. */
  #standing: Standing | null = null;
  /** Whose it is; null: nobody's yet. */
  #user: string | null = null;
  /** `Revocations.sequence` before the last verdict was asked for. */
  #seen = 0;
  /** When a verdict is asked for anew that is not remembered, ms. */
  #againMs = 0;
  #spreadMs = 0;
  #reason: CloseReason | null = null;
  #overMs = 0;

  constructor(desk: DoorDesk, owner: DoorOwner) {
    this.#desk = desk;
    this.#owner = owner;
  }

  /** The request was let in by a verdict. Hot. */
  open(): void {
    this.isOpen = true;
    if (!this.listed) this.#desk.join(this);
  }

  /** The request is over. Hot. */
  leave(): void {
    if (!this.isOpen) return;
    this.isOpen = false;
    if (this.#standing === null) return;
    this.#standing = null;
    this.#user = null;
    this.#reason = null;
    if (this.waitsFor === null) return;
    this.waitsFor = null;
    this.#desk.answered();
  }

  openAs(nowMs: number): number {
    return this.#owner.openAs(nowMs);
  }

  /** Whether there is something to do: `look` will do it. */
  isDue(nowMs: number, sequence: number): boolean {
    if (this.waitsFor !== null) return false;
    if (this.#reason !== null) return true;
    const standing = this.#standing ?? this.#begin(nowMs);
    const { untilMs } = standing;
    if (untilMs > nowMs) return standing.seen !== sequence;
    if (this.#seen !== sequence || untilMs < 0) return true;
    return nowMs >= Math.max(untilMs + this.#spreadMs, this.#againMs);
  }

  /** The first look: the verdict is the one that let it in. */
  #begin(nowMs: number): Standing {
    const { session } = this.#owner;
    const standing = session.standing!;
    this.#seen = session.seen;
    this.#user = userOf(standing);
    this.#keep(standing, nowMs);
    return standing;
  }

  #keep(standing: Standing, nowMs: number): void {
    this.#standing = standing;
    this.#spreadMs = this.#desk.chance(SPREAD_MS);
    const { againMs } = standing.verifier;
    // Old ones that stand in for an unknown one say since when.
    const soon = standing.verdict === UNKNOWN || standing.heldS >= 0;
    const after = soon ? Math.min(againMs, UNKNOWN_AGAIN_MS) : againMs;
    this.#againMs = nowMs + (standing.untilMs === 0 ? after : 0) + this.#spreadMs;
  }

  /** Closes, or asks for the verdict anew, which may be waited for if `mayWait` (LOOK). */
  look(nowMs: number, sequence: number, mayWait: boolean): number {
    if (this.#reason !== null) {
      this.#close(nowMs);
      return LOOK.done;
    }
    const before = this.#standing;
    // Mostly that alone decides it: also where the verdict was ended by what another door of the same session has found.
    if (before !== null && (before.untilMs > nowMs || before.untilMs === ENDED_MS)) {
      const compared = this.#owner.compared(before);
      if (compared !== null && (compared !== before || before.untilMs > nowMs)) {
        this.#seen = sequence;
        if (compared !== before) this.#judge(compared);
        return LOOK.done;
      }
    }
    if (!mayWait) return LOOK.left;
    this.#seen = sequence;
    const standing = this.#owner.checkAgain(this);
    if (standing === null) return LOOK.waits;
    this.#judge(standing);
    return LOOK.done;
  }

  onVerdict(standing: Standing): void {
    this.#desk.answered();
    this.#judge(standing);
  }

  #judge(standing: Standing): void {
    const nowMs = this.#desk.nowMs();
    this.#keep(standing, nowMs);
    this.#reason = this.#whyOver(standing);
    if (this.#reason === null) return;
    this.#overMs = nowMs;
    this.#close(nowMs);
  }

  /** Why it must be closed; null: it may stay open. */
  #whyOver(standing: Standing): CloseReason | null {
    const { verifier, verdict, reason } = standing;
    // An outage closes nothing: whoever is in stays in, until it is known that he may not.
    if (verdict === UNKNOWN || this.#owner.session.exempt) return null;
    // Where nobody is refused nothing is closed.
    if (verifier.policy.mayPass(INVALID, 'credential.none')) return null;
    if (!verifier.policy.mayPass(verdict, reason))
      return reason === 'revoked' || reason === 'expired' ? reason : 'ended';
    const user = userOf(standing);
    if (this.#user !== null && user !== this.#user) return 'user';
    this.#user = user;
    return null;
  }

  #close(nowMs: number): void {
    const open = this.#owner.openAs(nowMs);
    if (open === OPEN.shut) return;
    if (open < OPEN.stream && nowMs - this.#overMs < ANSWER_GRACE_MS) return;
    const standing = this.#standing!;
    this.#desk.closed(standing.verifier.name, this.#reason!);
    // Nothing is left to look at, though a tunnel takes leave for a while.
    this.leave();
    this.#owner.onSessionOver(standing);
  }
}

function userOf(standing: Standing): string | null {
  return standing.subject('').user;
}
