// What a revocation is told when it is wrong, who may order one, and what is said of those in force.
import t from 'tap';
import { digestOf } from '../../../src/session/revocation/digest-words.ts';
import { RevocationFault, type RevocationFaultKind } from '../../../src/session/revocation/keeper.ts';
import type { Order } from '../../../src/session/revocation/order.ts';
import { namesOf, type Revocation } from '../../../src/session/revocation/record.ts';
import { LOOPBACK, makeAdmin } from '../fake-view.ts';

const URL = '/api/v1/revocations';
const record: Revocation = {
  ...namesOf('p', [digestOf('x')]),
  letter: 'p',
  timeMs: 1_700_000_000_000,
  untilS: 1_700_086_400,
  atMs: 1_700_000_001_000,
  by: 'ops',
  user: 'ada',
  reason: 'new roles',
};

/** An admin side whose switch notes what it is ordered. */
function make(fault: RevocationFaultKind | null = null, access: 'read' | 'full' | null = null) {
  const tokens = access === null ? [] : [{ name: 'shift', token: 'a-token-of-this-test', access }];
  const { app, view, lines } = makeAdmin(LOOPBACK, tokens);
  const orders: { order: Order; ttlMs: number | null; reason: string; by: string }[] = [];
  const fail = (): void => {
    if (fault !== null) throw new RevocationFault(fault, 'why it cannot be');
  };
  view.revocations = {
    async revoke(input) {
      fail();
      orders.push(input);
      return {
        record: { ...record, by: input.by, reason: input.reason },
        renewed: false,
        shared: true,
        understood: [],
      };
    },
    async lift(id) {
      fail();
      return id === record.id ? record : null;
    },
    async page(limit, after) {
      fail();
      return { records: [record], next: after === null && limit === 1 ? `1700086400.${record.id}` : null };
    },
  };
  const authorization = access === null ? {} : { authorization: 'Bearer a-token-of-this-test' };
  const ask = (method: 'GET' | 'POST' | 'DELETE', path = '', body?: unknown) =>
    app.inject({
      method,
      url: URL + path,
      headers: { ...authorization, ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
      ...(body === undefined ? {} : { payload: JSON.stringify(body) }),
    });
  return { ask, orders, lines, view };
}

t.test('who orders is told where nobody else has it', async (t) => {
  const { ask, view } = make();
  const alone = /in this Limpet alone/;
  t.notMatch((await ask('POST', '', { user: 'ada' })).json().note, alone);
  const status = view.status();
  for (const kept of ['process', 'redis'] as const) {
    view.status = () => ({ ...status, revocations: { entries: 1, kept, synced: true, why: '', waiting: 0 } });
    const { note } = (await ask('POST', '', { user: 'ada' })).json();
    t.equal(alone.test(note), kept === 'process', kept);
  }
});

t.test('what is wrong is refused by name, and nothing is ordered', async (t) => {
  const { ask, orders } = make();
  const what = 'say what to end by one of "session", "token", "user", or "before" with or without "user"';
  for (const [body, code, message] of [
    [{}, 'revocation.what', what],
    [{ reason: 'x' }, 'revocation.what', what],
    [{ session: 'a', user: 'b' }, 'revocation.what', what],
    [{ token: 'a', before: '2026-01-01T00:00:00Z' }, 'revocation.what', what],
    [{ session: '' }, 'body.invalid', /"session" must NOT have fewer than 1 characters/],
    [{ session: 7 }, 'body.invalid', '"session" must be a string'],
    [{ session: 'x'.repeat(8193) }, 'body.invalid', /"session" must NOT have more than 8192/],
    [{ user: 1.5 }, 'body.invalid', '"user" must be a string or an integer'],
    [{ user: '' }, 'body.invalid', /fewer than 1/],
    [{ user: 'a\nb' }, 'revocation.user', /control characters/],
    [{ user: 'a\ud800b' }, 'revocation.user', /control characters/],
    [{ user: 'a', reason: '\udc00' }, 'revocation.reason', /one line/],
    [{ before: '2026-02-30T00:00:00Z' }, 'revocation.before', /2026-01-31T12:00:00Z/],
    [{ user: 2 ** 53 }, 'revocation.user', /write it as text/],
    [{ user: 'a', block: 'yes' }, 'body.invalid', '"block" must be a boolean'],
    [{ session: 'a', block: true }, 'revocation.block', /goes with "user" alone/],
    [
      { user: 'a', before: '2026-01-01T00:00:00Z', block: true },
      'revocation.block',
      /goes with "user" alone/,
    ],
    [{ before: 'yesterday' }, 'revocation.before', /2026-01-31T12:00:00Z/],
    [{ before: '2026-01-01T00:00:00' }, 'revocation.before', /with its zone/],
    [{ before: '2026-13-01T00:00:00Z' }, 'revocation.before', /with its zone/],
    [{ user: 'a', ttl: '30' }, 'revocation.ttl', /"30" has no unit/],
    [{ user: 'a', ttl: '1ms' }, 'revocation.ttl', /"ttl": /],
    [{ user: 'a', ttl: 'never' }, 'revocation.ttl', /"ttl": /],
    [{ user: 'a', reason: 'x'.repeat(201) }, 'body.invalid', /"reason" must NOT have more than 200/],
    [{ user: 'a', reason: 'a\u001b[2Jb' }, 'revocation.reason', /control characters/],
    [{ usr: 'a' }, 'body.invalid', 'unknown key "usr"; did you mean "user"?'],
    [[], 'body.invalid', 'the body must be an object'],
  ] as const) {
    const answer = await ask('POST', '', body);
    t.equal(answer.statusCode, 400, JSON.stringify(body).slice(0, 60));
    const { error } = answer.json();
    t.equal(error.code, code);
    if (typeof message === 'string') t.equal(error.message, message);
    else t.match(error.message, message);
  }
  t.same(orders, []);
});

t.test('orders are read with their time and their reason, and logged with who gave them', async (t) => {
  const { ask, orders, lines } = make(null, 'full');
  const body = { user: 42, before: '2026-01-31T13:00:00.5+01:00', ttl: '2h', reason: 'new roles – größer' };
  const answer = await ask('POST', '', body);
  t.equal(answer.statusCode, 201);
  t.match(answer.json(), {
    id: record.id,
    kind: 'before',
    user: 'ada',
    block: false,
    before: '2023-11-14T22:13:20.000Z',
    until: '2023-11-15T22:13:20.000Z',
    by: 'shift',
    renewed: false,
    shared: true,
  });
  for (const one of [
    { session: 's' },
    { token: 't' },
    { user: 'u', block: true },
    { before: '2026-01-31T12:00:00Z' },
  ])
    t.equal((await ask('POST', '', one)).statusCode, 201);
  t.same(
    orders.map(({ order, ttlMs }) => [order, ttlMs]),
    [
      [{ kind: 'before', beforeMs: Date.UTC(2026, 0, 31, 12, 0, 0, 500), user: '42' }, 7_200_000],
      [{ kind: 'session', session: 's' }, null],
      [{ kind: 'token', token: 't' }, null],
      [{ kind: 'user', user: 'u', block: true }, null],
      [{ kind: 'before', beforeMs: Date.UTC(2026, 0, 31, 12), user: null }, null],
    ],
  );
  t.match(JSON.parse(lines[0]!), {
    msg: 'admin: revoked',
    revocation: record.id,
    by: 'shift',
    reason: body.reason,
  });
});

t.test('they are listed by pages, and lifted by their ids', async (t) => {
  const { ask, lines } = make();
  const page = (await ask('GET', '?limit=1')).json();
  t.equal(page.revocations[0].id, record.id);
  t.notOk('digests' in page.revocations[0] || 'more' in page.revocations[0]);
  t.equal((await ask('GET', `?limit=1&after=${page.next}`)).json().next, null);
  for (const [query, code] of [
    ['limit=0', 'query.limit'],
    ['limit=1001', 'query.limit'],
    ['limit=many', 'query.limit'],
    ['limit=1&limit=2', 'query.invalid'],
    ['limt=5', 'query.invalid'],
    ['after=x', 'query.after'],
    ['after=1.n', 'query.after'],
    [`after=${page.next}&after=${page.next}`, 'query.invalid'],
  ] as const) {
    const answer = await ask('GET', `?${query}`);
    t.equal(answer.statusCode, 400, query);
    t.equal(answer.json().error.code, code, query);
  }
  t.equal((await ask('DELETE', `/${record.id}`)).statusCode, 204);
  t.match(JSON.parse(lines[0]!), {
    msg: 'admin: a revocation was lifted',
    revocation: record.id,
    by: 'local',
  });
  for (const id of [record.id.replace('p', 'u'), 'x', '%00', 'p'.repeat(400)]) {
    const answer = await ask('DELETE', `/${id}`);
    t.equal(answer.statusCode, 404, id);
    t.equal(answer.json().error.code, 'revocation.unknown', id);
  }
});

t.test('who may only read lists, and neither orders nor lifts', async (t) => {
  const { ask, orders } = make(null, 'read');
  t.equal((await ask('GET')).statusCode, 200);
  t.equal((await ask('POST', '', { user: 'a' })).statusCode, 403);
  t.equal((await ask('DELETE', `/${record.id}`)).statusCode, 403);
  t.same(orders, []);
});

t.test('what cannot be done now says so', async (t) => {
  for (const [fault, status, code] of [
    ['full', 507, 'revocation.full'],
    ['away', 503, 'revocation.away'],
    ['busy', 503, 'revocation.busy'],
    ['future', 400, 'revocation.before'],
  ] as const) {
    const { ask } = make(fault);
    for (const answer of [
      await ask('POST', '', { user: 'a' }),
      await ask('GET'),
      await ask('DELETE', `/${record.id}`),
    ]) {
      t.equal(answer.statusCode, status, fault);
      t.same(answer.json().error, { code, message: 'why it cannot be' });
    }
  }
  const { ask, view } = make();
  view.revocations = null;
  for (const answer of [
    await ask('POST', '', { user: 'a' }),
    await ask('GET'),
    await ask('DELETE', `/${record.id}`),
  ])
    t.same([answer.statusCode, answer.json().error.code], [409, 'revocation.nothing']);
});
