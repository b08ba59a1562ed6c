// What a PATCH is told when it is wrong: the field by name, and what would be right.
import t from 'tap';
import { makeAdmin } from '../fake-view.ts';

const URL = '/api/v1/upstreams/shop/blue';

t.test('a change that is wrong is refused by the name of its field, and nothing is changed', async (t) => {
  const { app, view } = makeAdmin();
  for (const [payload, message] of [
    [{ wanted: 'drained' }, '"wanted" must be one of ready, drain, maintenance'],
    [{ wanted: 3 }, '"wanted" must be one of ready, drain, maintenance'],
    [{ wanted: null }, '"wanted" must be one of ready, drain, maintenance'],
    [{ weight: '2' }, '"weight" must be an integer'],
    [{ weight: 2.5 }, '"weight" must be an integer'],
    [{ weight: -1 }, '"weight" must be >= 0'],
    [{ weight: 1e9 }, '"weight" must be <= 1000'],
    [{ weigth: 2 }, 'unknown key "weigth"; did you mean "weight"?'],
    [{ colour: 'red' }, 'unknown key "colour"; known are wanted, weight, deadline'],
    [{ wanted: 'drain', deadline: 300 }, '"deadline" must be a string'],
    [{ wanted: 'x', weight: -1 }, /"wanted" must be one of.*; "weight" must be/],
    [{}, 'the body must say what to change'],
    [[], 'the body must be an object'],
    ['"drain"', 'the body must be an object'],
    ['null', 'the body must be an object'],
  ] as const) {
    const label = JSON.stringify(payload);
    const headers = { 'content-type': 'application/json' };
    const body = typeof payload === 'string' ? payload : label;
    const answer = await app.inject({ method: 'PATCH', url: URL, headers, payload: body });
    t.equal(answer.statusCode, 400, label);
    const { error } = answer.json();
    t.equal(error.code, 'body.invalid', label);
    if (typeof message === 'string') t.equal(error.message, message);
    else t.match(error.message, message);
  }
  t.same(view.changes, []);
});

t.test('a body that is no JSON, empty, of another type or too long is refused as such', async (t) => {
  const { app, view } = makeAdmin();
  for (const [type, payload, status, code] of [
    ['application/json', '{"wanted":', 400, 'body.json'],
    ['application/json', '', 400, 'body.empty'],
    ['application/json', '{"__proto__":{"wanted":"drain"}}', 400, 'body.json'],
    ['text/plain', '{"wanted":"drain"}', 415, 'body.type'],
    ['application/x-www-form-urlencoded', 'wanted=drain', 415, 'body.type'],
    ['application/json', JSON.stringify({ wanted: 'x'.repeat(20_000) }), 413, 'body.large'],
  ] as const) {
    const answer = await app.inject({
      method: 'PATCH',
      url: URL,
      headers: { 'content-type': type },
      payload,
    });
    t.equal(answer.statusCode, status, payload.slice(0, 40));
    t.equal(answer.json().error.code, code, payload.slice(0, 40));
  }
  const bare = await app.inject({ method: 'PATCH', url: URL });
  t.ok(bare.statusCode >= 400 && bare.statusCode < 500, 'no body at all');
  t.same(view.changes, []);
});

t.test('an unknown pool or upstream is a 404 that says which there are', async (t) => {
  const { app, view } = makeAdmin();
  for (const [path, code, message] of [
    [
      'shop/bleu',
      'upstream.unknown',
      'pool "shop" has no upstream "bleu"; did you mean "blue"? There are: blue, green,',
    ],
    ['shop/zzzzzzzz', 'upstream.unknown', 'pool "shop" has no upstream "zzzzzzzz"; there are: blue, green,'],
    ['shpo/blue', 'pool.unknown', 'there is no pool "shpo"; did you mean "shop"? There are: shop'],
  ] as const) {
    const answer = await app.inject({
      method: 'PATCH',
      url: `/api/v1/upstreams/${path}`,
      payload: { wanted: 'drain' },
    });
    t.equal(answer.statusCode, 404);
    t.equal(answer.json().error.code, code);
    t.ok(answer.json().error.message.startsWith(message), answer.json().error.message);
  }
  t.same(view.changes, []);
});

t.test('both fields may change at once, and the answer is the upstream after it', async (t) => {
  const { app } = makeAdmin();
  const payload = { wanted: 'maintenance', weight: 25 };
  const answer = await app.inject({
    method: 'PATCH',
    url: '/api/v1/upstreams/shop/127.0.0.1%3A3001',
    payload,
  });
  t.equal(answer.statusCode, 200);
  t.match(answer.json(), { pool: 'shop', name: '127.0.0.1:3001', ...payload });
});
