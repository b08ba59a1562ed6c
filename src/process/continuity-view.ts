// What the continuity monitor has counted of each pool, and what an operator is to make of it.
import type { ContinuityFinding, ContinuityView } from '../admin/view.ts';
import type { PoolConfig } from '../config/config.ts';
import type { MetricShelf } from '../observe/metric-shelf.ts';

/** Changes of instance without a loss that are enough to say that none is to be feared: with 3 in 100 lost, so many go well once in 20 times. */
const ENOUGH_CHANGES = 100;
/** Losses after a change that are more than chance. */
const ENOUGH_RESETS = 3;
/** Losses go with changes when they are so many times as frequent after one as without. */
const TIMES_AS_OFTEN = 3;

/** What was counted of a pool. */
export interface ContinuityCounts {
  /** Requests by which instance answered a session that is watched. */
  readonly requests: ContinuityView['requests'];
  readonly resets: ContinuityView['resets'];
}

/** The pools that are watched, in config order. */
export function continuityViews(pools: readonly PoolConfig[], shelf: MetricShelf): ContinuityView[] {
  return pools.flatMap(({ name, continuity }) =>
    continuity === null ? [] : [viewOf(name, continuity.cookie, shelf)],
  );
}

function viewOf(pool: string, cookie: string, shelf: MetricShelf): ContinuityView {
  const at = { pool };
  const requests = (result: string): number =>
    shelf.total('limpet_session_instances_total', { ...at, result });
  const resets = (cause: string): number => shelf.total('limpet_session_resets_total', { ...at, cause });
  const counts: ContinuityCounts = {
    requests: { first: requests('first'), kept: requests('kept'), changed: requests('changed') },
    resets: { moved: resets('moved'), same: resets('same') },
  };
  return {
    pool,
    cookie,
    sessions: shelf.total('limpet_sessions_seen_total', at),
    ...counts,
    share: shareOf(counts),
    ...judge(pool, counts),
  };
}

function shareOf({ requests, resets }: ContinuityCounts): number | null {
  return requests.changed === 0 ? null : Math.round((resets.moved / requests.changed) * 1000) / 1000;
}

/** The finding and its sentence. */
export function judge(
  pool: string,
  { requests, resets }: ContinuityCounts,
): { readonly finding: ContinuityFinding; readonly sentence: string } {
  const { changed } = requests;
  const changes = `${format(changed)} ${changed === 1 ? 'change' : 'changes'} of instance`;
  const lost = resets.moved === 1 ? 'session was lost' : 'sessions were lost';
  const were = resets.same === 1 ? 'was lost where it had' : 'were lost where they had';
  const without =
    resets.same === 0 ? '' : `; ${format(resets.same)} ${were} been, which is no matter of stickiness`;
  if (changed < ENOUGH_CHANGES && resets.moved < ENOUGH_RESETS) {
    const so =
      changed === 0 ? 'no session has changed its instance' : `${format(resets.moved)} ${lost} in ${changes}`;
    const sentence = `not enough changes seen yet (${so}): take an instance out (maintenance) or run \`limpet drill\` to make some${without}`;
    return { finding: 'unclear', sentence };
  }
  if (resets.moved === 0)
    return { finding: 'free', sentence: `no session was lost in ${changes}: affinity can go${without}` };
  // As many would have been lost had nobody moved.
  const expected = (changed * resets.same) / Math.max(1, requests.kept + requests.first);
  if (resets.moved < ENOUGH_RESETS || resets.moved < TIMES_AS_OFTEN * expected) {
    const often = resets.same === 0 ? '' : ', which is about as often as without one';
    return {
      finding: 'unrelated',
      sentence: `${format(resets.moved)} ${lost} in ${changes}${often}: affinity is not what keeps them`,
    };
  }
  return {
    finding: 'depends',
    sentence: `pool ${pool} depends on stickiness: ${format(resets.moved)} ${lost} in ${changes}${without}`,
  };
}

function format(count: number): string {
  return count.toLocaleString('en');
}
