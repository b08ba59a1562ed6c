// The weights of a split, and a whole pool by one call: what is done is answered and told, what cannot be is refused by name.
import t from 'tap';
import { makeAdmin } from '../fake-view.ts';

const headers = { 'content-type': 'application/json' };
type App = ReturnType<typeof makeAdmin>['app'];
const patch = (app: App, url: string, body: object) =>
  app.inject({ method: 'PATCH', url, headers, payload: JSON.stringify(body) });

t.test('a split is given weights, those that are left out stay, and who did it is told', async (t) => {
  const { app, view, lines } = makeAdmin();
  const answer = await patch(app, '/api/v1/routes/%2F', { weights: { next: 50 } });
  t.equal(answer.statusCode, 200);
  t.match(answer.json(), {
    name: '/',
    does: 'split',
    pools: [
      { pool: 'shop', weight: 95 },
      { pool: 'next', weight: 50 },
    ],
  });
  const [line] = lines.map((text) => JSON.parse(text)).filter(({ audit }) => audit === 'route.split');
  t.match(line, { by: 'local', route: '/', was: { shop: 95, next: 5 }, now: { shop: 95, next: 50 } });
  t.match(view.events.since(0).at(-1), { kind: 'route', text: '/: shop 95; next 50, was 5 (by local)' });
});

t.test('what is no route, no split, no side or no weight is refused, and nothing is changed', async (t) => {
  const { app, view } = makeAdmin();
  for (const [url, body, status, code, message] of [
    ['/api/v1/routes/%2Fapo', { weights: { shop: 1 } }, 404, 'route.unknown', /did you mean "\/api"\?/],
    ['/api/v1/routes/%2Fapi', { weights: { shop: 1 } }, 409, 'route.whole', /is not shared out/],
    [
      '/api/v1/routes/%2F',
      { weights: { shpo: 1 } },
      400,
      'route.weights',
      /no pool "shpo"; did you mean "shop"\?/,
    ],
    ['/api/v1/routes/%2F', { weights: { shop: 0, next: 0 } }, 400, 'route.weights', /one must be above 0/],
    ['/api/v1/routes/%2F', { weights: { constructor: 5 } }, 400, 'route.weights', /no pool "constructor"/],
    [
      '/api/v1/routes/%2F',
      { weights: { shop: 0, next: 0, toString: 5 } },
      400,
      'route.weights',
      /no pool "toString"/,
    ],
    ['/api/v1/routes/%2F', { weights: { shop: 1.5 } }, 400, 'body.invalid', /integer/],
    ['/api/v1/routes/%2F', { weights: {} }, 400, 'body.invalid', /./],
    ['/api/v1/routes/%2F', {}, 400, 'body.invalid', /weights/],
  ] as const) {
    const answer = await patch(app, url, body);
    t.equal(answer.statusCode, status, JSON.stringify(body));
    t.equal(answer.json().error.code, code);
    t.match(answer.json().error.message, message);
  }
  view.splitRefusal = 'a worker has died and is not replaced yet';
  const refused = await patch(app, '/api/v1/routes/%2F', { weights: { next: 1 } });
  t.equal(refused.statusCode, 409);
  t.same(refused.json().error, {
    code: 'config.refused',
    message: 'The weights are as they were: a worker has died and is not replaced yet',
  });
  t.match(view.routes()[0]!.pools, [{ weight: 95 }, { weight: 5 }]);
});

t.test('a whole pool is taken out and put back by one call', async (t) => {
  const { app, view, lines } = makeAdmin();
  const answer = await patch(app, '/api/v1/pools/shop', { wanted: 'maintenance' });
  t.equal(answer.statusCode, 200);
  t.same([...new Set(answer.json().map(({ wanted }: { wanted: string }) => wanted))], ['maintenance']);
  t.equal(view.changes.length, 4);
  t.match(lines.at(-1), '"audit":"pool.change"');
  const unknown = await patch(app, '/api/v1/pools/shpo', { wanted: 'ready' });
  t.equal(unknown.statusCode, 404);
  t.match(unknown.json().error, { code: 'pool.unknown', message: /did you mean "shop"/ });
});
