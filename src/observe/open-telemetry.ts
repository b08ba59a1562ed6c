// The one place that knows OpenTelemetry: its exporter of OTLP over HTTP, and a worker's records as the spans that it takes.
import { Agent as HttpAgent } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import type { HrTime } from '@opentelemetry/api';
import type { Resource } from '@opentelemetry/resources';
import type { ReadableSpan } from '@opentelemetry/sdk-trace';
import type { SpanExporter } from './span-queue.ts';
import type { SpanRecord, TraceRecord } from './trace-record.ts';
import type { TracingOptions } from './tracing-options.ts';

/** How long one post may take, its repetitions included, ms. */
const POST_MS = 5000;

/** Numbers of the API's enumerations (`SpanKind`, `SpanStatusCode`, `TraceFlags`), which are fixed by its specification. */
const KIND = { internal: 0, server: 1, client: 2 } as const;
const STATUS = { unset: 0, error: 2 } as const;
const SAMPLED = 1;

/** What spans say of the process that they come from. */
export interface TracedProcess {
  readonly version: string;
  readonly host: string;
  /** Tells processes of one host apart. */
  readonly instance: string;
}

/** Makes of records what the exporter takes. */
export type SpanMaker = (record: TraceRecord) => ReadableSpan[];

export interface Telemetry {
  readonly exporter: SpanExporter<ReadableSpan>;
  readonly spansOf: SpanMaker;
}

/** Loads the packages, and opens no connection yet. Rejects where one of them is missing or does not load. */
export async function openTelemetry(options: TracingOptions, from: TracedProcess): Promise<Telemetry> {
  const [{ OTLPTraceExporter }, { resourceFromAttributes }] = await Promise.all([
    import('@opentelemetry/exporter-trace-otlp-http'),
    import('@opentelemetry/resources'),
  ]);
  const secure = options.endpoint.startsWith('https:');
  const agent = secure
    ? new HttpsAgent({ keepAlive: true, maxSockets: 1 })
    : new HttpAgent({ keepAlive: true, maxSockets: 1 });
  const otlp = new OTLPTraceExporter({
    url: options.endpoint,
    headers: Object.fromEntries(options.headers),
    timeoutMillis: POST_MS,
    concurrencyLimit: 1,
    httpAgentOptions: () => agent,
  });
  const resource = resourceFromAttributes({
    'service.name': options.service,
    'service.version': from.version,
    'service.instance.id': from.instance,
    'host.name': from.host,
  });
  return {
    spansOf: (record) => record.spans.map((span) => readable(span, record.traceId, resource, from.version)),
    exporter: {
      export(spans, done) {
        otlp.export(spans, (result) => done(result.code === 0 ? null : reasonOf(result.error)));
      },
      abort: () => agent.destroy(),
    },
  };
}

/** One word or two: an answer of the collector may hold anything. */
function reasonOf(error: Error | undefined): string {
  if (error === undefined) return 'it did not take them';
  const code: unknown = 'code' in error ? error.code : undefined;
  if (typeof code === 'number') return `it answered ${code}`;
  return typeof code === 'string' ? code.slice(0, 64) : 'it did not answer in time';
}

function readable(span: SpanRecord, traceId: string, resource: Resource, version: string): ReadableSpan {
  const context = (spanId: string) => ({ traceId, spanId, traceFlags: SAMPLED });
  const own = context(span.id);
  return {
    name: span.name,
    kind: KIND[span.kind],
    spanContext: () => own,
    ...(span.parentId === '' ? {} : { parentSpanContext: context(span.parentId) }),
    startTime: hrTime(span.startMs),
    endTime: hrTime(span.endMs),
    duration: hrTime(Math.max(0, span.endMs - span.startMs)),
    status: span.error === null ? { code: STATUS.unset } : { code: STATUS.error, message: span.error },
    attributes: span.attributes,
    links: [],
    events: [],
    ended: true,
    resource,
    instrumentationScope: { name: 'limpet', version },
    droppedAttributesCount: 0,
    droppedEventsCount: 0,
    droppedLinksCount: 0,
  };
}

/** Milliseconds as OpenTelemetry has times: whole seconds, and nanoseconds below. */
function hrTime(ms: number): HrTime {
  const seconds = Math.floor(ms / 1000);
  return [seconds, Math.min(999_999_999, Math.round((ms - seconds * 1000) * 1e6))];
}
