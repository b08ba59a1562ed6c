// What a collector is told of requests: their spans, one for each try, joined to the client's trace and to the app's.
import t from 'tap';
import { startLimpet } from '../kit/limpet.ts';
import { askPath, calm, type NamedApp, startNamedApp, until } from '../kit/named-app.ts';
import { type CollectedSpan, type Collector, startCollector } from '../kit/otlp-collector.ts';

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

t.test('a request is told with its pick, its try and its answer', async (t) => {
  await askPath(traced.port, '/cart?token=hushhush', { host: 'shop.example:8443' });
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
