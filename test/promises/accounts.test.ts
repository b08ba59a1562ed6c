// Every request is accounted for: accepted once, over once, by how it ended and by the status that the client was sent.
import t from 'tap';
import { metric, startLimpet } from '../kit/limpet.ts';
import { askPath, calm, startNamedApp, until } from '../kit/named-app.ts';
import { RawClient } from '../kit/raw-client.ts';
import { OK, RawUpstream } from '../kit/raw-upstream.ts';

const app = await startNamedApp('app', t);
const raw = await RawUpstream.listen();
const limpet = await startLimpet({
  timeouts: { head: '300ms' },
  limits: { connections: 4 },
  pools: {
    shop: { upstreams: [app.url], health: calm },
    raw: { upstreams: [`http://127.0.0.1:${raw.port}`], health: false, retries: { attempts: 0 } },
  },
  routes: [
    { path: '/shop', pool: 'shop' },
    { path: '/raw', pool: 'raw' },
    { path: '/raw/early', pool: 'raw', timeouts: { total: '500ms' } },
    { path: '/strict', pool: 'shop', strictTarget: true },
    { path: '/small', pool: 'shop', limits: { body: '10B' } },
    { path: '/fixed', respond: { body: 'fixed' } },
  ],
});

interface Account {
  readonly accepted: number;
  readonly answered: number;
  readonly refused: number;
  readonly aborted: number;
  readonly cut: number;
  readonly status: number;
}

const ended = (outcome: string): Promise<number> =>
  metric(limpet, 'limpet_requests_ended_total', `outcome="${outcome}"`);
const account = async (status: number): Promise<Account> => ({
  accepted: await metric(limpet, 'limpet_requests_accepted_total'),
  answered: await ended('answered'),
  refused: await ended('refused'),
  aborted: await ended('aborted'),
  cut: await ended('cut'),
  status: await metric(limpet, 'limpet_requests_total', `code="${status}"`),
});

/** The text of /metrics may be a second old: true once it knows of every request that the admin API has counted. */
async function upToDate(): Promise<boolean> {
  const status = await askPath(Number(new URL(limpet.adminUrl).port), '/api/v1/status');
  const { totals } = JSON.parse(status.body) as { totals: { requests: number } };
  return (await metric(limpet, 'limpet_requests_total')) === totals.requests;
}

/** What one act adds to the books, once the requests that it accepted are over. `status`: whose count is looked at. */
async function added(status: number, act: () => Promise<unknown>): Promise<Account> {
  await until('the metrics know of every request', upToDate);
  const before = await account(status);
  await act();
  let after = before;
  await until('the request is over', async () => {
    after = await account(status);
    const over = after.answered + after.refused + after.aborted + after.cut;
    return after.accepted > before.accepted && over === after.accepted && (await upToDate());
  });
  return {
    accepted: after.accepted - before.accepted,
    answered: after.answered - before.answered,
    refused: after.refused - before.refused,
    aborted: after.aborted - before.aborted,
    cut: after.cut - before.cut,
    status: after.status - before.status,
  };
}

/** One request, over by `outcome` and with the status that was looked at. */
const one = (outcome: 'answered' | 'refused' | 'aborted' | 'cut'): Account => ({
  accepted: 1,
  answered: 0,
  refused: 0,
  aborted: 0,
  cut: 0,
  status: 1,
  [outcome]: 1,
});

const get = (path: string): string => `GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`;

t.test('a whole answer counts as answered, whoever gives it', async (t) => {
  t.same(await added(200, () => askPath(limpet.port, '/shop')), one('answered'), 'an instance');
  t.same(await added(200, () => askPath(limpet.port, '/fixed')), one('answered'), 'a route');
  t.same(await added(204, () => askPath(limpet.port, '*', {}, 'OPTIONS')), one('answered'), 'OPTIONS *');
  const client = await RawClient.open(limpet.port);
  const pipelined = await added(200, async () => {
    client.send(get('/shop') + get('/fixed') + get('/shop'));
    for (let i = 0; i < 3; i++) await client.finalAnswer();
  });
  client.destroy();
  t.same(pipelined, { ...one('answered'), accepted: 3, answered: 3, status: 3 }, 'three in one write');
});

