// Schema of a pool: its upstreams, their connections and the waiting line.
import { affinity, balance } from './affinity.ts';
import { health } from './health.ts';
import { block, choice, either, leaf, list, needed, offable, page, pem } from './keys.ts';
import { retries, writtenTimeouts } from './timing.ts';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;

const tls = block(
  'TLS towards an `https:` upstream.',
  {
    verify: leaf('flag', 'Refuse an upstream whose certificate is not valid for its name.', {
      default: true,
    }),
    serverName: leaf('host', "Name for SNI and for the certificate; without it, the upstream's host.", {
      takes: 'a host name',
    }),
    ca: pem("Authorities that are trusted, instead of the system's.", {}),
    cert: pem('Certificate that Limpet shows.', {}),
    key: pem('Key of that certificate.', {}),
  },
  {},
);

const proxyProtocol = (without: string, options: { readonly default?: false }) =>
  offable(
    `Version of the PROXY header that each connection to it begins with, naming the client. Such a connection carries that client's requests alone. ${without}`,
    choice('', ['v1', 'v2'], {}),
    options,
  );

const upstream = block(
  'One instance.',
  {
    url: leaf('address', 'Where it listens.', { required: true }),
    name: leaf(
      'name',
      "Its identity in affinity, metrics and the API, unique in the pool; without it, `host:port` or the socket's path. A name that stays keeps its users.",
      {},
    ),
    weight: leaf('count', 'Share of new users and requests, against the other weights; 0: none.', {
      default: 1,
      min: 0,
      max: 1000,
    }),
    maxConnections: leaf('count', 'Most requests at once, over all workers.', {
      default: 'unlimited',
      min: 1,
      max: 10_000_000,
      words: { unlimited: 0 },
    }),
    backup: leaf('flag', 'Takes part only when no other upstream does.', { default: false }),
    wanted: choice(
      '`drain`: keeps its users and takes no new ones; `maintenance`: gets nothing.',
      ['ready', 'drain', 'maintenance'],
      { default: 'ready' },
    ),
    tls,
    proxyProtocol: proxyProtocol('Without it, what the pool says.', {}),
  },
  {},
);

export const upstreams = list('The instances.', either('', [leaf('address', '', {}), upstream], {}), {
  min: 1,
  max: 1000,
});

const queue = block(
  'The line of requests that wait when every upstream has its `maxConnections`.',
  {
    max: leaf('count', 'Longest line; 0: none, the answer is 503 at once.', {
      default: 0,
      min: 0,
      max: 100_000,
    }),
    timeout: leaf('duration', 'Longest wait; then 503.', { default: '1s', min: 1, max: HOUR }),
  },
  { default: {} },
);

const keepAlive = offable(
  'Connections to an upstream that are kept for the next request, the last used first. `false`: none.',
  block(
    '',
    {
      idle: leaf('count', 'Most idle connections per upstream and worker.', {
        default: 32,
        min: 0,
        max: 10_000,
      }),
      idleTimeout: leaf(
        'duration',
        'Idle for longer: closed. Should be less than what the upstream waits; one that says so in `Keep-Alive` is heeded where that is less.',
        {
          default: '55s',
          min: 1,
          max: DAY,
        },
      ),
      maxAge: leaf('duration', 'Older: closed after its request.', {
        default: '1h',
        min: 1000,
        max: 30 * DAY,
      }),
      requests: leaf('count', 'Requests after which a connection is closed.', {
        default: '100k',
        min: 1,
        max: 1_000_000_000,
      }),
    },
    {},
  ),
  { default: {} },
);

const continuity = offable(
  "Watches which of the app's sessions are lost when another instance answers: `limpet sessions continuity`. Without it, sessions are watched by the cookie of the session block before the pool, if there is one. `false`: none are.",
  block(
    '',
    {
      cookie: leaf(
        'cookieName',
        "The app's own session cookie; without it, that of the session block before the pool.",
        {},
      ),
      holds: choice(
        'What is in the cookie: the `id` of a session that the app keeps, or the `session` itself. Without it, what the session block says, else `id`.',
        ['id', 'session'],
        {},
      ),
      login: list(
        'Where the app sends those who must log in, beside paths with a segment such as `login` or `sign_in`: paths by segments, or how an address elsewhere begins.',
        leaf('text', '', { takes: '`/path` or `https://host/path`' }),
        { default: [], single: true, max: 100 },
      ),
      ignore: list(
        'Paths by segments on which a session may rightly change or end, beside those with a segment such as `login`, `logout` or `callback`.',
        leaf('path', '', {}),
        { default: [], single: true, max: 1000 },
      ),
      entries: leaf('count', 'Most sessions remembered; the longest unseen is forgotten first.', {
        default: '100k',
        min: 1,
        max: 10_000_000,
      }),
      idle: leaf(
        'duration',
        'A session that was not seen for so long is forgotten. Less than the app itself waits, so that an end by time is taken for no loss.',
        { default: '15m', min: 1000, max: 30 * DAY },
      ),
    },
    {},
  ),
  {},
);

/** Keys that the top may say for pool `default`. */
export const shortKeys = {
  upstreams,
  balance,
  affinity,
  continuity,
  health,
  retries,
  timeouts: writtenTimeouts,
};

export const pool = block(
  'A named set of upstreams that serve the same.',
  {
    ...shortKeys,
    upstreams: needed(upstreams),
    maxConnections: leaf('count', 'Most requests at once over all upstreams and workers.', {
      default: 'unlimited',
      min: 1,
      max: 10_000_000,
      words: { unlimited: 0 },
    }),
    queue,
    slowStart: leaf('duration', 'An upstream that comes up gets its full share only after this time.', {
      default: '0s',
      min: 0,
      max: HOUR,
    }),
    keepAlive,
    proxyProtocol: proxyProtocol('`false`: none does.', { default: false }),
    host: leaf(
      'authority',
      "`Host` that the upstream sees: `keep` the client's, the `upstream`'s own, or a fixed one.",
      { default: 'keep', takes: '`keep`, `upstream`, `host` or `host:port`' },
    ),
    resolve: leaf(
      'duration',
      'How often names of upstreams are looked up again; also done at once when a connect fails.',
      { default: '30s', min: 100, max: DAY, words: { off: 0 } },
    ),
    maintenance: page('Page while every upstream is in maintenance; without it, the ordinary 503.', {}),
  },
  {},
);
