// Schema of a route: which requests it is for, and what becomes of them.
import { bare, block, either, leaf, list, map, meaning, offable } from './keys.ts';
import { addresses, routeRateLimit } from './limit.ts';
import { routeRetries, routeTimeouts, switches } from './timing.ts';

const KIB = 1024;

/** Limits that hold once the route is known. */
const routeLimitKeys = {
  body: leaf('size', 'Largest request body; then 413.', {
    default: 'unlimited',
    min: 0,
    max: KIB ** 5,
    words: { unlimited: Number.POSITIVE_INFINITY },
  }),
  minRate: leaf('rate', 'A request body that stays slower than this over 10 seconds is refused with 408.', {
    default: '240 B/s',
    min: 1,
    max: KIB ** 3,
    words: { off: 0 },
  }),
  responseHead: leaf('size', "Largest head of an upstream's answer; then 502.", {
    default: '64KiB',
    min: KIB,
    max: KIB ** 2,
  }),
  minReadRate: leaf(
    'rate',
    'A client that takes its answer more slowly than this is cut off, once 64KiB or so wait for it. Off by default, since players and downloads pause for long; `timeouts.stream` bounds those.',
    { default: 'off', min: 1, max: KIB ** 3, words: { off: 0 } },
  ),
  tinyChunks: leaf(
    'count',
    'Most chunks of a request body beyond one for each 16 bytes; then 400. Each chunk costs the app more than its bytes.',
    { default: '16k', min: 1, max: 1_000_000_000, words: { off: 0 } },
  ),
  buffer: leaf('size', 'Most that is held for a slow reader, each direction.', {
    default: '64KiB',
    min: 4 * KIB,
    max: 16 * KIB ** 2,
  }),
};

const headLimitKeys = {
  requestLine: leaf('size', 'Longest request line; then 414.', { default: '8KiB', min: 256, max: KIB ** 2 }),
  head: leaf('size', 'Largest request head; then 431.', { default: '32KiB', min: KIB, max: KIB ** 2 }),
  fields: leaf('count', 'Most fields of a request; then 431.', { default: 100, min: 10, max: 1000 }),
  connections: leaf('count', 'Most client connections; `auto`: from the limit of descriptors.', {
    default: 'auto',
    min: 1,
    max: 10_000_000,
    words: { auto: 0 },
  }),
  connectionsPerAddress: leaf(
    'count',
    'Most connections of one client address at a time, over all workers; then 429. Mind that many people may share an address.',
    { default: 'off', min: 1, max: 1_000_000, words: { off: 0 } },
  ),
  requestsPerConnection: leaf(
    'count',
    'Requests after which a client connection is closed behind its answer.',
    { default: 'off', min: 1, max: 1_000_000_000, words: { off: 0 } },
  ),
  ipv6Prefix: leaf(
    'count',
    'Bits of an IPv6 address that tell clients apart, for connections and rate limits; a customer chooses the rest himself.',
    { default: 64, min: 16, max: 128 },
  ),
  rateLimitKeys: leaf(
    'count',
    'Clients whose use of all rate limits together is remembered, 32 to 64 bytes each; beyond that the one unseen for longest is forgotten. Read at start.',
    { default: '100k', min: 1, max: 10_000_000 },
  ),
};

export const limits = block(
  'Bounds against hostile and broken peers.',
  { ...headLimitKeys, ...routeLimitKeys },
  { default: {} },
);

const fields = map('', leaf('fieldValue', '', {}), { keys: 'fieldName', max: 100, default: {} });
const edits = (where: string) =>
  block(
    where,
    {
      set: meaning(fields, 'Fields written instead of those of the same name.'),
      add: meaning(fields, 'Fields written beside those of the same name.'),
      remove: list('Fields dropped.', leaf('fieldName', '', {}), { default: [], max: 100 }),
    },
    { default: {} },
  );

