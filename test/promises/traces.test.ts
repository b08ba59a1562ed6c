// What a collector is told of requests: their spans, one for each try, joined to the client's trace and to the app's.
import { readFileSync, writeFileSync } from 'node:fs';
import t from 'tap';
import { value } from '../kit/http-message.ts';
import { metric, startLimpet } from '../kit/limpet.ts';
import { readMetrics } from '../kit/metric-text.ts';
import { askPath, calm, type NamedApp, startNamedApp, until } from '../kit/named-app.ts';
import { type CollectedSpan, type Collector, startCollector } from '../kit/otlp-collector.ts';
import { RawClient } from '../kit/raw-client.ts';
import { RawUpstream } from '../kit/raw-upstream.ts';

const TRACE = '0af7651916cd43dd8448eb211c80319c';
const PARENT = 'b7ad6b7169203331';
const KIND = { internal: 1, server: 2, client: 3 };

const collector = await startCollector(t);
const app = await startNamedApp('a', t);

/** What the app was told of the trace last. */
const toldTo = (who: NamedApp): string[] => String(who.seen.at(-1)!.headers.traceparent).split('-');

/** The spans of a trace, once its server span is there. */
async function spansOf(of: Collector, traceId: string): Promise<CollectedSpan[]> {
  await until(`the trace ${traceId}`, () => of.trace(traceId).some((span) => span.kind === KIND.server));
  return of.trace(traceId);
}

const traced = await startLimpet({
  upstreams: [app.url],
  health: calm,
  trustedProxies: ['127.0.0.1'],
  tracing: { endpoint: collector.url, sample: '100%', service: 'edge', headers: { 'X-Key': 'opensesame' } },
});

const broken = await RawUpstream.listen();
broken.script = async (exchange) => {
  await exchange.whole();
  exchange.connection.destroy();
};
const slow = await startNamedApp('slow', t);
const house = await startLimpet({
  pools: {
    one: { upstreams: [app.url], health: calm },
    retried: {
      upstreams: [
        { name: 'broken', url: broken.url },
        { name: 'sound', url: app.url },
      ],
      health: { passive: false },
    },
    dead: { upstreams: [{ name: 'broken', url: broken.url }], health: { passive: false } },
    narrow: {
      upstreams: [{ name: 'slow', url: slow.url, maxConnections: 1 }],
      health: calm,
      queue: { max: 5, timeout: '30s' },
    },
  },
  sessions: { members: { verify: 'cookie-session', secrets: ['a secret that is long enough'], user: 'id' } },
  routes: [
    { path: '/one', pool: 'one' },
    { path: '/retried', pool: 'retried' },
    { path: '/dead', pool: 'dead' },
    { path: '/narrow', pool: 'narrow' },
    { path: '/members', pool: 'one', session: 'members' },
    { path: '/old', redirect: { to: '/new' } },
  ],
  trustedProxies: ['127.0.0.1'],
  tracing: { endpoint: `${collector.url}/v1/traces`, sample: '0%' },
});

