// A collector of OTLP over HTTP in the test's own process: reads what is posted as the JSON that the protocol has, and can be away, slow or hung.
import { createServer, type IncomingHttpHeaders, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Owner } from './child.ts';

type AnyValue = {
  readonly stringValue?: string;
  readonly intValue?: number | string;
  readonly doubleValue?: number;
  readonly boolValue?: boolean;
};
type KeyValue = { readonly key: string; readonly value: AnyValue };

/** A span as the protocol's JSON has it, with its attributes as an object. */
export interface CollectedSpan {
  readonly traceId: string;
  readonly spanId: string;
  /** Empty where the trace begins. */
  readonly parentSpanId: string;
  readonly name: string;
  /** 1 internal, 2 server, 3 client (`SpanKind` of OTLP). */
  readonly kind: number;
  readonly startNs: bigint;
  readonly endNs: bigint;
  readonly attributes: Readonly<Record<string, string | number | boolean>>;
  /** 0 unset, 2 error. */
  readonly status: number;
  readonly message: string;
  readonly resource: Readonly<Record<string, string | number | boolean>>;
}

export interface Collector {
  readonly url: string;
  readonly port: number;
  readonly spans: CollectedSpan[];
  readonly posts: { readonly path: string; readonly headers: IncomingHttpHeaders; readonly bytes: number }[];
  /** Posts that came and were given no answer. */
  hanging: number;
  /** What it does with the next posts. */
  mode: 'take' | 'hang' | 'busy' | 'refuse';
  /** Spans of one trace, in the order of their beginning. */
  trace(traceId: string): CollectedSpan[];
  stop(): Promise<void>;
  start(): Promise<void>;
}

export async function startCollector(owner: Owner): Promise<Collector> {
  let server: Server;
  const sockets = new Set<{ destroy(): void }>();
  const held = new Set<ServerResponse>();
  const listen = (port: number): Promise<void> =>
    new Promise((resolve, reject) => {
      server = createServer((request, response) => {
        const chunks: Buffer[] = [];
        request.on('data', (chunk: Buffer) => chunks.push(chunk));
        request.on('end', () => {
          const body = Buffer.concat(chunks);
          collector.posts.push({ path: request.url ?? '', headers: request.headers, bytes: body.length });
          if (collector.mode === 'hang') {
            collector.hanging++;
            held.add(response);
          } else if (collector.mode === 'take') {
            collector.spans.push(...spansOf(body.toString()));
            response.setHeader('content-type', 'application/json');
            response.end('{}');
          } else {
            response.statusCode = collector.mode === 'busy' ? 503 : 400;
            response.end();
          }
        });
      });
      server.on('connection', (socket) => {
        sockets.add(socket);
        socket.on('close', () => sockets.delete(socket));
      });
      server.once('error', reject);
      server.listen(port, '127.0.0.1', resolve);
    });
  const collector: Collector = {
    url: '',
    port: 0,
    spans: [],
    posts: [],
    hanging: 0,
    mode: 'take',
    trace: (traceId) =>
      collector.spans
        .filter((span) => span.traceId === traceId)
        .sort((a, b) => (a.startNs < b.startNs ? -1 : a.startNs > b.startNs ? 1 : 0)),
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
    start: () => listen(collector.port),
  };
  await listen(0);
  const { port } = server!.address() as AddressInfo; // it listens on TCP
  owner.teardown(() => collector.stop());
  return Object.assign(collector, { port, url: `http://127.0.0.1:${port}` });
}

/** The spans of an `ExportTraceServiceRequest`. */
function spansOf(text: string): CollectedSpan[] {
  // What follows reads it as opentelemetry-proto 1.x names it; a field that is missing shows in the test that wants it.
  const { resourceSpans } = JSON.parse(text);
  return resourceSpans.flatMap(
    (ofResource: { resource: { attributes: KeyValue[] }; scopeSpans: unknown[] }) =>
      ofResource.scopeSpans.flatMap((ofScope) =>
        (ofScope as { spans: Record<string, never>[] }).spans.map((span) => ({
          traceId: span.traceId,
          spanId: span.spanId,
          parentSpanId: span.parentSpanId ?? '',
          name: span.name,
          kind: span.kind,
          startNs: BigInt(span.startTimeUnixNano!),
          endNs: BigInt(span.endTimeUnixNano!),
          attributes: objectOf(span.attributes as unknown as KeyValue[]),
          status: (span.status as { code?: number } | undefined)?.code ?? 0,
          message: (span.status as { message?: string } | undefined)?.message ?? '',
          resource: objectOf(ofResource.resource.attributes),
        })),
      ),
  );
}

function objectOf(pairs: readonly KeyValue[]): Record<string, string | number | boolean> {
  return Object.fromEntries(pairs.map(({ key, value }) => [key, plainOf(value)]));
}

function plainOf({ stringValue, intValue, doubleValue, boolValue }: AnyValue): string | number | boolean {
  return stringValue ?? boolValue ?? doubleValue ?? Number(intValue);
}
