// An upstream's answer head as offsets: bytes in, positions or a named refusal (a bad answer) out.
import type { Fault } from '../base/fault.ts';
import { OPTION, readConnection, upgradeIndex } from './connection-options.ts';
import { FIELD } from './fields.ts';
import { contentLength, framingFault } from './framing.ts';
import { HeadFields, lineFeedAt, PARSE } from './head-fields.ts';
import { CLASS, CR, LF, SP, VALUE } from './octets.ts';
import { RESPONSE_REFUSAL as NO } from './refusals.ts';
import { isVersionSpelled } from './request-head.ts';

/** How an answer's body is framed; `close`: it ends where the connection does. */
export const BODY = { none: 0, length: 1, chunked: 2, close: 3 } as const;

export interface ResponseLimits {
  /** Largest head from the status line to the empty line, bytes. */
  readonly responseHeadBytes: number;
  readonly fields: number;
}

/** Bytes of `HTTP/1.x 200`. */
const STATUS_BYTES = 12;

/**
 * Parses answer heads (rules A1-A4, A9). One instance serves all connections of a worker: offsets are into the bytes of the
 * last `parse` and good until the next.
 */
export class ResponseHead {
  readonly fields: HeadFields;
  /** Behind the empty line: where the body begins. */
  end = 0;
  /** Minor version: 0, or 1 for 1.1 and above. */
  minor = 1;
  /** 100 … 599. */
  status = 0;
  reasonStart = 0;
  reasonEnd = 0;
  framing: number = BODY.none;
  /** The declared length, also of an answer to HEAD and of a 304 that send no body; −1: none is declared. */
  contentLength = -1;
  /** The upstream's own words allow its connection to be used again. False too when the body is close-delimited. */
  keepAlive = false;
  /** Index of the `Upgrade` field, or −1 when nothing can be upgraded. */
  upgrade = -1;
  fault: Fault | null = null;
  readonly #headBytes: number;

  constructor(limits: ResponseLimits) {
    this.fields = new HeadFields(limits.fields, NO);
    this.#headBytes = limits.responseHeadBytes;
  }

  /**
   * Parses the head-so-far of one answer, always from its first byte; `toHead`: it answers a HEAD request. PARSE.more: call
   * again when an LF came (`hasLineEnd`) or when more bytes are held than `responseHeadBytes`. PARSE.refused: see `fault`.
   * Hot: one pass, no string, no allocation.
   */
  parse(bytes: Uint8Array, start: number, end: number, toHead: boolean): number {
    this.fault = null;
    const limitEnd = start + this.#headBytes;
    let i = start + STATUS_BYTES;
    if (i >= end || !isVersionSpelled(bytes, start) || bytes[start + 5] !== 0x31 || bytes[start + 8] !== SP) {
      return this.#badLine(bytes, start, end, limitEnd);
    }
    const status = statusAt(bytes, start + 9);
    if (status < 100) return this.#badLine(bytes, start, end, limitEnd);
    if (bytes[i] === SP) i++;
    else if (bytes[i] !== CR) return this.#badLine(bytes, start, end, limitEnd);
    const reasonStart = i;
    while (i < end && (CLASS[bytes[i]!]! & VALUE) !== 0) i++;
    if (i + 1 >= end || bytes[i] !== CR || bytes[i + 1] !== LF)
      return this.#badLine(bytes, start, end, limitEnd);
    if (i + 2 > limitEnd) return this.#refuse(NO.headTooLarge);
    this.minor = bytes[start + 7] === 0x30 ? 0 : 1;
    this.status = status;
    this.reasonStart = reasonStart;
    this.reasonEnd = i;
    const fields = this.fields;
    const state = fields.read(bytes, i + 2, end, limitEnd);
    if (state === PARSE.done) {
      this.end = fields.end;
      const why = this.#judge(toHead);
      return why === null ? PARSE.done : this.#refuse(why);
    }
    this.fault = fields.fault;
    return state;
  }

  #refuse(why: Fault): number {
    this.fault = why;
    return PARSE.refused;
  }

  /** A status line that the straight path could not take: judged once its LF is there, or once it is too long. */
  #badLine(bytes: Uint8Array, start: number, end: number, limitEnd: number): number {
    const lf = lineFeedAt(bytes, start, end);
    if ((lf < 0 ? end : lf + 1) > limitEnd) return this.#refuse(NO.headTooLarge);
    if (lf < 0) return PARSE.more;
    const lineEnd = lf - 1;
    if (lf === start || bytes[lineEnd] !== CR) return this.#refuse(NO.bareLf);
    for (let i = start; i < lineEnd; i++) if (bytes[i] === CR) return this.#refuse(NO.bareCr);
    if (lineEnd - start < STATUS_BYTES || !isVersionSpelled(bytes, start))
      return this.#refuse(NO.lineMalformed);
    if (bytes[start + 5] !== 0x31) return this.#refuse(NO.version);
    if (bytes[start + 8] === SP && statusAt(bytes, start + 9) < 100) return this.#refuse(NO.status);
    return this.#refuse(NO.lineMalformed);
  }

  /** What all lines together say; called when the head is complete. */
  #judge(toHead: boolean): Fault | null {
    const fields = this.fields;
    const why = framingFault(fields, this.minor, NO);
    if (why !== null) return why;
    const status = this.status;
    this.contentLength = contentLength(fields);
    if (toHead || status < 200 || status === 204 || status === 304) this.framing = BODY.none;
    else if (fields.first[FIELD.transferEncoding]! >= 0) this.framing = BODY.chunked;
    else if (this.contentLength >= 0) this.framing = BODY.length;
    else this.framing = BODY.close;
    this.keepAlive = this.minor === 1;
    this.upgrade = -1;
    if (fields.first[FIELD.connection]! >= 0) {
      const options = readConnection(fields);
      if ((options & OPTION.tooMany) !== 0) return NO.connectionOptions;
      if (this.minor === 0) this.keepAlive = (options & OPTION.keepAlive) !== 0;
      if ((options & OPTION.close) !== 0) this.keepAlive = false;
      this.upgrade = upgradeIndex(fields, this.minor, options);
    }
    if (this.framing === BODY.close) this.keepAlive = false;
    return null;
  }
}

/** Three digits as a number from 100 to 599; 0 for anything else. */
function statusAt(bytes: Uint8Array, at: number): number {
  const hundreds = bytes[at]! - 0x30;
  const tens = bytes[at + 1]! - 0x30;
  const ones = bytes[at + 2]! - 0x30;
  if (hundreds < 1 || hundreds > 5 || tens < 0 || tens > 9 || ones < 0 || ones > 9) return 0;
  return hundreds * 100 + tens * 10 + ones;
}