t.test('a request is told with its pick, its try and its answer', async (t) => {
  await askPath(traced.port, '/cart;jsessionid=hushhush?token=hushhush', { host: 'shop.example:8443' });
  const [version, traceId, parentId, flags] = toldTo(app);
  t.same([version, flags], ['00', '01']);
  const spans = await spansOf(collector, traceId!);
  t.same(
    spans.map(({ name, kind }) => [name, kind]),
    [
      ['GET /', KIND.server],
      ['limpet.pick', KIND.internal],
      ['GET', KIND.client],
      ['limpet.answer', KIND.internal],
    ],
  );
  const [server, pick, attempt] = spans as [CollectedSpan, CollectedSpan, CollectedSpan];
  t.equal(server.parentSpanId, '', 'the trace begins here');
  for (const span of spans.slice(1)) t.equal(span.parentSpanId, server.spanId, span.name);
  t.equal(attempt.spanId, parentId, 'what the app does is part of the try');
  t.equal(new Set(spans.map(({ spanId }) => spanId)).size, spans.length);
  t.match(server.attributes, {
    'http.request.method': 'GET',
    'http.response.status_code': 200,
    'url.path': '/cart',
    'url.scheme': 'http',
    'server.address': 'shop.example',
    'server.port': 8443,
    'client.address': '127.0.0.1',
    'network.protocol.version': '1.1',
    'limpet.route': '/',
    'limpet.pool': 'default',
    'limpet.upstream': `127.0.0.1:${app.port}`,
    'limpet.attempts': 1,
    'http.response.body.size': 1,
  });
  t.match(attempt.attributes, {
    'http.request.method': 'GET',
    'http.response.status_code': 200,
    'server.address': '127.0.0.1',
    'server.port': app.port,
    'url.full': `${app.url}/cart`,
  });
  t.notOk('http.request.resend_count' in attempt.attributes, 'the first try is no other');
  t.equal(pick.attributes['limpet.upstream'], `127.0.0.1:${app.port}`);
  t.match(server.resource, { 'service.name': 'edge', 'service.version': /^\d/, 'host.name': /./ });
  for (const { status, startNs, endNs, name } of spans) {
    t.equal(status, 0, name);
    t.ok(startNs <= endNs, `${name} begins before it ends`);
    t.ok(server.startNs <= startNs && endNs <= server.endNs, `${name} is within the request`);
  }
  t.ok(Math.abs(Number(server.startNs / 1_000_000n) - Date.now()) < 60_000, 'times are those of the wall');
  t.equal(collector.posts.at(-1)?.path, '/v1/traces');
  t.equal(collector.posts.at(-1)?.headers['x-key'], 'opensesame');
  const all = JSON.stringify(spans, (_key, value: unknown) => (typeof value === 'bigint' ? '' : value));
  t.notMatch(all, 'hushhush', 'no query is told');
});

t.test('a trusted client’s trace goes on, and his choice with it', async (t) => {
  const headers = { traceparent: `00-${TRACE}-${PARENT}-03`, tracestate: 'vendor=1' };
  await askPath(traced.port, '/', headers);
  const [, traceId, parentId, flags] = toldTo(app);
  t.same([traceId, flags], [TRACE, '03'], 'the app is in the same trace, whose id is still random');
  t.equal(app.seen.at(-1)!.headers.tracestate, 'vendor=1');
  const spans = await spansOf(collector, TRACE);
  t.equal(spans[0]?.parentSpanId, PARENT);
  t.equal(spans[2]?.spanId, parentId);
  const quiet = `00-${TRACE.replace('0a', 'ba')}-${PARENT}-00`;
  await askPath(traced.port, '/', { traceparent: quiet });
  t.equal(app.seen.at(-1)!.headers.traceparent, quiet, 'who is not sampled goes through as he came');
  await askPath(traced.port, '/', { traceparent: 'nonsense', tracestate: 'vendor=1' });
  const [, fresh] = toldTo(app);
  t.match(fresh, /^[0-9a-f]{32}$/);
  t.equal(app.seen.at(-1)!.headers.tracestate, undefined);
  t.equal((await spansOf(collector, fresh!))[0]?.parentSpanId, '');
  t.same(collector.trace(quiet.split('-')[1]!), []);
});

t.test('a scraper of OpenMetrics is pointed from a bucket to a trace', async (t) => {
  await askPath(traced.port, '/');
  const [, traceId] = toldTo(app);
  await spansOf(collector, traceId!);
  const names = ['limpet_request_seconds', 'limpet_upstream_seconds'];
  await until('both histograms point to it', async () => {
    const answer = await fetch(`${traced.adminUrl}/metrics`, {
      headers: { accept: 'application/openmetrics-text;version=1.0.0;q=0.75,text/plain;q=0.5' },
    });
    t.equal(answer.headers.get('content-type'), 'application/openmetrics-text; version=1.0.0; charset=utf-8');
    const families = readMetrics(await answer.text(), 'open');
    return names.every((name) =>
      families.get(name)!.samples.some(({ exemplar }) => exemplar?.labels.trace_id === traceId),
    );
  });
  readMetrics(await (await fetch(`${traced.adminUrl}/metrics`)).text(), 'text');
});

