// A request's head as offsets: bytes in, positions or a named refusal out, with no socket in sight.
import { latin1Bytes } from '../base/byte-writer.ts';
import type { Fault } from '../base/fault.ts';
import { hostEnd } from './authority.ts';
import {
  hasTeTrailers,
  isContinueExpected,
  OPTION,
  readConnection,
  upgradeIndex,
} from './connection-options.ts';
import { FIELD } from './fields.ts';
import { contentLength, framingFault } from './framing.ts';
import { HeadFields, hasLineEnd, lineFeedAt, MARK, PARSE } from './head-fields.ts';
import { AT, CLASS, CR, DOT, isWord, LF, QUESTION, SLASH, SP, SPECIAL, TARGET, TCHAR } from './octets.ts';
import { REQUEST_REFUSAL as NO } from './refusals.ts';
import { METHOD, methodId } from './request-method.ts';
import { isStrictTarget } from './target.ts';

/** How a target is written (RFC 9112 3.2). `authority` is seen only in refused requests. */
export const FORM = { origin: 0, absolute: 1, asterisk: 2, authority: 3 } as const;

/** How a request's body is framed. `length` with a `contentLength` of 0 is a body of no bytes that was announced. */
export const FRAMING = { none: 0, length: 1, chunked: 2 } as const;

export interface RequestLimits {
  /** Longest request line without its CRLF, bytes. */
  readonly requestLineBytes: number;
  /** Largest head from the request line to the empty line, bytes. */
  readonly headBytes: number;
  readonly fields: number;
  /** Refuse target bytes that RFC 3986 does not allow (rule R5). */
  readonly strictTarget: boolean;
}

const EMPTY_LINES_MAX = 4;
const METHOD_BYTES_MAX = 32;
/** What a TLS client sends first: the type of a record that holds a handshake (RFC 8446 section 5.1). */
const TLS_HANDSHAKE = 0x16;
const SCHEME = latin1Bytes('http://');
const VERSION_BYTES = 8;

/**
 * Parses request heads (rules L1-L6, R1-R5, R7, F1-F5, 405, 417). One instance serves all connections of a worker: offsets
 * are into the bytes of the last `parse` and good until the next.
 */
export class RequestHead {
  readonly fields: HeadFields;
  /** Where the request line begins, behind skipped empty lines. */
  start = 0;
  /** Behind the empty line: where the body begins. */
  end = 0;
  methodStart = 0;
  methodEnd = 0;
  /** Number of the method in METHOD. */
  method: number = METHOD.other;
  /** The target as written. */
  targetStart = 0;
  targetEnd = 0;
  form: number = FORM.origin;
  /** The path without its query. Equal offsets (absolute form): the path is `/`. */
  pathStart = 0;
  pathEnd = 0;
  /** Offset of `?`, or −1. The query reaches from there to `targetEnd`. */
  queryStart = -1;
  /** The path holds `%`, `\`, `;`, `//` or what may be a dot segment, and has to be read as an app may (rule R6). */
  pathSpecial = false;
  /** Minor version: 0, or 1 for 1.1 and above. */
  minor = 1;
  /** The host asked for, without port; an IPv6 address with its brackets. The absolute form's own wins over `Host`. */
  hostStart = 0;
  hostEnd = 0;
  /** `host[:port]`, as it is to be forwarded. */
  authorityStart = 0;
  authorityEnd = 0;
  /** `Host` is there and has no value. */
  hostIsEmpty = false;
  /** A 1.0 request without `Host`. */
  hostIsMissing = false;
  framing: number = FRAMING.none;
  contentLength = 0;
  /** The client wants its connection kept (rule C1). */
  keepAlive = false;
  /** A 1.1 client waits for 100 before it sends its body. Not set when there is no body to wait for. */
  expectContinue = false;
  /** Index of the `Upgrade` field, or −1 when nothing can be upgraded. */
  upgrade = -1;
  /** `TE` names trailers. */
  teTrailers = false;
  /** A field name holds `_` (rule L8); which: `fields.marks`. */
  hasUnderscore = false;
  fault: Fault | null = null;

