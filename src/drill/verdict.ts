// Judges what a drill found out against the limits that were set. What cannot be known is never good enough for a limit.
import type { Limits } from './plan.ts';
import type { DrillResult, Judged } from './result.ts';

/** What is judged. */
export type Findings = Pick<DrillResult, 'failures' | 'phases' | 'moved' | 'logins' | 'twice' | 'event'>;

/** One entry for each limit that holds, in the order in which they are told. */
export function judge(limits: Limits, found: Findings): Judged[] {
  const { failures, phases, moved, logins, twice, event } = found;
  const judged = [judgedBy('maxFailed', limits.failed, failures.count - failures.unavoidable)];
  if (limits.p99Ms !== null) {
    const all = phases.map(({ p99Ms }) => p99Ms).filter((ms) => ms !== null);
    judged.push(judgedBy('maxP99', limits.p99Ms, all.length === 0 ? null : Math.max(...all)));
  }
  if (limits.moved !== null) judged.push(judgedBy('maxMoved', limits.moved, moved?.needlessly ?? null));
  if (limits.lost !== null) judged.push(judgedBy('maxLost', limits.lost, logins?.count ?? null));
  // Nobody asked, but a write that is known to be handled twice is wrong with every proxy.
  const most = limits.twice ?? (twice.count === null ? null : 0);
  if (most !== null) judged.push(judgedBy('maxTwice', most, twice.count));
  // Load without its event proves nothing.
  if (event !== null) {
    judged.push(judgedBy('event', 0, event.fromMs === null || event.trouble !== null ? 1 : 0));
  }
  return judged;
}

function judgedBy(limit: Judged['limit'], allowed: number, was: number | null): Judged {
  return { limit, allowed, was, ok: was !== null && was <= allowed };
}
