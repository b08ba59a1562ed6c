// `traceparent` and `tracestate` of the head that goes to the upstream: a trusted client's kept, else a trace of our own begun.
import { type ByteWriter, latin1Bytes } from '../base/byte-writer.ts';
import type { RandomBytes } from '../base/random.ts';
import { ACTION, type FieldEdits } from '../plan/field-edits.ts';
import { FIELD } from '../wire/fields.ts';
import type { HeadFields } from '../wire/head-fields.ts';
import { PARENT_AT, TRACE_AT, traceparentAt } from '../wire/trace-context.ts';

const CRLF = latin1Bytes('\r\n');
const TRACEPARENT = latin1Bytes('traceparent: ');
const BEGIN = latin1Bytes('traceparent: 00-');
const NOT_SAMPLED = latin1Bytes('-00\r\n');
const TRACESTATE = latin1Bytes('tracestate: ');

/** Where the trace stands in a head that was laid out. */
export interface TraceMark {
  /** The 32 hex digits of the trace's id, in the value of `traceparent`. */
  traceStart: number;
}

/** What a request that is traced here tells the upstream of its trace. */
export interface OwnTrace {
  /** 32 lower-case hex digits. */
  readonly traceId: string;
  /** 16 of them: our own span, until a try puts its own in its place. */
  readonly spanId: string;
  /** Sampled, and what else is handed on. */
  readonly flags: number;
  /** The trace came from a trusted client, so that its `tracestate` goes on. */
  readonly continued: boolean;
}

/**
 * Lays the fields out. Without a trace of our own, a valid one of a trusted client goes on as it came: who records no span of his is no
 * part of it (W3C Trace Context, level 2, section 4.3). Anything else is dropped, and a trace begun that is not sampled. Hot: no
 * allocation (test/alloc/traces.test.ts).
 */
export function layTrace(
  out: ByteWriter,
  fields: HeadFields,
  trusted: boolean,
  edits: FieldEdits,
  random: RandomBytes,
  mark: TraceMark,
  trace: OwnTrace | null,
): void {
  if (trace !== null) {
    out.block(BEGIN);
    mark.traceStart = out.length;
    out.latin1(trace.traceId);
    out.byte(0x2d);
    out.latin1(trace.spanId);
    out.latin1(trace.flags === 3 ? '-03\r\n' : '-01\r\n');
    if (trace.continued) layState(out, fields, edits);
    return;
  }
  const given = trusted && edits.actions[FIELD.traceparent] === ACTION.special ? traceparentAt(fields) : -1;
  if (given >= 0) {
    out.block(TRACEPARENT);
    mark.traceStart = out.length + TRACE_AT;
    out.copy(fields.bytes, fields.valueStart[given]!, fields.valueEnd[given]!);
    out.block(CRLF);
    layState(out, fields, edits);
    return;
  }
  out.block(BEGIN);
  mark.traceStart = out.length;
  const at = random.take(24);
  // An all-zero id is invalid: one bit is always set.
  random.bytes[at]! |= 1;
  random.bytes[at + 16]! |= 1;
  out.hexBytes(random.bytes, at, 16);
  out.byte(0x2d);
  out.hexBytes(random.bytes, at + 16, 8);
  out.block(NOT_SAMPLED);
}

/** Every line of `tracestate`, which is none of ours to read. */
function layState(out: ByteWriter, fields: HeadFields, edits: FieldEdits): void {
  const first = fields.first[FIELD.tracestate]!;
  if (first < 0 || edits.actions[FIELD.tracestate] !== ACTION.special) return;
  for (let i = first; i < fields.count; i++) {
    if (fields.id[i] !== FIELD.tracestate || fields.valueEnd[i] === fields.valueStart[i]) continue;
    out.block(TRACESTATE);
    out.copy(fields.bytes, fields.valueStart[i]!, fields.valueEnd[i]!);
    out.block(CRLF);
  }
}

/** Writes another parent's id, 16 hex digits, into a head that was laid out. */
export function layParent(bytes: Uint8Array, mark: TraceMark, id: string): void {
  const at = mark.traceStart + PARENT_AT - TRACE_AT;
  for (let i = 0; i < id.length; i++) bytes[at + i] = id.charCodeAt(i);
}
