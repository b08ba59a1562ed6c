// One request that is traced: its spans, from the head to the last byte of the answer, by OpenTelemetry's conventions for HTTP.
import { latin1Text } from '../base/byte-writer.ts';
import type { Fault } from '../base/fault.ts';
import type {
  SpanAttributes,
  SpanKind,
  SpanRecord,
  TracedTime,
  TraceRecord,
} from '../observe/trace-record.ts';
import type { RoutePlan } from '../plan/route-plan.ts';
import type { Pool } from '../pool/pool.ts';
import type { Standing } from '../session/standing.ts';
import { VERDICT_NAMES } from '../session/verdict.ts';
import type { Upstream } from '../upstream/upstream.ts';
import type { RequestHead } from '../wire/request-head.ts';
import { METHOD, METHOD_NAMES } from '../wire/request-method.ts';
import { HOMED_NAMES } from './plane-metrics.ts';
import type { OwnTrace } from './trace-writer.ts';

/** Spans of one request; tries and waits beyond it are told of by the request's own span only. */
const SPANS_MAX = 64;
const SESSION = 'limpet.session';

/** What is known of a request that is over. */
export interface TracedEnd {
  readonly plan: RoutePlan | null;
  readonly pool: Pool | null;
  readonly upstream: Upstream | null;
  /** What the client was sent; 0: nothing. */
  readonly status: number;
  readonly fault: Fault | null;
  readonly attempts: number;
  /** HOMED of plane-metrics. */
  readonly homed: number;
  /** −1 without an answer from an upstream. */
  readonly upstreamMs: number;
  readonly bytesIn: number;
  readonly bytesOut: number;
  /** As trusted proxies tell it. */
  readonly clientAddress: string;
}

/** What is known of the connection. */
export interface TracedSide {
  readonly scheme: string;
  readonly address: string;
}

/** A span that has begun. */
interface OpenSpan {
  readonly name: string;
  readonly kind: SpanKind;
  readonly id: string;
  readonly startMs: number;
  readonly attributes: Record<string, string | number | boolean>;
}

/** What is known of a request before its trace begins. */
export interface TraceStart {
  readonly traceId: string;
  /** Empty: the trace begins here. */
  readonly parentId: string;
  readonly flags: number;
  /** 16 fresh hex digits. */
  readonly newId: () => string;
  /** What a time of `performance.now` is to be raised by to be unix time, ms. */
  readonly wallOffsetMs: number;
}

/** Made for sampled requests only, so that what it costs is theirs. */
export class RequestTrace implements OwnTrace {
  readonly traceId: string;
  readonly spanId: string;
  readonly flags: number;
  readonly continued: boolean;
  readonly #start: TraceStart;
  readonly #startedMs: number;
  readonly #method: string;
  readonly #about: Record<string, string | number | boolean>;
  readonly #path: string;
  readonly #spans: SpanRecord[] = [];
  /** What goes on beside the tries: the session's check, the choice, the answer. */
  #phase: OpenSpan | null = null;
  #attempt: OpenSpan | null = null;
  #attempts = 0;

