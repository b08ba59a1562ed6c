// An upstream as the admin API tells it, and what may be changed of it.
import { OBSERVED_NAMES, WANTED_NAMES } from '../../upstream/upstream-table.ts';
import { amount, body, choice, count, orNull, part, shape, text, time } from '../schema.ts';
import type { UpstreamView } from '../view.ts';

/** As in the config. */
const WEIGHT_MAX = 1000;

export const UPSTREAM = shape<UpstreamView>('Upstream', 'One instance, in its pool.', {
  pool: text('Name of its pool.'),
  name: text('Its name in the pool; `host:port` where the config gives it none.'),
  url: text('As written in the config; a user and a password in it are not shown.'),
  wanted: choice(
    'What the operator wants: `ready`; `drain`: it keeps its users and takes no new ones; `maintenance`: nobody is sent there.',
    WANTED_NAMES,
  ),
  observed: choice('What health sees.', OBSERVED_NAMES),
  why: text('One sentence: what health saw last. Empty where there is nothing to say.'),
  weight: count('Its share of new users beside the others of its pool.', { maximum: WEIGHT_MAX }),
  inFlight: count('Requests under way there now, tunnels included.'),
  latencyMs: amount('Average time to the head of an answer, ms; 0 until known.'),
  requests: count('Requests that it was sent since the start of Limpet.'),
  failures: count(
    'Of those, how many were answered with 500 or more. Who left before his answer is no failure.',
  ),
  users: count('Distinct users that it had lately, estimated to some percent; see `admin.userWindow`.'),
  since: time('When what health sees changed last.'),
  drainUntil: orNull(time('When its drain ends and it goes into maintenance; null: no end is set.')),
});

export const UPSTREAM_PARAMS = part<{ pool: string; name: string }>('', {
  pool: text('Name of the pool, percent-encoded.'),
  name: text('Name of the upstream, percent-encoded.'),
});

export const CHANGE = body<{ wanted: string; weight: number; deadline: string }>(
  'What is to change; at least one of them.',
  {
    // No type beside the values: who sends a number is told the values, and not that as well.
    wanted: { enum: WANTED_NAMES, description: 'As in the answer.' },
    weight: { type: 'integer', minimum: 0, maximum: WEIGHT_MAX, description: '0 takes no new users.' },
    deadline: text(
      'With `wanted: drain`: how long users may stay, such as `90s` or `2h`, at most `7d`. Then it goes into maintenance, and those who are left move to others. Any later `wanted` takes the deadline back.',
      { maxLength: 20 },
    ),
  },
  { minProperties: 1 },
);
