// Schema of what one client may: rate limits, and lists of addresses.
import { addressFile, block, choice, either, leaf, list, offable, secret } from './keys.ts';
import { storeTls } from './session.ts';

const sharedLimit = either(
  '',
  [
    secret('', {}),
    block(
      '',
      {
        url: secret('Its URL.', { required: true }),
        prefix: leaf('text', 'What its keys begin with.', { default: 'limpet:rate' }),
        deadline: leaf('duration', 'How long a request waits for its answer; then the local count stands.', {
          default: '50ms',
          min: 1,
          max: 10_000,
        }),
        tls: storeTls,
      },
      {},
    ),
  ],
  {},
);

/** One limit, wherever it is written. */
export const rateLimit = block(
  'How many requests one client may make; then 429 with `Retry-After`.',
  {
    rate: leaf('pace', 'How many requests in how long.', { required: true }),
    burst: leaf('count', 'How many of them may come at once. Default: as many as `rate` says.', {
      min: 1,
      max: 1_000_000,
    }),
    by: either(
      'Who is counted by himself: an `address`, a `session-user` (of the session that the route checks), `everyone` together, or whoever shows one value of a header or cookie. Who has no session, header or cookie is counted by address.',
      [
        choice('', ['address', 'session-user', 'everyone'], {}),
        block(
          '',
          {
            header: leaf('fieldName', 'Name of a header.', {}),
            cookie: leaf('cookieName', 'Name of a cookie.', {}),
          },
          {},
        ),
      ],
      { default: 'address' },
    ),
    dryRun: leaf('flag', 'Count what would be refused, and refuse nothing.', { default: false }),
    shared: offable(
      'The Redis on which Limpets of the same name of the limit count together: `redis://`, `rediss://`, `redis+unix:`, `redis+cluster://`, `redis+sentinel://`. While it is away each counts by itself. `false`: the workers of this process only.',
      sharedLimit,
      { default: false },
    ),
  },
  {},
);

const named = leaf('name', '', { takes: 'the name of one of `rateLimits`' });

/** What a route says: one limit or several, of which each must let a request in. */
export const routeRateLimit = either(
  'Rate limits of its requests, each a block or the name of one in `rateLimits`: all must let a request in.',
  [named, rateLimit, list('', either('', [named, rateLimit], {}), { min: 1, max: 8 })],
  {},
);

const addressList = block(
  '',
  {
    file: addressFile(
      'A file with an address or a CIDR block a line, `#` for remarks; at most a million. Read again when it changes; one with a mistake changes nothing, and the log says so.',
      { required: true },
    ),
  },
  {},
);

/** A list of addresses. */
export const addresses = (meaning: string) =>
  either(
    meaning,
    [
      leaf('network', '', {}),
      addressList,
      list('', either('', [leaf('network', '', {}), addressList], {}), { min: 1, max: 10_000 }),
    ],
    {},
  );