  /** `head` is good during the call; `startedMs`: by `performance.now`. */
  constructor(start: TraceStart, head: RequestHead, side: TracedSide, startedMs: number) {
    this.#start = start;
    this.traceId = start.traceId;
    this.spanId = start.newId();
    this.flags = start.flags;
    this.continued = start.parentId !== '';
    this.#startedMs = startedMs;
    const { bytes } = head.fields;
    const known = head.method !== METHOD.other;
    this.#method = known ? METHOD_NAMES[head.method]! : '_OTHER';
    // What stands behind a `;` of a path may be a session (`;jsessionid=`).
    this.#path = latin1Text(bytes, head.pathStart, head.pathEnd).replace(/;[^/]*/g, '') || '/';
    this.#about = {
      'http.request.method': this.#method,
      ...(known
        ? {}
        : { 'http.request.method_original': latin1Text(bytes, head.methodStart, head.methodEnd) }),
      'url.path': this.#path,
      'url.scheme': side.scheme,
      'network.protocol.version': `1.${head.minor}`,
      'client.address': side.address,
      ...serverOf(latin1Text(bytes, head.authorityStart, head.authorityEnd)),
    };
  }

  /** The session is checked, or checked again; told twice, it goes on. */
  checking(): void {
    if (this.#phase?.name !== SESSION) this.#begin(SESSION);
  }

  /** `standing` null: nothing was checked. */
  checked(standing: Standing | null): void {
    const span = this.#phase;
    if (span === null) return;
    if (standing !== null) {
      span.attributes['limpet.session'] = standing.verifier.name;
      span.attributes['limpet.session.verdict'] = VERDICT_NAMES[standing.verdict]!;
      span.attributes['limpet.session.reason'] = standing.reason;
    }
    this.#endPhase(null);
  }

  /** An upstream is looked for. */
  placing(): void {
    this.#begin('limpet.pick');
  }

  /** Each that could be asked is full: the request waits in line. */
  queued(): void {
    if (this.#phase !== null) this.#phase.attributes['limpet.queued'] = true;
  }

  /** Asks `upstream`. Returns the id of the try's span, for the upstream to be its child. */
  asking(upstream: Upstream): string {
    if (this.#phase !== null) this.#phase.attributes['limpet.upstream'] = upstream.name;
    this.#endPhase(null);
    this.#endAttempt(null);
    const { authority, tls, poolName } = upstream.spec;
    const resent = this.#attempts++;
    const server = serverOf(authority ?? '');
    const at = `${tls === null ? 'http' : 'https'}://${authority ?? 'unix'}`;
    this.#attempt = {
      name: this.#method,
      kind: 'client',
      id: this.#start.newId(),
      startMs: performance.now(),
      attributes: {
        'http.request.method': this.#method,
        'url.full': `${at}${this.#path}`,
        ...(authority === null ? { 'server.address': upstream.name } : server),
        'limpet.pool': poolName,
        'limpet.upstream': upstream.name,
        ...(resent === 0 ? {} : { 'http.request.resend_count': resent }),
      },
    };
    return this.#attempt.id;
  }

  /** The head of the upstream's answer came. */
  answered(status: number): void {
    if (this.#attempt !== null) this.#attempt.attributes['http.response.status_code'] = status;
  }

  /** The answer goes to the client. */
  relaying(): void {
    this.#begin('limpet.answer');
  }

  /** The try is over, and another follows. */
  failed(fault: Fault): void {
    this.#endAttempt(fault);
  }

  /** The request is over. `seconds`: what its histogram was told. */
  end(exchange: TracedEnd, seconds: number): TraceRecord {
    const { fault, plan, pool, upstream, status } = exchange;
    this.#endPhase(fault);
    this.#endAttempt(fault);
    const homed = HOMED_NAMES[exchange.homed];
    const attributes: SpanAttributes = {
      ...(pool === null ? {} : { 'limpet.pool': pool.name }),
      ...(upstream === null ? {} : { 'limpet.upstream': upstream.name }),
      'limpet.attempts': exchange.attempts,
      'client.address': exchange.clientAddress,
      ...(homed === undefined || homed === 'none' ? {} : { 'limpet.affinity': homed }),
      'http.request.body.size': exchange.bytesIn,
      'http.response.body.size': exchange.bytesOut,
    };
    const times: TracedTime[] = timesOf(plan, seconds);
    if (pool !== null && upstream !== null && exchange.upstreamMs >= 0) {
      times.push({
        metric: 'limpet_upstream_seconds',
        labels: { pool: pool.name, upstream: upstream.name },
        seconds: exchange.upstreamMs / 1000,
      });
    }
    return this.#record(plan, status, fault, attributes, times);
  }

  /** The request was answered without an upstream. */
  endHere(plan: RoutePlan | null, status: number, fault: Fault | null, seconds: number): TraceRecord {
    return this.#record(plan, status, fault, {}, timesOf(plan, seconds));
  }

  #record(
    plan: RoutePlan | null,
    status: number,
    fault: Fault | null,
    attributes: SpanAttributes,
    times: readonly TracedTime[],
  ): TraceRecord {
    const endMs = performance.now() + this.#start.wallOffsetMs;
    // What a client is refused is no error of a server's span (OpenTelemetry, HTTP spans, "Status"); an answer that broke off is one.
    const wrong = status >= 500 || (fault !== null && fault.side !== 'client' && status < 400);
    this.#spans.push({
      name: `${this.#method === '_OTHER' ? 'HTTP' : this.#method}${plan === null ? '' : ` ${plan.name}`}`,
      kind: 'server',
      id: this.spanId,
      parentId: this.#start.parentId,
      startMs: this.#startedMs + this.#start.wallOffsetMs,
      endMs,
      attributes: {
        ...this.#about,
        ...(plan === null ? {} : { 'limpet.route': plan.name }),
        ...(status === 0 ? {} : { 'http.response.status_code': status }),
        ...(fault !== null
          ? { 'error.type': fault.code }
          : status >= 500
            ? { 'error.type': `${status}` }
            : {}),
        ...attributes,
      },
      error: wrong ? (fault?.text ?? '') : null,
    });
    return { traceId: this.traceId, spans: this.#spans, times, endMs };
  }

  #begin(name: string): void {
    this.#endPhase(null);
    this.#phase = {
      name,
      kind: 'internal',
      id: this.#start.newId(),
      startMs: performance.now(),
      attributes: {},
    };
  }

  #endPhase(fault: Fault | null): void {
    const span = this.#phase;
    if (span === null) return;
    this.#phase = null;
    if (fault !== null) span.attributes['error.type'] = fault.code;
    this.#keep(span, fault?.text ?? null);
  }

  #endAttempt(fault: Fault | null): void {
    const span = this.#attempt;
    if (span === null) return;
    this.#attempt = null;
    const status = span.attributes['http.response.status_code'];
    const bad = typeof status === 'number' && status >= 400;
    if (fault !== null) span.attributes['error.type'] = fault.code;
    else if (bad) span.attributes['error.type'] = String(status);
    this.#keep(span, fault !== null ? fault.text : bad ? '' : null);
  }

  #keep({ startMs, ...span }: OpenSpan, error: string | null): void {
    if (this.#spans.length >= SPANS_MAX - 1) return;
    const { wallOffsetMs } = this.#start;
    this.#spans.push({
      ...span,
      parentId: this.spanId,
      startMs: startMs + wallOffsetMs,
      endMs: performance.now() + wallOffsetMs,
      error,
    });
  }
}

function timesOf(plan: RoutePlan | null, seconds: number): TracedTime[] {
  return plan === null ? [] : [{ metric: 'limpet_request_seconds', labels: { route: plan.name }, seconds }];
}

/** `host[:port]` as two attributes; empty: none. */
function serverOf(authority: string): SpanAttributes {
  if (authority === '') return {};
  const colon = authority.lastIndexOf(':');
  if (colon <= authority.lastIndexOf(']')) return { 'server.address': authority };
  const port = Number(authority.slice(colon + 1));
  return {
    'server.address': authority.slice(0, colon),
    ...(port > 0 ? { 'server.port': port } : {}),
  };
}
