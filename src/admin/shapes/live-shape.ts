// The state of the house at one moment, what is wrong in it, and its last ten minutes, as the admin API tells them.
import { OBSERVED_NAMES, WANTED_NAMES } from '../../upstream/upstream-table.ts';
import type {
  LiveFigures,
  LiveHistory,
  LiveLine,
  LivePool,
  LiveSession,
  LiveSnapshot,
  LiveUpstream,
  Trouble,
  TroubleReport,
} from '../live-view.ts';
import {
  amount,
  choice,
  count,
  flag,
  list,
  orNull,
  part,
  ref,
  type Schema,
  shape,
  text,
  time,
} from '../schema.ts';
import type { SessionView } from '../view.ts';
import { CONTINUITY, SESSION } from './session-shape.ts';
import { LISTENER, SWITCH } from './status-shape.ts';

type Fields<T> = { readonly [Field in keyof T]-?: Schema };

const FIGURES: Fields<LiveFigures> = {
  requestsPerS: amount('Over the last seconds; see `windowS`.'),
  errorsPerS: amount('Answers with a status of 500 or more.'),
  p50Ms: orNull(
    amount(
      "Median time from a request's last byte to the head of its answer, ms; null: there was no answer.",
    ),
  ),
  p99Ms: orNull(amount('The same for 99 of 100.')),
  inFlight: count('Requests under way now.'),
};

const LIVE_UPSTREAM = part<LiveUpstream>('', {
  ...FIGURES,
  name: text(''),
  url: text('As written in the config; a user and a password in it are not shown.'),
  wanted: choice('What the operator wants.', WANTED_NAMES),
  observed: choice('What health sees.', OBSERVED_NAMES),
  why: text('What health saw last, in one sentence.'),
  since: time('Since when it is observed so.'),
  drainUntil: orNull(time('When its drain ends and it goes into maintenance; null: no end is set.')),
  weight: count(''),
  eligible: flag('Takes new users.'),
  requests: count('Since start.'),
  errors: count('Since start.'),
  users: count('Distinct users lately, estimated.'),
});

const LIVE_POOL = part<LivePool>('', {
  ...FIGURES,
  name: text(''),
  balance: text('Name of its balancer.'),
  affinity: orNull(text('How users are kept: `cookie`, `prefix`, `learned`, `session`; null: they are not.')),
  waiting: count('Requests in its waiting line.'),
  upstreams: list(LIVE_UPSTREAM),
});

const LIVE_SESSION = part<LiveSession>('', {
  ...(SESSION.properties as Fields<SessionView>), // as `shape` made it
  checksPerS: amount('Checks a second, over the last seconds.'),
  refusedPerS: amount('Of those, such as came to `invalid` or `unknown`.'),
});

const TROUBLE = part<Trouble>('', {
  id: text('The same as long as it lasts, and the next time too: `upstream.out shop/blue`.'),
  severity: choice(
    'critical: users are being failed. warning: something is broken and users are spared for now. notice: as it was ordered, or worth a look by day.',
    ['critical', 'warning', 'notice'],
  ),
  what: text('What is wrong, in one sentence.'),
  since: time('Since when.'),
  advice: text('What to do.'),
  pool: orNull(text('')),
  upstream: orNull(text('')),
  session: orNull(text('')),
});

const REPORT: Fields<TroubleReport> = {
  ok: flag('There is neither a critical trouble nor a warning.'),
  since: time('Since when it has been so.'),
  troubles: list(TROUBLE, 'The most urgent first, of equal ones the oldest.'),
};

export const TROUBLES = shape<TroubleReport>('Troubles', 'What is wrong, and what to do.', REPORT);

export const LIVE = shape<LiveSnapshot>('Live', 'The state of everything at one moment.', {
  ...REPORT,
  at: time('Of this state.'),
  windowS: amount('What a rate or a quantile looks back over, s.'),
  version: text(''),
  generation: count('Number of the config in force.'),
  uptimeS: count('Seconds since the start.'),
  workers: part<LiveSnapshot['workers']>('', {
    listening: count('That serve now.'),
    wanted: count('That should.'),
    restarts: count('That died and were replaced.'),
  }),
  listeners: list(ref(LISTENER)),
  totals: part<LiveSnapshot['totals']>('', {
    ...FIGURES,
    requests: count('Since start.'),
    errors: count('Since start.'),
    connections: count('Client connections open.'),
    connectionsMax: count('Client connections that all workers together hold at most.'),
    refusedPerS: amount('Requests that Limpet itself refused.'),
    retriesPerS: amount('Second tries.'),
    tunnels: count('Tunnels such as WebSockets, open now.'),
    streams: count('Answers that go on, such as event streams, open now.'),
  }),
  pools: list(LIVE_POOL, 'In config order.'),
  sessions: list(LIVE_SESSION),
  continuity: list(ref(CONTINUITY)),
  revocations: { ...orNull(ref(SWITCH)), description: 'Null: no session is checked.' },
});

const VALUES = list({ type: ['number', 'null'] }, 'One for each of `times`; null where nothing is known.');

export const HISTORY = shape<LiveHistory>('History', 'Ten minutes in steps of two seconds.', {
  times: list({ type: 'number' }, 'Unix seconds, oldest first.'),
  lines: list(
    part<LiveLine>('', {
      name: text('Of the pool or upstream; empty: the whole.'),
      requestsPerS: VALUES,
      errorsPerS: VALUES,
      p50Ms: VALUES,
      p99Ms: VALUES,
      inFlight: VALUES,
    }),
  ),
});

export const HISTORY_PARAMS = part<{ pool: string }>('', {
  pool: text('Name of the pool, percent-encoded.'),
});