  readonly #headBytes: number;
  readonly #lineBytes: number;
  readonly #strict: boolean;

  constructor(limits: RequestLimits) {
    this.fields = new HeadFields(limits.fields, NO);
    this.#headBytes = limits.headBytes;
    this.#lineBytes = Math.min(limits.requestLineBytes, limits.headBytes);
    this.#strict = limits.strictTarget;
  }

  /**
   * Whether `parse` can say more than PARSE.more now that `bytes[start, end)` came as the last of `held` bytes: they end a line, or
   * bring the request line or the whole head over its limit. Whoever asks before each further `parse` does linear work, however slowly
   * the bytes trickle in.
   */
  knowsMoreBy(bytes: Uint8Array, start: number, end: number, held: number): boolean {
    // Empty lines before the request line are no part of it.
    const lineEnds = this.#lineBytes + 2 * EMPTY_LINES_MAX;
    const overLine = held > this.#lineBytes && held - (end - start) <= lineEnds;
    return overLine || held > this.#headBytes || hasLineEnd(bytes, start, end);
  }

  /**
   * Parses the head-so-far of one request, always from its first byte. PARSE.more: call again when more has come and
   * `knowsMoreBy` says so. PARSE.refused: see `fault`.
   * Hot: one pass, no string, no allocation.
   */
  parse(bytes: Uint8Array, start: number, end: number): number {
    this.#forget();
    let i = start;
    for (let empty = 0; i + 1 < end && bytes[i] === CR && bytes[i + 1] === LF; empty++, i += 2) {
      if (empty === EMPTY_LINES_MAX) return this.#refuse(NO.emptyLines);
    }
    const lineStart = i;
    this.start = lineStart;
    // Its line may never end, and its client waits for us: it is told at once.
    if (i < end && bytes[i] === TLS_HANDSHAKE) return this.#refuse(NO.tls);
    const cls = CLASS;
    while (i < end && (cls[bytes[i]!]! & TCHAR) !== 0) i++;
    this.methodStart = lineStart;
    this.methodEnd = i;
    const methodBytes = i - lineStart;
    if (methodBytes === 0 || methodBytes > METHOD_BYTES_MAX || i >= end || bytes[i] !== SP) {
      const empty = methodBytes === 0 && (bytes[i] === SP || bytes[i] === CR);
      const ends = methodBytes > 0 && methodBytes <= METHOD_BYTES_MAX && bytes[i] === CR;
      return this.#badLine(bytes, end, empty || ends ? NO.lineMalformed : NO.method);
    }
    const targetStart = ++i;
    let query = -1;
    if (bytes[i] === SLASH) {
      let special = false;
      for (; i < end; i++) {
        const c = cls[bytes[i]!]!;
        if ((c & TARGET) === 0) break;
        if ((c & SPECIAL) === 0) continue;
        if (bytes[i] === QUESTION) {
          query = i;
          break;
        }
        if (bytes[i] !== SLASH || (i + 1 < end && startsSpecial(bytes, i + 1, end))) special = true;
      }
      this.pathSpecial = special;
    }
    while (i < end && (cls[bytes[i]!]! & TARGET) !== 0) i++;
    if (i >= end || bytes[i] !== SP) {
      const early = bytes[i] === CR || bytes[i] === 0x09;
      return this.#badLine(bytes, end, early ? NO.lineMalformed : NO.targetBytes);
    }
    const targetEnd = i++;
    this.targetStart = targetStart;
    this.targetEnd = targetEnd;
    if (targetEnd === targetStart) return this.#badLine(bytes, end, NO.lineMalformed);
    if (!isVersion(bytes, i, end)) return this.#badVersion(bytes, i, end);
    const lf = i + VERSION_BYTES + 1;
    if (lf > lineStart + this.#lineBytes + 1) return this.#refuse(NO.lineTooLong);
    this.minor = bytes[i + 7] === 0x30 ? 0 : 1;
    this.method = methodId(bytes, lineStart, this.methodEnd);
    if (this.method >= METHOD.TRACE) {
      return this.#refuse(this.method === METHOD.TRACE ? NO.methodTrace : NO.methodConnect);
    }
    if (bytes[targetStart] === SLASH) {
      this.pathStart = targetStart;
      this.pathEnd = query < 0 ? targetEnd : query;
      this.queryStart = query;
    } else {
      const why = this.#readTarget(bytes);
      if (why !== null) return this.#refuse(why);
    }
    if (this.#strict && this.form !== FORM.asterisk && !isStrictTarget(bytes, this.pathStart, targetEnd)) {
      return this.#refuse(NO.targetBytes);
    }
    const fields = this.fields;
    const state = fields.read(bytes, lf + 1, end, lineStart + this.#headBytes);
    if (state === PARSE.done) {
      this.end = fields.end;
      const why = this.#judge();
      return why === null ? PARSE.done : this.#refuse(why);
    }
    this.fault = fields.fault;
    return state;
  }

  #forget(): void {
    this.fault = null;
    this.method = METHOD.other;
    this.form = FORM.origin;
    this.targetStart = 0;
    this.targetEnd = 0;
    this.pathSpecial = false;
    this.queryStart = -1;
    this.hostStart = 0;
    this.hostEnd = 0;
    this.authorityStart = 0;
    this.authorityEnd = 0;
  }

  #refuse(why: Fault): number {
    this.fault = why;
    return PARSE.refused;
  }

