// Answers that Limpet gives by itself: a whole message laid out in one buffer, text for people or JSON for programs.
import { type ByteWriter, latin1Bytes } from '../base/byte-writer.ts';
import type { Clock } from '../base/clock.ts';
import { COMMA, isWord, SEMICOLON, SP, TAB } from './octets.ts';
import { reasonOf } from './status.ts';

/** The interim answer that lets a client send its body (rule C5). */
export const CONTINUE: Uint8Array = latin1Bytes('HTTP/1.1 100 Continue\r\n\r\n');

const TEXT_TYPE = 'text/plain; charset=utf-8';
const JSON_TYPE = 'application/json; charset=utf-8';
const HTML = latin1Bytes('text/html');
const XHTML = latin1Bytes('application/xhtml+xml');
const JSON_MEDIA = latin1Bytes('application/json');
const JSON_SUFFIX = latin1Bytes('+json');

/** The `Date` line (RFC 9110 6.6.1), made again when the second changes and not before. */
export class DateField {
  readonly #clock: Clock;
  #second = -1;
  #line: Uint8Array = new Uint8Array(0);

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** `Date: …` with its CRLF. Not to be written to. */
  line(): Uint8Array {
    const wallMs = this.#clock.wallMs();
    const second = Math.floor(wallMs / 1000);
    if (second !== this.#second) {
      this.#second = second;
      // The form that ECMA-262 gives toUTCString is IMF-fixdate.
      this.#line = latin1Bytes(`Date: ${new Date(second * 1000).toUTCString()}\r\n`);
    }
    return this.#line;
  }
}

/** What a local reply says. Strings that go into the head hold no CR or LF: they are ours, or checked when they came in. */
export interface LocalReply {
  /** 200 … 599. */
  readonly status: number;
  /** Code of the fault, for programs: `request.framing.both`. */
  readonly code: string;
  /** One sentence for people. */
  readonly text: string;
  /** Empty when there is none to tell. */
  readonly requestId: string;
  /** The client prefers JSON: see `prefersJson`. */
  readonly json: boolean;
  /** Answers HEAD: the same head, no body. */
  readonly toHead: boolean;
  /** What `Connection` says; empty: no such field (1.1 kept open). */
  readonly connection: '' | 'close' | 'keep-alive';
  /** Seconds for `Retry-After`; 0: no such field. */
  readonly retryAfterS?: number;
  /** Value of `Allow`, for 405. */
  readonly allow?: string;
  /** Further field lines, each with its CRLF, already checked. */
  readonly lines?: Uint8Array;
  /** Body in the place of the usual one, with its content type. */
  readonly page?: { readonly contentType: string; readonly body: string };
}

/** Appends a whole answer, and returns the bytes of its body. Without a body by its status (204, 304), no content type and no length are said. */
export function writeLocalReply(out: ByteWriter, date: DateField, reply: LocalReply): number {
  const { status } = reply;
  const reason = reasonOf(status);
  out.latin1(`HTTP/1.1 ${status} ${reason}\r\n`);
  out.block(date.line());
  const hasContent = status !== 204 && status !== 304;
  let body: Uint8Array | null = null;
  if (hasContent) {
    const type = reply.page?.contentType ?? (reply.json ? JSON_TYPE : TEXT_TYPE);
    body = Buffer.from(reply.page?.body ?? bodyOf(reply, reason), 'utf8');
    out.latin1(`Content-Type: ${type}\r\nContent-Length: ${body.length}\r\n`);
  }
  out.latin1('Cache-Control: no-store\r\n');
  if (reply.retryAfterS !== undefined && reply.retryAfterS > 0) {
    out.latin1(`Retry-After: ${Math.ceil(reply.retryAfterS)}\r\n`);
  }
  if (reply.allow !== undefined) out.latin1(`Allow: ${reply.allow}\r\n`);
  if (reply.lines !== undefined) out.block(reply.lines);
  if (reply.connection !== '') out.latin1(`Connection: ${reply.connection}\r\n`);
  out.latin1('\r\n');
  if (body === null || reply.toHead) return 0;
  out.block(body);
  return body.length;
}

function bodyOf(reply: LocalReply, reason: string): string {
  const { status, code, text, requestId } = reply;
  if (reply.json) return `${JSON.stringify({ error: { status, code, message: text, requestId } })}\n`;
  const id = requestId === '' ? '' : ` (request id ${requestId})`;
  return `${status} ${reason}: ${text}${id}\n`;
}

/**
 * Whether an `Accept` value prefers JSON to HTML: of `application/json`, any `+json` type, `text/html` and XHTML, the first one
 * named decides; with none of them, text it is. Weights are not looked at: programs that ask for JSON name it, browsers begin
 * with HTML.
 */
export function prefersJson(bytes: Uint8Array, start: number, end: number): boolean {
  let i = start;
  while (i < end) {
    while (i < end && (bytes[i] === SP || bytes[i] === TAB || bytes[i] === COMMA)) i++;
    const from = i;
    while (i < end && bytes[i] !== COMMA && bytes[i] !== SEMICOLON && bytes[i] !== SP && bytes[i] !== TAB)
      i++;
    if (isWord(bytes, from, i, HTML) || isWord(bytes, from, i, XHTML)) return false;
    if (isWord(bytes, from, i, JSON_MEDIA)) return true;
    if (i - from > JSON_SUFFIX.length && isWord(bytes, i - JSON_SUFFIX.length, i, JSON_SUFFIX)) return true;
    while (i < end && bytes[i] !== COMMA) i++;
  }
  return false;
}
