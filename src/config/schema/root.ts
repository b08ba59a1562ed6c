// Schema of the whole config file: the one source of its types, its checks, its manual and its JSON Schema.
import type { Static } from 'typebox';
import { block, choice, either, leaf, list, map, meaning, offable, page, pem, secret } from './keys.ts';
import { addresses, rateLimit } from './limit.ts';
import { log } from './log.ts';
import { pool, shortKeys } from './pool.ts';
import { limits, route } from './route.ts';
import { session } from './session.ts';
import { signing } from './signing.ts';
import { switches } from './timing.ts';
import { redirectToHttps, tls } from './tls.ts';
import { tracing } from './tracing.ts';

const HOUR = 3_600_000;

const listener = block(
  'An address that clients connect to.',
  {
    bind: leaf('bind', 'Where it listens; a port alone means every IPv4 interface.', { required: true }),
    name: leaf('name', 'Its name in logs; without it, the address.', {}),
    proxyProtocol: leaf(
      'flag',
      'Each connection must begin with a PROXY header, version 1 or 2, from one of `trustedProxies`; any other is closed. The client is whom it names.',
      { default: false },
    ),
    tls,
    redirectToHttps,
  },
  {},
);

const token = block(
  'A token with a name.',
  {
    token: secret('The token, as sent in `Authorization: Bearer`.', { required: true }),
    name: leaf('name', 'Who holds it, for the log.', {}),
    access: choice('`read` sees, `full` also changes.', ['read', 'full'], { default: 'full' }),
  },
  {},
);

const admin = block(
  '',
  {
    bind: leaf('bind', 'Where it listens. Beyond this machine it needs `tokens`.', {
      default: '127.0.0.1:9090',
    }),
    tokens: list('Bearer tokens that are let in.', either('', [secret('', {}), token], {}), {
      default: [],
      max: 100,
    }),
    probes: offable(
      'A second listener with only `/livez`, `/readyz` and `/metrics`, without a token, for Kubernetes and Prometheus.',
      leaf('bind', '', {}),
      { default: false },
    ),
    tls: block(
      'HTTPS in place of HTTP; `probes` stays plain. The files are read anew with each reload.',
      {
        cert: pem('Certificate, followed by those of the authorities between it and the root.', {}),
        key: pem('Its private key.', {}),
        ca: pem('Who comes must show a certificate of one of these authorities, beside the token.', {}),
      },
      {},
    ),
    userWindow: leaf(
      'duration',
      'How long after the last request a user counts in `users`, within a fifth; `limpet upstreams drain --wait` waits for nobody who has been away longer.',
      { default: '5m', min: 5000, max: 24 * HOUR },
    ),
  },
  {},
);

export const configSchema = block(
  'Configuration of Limpet.',
  {
    listen: leaf('bind', 'Short for one listener. A port alone means every IPv4 interface.', {}),
    listeners: list('The addresses that clients connect to.', listener, { min: 1, max: 100 }),
    ...shortKeys,
    pools: map('The pools by name.', pool, { keys: 'name', max: 1000 }),
    routes: list(
      'What becomes of which request; 404 where no route fits. Without any, `/` goes to pool `default`, else to the only pool.',
      route,
      { min: 1, max: 10_000 },
    ),
    session: meaning(
      session,
      'Short for the session block `default` in front of every route that says nothing of sessions.',
    ),
    sessions: map('The session blocks by name.', session, { keys: 'name', max: 100 }),
    signing,
    workers: leaf('count', 'Worker threads; `auto`: one per core. Read at start.', {
      default: 'auto',
      min: 1,
      max: 256,
      words: { auto: 0 },
    }),
    watch: leaf(
      'flag',
      'Reload by itself when this file changes and lies still for a second, or one that it takes secrets or pages from.',
      { default: false },
    ),
    trustedProxies: list(
      'Whose `X-Forwarded-*`, `Forwarded`, `X-Request-Id`, `traceparent` and PROXY headers are believed.',
      leaf('network', '', {}),
      { default: [], max: 1000 },
    ),
    limits,
    rateLimits: map('Rate limits by name: routes that say the same name count together.', rateLimit, {
      keys: 'name',
      max: 1000,
      default: {},
    }),
    allow: addresses('Addresses that may connect at all: all others are closed unheard. Default: everybody.'),
    deny: addresses('Addresses that may not connect, even if `allow` has them: closed unheard.'),
    ...switches,
    errors: map(
      'Own pages for answers that Limpet makes itself, by status (`503`) or class (`5xx`); the status is nearer.',
      page('', {}),
      { keys: 'errorStatus', max: 200, default: {} },
    ),
    admin: offable('The admin API. `false`: none.', admin, { default: {} }),
    log: offable('What is logged. `false`: nothing.', log, { default: {} }),
    tracing,
    shutdown: block(
      'What happens at SIGTERM and SIGINT.',
      {
        delay: leaf('duration', 'How long Limpet says that it is not ready before it stops accepting.', {
          default: '0s',
          min: 0,
          max: HOUR,
        }),
        deadline: leaf('duration', 'How long running exchanges may take; then they are cut.', {
          default: '30s',
          min: 0,
          max: 24 * HOUR,
        }),
      },
      { default: {} },
    ),
  },
  { required: true },
);

/** The config as read: units are numbers, defaults are in, short keys still stand beside long ones. */
export type ReadConfig = Static<typeof configSchema>;
export type ReadPool = NonNullable<ReadConfig['pools']>[string];
export type ReadRoute = NonNullable<ReadConfig['routes']>[number];
export type ReadSession = NonNullable<ReadConfig['sessions']>[string];
export type ReadUpstream = ReadPool['upstreams'][number];