  /** A request line that the straight path could not take: judged once its LF is there, or once it is too long. */
  #badLine(bytes: Uint8Array, end: number, why: Fault): number {
    const lf = lineFeedAt(bytes, this.start, end);
    if ((lf < 0 ? end : lf) > this.start + this.#lineBytes + 1) return this.#refuse(NO.lineTooLong);
    if (lf < 0) return PARSE.more;
    if (lf === this.start || bytes[lf - 1] !== CR) return this.#refuse(NO.bareLf);
    for (let i = this.start; i < lf - 1; i++) if (bytes[i] === CR) return this.#refuse(NO.bareCr);
    return this.#refuse(why);
  }

  /** The rest of the line from `start` is no version that we serve: which refusal (rules R1, R3). */
  #badVersion(bytes: Uint8Array, start: number, end: number): number {
    const lf = lineFeedAt(bytes, start, end);
    if (lf < 0) return this.#badLine(bytes, end, NO.lineMalformed);
    const lineEnd = lf - 1;
    for (let i = start; i < lineEnd; i++) {
      if (bytes[i] === SP || bytes[i] === 0x09) return this.#badLine(bytes, end, NO.lineMalformed);
    }
    if (lineEnd <= start) return this.#badLine(bytes, end, NO.lineMalformed);
    const spelled = lineEnd - start === VERSION_BYTES && isVersionSpelled(bytes, start);
    return this.#badLine(bytes, end, spelled && bytes[start + 5]! > 0x31 ? NO.version : NO.versionMalformed);
  }

  /** A target that does not begin with `/` (rule R4). */
  #readTarget(bytes: Uint8Array): Fault | null {
    const start = this.targetStart;
    const end = this.targetEnd;
    this.pathStart = end;
    this.pathEnd = end;
    if (end - start === 1 && bytes[start] === 0x2a) {
      this.form = FORM.asterisk;
      return this.method === METHOD.OPTIONS ? null : NO.targetForm;
    }
    if (end - start < SCHEME.length || !isWord(bytes, start, start + SCHEME.length, SCHEME)) {
      return NO.targetForm;
    }
    this.form = FORM.absolute;
    const from = start + SCHEME.length;
    let i = from;
    for (; i < end && bytes[i] !== SLASH && bytes[i] !== QUESTION; i++) {
      if (bytes[i] === AT) return NO.targetUserinfo;
    }
    const host = hostEnd(bytes, from, i);
    if (host < 0) return NO.hostMalformed;
    this.#setAuthority(from, host, i);
    this.pathStart = i;
    for (; i < end && bytes[i] !== QUESTION; i++) {
      if ((CLASS[bytes[i]!]! & SPECIAL) === 0) continue;
      if (bytes[i] !== SLASH || startsSpecial(bytes, i + 1, end)) this.pathSpecial = true;
    }
    this.pathEnd = i;
    if (i < end) this.queryStart = i;
    return null;
  }

  #setAuthority(start: number, host: number, end: number): void {
    this.hostStart = start;
    this.hostEnd = host;
    this.authorityStart = start;
    this.authorityEnd = end;
  }

  /** What all lines together say; called when the head is complete. */
  #judge(): Fault | null {
    const fields = this.fields;
    const first = fields.first;
    const why = framingFault(fields, this.minor, NO) ?? this.#readHost();
    if (why !== null) return why;
    this.contentLength = 0;
    this.framing = FRAMING.none;
    if (first[FIELD.transferEncoding]! >= 0) {
      this.framing = FRAMING.chunked;
    } else if (first[FIELD.contentLength]! >= 0) {
      this.framing = FRAMING.length;
      this.contentLength = contentLength(fields);
    }
    this.keepAlive = this.minor === 1;
    this.upgrade = -1;
    if (first[FIELD.connection]! >= 0) {
      const options = readConnection(fields);
      if ((options & OPTION.tooMany) !== 0) return NO.connectionOptions;
      if (this.minor === 0) this.keepAlive = (options & OPTION.keepAlive) !== 0;
      if ((options & OPTION.close) !== 0) this.keepAlive = false;
      this.upgrade = upgradeIndex(fields, this.minor, options);
    }
    this.expectContinue = false;
    if (first[FIELD.expect]! >= 0) {
      if (!isContinueExpected(fields)) return NO.expect;
      this.expectContinue = this.minor === 1 && (this.framing === FRAMING.chunked || this.contentLength > 0);
    }
    this.teTrailers = first[FIELD.te]! >= 0 && hasTeTrailers(fields);
    this.hasUnderscore = (fields.flags & MARK.underscore) !== 0;
    return null;
  }

  #readHost(): Fault | null {
    const fields = this.fields;
    const index = fields.first[FIELD.host]!;
    this.hostIsEmpty = false;
    this.hostIsMissing = index < 0;
    if (index < 0) return this.minor === 0 ? null : NO.hostMissing;
    if (fields.seen[FIELD.host] !== 1) return NO.hostRepeated;
    const start = fields.valueStart[index]!;
    const end = fields.valueEnd[index]!;
    if (start === end) {
      this.hostIsEmpty = true;
      return null;
    }
    const host = hostEnd(fields.bytes, start, end);
    if (host < 0) return NO.hostMalformed;
    if (this.form !== FORM.absolute) this.#setAuthority(start, host, end);
    return null;
  }
}

