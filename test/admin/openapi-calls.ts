// One good call, and where it can be wrong a bad one, for every operation of /openapi.json; a new route needs its row here.

export interface CallRow {
  readonly method: 'GET' | 'POST' | 'PATCH' | 'DELETE';
  /** The path as it is called. */
  readonly url: string;
  readonly body?: object;
  /** The status of the good call. */
  readonly status: number;
  /** A body of the right form that says what cannot be. */
  readonly badBody?: object;
  /** Characters that are too many for it; default 20,000. */
  readonly tooLong?: number;
}

/** By operationId. */
export const CALLS: Readonly<Record<string, CallRow>> = {
  getLivez: { method: 'GET', url: '/livez', status: 200 },
  getReadyz: { method: 'GET', url: '/readyz', status: 200 },
  getKeys: { method: 'GET', url: '/.well-known/jwks.json', status: 200 },
  getPointer: { method: 'GET', url: '/', status: 200 },
  getPageFile: { method: 'GET', url: '/page/page.css', status: 200 },
  getOpenApi: { method: 'GET', url: '/openapi.json', status: 200 },
  getMetrics: { method: 'GET', url: '/metrics', status: 200 },
  getStatus: { method: 'GET', url: '/api/v1/status', status: 200 },
  listUpstreams: { method: 'GET', url: '/api/v1/upstreams', status: 200 },
  changeUpstream: {
    method: 'PATCH',
    url: '/api/v1/upstreams/shop/blue',
    body: { wanted: 'drain', weight: 2, deadline: '5m' },
    status: 200,
    badBody: { wanted: 'away' },
  },
  getConfig: { method: 'GET', url: '/api/v1/config', status: 200 },
  checkConfig: {
    method: 'POST',
    url: '/api/v1/config/check',
    body: { text: 'listen: 8080' },
    status: 200,
    badBody: { yaml: 'listen: 8080' },
    tooLong: 6.5 * 1024 * 1024,
  },
  reload: { method: 'POST', url: '/api/v1/reload', status: 200 },
  changePool: {
    method: 'PATCH',
    url: '/api/v1/pools/shop',
    body: { wanted: 'maintenance' },
    status: 200,
    badBody: { wanted: 'away' },
  },
  listRoutes: { method: 'GET', url: '/api/v1/routes', status: 200 },
  splitRoute: {
    method: 'PATCH',
    url: '/api/v1/routes/%2F',
    body: { weights: { next: 10 } },
    status: 200,
    badBody: { weights: { next: -1 } },
  },
  listSessions: { method: 'GET', url: '/api/v1/sessions', status: 200 },
  listContinuity: { method: 'GET', url: '/api/v1/sessions/continuity', status: 200 },
  revoke: {
    method: 'POST',
    url: '/api/v1/revocations',
    body: { user: 'ann', reason: 'a test' },
    status: 201,
    badBody: { usr: 'ann' },
  },
  listRevocations: { method: 'GET', url: '/api/v1/revocations?limit=5', status: 200 },
  liftRevocation: { method: 'DELETE', url: '/api/v1/revocations/p1', status: 204 },
  explain: {
    method: 'POST',
    url: '/api/v1/explain',
    body: { method: 'GET', url: 'http://shop.example/', headers: { cookie: 'a=1', 'x-many': ['1', '2'] } },
    status: 200,
    badBody: { method: 'GET', url: '/', headers: { cookie: 1 } },
  },
  getLive: { method: 'GET', url: '/api/v1/live', status: 200 },
  getTroubles: { method: 'GET', url: '/api/v1/troubles', status: 200 },
  getHistory: { method: 'GET', url: '/api/v1/live/history', status: 200 },
  getPoolHistory: { method: 'GET', url: '/api/v1/live/history/shop', status: 200 },
  streamEvents: { method: 'GET', url: '/api/v1/events?after=0', status: 200 },
};
