// What a worker tells the main thread of a request that is traced: its spans, flat, and the times that histograms point to it for.
import type { HistogramName } from './names.ts';

/** Values that a span's attributes may have. */
export type SpanAttributes = Readonly<Record<string, string | number | boolean>>;

/** `server`: the whole request, as the client sees it; `client`: one try at an upstream; `internal`: what Limpet does between. */
export type SpanKind = 'server' | 'client' | 'internal';

/** One span. Nothing in it is a query, a cookie, a token or a field of the request. */
export interface SpanRecord {
  readonly name: string;
  readonly kind: SpanKind;
  /** 16 lower-case hex digits. */
  readonly id: string;
  /** As `id`; empty: the trace begins here. */
  readonly parentId: string;
  /** Unix time in milliseconds, with fractions. */
  readonly startMs: number;
  readonly endMs: number;
  readonly attributes: SpanAttributes;
  /** What went wrong, for a reader; null: nothing, or nothing that is this side's. */
  readonly error: string | null;
}

/** A time that was noted in a histogram while the request was traced. */
export interface TracedTime {
  readonly metric: HistogramName;
  readonly labels: Readonly<Record<string, string>>;
  readonly seconds: number;
}

/** One request. Structured-cloneable. */
export interface TraceRecord {
  /** 32 lower-case hex digits. */
  readonly traceId: string;
  /** The request's own span comes last. */
  readonly spans: readonly SpanRecord[];
  readonly times: readonly TracedTime[];
  /** When it ended, unix ms. */
  readonly endMs: number;
}
