// The config of the Limpet that a soak runs, and what changes in it from one reload to the next.

export const SECRET = 'the session secret of a soak';
const AFFINITY_SECRETS = ['the affinity secret of a soak', 'its affinity secret to come'];

/** Where an app listens. */
interface Placed {
  readonly name: string;
  readonly port: number;
}

/** What stands around it. */
export interface Surroundings {
  readonly apps: readonly Placed[];
  /** An app that is in the config of some rounds. */
  readonly guest: Placed;
  readonly storeUrl: string;
  readonly workers: number;
  readonly securePort: number;
  readonly extraPort: number;
}

/** Rounds whose configs differ. */
export const ROUNDS = 8;

/**
 * The config of a round: an upstream comes and goes and weights change with the first bit of `round`; a listener, a route with a pool, and the
 * certificate with the second; the session block, the order of affinity's secrets, bounds and timeouts with the third. Timeouts are short, so that
 * each of them comes often, and whatever is kept for later is soon given up.
 */
export function configOf(around: Surroundings, round: number): object {
  const has = (bit: number): boolean => Math.floor(round / bit) % 2 === 1;
  const upstreamOf = ({ name, port }: Placed): object => ({ name, url: `http://127.0.0.1:${port}` });
  const upstreams = around.apps.map(upstreamOf);
  const quick = {
    timeouts: { connect: '1s', bodyIdle: '2s', response: '3s', stream: '3s', tunnel: '4s' },
    keepAlive: { idleTimeout: '600ms', requests: 500 },
    health: {
      active: { path: '/small', interval: '300ms', timeout: '500ms' },
      passive: { ejectFor: '300ms', maxEjectFor: '1s' },
    },
  };
  const shop = (path: string, more: object = {}): object => ({
    path,
    pool: 'shop',
    affinity: false,
    methods: ['GET', 'HEAD', 'POST'],
    ...more,
  });
  const paths = ['/small', '/large', '/stream', '/count', '/late', '/events', '/sockets', '/missing'];
  const certificate = has(2) ? { cert: 'b.pem', key: 'b.key' } : { cert: 'a.pem', key: 'a.key' };
  return {
    listeners: [
      { bind: '127.0.0.1:{port}' },
      { bind: `127.0.0.1:${around.securePort}`, tls: { certificates: [certificate] } },
      ...(has(2) ? [{ bind: `127.0.0.1:${around.extraPort}`, name: 'extra' }] : []),
    ],
    admin: { bind: '127.0.0.1:{adminPort}' },
    workers: around.workers,
    log: { access: false, level: 'warn' },
    limits: { connections: 2000 },
    timeouts: { head: '1s', idle: '1s' },
    // Of a listener that is gone, and of a process that is replaced.
    shutdown: { deadline: '3s' },
    sessions: {
      users: {
        verify: 'express-session',
        secrets: [SECRET],
        user: 'userId',
        store: around.storeUrl,
        // Small, so that a table which outlives its block by a while is no heap to speak of.
        cache: { ttl: has(4) ? '300ms' : '200ms', entries: 1000 },
      },
    },
    pools: {
      shop: {
        ...quick,
        upstreams: [
          { ...upstreams[0], weight: has(1) ? 2 : 1 },
          ...upstreams.slice(1),
          ...(has(1) ? [upstreamOf(around.guest)] : []),
        ],
        balance: 'least-connections',
        affinity: { cookie: { secrets: has(4) ? AFFINITY_SECRETS.toReversed() : AFFINITY_SECRETS } },
      },
      tight: {
        ...quick,
        upstreams: [{ ...upstreams[2], maxConnections: has(4) ? 3 : 2 }],
        queue: { max: has(4) ? 2 : 3, timeout: '250ms' },
      },
      ...(has(2) ? { extra: { ...quick, upstreams: [upstreamOf(around.guest)] } } : {}),
    },
    routes: [
      ...paths.map((path) => shop(path)),
      ...['/broken', '/torn', '/reset', '/nonsense'].map((path) => shop(path)),
      shop('/early', { timeouts: { total: '500ms' } }),
      shop('/sticky', { affinity: true }),
      shop('/guarded', { session: 'users' }),
      { path: '/tight', pool: 'tight', ...(has(4) ? { timeouts: { response: '2s' } } : {}) },
      { path: '= /fixed', respond: { body: 'fixed' } },
      { path: '= /away', redirect: { to: '/small{query}' } },
      ...(has(2) ? [{ path: '= /small', pool: 'extra' }] : []),
    ],
  };
}