let made = 0;
/** Asks `house` under a trace of its own, which its trusted client has chosen to sample. */
async function traceOf(ask: (headers: Record<string, string>) => Promise<unknown>) {
  const traceId = `${(++made).toString(16).padStart(8, '0')}${TRACE.slice(8)}`;
  await ask({ traceparent: `00-${traceId}-${PARENT}-01` });
  return spansOf(collector, traceId);
}
const get = (path: string) => traceOf((headers) => askPath(house.port, path, headers));
const shapeOf = (spans: readonly CollectedSpan[]): string[] =>
  spans.map(({ name, attributes, status }) =>
    [name, attributes['limpet.upstream'] ?? '', attributes['error.type'] ?? '', status === 2 ? 'error' : '']
      .join(' ')
      .trim()
      .replace(/ +/g, ' '),
  );

t.test('each try is a span, those that failed with their fault', async (t) => {
  let spans: CollectedSpan[] = [];
  await until('a request that met the broken one first', async () => {
    spans = await get('/retried');
    return spans.length > 4;
  });
  t.same(shapeOf(spans), [
    'GET /retried sound',
    'limpet.pick broken',
    'GET broken upstream.closed.unanswered error',
    'limpet.pick sound',
    'GET sound',
    'limpet.answer',
  ]);
  const [server, , first, , second] = spans as [CollectedSpan, ...CollectedSpan[]];
  t.equal(server.attributes['limpet.attempts'], 2);
  t.equal(second?.attributes['http.request.resend_count'], 1);
  t.ok(first!.endNs <= second!.startNs, 'one after the other');
  t.equal(toldTo(app)[2], second?.spanId, 'the app belongs to the try that reached it');
  const toBroken = value(broken.last.head, 'traceparent');
  t.match(toBroken, `-${first!.spanId}-01`, 'and the broken one to the other');
});

t.test('a request that nobody answers ends as an error, and so does each of its tries', async (t) => {
  const spans = await get('/dead');
  const [server] = spans as [CollectedSpan];
  t.match(server, { status: 2, attributes: { 'http.response.status_code': 502 } });
  t.equal(server.attributes['error.type'], 'upstream.closed.unanswered');
  t.match(server.message, /\w+ \w+/, 'in words');
  const tries = spans.filter(({ kind }) => kind === KIND.client);
  t.ok(tries.length >= 1);
  t.ok(tries.every(({ status }) => status === 2));
});

t.test('the check of a session is a span, and tells nothing of what was shown', async (t) => {
  const cookie = 'session=eyJzZWNyZXQiOiJodXNoIn0; session.sig=hushhushhushhush';
  const spans = await traceOf((headers) => askPath(house.port, '/members', { ...headers, cookie }));
  t.same(shapeOf(spans), ['GET /members session.none', 'limpet.session']);
  t.match(spans[1]?.attributes, {
    'limpet.session': 'members',
    'limpet.session.verdict': 'invalid',
    'limpet.session.reason': 'signature.bad',
  });
  t.match(
    spans[0],
    { status: 0, attributes: { 'http.response.status_code': 401 } },
    'the client’s own doing',
  );
  const all = JSON.stringify(spans, (_key, value: unknown) => (typeof value === 'bigint' ? '' : value));
  t.notMatch(all, /hush|eyJz/);
});

