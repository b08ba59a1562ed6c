// A route as the admin API tells it, and what may be changed of one that pools share.
import { WANTED_NAMES } from '../../upstream/upstream-table.ts';
import { body, choice, count, list, orNull, part, shape, text } from '../schema.ts';
import type { RouteSideView, RouteView } from '../view.ts';

/** As in the config. */
const WEIGHT_MAX = 1_000_000;
/** Sides that a split may have. */
const SIDES_MAX = 10;

export const ROUTE = shape<RouteView>('Route', 'A rule for some requests.', {
  name: text('Its name in logs and metrics: host and path.'),
  host: orNull(text('Host that it is for; null: any.')),
  path: text('Path that it is for; `= /path` for that path alone.'),
  methods: orNull(list(text(''), 'Methods that it is for; null: all.')),
  does: choice('What becomes of its requests; `split`: pools share its users by weight.', [
    'pool',
    'split',
    'redirect',
    'respond',
    'jwks',
  ]),
  sessions: list(text(''), 'Session blocks that check it; of several, any will do.'),
  pools: list(
    part<RouteSideView>('', {
      pool: text('Name of the pool.'),
      weight: orNull(count('Its share of the users beside the others; null where there are no others.')),
      requests: count('Requests of this route that it was given since the start of Limpet.'),
      failures: count(
        'Of those, how many were answered with 500 or more. Who left before his answer is no failure.',
      ),
    }),
    'Pools that it leads to.',
  ),
});

export const ROUTE_PARAMS = part<{ route: string }>('', {
  route: text('Name of the route, percent-encoded.'),
});

export const WEIGHTS = body<{ weights: object }>(
  'The new weights.',
  {
    weights: {
      type: 'object',
      description: 'Weights by name of the pool. Sides that are left out keep theirs; one must be above 0.',
      minProperties: 1,
      maxProperties: SIDES_MAX,
      additionalProperties: { type: 'integer', minimum: 0, maximum: WEIGHT_MAX },
    },
  },
  { required: ['weights'] },
);

export const POOL_PARAMS = part<{ pool: string }>('', { pool: text('Name of the pool, percent-encoded.') });

export const POOL_CHANGE = body<{ wanted: string }>(
  'What is wanted of all its upstreams.',
  {
    wanted: {
      enum: WANTED_NAMES,
      description: '`maintenance`: nobody is sent there, and its page is shown.',
    },
  },
  { required: ['wanted'] },
);