/** Whether a segment that begins at `at` makes a path special: it is empty, or may be a dot segment. */
function startsSpecial(bytes: Uint8Array, at: number, end: number): boolean {
  if (at >= end) return false;
  const b = bytes[at]!;
  if (b === SLASH) return true;
  if (b !== DOT || at + 1 >= end) return b === DOT;
  const next = bytes[at + 1]!;
  return next === DOT || next === SLASH || next === QUESTION || next === SP;
}

/** `HTTP/1.` digit CRLF at `at`. */
function isVersion(bytes: Uint8Array, at: number, end: number): boolean {
  return (
    at + VERSION_BYTES + 2 <= end &&
    isVersionSpelled(bytes, at) &&
    bytes[at + 5] === 0x31 &&
    bytes[at + 8] === CR &&
    bytes[at + 9] === LF
  );
}

/** `HTTP/` digit `.` digit (RFC 9112 2.3). The caller has checked that eight bytes are there. */
export function isVersionSpelled(bytes: Uint8Array, at: number): boolean {
  return (
    bytes[at] === 0x48 &&
    bytes[at + 1] === 0x54 &&
    bytes[at + 2] === 0x54 &&
    bytes[at + 3] === 0x50 &&
    bytes[at + 4] === SLASH &&
    bytes[at + 5]! >= 0x30 &&
    bytes[at + 5]! <= 0x39 &&
    bytes[at + 6] === DOT &&
    bytes[at + 7]! >= 0x30 &&
    bytes[at + 7]! <= 0x39
  );
}
