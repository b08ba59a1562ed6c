// Lays out the head that goes to the upstream: what was understood of the client's, newly written, in one buffer.
import { type ByteWriter, latin1Bytes } from '../base/byte-writer.ts';
import type { RandomBytes } from '../base/random.ts';
import { ACTION, type FieldEdits } from '../plan/field-edits.ts';
import { type Rewrite, stripAt } from '../plan/rewrite.ts';
import type { RoutePlan } from '../plan/route-plan.ts';
import { layUpgrade } from '../wire/connection-options.ts';
import { isDroppedName } from '../wire/dropped-names.ts';
import { FIELD } from '../wire/fields.ts';
import type { HeadFields } from '../wire/head-fields.ts';
import { FORM, type RequestHead } from '../wire/request-head.ts';
import { METHOD } from '../wire/request-method.ts';
import type { ClientSide } from './client-side.ts';
import { layTrace, type OwnTrace, type TraceMark } from './trace-writer.ts';

const CRLF = latin1Bytes('\r\n');
const VERSION = latin1Bytes(' HTTP/1.1\r\n');
const HOST = latin1Bytes('Host: ');
const FORWARDED_HOST = latin1Bytes('X-Forwarded-Host: ');
const FORWARDED_FOR = latin1Bytes('X-Forwarded-For: ');
const REQUEST_ID = latin1Bytes('X-Request-Id: ');
const UPGRADE = latin1Bytes('Connection: Upgrade\r\nUpgrade: ');
const TE_TRAILERS = latin1Bytes('Connection: TE\r\nTE: trailers\r\n');
const MAX_FORWARDS = latin1Bytes('Max-Forwards: ');

/** Writes the `Cookie` field in its own way: joined, and without what is kept from the upstream (rule L7). */
export interface CookieWriter {
  /** Whether the field must be written anew at all; false: a single line that passes as it is. */
  readonly edits: boolean;
  /** The credentials that the request shows are kept from the app. */
  readonly withholds: boolean;
  writeCookie(out: ByteWriter, fields: HeadFields): void;
}

/** Where the request id stands in what was laid out last, for logs and error pages. */
export interface RequestMark extends TraceMark {
  idStart: number;
  idEnd: number;
  /** Method, space and target as forwarded start at 0; this is where the target ends. */
  targetEnd: number;
  /** The host asked for; empty when there is none. */
  hostStart: number;
  hostEnd: number;
  /** The protocols that a tunnel is asked for; only set where one is. */
  upgradeStart: number;
  upgradeEnd: number;
}

/**
 * Lays out everything of the head but its end: the caller appends what depends on the attempt (`Host` of the upstream, the moved
 * mark, the framing of a chunked body, `Expect`) and the empty line. `upgrade`: the request asks for a tunnel that is allowed.
 * `trace`: where the request is traced, what goes on as its trace.
 */
export function layRequest(
  out: ByteWriter,
  head: RequestHead,
  plan: RoutePlan,
  side: ClientSide,
  cookie: CookieWriter,
  random: RandomBytes,
  mark: RequestMark,
  upgrade: boolean,
  trace: OwnTrace | null,
): void {
  const bytes = head.fields.bytes;
  layRequestLine(out, head, plan.rewrite);
  mark.targetEnd = out.length - VERSION.length;
  if (plan.hostLine !== null) out.block(plan.hostLine);
  const edits = side.trusted ? plan.trustedEdits : plan.requestEdits;
  const ownHost = plan.hostMode === 'keep' && head.form === FORM.absolute;
  if (ownHost) {
    out.block(HOST);
    out.copy(bytes, head.authorityStart, head.authorityEnd);
    out.block(CRLF);
  }
  layFields(out, head.fields, edits, cookie, ownHost);
  if (side.trusted) layTrusted(out, head, side);
  else out.block(side.forwarded);
  mark.hostStart = out.length + FORWARDED_HOST.length;
  mark.hostEnd = mark.hostStart;
  if (
    head.authorityEnd > head.authorityStart &&
    !(side.trusted && head.fields.first[FIELD.xForwardedHost]! >= 0)
  ) {
    out.block(FORWARDED_HOST);
    out.copy(bytes, head.authorityStart, head.authorityEnd);
    mark.hostEnd = out.length;
    out.block(CRLF);
  }
  if (plan.rewrite !== null && plan.rewrite.prefixLine !== null) out.block(plan.rewrite.prefixLine);
  layId(out, head, side, random, mark);
  layTrace(out, head.fields, side.trusted, edits, random, mark, trace);
  if (plan.http.forwarded) layForwarded(out, head, side);
  if (plan.via !== null) layVia(out, plan.via, head.minor);
  if (head.fields.first[FIELD.maxForwards]! >= 0) layMaxForwards(out, head);
  if (upgrade) {
    out.block(UPGRADE);
    mark.upgradeStart = out.length;
    layUpgrade(out, head.fields);
    mark.upgradeEnd = out.length;
    out.block(CRLF);
  } else if (head.teTrailers) {
    out.block(TE_TRAILERS);
  }
  if (edits.lines !== null) out.block(edits.lines);
}