export const route = block(
  'A rule for some requests. The most specific host wins, then the longest path; their order never matters.',
  {
    host: leaf(
      'host',
      'Host that was asked for: a name, or `*.example.com` for every name below it. Default: any.',
      {},
    ),
    path: leaf(
      'routePath',
      'Path that was asked for, letter by letter: `/Admin` is another path than `/admin`, also where the app takes them for one.',
      {
        default: '/',
      },
    ),
    methods: list('Methods. Default: all.', leaf('method', '', {}), { min: 1, max: 50 }),
    pool: leaf('name', 'Pool that serves it.', {}),
    pools: list(
      'Pools that share its users by weight, as a canary does: `[{ pool: v1, weight: 95 }, { pool: v2, weight: 5 }]`. A user stays on his side, and moves only as far as changed weights ask for. Changed at run time by `limpet routes split`.',
      block(
        'A side.',
        {
          pool: leaf('name', 'Pool.', { required: true }),
          weight: leaf('count', 'Its share of the users, beside the weights of the others; 0: none.', {
            required: true,
            min: 0,
            max: 1_000_000,
          }),
        },
        {},
      ),
      { min: 2, max: 10 },
    ),
    redirect: block(
      'Sends the client elsewhere.',
      {
        to: leaf(
          'redirect',
          'Where to. `{path}` is the path, `{query}` the query with its `?` (or nothing), `{host}` the host that was asked.',
          { required: true },
        ),
        status: leaf('count', 'One of 301, 302, 303, 307, 308.', { default: 308, min: 300, max: 399 }),
      },
      {},
    ),
    respond: block(
      'Answers by itself.',
      {
        status: leaf('count', 'Status of the answer.', { default: 200, min: 200, max: 599 }),
        body: leaf('text', 'Body of the answer, at most 64KiB.', { default: '', json: { maxLength: 65536 } }),
        headers: map('Fields of the answer.', leaf('fieldValue', '', {}), {
          keys: 'fieldName',
          max: 50,
          default: {},
        }),
      },
      {},
    ),
    jwks: leaf('flag', 'Answers with the public keys that tokens of `pass.token` are verified with.', {
      default: false,
    }),
    headers: block(
      'Changes fields on their way. Fields that frame a message or belong to one connection cannot be touched.',
      { request: edits('Towards the upstream.'), response: edits('Towards the client.') },
      { default: {} },
    ),
    rewrite: block(
      'Changes the path that the upstream sees.',
      {
        stripPrefix: leaf('path', 'Taken off the front; sent as `X-Forwarded-Prefix`.', {}),
        addPrefix: leaf('path', 'Put in front, after `stripPrefix`.', {}),
        path: leaf('path', 'Instead of the whole path; the query stays.', {}),
      },
      { default: {} },
    ),
    session: offable(
      'Session blocks that a request is checked by; of several, any will do. `false`: none. Default: `default`, where there is one.',
      either('', [leaf('name', '', {}), list('', leaf('name', '', {}), { min: 1, max: 10 })], {}),
      {},
    ),
    cors: offable(
      "What pages of other origins may do: preflights are answered here, answers say it, and the upstream's own word on it is dropped.",
      block(
        '',
        {
          origins: list(
            '`https://a.example`, `https://*.example.com` (every name below), `http://localhost:*` (every port), or `*`.',
            leaf('text', '', { takes: 'an origin' }),
            { min: 1, max: 1000, single: true, required: true },
          ),
          credentials: leaf('flag', 'Cookies and tokens may come along; not with `*`.', { default: false }),
          methods: list('Methods. Default: whichever is asked for.', leaf('method', '', {}), {
            min: 1,
            max: 50,
          }),
          headers: list(
            'Fields that requests may carry. Default: whichever are asked for.',
            leaf('fieldName', '', {}),
            {
              min: 1,
              max: 200,
            },
          ),
          exposeHeaders: list('Fields of answers that pages may read.', leaf('fieldName', '', {}), {
            default: [],
            max: 200,
          }),
          maxAge: leaf('duration', 'How long a browser may remember the answer to a preflight.', {
            default: '10m',
            min: 0,
            max: 86_400_000,
          }),
        },
        {},
      ),
      { default: false },
    ),
    rateLimit: routeRateLimit,
    allow: addresses('Addresses that may ask here: of all others, 403. Default: everybody.'),
    deny: addresses('Addresses that may not ask here, even if `allow` has them: 403.'),
    affinity: leaf('flag', '`false`: this route neither reads nor sets affinity.', { default: true }),
    timeouts: routeTimeouts,
    retries: routeRetries,
    limits: block("The route's own limits, instead of those at the top.", bare(routeLimitKeys), {}),
    ...bare(switches),
  },
  {},
);