t.test('a fault for an answer counts as refused, once, wherever it was found', async (t) => {
  const refusals: readonly (readonly [string, number, string])[] = [
    ['no request at all', 400, 'no request\r\n\r\n'],
    ['no route', 404, get('/nowhere')],
    ['a target that the route refuses', 400, get('/strict/"')],
    ['a body too large for the route', 413, 'POST /small HTTP/1.1\r\nHost: x\r\nContent-Length: 11\r\n\r\n'],
    [
      'a body that grows too large',
      413,
      'POST /small HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\ne\r\nlonger than 10\r\n',
    ],
    ['a head that does not end', 408, 'GET / HTTP/1.1\r\n'],
  ];
  for (const [what, status, bytes] of refusals) {
    const client = await RawClient.open(limpet.port);
    t.same(await added(status, () => client.ask(bytes)), one('refused'), what);
    client.destroy();
  }
  raw.script = (exchange) => exchange.connection.destroy();
  t.same(
    await added(502, () => askPath(limpet.port, '/raw', {}, 'POST')),
    one('refused'),
    'no answer to pass on',
  );
});

t.test('a connection beyond the bound is one request refused', async (t) => {
  const held: RawClient[] = [];
  for (let i = 0; i < 4; i++) {
    const client = await RawClient.open(limpet.port);
    await client.ask(get('/fixed'));
    // One that idles would give way to the newcomer.
    client.send('GET /fixed HT');
    held.push(client);
  }
  const refused = await added(503, async () => {
    const late = await RawClient.open(limpet.port);
    await late.finalAnswer();
    late.destroy();
  });
  t.same(refused, one('refused'), 'which it is told before it has asked');
  for (const client of held) client.destroy();
  await until('they are gone', async () => (await metric(limpet, 'limpet_connections')) === 0);
});

t.test('a client that leaves counts as aborted, under the status that it was sent, or 0', async (t) => {
  raw.script = () => {};
  const early = await RawClient.open(limpet.port);
  const asked = raw.exchanges.length;
  const before = await added(0, async () => {
    early.send(get('/raw/left'));
    await raw.until(() => raw.exchanges[asked], 'the request');
    early.reset();
  });
  t.same(before, one('aborted'), 'before the answer');

  raw.script = (exchange) => exchange.send('HTTP/1.1 201 Created\r\nContent-Length: 9\r\n\r\nhalf');
  const midway = await RawClient.open(limpet.port);
  const amid = await added(201, async () => {
    midway.send(get('/raw/midway'));
    await midway.untilText('half');
    midway.reset();
  });
  t.same(amid, one('aborted'), 'in the middle of it');

  const silent = await RawClient.open(limpet.port);
  silent.send('GET /raw HT');
  silent.reset();
  await until('it is gone', async () => (await metric(limpet, 'limpet_connections')) === 0);
  const nothing = await added(200, () => askPath(limpet.port, '/shop'));
  t.same(nothing, one('answered'), 'in the middle of a head there is no request yet');
});

t.test('an answer that breaks off counts as cut', async (t) => {
  raw.script = (exchange) => {
    exchange.send('HTTP/1.1 203 Fine\r\nContent-Length: 9\r\n\r\nhalf');
    exchange.connection.halfClose();
  };
  const client = await RawClient.open(limpet.port);
  const broken = await added(203, async () => {
    client.send(get('/raw/broken'));
    await client.untilEnd();
  });
  t.same(broken, one('cut'));
});

t.test(
  'an answer that came before the end of its request is the only one, however slowly the rest comes',
  async (t) => {
    raw.script = (exchange) => exchange.send(OK);
    const client = await RawClient.open(limpet.port);
    const early = await added(200, async () => {
      client.send('POST /raw/early HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nhalf');
      await client.finalAnswer('POST');
      await client.untilEnd();
    });
    t.equal(client.text, '', 'the time that a request may take in all makes no second answer');
    t.same(early, one('answered'));
  },
);

t.test('a tunnel is one request, over when it ends', async (t) => {
  const switching = 'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n';
  raw.script = (exchange) => exchange.send(switching);
  const client = await RawClient.open(limpet.port);
  const tunnel = await added(101, async () => {
    client.send('GET /raw/tunnel HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n');
    await client.untilText('101 Switching');
    await until('it is accepted and not over', async () => {
      const accepted = await metric(limpet, 'limpet_requests_accepted_total');
      return accepted === (await metric(limpet, 'limpet_requests_ended_total')) + 1;
    });
    client.destroy();
  });
  t.same(tunnel, one('answered'));
  raw.script = (exchange) => exchange.send(OK);
});