function layRequestLine(out: ByteWriter, head: RequestHead, rewrite: Rewrite | null): void {
  const bytes = head.fields.bytes;
  if (rewrite === null && head.form !== FORM.absolute) {
    out.copy(bytes, head.methodStart, head.targetEnd);
  } else {
    out.copy(bytes, head.methodStart, head.methodEnd);
    out.byte(0x20);
    layPath(out, head, rewrite);
    if (head.queryStart >= 0) out.copy(bytes, head.queryStart, head.targetEnd);
  }
  out.block(VERSION);
}

function layPath(out: ByteWriter, head: RequestHead, rewrite: Rewrite | null): void {
  const bytes = head.fields.bytes;
  const from = out.length;
  if (rewrite !== null && rewrite.path !== null) {
    out.block(rewrite.path);
  } else {
    let start = head.pathStart;
    if (rewrite !== null) {
      if (rewrite.strip !== null) {
        const rest = stripAt(rewrite.strip, bytes, head.pathStart, head.pathEnd);
        if (rest >= 0) start = rest;
      }
      if (rewrite.add !== null) out.block(rewrite.add);
    }
    out.copy(bytes, start, head.pathEnd);
  }
  if (out.length === from) out.byte(0x2f);
}

/**
 * The fields in their order. Those that pass and are written the usual way (`Name: value CRLF`) are copied as runs; what is
 * spelled otherwise is written anew.
 */
function layFields(
  out: ByteWriter,
  fields: HeadFields,
  edits: FieldEdits,
  cookie: CookieWriter,
  hostWritten: boolean,
): void {
  const { bytes, count, id, nameStart, nameEnd, valueStart, valueEnd, marks } = fields;
  const { actions, dropNames, dropMarks } = edits;
  const look = (fields.flags & dropMarks) !== 0 || dropNames !== null;
  let runStart = 0;
  let runEnd = -1;
  for (let i = 0; i < count; i++) {
    const field = id[i]!;
    const action = actions[field]!;
    if (action === ACTION.special && field === FIELD.cookie) {
      if (cookie.edits) {
        if (i !== fields.first[FIELD.cookie]) continue;
        if (runEnd >= 0) out.copy(bytes, runStart, runEnd);
        runEnd = -1;
        cookie.writeCookie(out, fields);
        continue;
      }
    } else if (action !== ACTION.pass && !(field === FIELD.authorization && mayPass(action, cookie))) {
      continue;
    }
    if (look) {
      if ((marks[i]! & dropMarks) !== 0) continue;
      if (dropNames !== null && isDroppedName(dropNames, fields, i)) continue;
    }
    if (hostWritten && field === FIELD.host) continue;
    const start = nameStart[i]!;
    const end = valueEnd[i]! + 2;
    const usual =
      valueStart[i] === nameEnd[i]! + 2 && bytes[nameEnd[i]! + 1] === 0x20 && bytes[end - 2] === 0x0d;
    if (usual && start === runEnd) {
      runEnd = end;
      continue;
    }
    if (runEnd >= 0) out.copy(bytes, runStart, runEnd);
    if (usual) {
      runStart = start;
      runEnd = end;
    } else {
      runEnd = -1;
      out.copy(bytes, start, nameEnd[i]!);
      out.byte(0x3a);
      out.byte(0x20);
      out.copy(bytes, valueStart[i]!, valueEnd[i]!);
      out.block(CRLF);
    }
  }
  if (runEnd >= 0) out.copy(bytes, runStart, runEnd);
}

/** `Authorization` that a session is read from goes on where it is not withheld. */
function mayPass(action: number, cookie: CookieWriter): boolean {
  return action === ACTION.special && !cookie.withholds;
}

