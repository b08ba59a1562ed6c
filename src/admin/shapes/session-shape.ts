// Session blocks and the continuity of sessions as the admin API tells them.
import { amount, choice, count, flag, list, orNull, part, ref, shape, text } from '../schema.ts';
import type { ContinuityView, SessionView } from '../view.ts';

type StoreView = NonNullable<SessionView['store']>;
type PushView = NonNullable<SessionView['push']>;
type CacheView = NonNullable<SessionView['cache']>;
type KeptView = NonNullable<SessionView['revocations']>;

export const SESSION = shape<SessionView>('Session', 'One session block of the config.', {
  name: text('Its name in the config.'),
  verify: text('The format: `express-session`, `jwt` …'),
  require: choice('What a request needs to pass.', ['login', 'session', 'nothing']),
  checks: part<SessionView['checks']>('Requests by verdict since start.', {
    valid: count(''),
    anonymous: count(''),
    invalid: count(''),
    unknown: count(''),
  }),
  cache: orNull(
    part<CacheView>('Null: nothing is remembered.', {
      hits: count('Checks answered from it.'),
      entries: count('Verdicts that all workers remember now.'),
    }),
  ),
  store: orNull(
    part<StoreView>('Null: its sessions need none.', {
      kind: text('`redis`, `postgres` …'),
      up: flag('It answers every worker.'),
      why: text('Why it does not, in one sentence; empty while it does.'),
    }),
  ),
  push: orNull(
    part<PushView>('Whether the store tells of changes; null: it is not asked to, or cannot.', {
      up: flag('It tells every worker.'),
      why: text('Why it does not, in one sentence; empty while it does.'),
    }),
  ),
  revocations: orNull(
    part<KeptView>('Where revocations of all blocks are kept.', {
      kept: choice('In this process alone, or in a Redis that others share.', ['process', 'redis']),
      synced: flag('Other replicas are told, and tell.'),
    }),
  ),
});

export const CONTINUITY = shape<ContinuityView>(
  'Continuity',
  'A pool whose sessions are watched; counts are since start.',
  {
    pool: text('Name of the pool.'),
    cookie: text("The app's session cookie."),
    sessions: count('Sessions that clients came back with.'),
    requests: part<ContinuityView['requests']>('Their requests, by who answered.', {
      first: count('Not known to have been answered before.'),
      kept: count('The same instance as the last time.'),
      changed: count('Another.'),
    }),
    resets: part<ContinuityView['resets']>('Sessions that were lost.', {
      moved: count('By an instance that had not answered them before.'),
      same: count('Where they had been.'),
    }),
    share: orNull(
      amount('Of the changes of instance, how many cost the session, 0 to 1; null: there was none.'),
    ),
    finding: choice('What that comes to.', ['depends', 'free', 'unrelated', 'unclear']),
    sentence: text('The finding in words.'),
  },
);

/** The list of either. */
export const SESSIONS = list(ref(SESSION), 'In config order.');
export const CONTINUITIES = list(ref(CONTINUITY), 'In config order.');
