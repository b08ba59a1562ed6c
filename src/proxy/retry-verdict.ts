// Whether a request whose attempt failed may be tried again: section 7 of the HTTP rules as one pure function.
import type { Fault } from '../base/fault.ts';
import { UPSTREAM_FAULT } from '../upstream/faults.ts';
import type { Upstream } from '../upstream/upstream.ts';

/** `free`: the retry budget is not asked; `paid`: it is. */
export const AGAIN = { no: 0, free: 1, paid: 2 } as const;

/**
 * Judges a failed attempt (rules T1–T6; RFC 9110 section 9.2.2).
 *
 * `attempts`: tries made so far, the failed one among them; `attemptsMax`: tries allowed after the first. `sent`: bytes of the request
 * were written. `idempotent`: of the method. `replayable`: the whole of what was sent is still held.
 */
export function judgeRetry(
  fault: Fault,
  attempts: number,
  attemptsMax: number,
  sent: boolean,
  idempotent: boolean,
  replayable: boolean,
): number {
  if (fault.retry === 'never' || attempts > attemptsMax || !replayable) return AGAIN.no;
  if (fault.retry === 'always') return AGAIN.free;
  if (sent && !idempotent) return AGAIN.no;
  // The retries of suspicion have a bounded allowance of their own: one a request, since the hung one is ejected.
  return fault === UPSTREAM_FAULT.hung ? AGAIN.free : AGAIN.paid;
}

/**
 * Whether a retry that is to be paid for is free after all: the request, sent at `sentMs`, was with `upstream` when that died. Its load
 * was the dead one's, so that the living are given what was there already (see RetryBudget). Call it once for a failed attempt.
 */
export function isOrphaned(fault: Fault, upstream: Upstream, sentMs: number, nowMs: number): boolean {
  if (fault !== UPSTREAM_FAULT.closedUnanswered && fault !== UPSTREAM_FAULT.closedReused) return false;
  return upstream.letGo(sentMs, nowMs);
}
