// Schema of the blocks that a pool and a route share: timeouts, retries and the switches of the HTTP rules.
import { bare, block, leaf, list, offable } from './keys.ts';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const OFF = { off: 0 };

const clientTimeouts = {
  head: leaf(
    'duration',
    'From the first byte of a request until its head must be complete; then 408. Read before the route is known, so it holds for every listener.',
    { default: '10s', min: 1, max: HOUR },
  ),
  idle: leaf(
    'duration',
    'How long a client connection is kept open without a request. Holds for every listener too.',
    {
      default: '60s',
      min: 1,
      max: DAY,
    },
  ),
};

const forwardTimeouts = {
  connect: leaf('duration', 'Time for a connection to an upstream, TLS included.', {
    default: '1s',
    min: 1,
    max: HOUR,
  }),
  bodyIdle: leaf('duration', 'Silence of a client in the middle of its request body; then 408.', {
    default: '30s',
    min: 1,
    max: DAY,
  }),
  response: leaf(
    'duration',
    'From the last byte of the request to the head of the answer; then 504, or another try where that is allowed.',
    { default: '60s', min: 1, max: DAY },
  ),
  stream: leaf('duration', 'Silence in the middle of an answer; then the answer is cut.', {
    default: '5m',
    min: 1,
    max: 7 * DAY,
  }),
  tunnel: leaf('duration', 'Silence of both sides of a WebSocket or another tunnel; then it is closed.', {
    default: '1h',
    min: 1,
    max: 7 * DAY,
    words: OFF,
  }),
  tunnelTotal: leaf(
    'duration',
    'How long a WebSocket or another tunnel may last at all; then it is closed, a WebSocket with code 1001.',
    { default: 'off', min: 1, max: 365 * DAY, words: OFF },
  ),
  total: leaf('duration', 'The whole exchange, from the head of the request to the end of the answer.', {
    default: 'off',
    min: 1,
    max: 7 * DAY,
    words: OFF,
  }),
  expect: leaf(
    'duration',
    'How long the answer to `Expect: 100-continue` is left to the upstream before Limpet sends `100 Continue` itself.',
    { default: '1s', min: 1, max: HOUR },
  ),
};

const TIMEOUTS =
  'How long each step of an exchange may take. One coarse tick serves all of them: they come some hundredths of a second late, never early.';

/** All timeouts, each with its default. */
export const timeouts = block(TIMEOUTS, { ...clientTimeouts, ...forwardTimeouts }, { default: {} });

/** As written for a pool or at the top: what is left out is not filled in, so that it can be inherited. */
export const writtenTimeouts = block(TIMEOUTS, bare({ ...clientTimeouts, ...forwardTimeouts }), {});

/** What a route may say. */
export const routeTimeouts = block(
  "The route's own timeouts, instead of its pool's.",
  bare(forwardTimeouts),
  {},
);

const retryKeys = {
  attempts: leaf('count', 'Tries after the first; 0 for none.', { default: 2, min: 0, max: 10 }),
  budget: leaf(
    'percent',
    "Share of the pool's requests of the last second that may be tries again; three a second are always allowed (nine at once after a pause), and neither a failed connect counts nor a request that an instance had when it died.",
    { default: '20%', min: 0, max: 1 },
  ),
  statuses: list(
    'Answers that are tried again on another upstream, if the request may be repeated.',
    leaf('statuses', '', {}),
    { default: [], single: true, max: 50 },
  ),
  bodyBuffer: leaf('size', 'Largest request body that is held so that it can be sent again.', {
    default: '64KiB',
    min: 0,
    max: 16 * 1024 ** 2,
  }),
};

const RETRIES =
  'When a request is tried again on another upstream: always when nothing of it was sent, and once sent only if its method may be repeated and no byte of an answer came.';

export const retries = offable(RETRIES, block(RETRIES, retryKeys, { default: {} }), { default: {} });

export const routeRetries = offable(
  "The route's own retries, instead of its pool's.",
  block('', bare(retryKeys), {}),
  {},
);

export const switches = {
  via: offable(
    'Name to add to `Via`. Many origins stop compressing when they see it; a request that already carries the name is a loop and gets 508.',
    leaf('token', '', {}),
    { default: false },
  ),
  strictTarget: leaf(
    'flag',
    'Also refuse characters in a target that RFC 3986 does not allow, such as `"<>\\^{}`.',
    {
      default: false,
    },
  ),
  dropUnderscores: leaf(
    'flag',
    'Drop request fields whose name holds `_`, since CGI-like apps read `Limpet_User` and `Limpet-User` as the same.',
    { default: true },
  ),
  abortOnClose: leaf(
    'flag',
    'Take a half-closed client connection for one that has left, and give up its request.',
    { default: false },
  ),
  forwarded: leaf('flag', 'Also send `Forwarded` (RFC 7239) beside `X-Forwarded-*`.', { default: false }),
  proxyAuth: leaf('flag', 'Pass `Proxy-Authorization` and `Proxy-Authenticate` on.', { default: false }),
};
