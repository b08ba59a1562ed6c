// Schema of affinity: how a user is kept on one upstream.
import { BALANCER_KINDS } from '../../balance/kinds.ts';
import type { BalanceOptions } from '../../balance/options.ts';
import { block, choice, either, leaf, list, offable, secret } from './keys.ts';

const DAY = 86_400_000;

const cookie = block(
  'A signed cookie that names the home without revealing it.',
  {
    name: leaf('cookieName', 'Name of the cookie.', { default: 'limpet' }),
    secrets: list(
      'Secrets that sign the cookie: the first signs, all are accepted, so a secret is rotated by putting the new one in front. Without any, one is made at start, and users move at every restart. Use at least 16 bytes.',
      secret('', {}),
      { default: [], single: true, max: 20 },
    ),
    maxAge: leaf(
      'duration',
      'How long the cookie lives; `session`: until the browser closes. It is set anew past half its life.',
      { default: 'session', min: 60_000, max: 400 * DAY, words: { session: 0 } },
    ),
    path: leaf('cookiePath', '`Path` of the cookie.', { default: '/' }),
    domain: leaf('cookieDomain', '`Domain` of the cookie; without it, the host that was asked.', {}),
    sameSite: choice('`SameSite` of the cookie; `none` needs `secure`.', ['lax', 'strict', 'none'], {
      default: 'lax',
    }),
    secure: either(
      '`Secure` of the cookie; `auto`: where the client came by TLS, or a trusted proxy says so.',
      [choice('', ['auto'], {}), leaf('flag', '', {})],
      { default: 'auto' },
    ),
    httpOnly: leaf('flag', '`HttpOnly` of the cookie.', { default: true }),
    partitioned: leaf('flag', '`Partitioned` of the cookie (for frames of other sites); needs `secure`.', {
      default: false,
    }),
    mode: choice(
      "`insert`: a cookie of Limpet's own; `prefix`: a mark before the value of the app's own session cookie, taken off before the app sees it.",
      ['insert', 'prefix'],
      { default: 'insert' },
    ),
    of: leaf('cookieName', "The app's own session cookie, for `prefix`.", {}),
    hide: leaf('flag', 'Keep the cookie from the upstream.', { default: true }),
  },
  {},
);

const learned = block(
  "The home is remembered by the app's own session cookie, in memory.",
  {
    cookie: leaf('cookieName', "The app's own session cookie.", { required: true }),
    entries: leaf('count', 'Most homes remembered; the longest unused is forgotten first.', {
      default: '100k',
      min: 1,
      max: 10_000_000,
    }),
    idle: leaf('duration', 'A home that was not used for so long is forgotten.', {
      default: '1h',
      min: 1000,
      max: 30 * DAY,
    }),
  },
  {},
);

/** `session` where it is written out. */
export const sessionHomes = block(
  '',
  {
    by: choice(
      'Who has a home: each `session`, or each `user`. While nobody is logged in, `user` goes by the session.',
      ['session', 'user'],
      { default: 'session' },
    ),
    learn: leaf(
      'flag',
      'A session that an answer sets lives where that answer came from. `false`: where its hash leads, so that several Limpets agree about every session; but one that begins, or changes its id at a login, moves once.',
      { default: true },
    ),
    entries: leaf('count', 'Most homes remembered; the longest unused is forgotten first.', {
      default: '100k',
      min: 1,
      max: 10_000_000,
    }),
    idle: leaf(
      'duration',
      'A home that was not used for so long is forgotten; from then on it is where the hash leads.',
      { default: '1d', min: 1000, max: 30 * DAY },
    ),
  },
  {},
);

const session = either(
  'The home is found by the session that the session block of the route reads, without a second cookie. `true`: each session has a home; `user`: all sessions of a user have one.',
  [choice('', ['user'], {}), leaf('flag', '', {}), sessionHomes],
  {},
);

export const affinity = offable(
  'Keeps a user on one upstream, the home, whichever balancer chose it.',
  block(
    '',
    {
      cookie,
      learned,
      session,
      onLost: choice(
        'When the home is gone: `rebalance` finds a new one and tells the app `Limpet-Affinity: moved`; `fail` answers 503.',
        ['rebalance', 'fail'],
        { default: 'rebalance' },
      ),
      maxOverload: leaf(
        'number',
        'New users never land on an upstream with more than this times the mean load.',
        { default: 1.5, min: 1, max: 100, words: { off: Number.POSITIVE_INFINITY } },
      ),
    },
    {},
  ),
  { default: false },
);

/** Balancers that need no more than their name. */
const plainBalancers = (Object.keys(BALANCER_KINDS) as BalanceOptions['kind'][]).filter(
  (kind) => kind !== 'hash',
);
const balancerWords = Object.entries(BALANCER_KINDS).map(
  ([name, kind]) => `\`${name}\`: ${kind.description}`,
);

export const balance = either(
  `How an upstream is chosen for a request without a home. ${balancerWords.join(' ')}`,
  [
    choice('', plainBalancers, {
      refused: { hash: { wrong: '`hash` needs to know what to hash', right: '{ hash: { on: address } }' } },
    }),
    block(
      '',
      {
        hash: block(
          'The same key goes to the same upstream, and few keys move when the list changes.',
          {
            on: leaf('hashOn', 'What is hashed; `address` is that of the client.', { required: true }),
            load: leaf(
              'number',
              'No upstream has more than this times the mean load; the key then goes to the next one.',
              { default: 1.25, min: 1, max: 100, words: { off: Number.POSITIVE_INFINITY } },
            ),
          },
          { required: true },
        ),
      },
      {},
    ),
  ],
  { default: 'round-robin' },
);
