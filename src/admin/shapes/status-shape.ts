// The process as the admin API tells it.
import { choice, count, flag, list, orNull, part, ref, shape, text } from '../schema.ts';
import type { ListenerView, StatusView, SwitchView } from '../view.ts';

export const LISTENER = shape<ListenerView>('Listener', 'Where clients come in.', {
  name: text('Its name in the config.'),
  url: text('`http://127.0.0.1:8080` or `unix:/path`.'),
  connections: count('Client connections open now.'),
});

export const SWITCH = shape<SwitchView>('Switch', 'How revocations fare.', {
  entries: count(
    'Entries in force: one a revocation, more for a token that can be understood in several ways.',
  ),
  kept: choice('Where they are kept: in this process alone, or in a Redis that others share.', [
    'process',
    'redis',
  ]),
  synced: flag('Other replicas are told, and tell; true where there is nobody to tell.'),
  why: text('Why not, in one sentence; empty while they are.'),
  waiting: count('Revocations that wait to be shared.'),
});

export const STATUS = shape<StatusView>(
  'Status',
  'Which Limpet this is, what it runs and how much it has done.',
  {
    version: text(''),
    generation: count('Number of the config in force; rises with each reload.'),
    workers: count('Threads that serve.'),
    uptimeS: count('Seconds since its start.'),
    listeners: list(ref(LISTENER)),
    totals: part<StatusView['totals']>('Since the start; the last two: now.', {
      requests: count('Requests answered.'),
      failures: count(
        'Of those, how many were answered with 500 or more. Who left before his answer is no failure.',
      ),
      refused: count('Requests that Limpet itself refused.'),
      retries: count('Second tries.'),
      inFlight: count('Requests under way at upstreams.'),
      connections: count('Client connections open.'),
    }),
    revocations: { ...orNull(ref(SWITCH)), description: 'Null: no session is checked.' },
  },
);
