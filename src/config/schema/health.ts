// Schema of health: how an upstream's state is found out.
import { block, leaf, list, map, offable } from './keys.ts';

const DAY = 86_400_000;

const active = block(
  '',
  {
    path: leaf('pathAndQuery', 'Path that is asked.', { default: '/' }),
    method: leaf('method', 'Method of the check.', { default: 'GET' }),
    interval: leaf('duration', 'From the start of one check to the next.', {
      default: '2s',
      min: 50,
      max: DAY,
    }),
    jitter: leaf('percent', 'Share of the interval by which each check is moved at random.', {
      default: '20%',
      min: 0,
      max: 1,
    }),
    timeout: leaf('duration', 'A check that takes longer has failed.', { default: '1s', min: 10, max: DAY }),
    status: list('Statuses that are good.', leaf('statuses', '', {}), {
      default: ['200-399'],
      min: 1,
      max: 50,
      single: true,
    }),
    body: leaf('text', 'Text that the first 64KiB of the body must hold.', { json: { minLength: 1 } }),
    host: leaf('authority', "`Host` of the check; without it, the upstream's own.", {}),
    headers: map('Fields that the check sends.', leaf('fieldValue', '', {}), {
      keys: 'fieldName',
      max: 50,
      default: {},
    }),
    port: leaf('count', "Another port than the upstream's.", { min: 1, max: 65535 }),
    tcp: leaf('flag', 'Only connect, ask nothing.', { default: false }),
    healthyAfter: leaf('count', 'Good checks in a row that bring an upstream up.', {
      default: 2,
      min: 1,
      max: 100,
    }),
    unhealthyAfter: leaf('count', 'Failed checks in a row that take it down.', {
      default: 2,
      min: 1,
      max: 100,
    }),
  },
  {},
);

const passive = block(
  '',
  {
    errors: leaf('count', 'Failures in a row that eject. A refused or reset connection counts at once.', {
      default: 3,
      min: 1,
      max: 1000,
    }),
    ejectFor: leaf('duration', 'How long the first time; it doubles each time after.', {
      default: '10s',
      min: 100,
      max: DAY,
    }),
    maxEjectFor: leaf('duration', 'The longest it grows to.', { default: '5m', min: 100, max: DAY }),
    maxEjected: leaf('percent', "Largest share of the pool's upstreams that may be ejected at once.", {
      default: '50%',
      min: 0,
      max: 1,
    }),
    statuses: list('Answers that count as failures.', leaf('statuses', '', {}), {
      default: [],
      single: true,
      max: 50,
    }),
  },
  {},
);

const suspicion = block(
  '',
  {
    after: leaf(
      'duration',
      "Silence that raises suspicion; `auto`: 200ms or four times the upstream's own 99th percentile, whichever is more.",
      { default: 'auto', min: 10, max: DAY, words: { auto: 0 } },
    ),
    probeTimeout: leaf('duration', 'How long the probe waits for an answer.', {
      default: '100ms',
      min: 10,
      max: 60_000,
    }),
  },
  {},
);

export const health = offable(
  'How Limpet finds out which upstreams live. `false`: nothing is checked and nothing is ejected.',
  block(
    '',
    {
      active: offable('Asks each upstream regularly.', active, { default: false }),
      passive: offable(
        'Ejects an upstream for a time after failures of real requests. `false`: no ejection and no suspicion; a failure steers only its own request.',
        passive,
        { default: {} },
      ),
      suspicion: offable(
        'Finds a hung upstream: when it owes answers and was silent for too long, one probe on a fresh connection decides, since a stopped process still accepts connections. Any answer is life.',
        suspicion,
        { default: {} },
      ),
      panic: leaf(
        'percent',
        'Below this share of usable upstreams health is ignored and all are tried; 0%: never, the answer is 503.',
        { default: '0%', min: 0, max: 1 },
      ),
    },
    {},
  ),
  { default: {} },
);