/** What a trusted proxy says stays; our own hop is added, and what it did not say is filled in (rule H4). */
function layTrusted(out: ByteWriter, head: RequestHead, side: ClientSide): void {
  const fields = head.fields;
  out.block(FORWARDED_FOR);
  layJoined(out, fields, FIELD.xForwardedFor);
  out.latin1(side.address);
  out.block(CRLF);
  if (fields.first[FIELD.xForwardedProto]! < 0) out.latin1(`X-Forwarded-Proto: ${side.scheme}\r\n`);
  if (fields.first[FIELD.xForwardedPort]! < 0 && side.port !== 0) {
    out.latin1('X-Forwarded-Port: ');
    out.decimal(side.port);
    out.block(CRLF);
  }
  if (fields.first[FIELD.xRealIp]! < 0) {
    out.latin1('X-Real-IP: ');
    out.latin1(side.address);
    out.block(CRLF);
  }
  if (side.certificate !== null) out.block(side.certificate);
}

/** The values of every line of a field, each followed by `, `. */
function layJoined(out: ByteWriter, fields: HeadFields, id: number): void {
  if (fields.first[id]! < 0) return;
  for (let i = fields.first[id]!; i < fields.count; i++) {
    if (fields.id[i] !== id || fields.valueEnd[i] === fields.valueStart[i]) continue;
    out.copy(fields.bytes, fields.valueStart[i]!, fields.valueEnd[i]!);
    out.byte(0x2c);
    out.byte(0x20);
  }
}

/** `X-Request-Id`: what a trusted proxy calls it, else 128 fresh random bits. */
function layId(
  out: ByteWriter,
  head: RequestHead,
  side: ClientSide,
  random: RandomBytes,
  mark: RequestMark,
): void {
  const fields = head.fields;
  out.block(REQUEST_ID);
  mark.idStart = out.length;
  const given = fields.first[FIELD.xRequestId]!;
  const keep = side.trusted && given >= 0 && fields.valueEnd[given]! > fields.valueStart[given]!;
  if (keep) {
    out.copy(fields.bytes, fields.valueStart[given]!, fields.valueEnd[given]!);
  } else {
    out.hexBytes(random.bytes, random.take(16), 16);
  }
  mark.idEnd = out.length;
  out.block(CRLF);
}

/** `Forwarded` (RFC 7239), for routes that ask for it; a trusted proxy's elements come first. */
function layForwarded(out: ByteWriter, head: RequestHead, side: ClientSide): void {
  out.latin1('Forwarded: ');
  if (side.trusted) layJoined(out, head.fields, FIELD.forwarded);
  const address = side.address;
  out.latin1(
    address === 'unix:' ? 'for=unknown' : address.includes(':') ? `for="[${address}]"` : `for=${address}`,
  );
  if (head.authorityEnd > head.authorityStart) {
    out.latin1(';host="');
    out.copy(head.fields.bytes, head.authorityStart, head.authorityEnd);
    out.byte(0x22);
  }
  out.latin1(side.secure ? ';proto=https\r\n' : ';proto=http\r\n');
}

function layVia(out: ByteWriter, name: Uint8Array, minor: number): void {
  out.latin1(minor === 0 ? 'Via: 1.0 ' : 'Via: 1.1 ');
  out.block(name);
  out.block(CRLF);
}

/** One less than came, for OPTIONS and TRACE; the caller has answered a zero itself (rule H6). */
function layMaxForwards(out: ByteWriter, head: RequestHead): void {
  const value = maxForwardsOf(head);
  out.block(MAX_FORWARDS);
  if (value > 0 && (head.method === METHOD.OPTIONS || head.method === METHOD.TRACE)) {
    out.decimal(value - 1);
  } else {
    const i = head.fields.first[FIELD.maxForwards]!;
    out.copy(head.fields.bytes, head.fields.valueStart[i]!, head.fields.valueEnd[i]!);
  }
  out.block(CRLF);
}

/** The number in `Max-Forwards`, or −1 when there is none that can be read (RFC 9110 section 7.6.2). */
export function maxForwardsOf(head: RequestHead): number {
  const fields = head.fields;
  const i = fields.first[FIELD.maxForwards]!;
  if (i < 0) return -1;
  let value = 0;
  const end = fields.valueEnd[i]!;
  const start = fields.valueStart[i]!;
  if (end === start || end - start > 9) return -1;
  for (let k = start; k < end; k++) {
    const d = fields.bytes[k]! - 48;
    if (d < 0 || d > 9) return -1;
    value = value * 10 + d;
  }
  return value;
}