t.test('who waits in line is told to have waited', async (t) => {
  let free: (() => void) | null = null;
  slow.answer = (_request, response) => {
    free = () => response.end('slow');
  };
  const first = get('/narrow');
  await until('the only place is taken', () => free !== null);
  const release = free!;
  slow.answer = (_request, response) => response.end('slow');
  const second = get('/narrow');
  await until('the second waits', async () => (await metric(house, 'limpet_pool_waiting')) === 1);
  release();
  const [before, after] = await Promise.all([first, second]);
  const pick = (spans: CollectedSpan[]) => spans.find(({ name }) => name === 'limpet.pick')!;
  t.equal(pick(before).attributes['limpet.queued'], undefined);
  const waited = after.filter(({ attributes }) => attributes['limpet.queued'] === true);
  t.equal(waited.length, 1);
  const attempt = after.find(({ kind }) => kind === KIND.client)!;
  t.ok(waited[0]!.startNs < attempt.startNs, 'and is asked behind it');
  t.equal(after[0]?.attributes['limpet.upstream'], 'slow');
});

t.test('a WebSocket is one request, told when it is over', async (t) => {
  app.server.once('upgrade', (_request, socket) => {
    socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n');
    socket.on('data', (bytes) => socket.write(bytes));
    socket.on('end', () => socket.end());
  });
  const spans = await traceOf(async ({ traceparent }) => {
    const client = await RawClient.open(house.port);
    client.send(
      `GET /one HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\ntraceparent: ${traceparent}\r\n\r\n`,
    );
    await client.untilText('101 Switching');
    client.send('to and fro');
    await client.untilText('to and fro');
    t.same(collector.trace(String(traceparent).split('-')[1]!), [], 'nothing while it is open');
    client.destroy();
  });
  t.match(shapeOf(spans)[0], /^GET \/one 127/);
  t.equal(spans[0]?.attributes['http.response.status_code'], 101);
  t.equal(spans[0]?.attributes['http.response.body.size'], 10);
  t.equal(spans.find(({ kind }) => kind === KIND.client)?.attributes['http.response.status_code'], 101);
  t.ok(spans.some(({ name }) => name === 'limpet.answer'));
});

t.test('what Limpet answers itself is told, too', async (t) => {
  const moved = await get('/old');
  t.same(shapeOf(moved), ['GET /old']);
  t.match(moved[0]?.attributes, { 'http.response.status_code': 308, 'limpet.route': '/old' });
  const nowhere = await get('/nowhere');
  t.same(shapeOf(nowhere), ['GET route.none']);
  t.match(nowhere[0], { status: 0, attributes: { 'http.response.status_code': 404 } });
});

t.test('who is not sampled is told of nowhere', async (t) => {
  const before = collector.spans.length;
  for (let i = 0; i < 20; i++) await askPath(house.port, '/one');
  t.match(toldTo(app).join('-'), /^00-[0-9a-f]{32}-[0-9a-f]{16}-00$/);
  await get('/one');
  t.equal(collector.spans.length - before, 4, 'but one who was, behind them');
});

t.test('a reload switches tracing on, over to another collector, and off', async (t) => {
  const other = await startCollector(t);
  const limpet = await startLimpet({ upstreams: [app.url], health: calm });
  const written = JSON.parse(readFileSync(limpet.configFile, 'utf8'));
  let reloads = 0;
  const reload = async (tracing: object | false): Promise<void> => {
    writeFileSync(limpet.configFile, JSON.stringify({ ...written, tracing }));
    await limpet.kill('SIGHUP');
    reloads++;
    await until('it is in force', () => limpet.logs().split('the config was reloaded').length > reloads);
  };
  /** Asks until the app is told these flags, since a worker follows a little later; returns the trace. */
  const askUntil = async (flags: string): Promise<string> => {
    await until(`flags of ${flags}`, async () => {
      await askPath(limpet.port, '/');
      return toldTo(app)[3] === flags;
    });
    return toldTo(app)[1]!;
  };
  await reload({ endpoint: collector.url, sample: '100%' });
  await spansOf(collector, await askUntil('01'));
  const last = await askUntil('01');
  await reload({ endpoint: other.url, sample: '100%' });
  await until('the other is told', async () => {
    await askUntil('01');
    return other.spans.length > 0;
  });
  const found = () => [collector, other].some((one) => one.trace(last).length > 0);
  await until('what was under way is told to one of them', found);
  await reload(false);
  await askUntil('00');
});
