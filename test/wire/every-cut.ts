// Feeds one message as a caller would, whole and cut at each byte, and gives back what the parser made of it.
import type { Test } from 'tap';
import { CHUNK, ChunkedDecoder, type ChunkLimits } from '../../src/wire/chunked.ts';
import type { HeadFields } from '../../src/wire/head-fields.ts';
import { hasLineEnd, PARSE } from '../../src/wire/head-fields.ts';
import { RequestHead, type RequestLimits } from '../../src/wire/request-head.ts';
import { ResponseHead } from '../../src/wire/response-head.ts';

export const REQUEST_LIMITS: RequestLimits = {
  requestLineBytes: 8192,
  headBytes: 32768,
  fields: 100,
  strictTarget: false,
};

export const RESPONSE_LIMITS = { responseHeadBytes: 65536, fields: 256 };

/** What a head parser decided: `more`, a refusal's code, or a picture of the head in words. */
export type Outcome = string | Record<string, unknown>;

export function bytesOf(text: string): Buffer {
  return Buffer.from(text, 'latin1');
}

function picture(fields: HeadFields): string[] {
  const bytes = Buffer.from(fields.bytes);
  const lines: string[] = [];
  for (let i = 0; i < fields.count; i++) {
    const name = bytes.toString('latin1', fields.nameStart[i]!, fields.nameEnd[i]!);
    const value = bytes.toString('latin1', fields.valueStart[i]!, fields.valueEnd[i]!);
    lines.push(`${fields.id[i]}/${fields.marks[i]} ${name}=${value}`);
  }
  return lines;
}

export function requestPicture(head: RequestHead): Record<string, unknown> {
  const bytes = Buffer.from(head.fields.bytes);
  const text = (start: number, end: number): string => bytes.toString('latin1', start, end);
  return {
    start: head.start,
    end: head.end,
    method: text(head.methodStart, head.methodEnd),
    methodId: head.method,
    target: text(head.targetStart, head.targetEnd),
    form: head.form,
    path: text(head.pathStart, head.pathEnd),
    query: head.queryStart < 0 ? null : text(head.queryStart, head.targetEnd),
    pathSpecial: head.pathSpecial,
    minor: head.minor,
    host: text(head.hostStart, head.hostEnd),
    authority: text(head.authorityStart, head.authorityEnd),
    hostIsEmpty: head.hostIsEmpty,
    hostIsMissing: head.hostIsMissing,
    framing: head.framing,
    contentLength: head.contentLength,
    keepAlive: head.keepAlive,
    expectContinue: head.expectContinue,
    upgrade: head.upgrade,
    teTrailers: head.teTrailers,
    hasUnderscore: head.hasUnderscore,
    fields: picture(head.fields),
  };
}

export function responsePicture(head: ResponseHead): Record<string, unknown> {
  const bytes = Buffer.from(head.fields.bytes);
  return {
    end: head.end,
    minor: head.minor,
    status: head.status,
    reason: bytes.toString('latin1', head.reasonStart, head.reasonEnd),
    framing: head.framing,
    contentLength: head.contentLength,
    keepAlive: head.keepAlive,
    upgrade: head.upgrade,
    fields: picture(head.fields),
  };
}

interface HeadParser {
  fault: { readonly code: string } | null;
}

/**
 * Feeds `bytes` in two pieces, the first ending at `cut`, then in single bytes when `cut` is −1. The buffer behind what has
 * arrived is filled with a line end, so that a parser that reads beyond `end` is found out.
 */
function feed<P extends HeadParser>(
  bytes: Buffer,
  cut: number,
  limit: number,
  parser: P,
  parse: (held: Buffer, end: number) => number,
  show: (parser: P) => Outcome,
): Outcome {
  const held = Buffer.alloc(bytes.length + 4, '\r\n\r\n');
  let seen = 0;
  let state: number = PARSE.more;
  let end = 0;
  while (end < bytes.length && state === PARSE.more) {
    const next = cut < 0 ? end + 1 : end < cut ? Math.min(cut, bytes.length) : bytes.length;
    bytes.copy(held, end, end, next);
    end = next;
    if (!hasLineEnd(held, seen, end) && end <= limit) continue;
    seen = end;
    state = parse(held, end);
  }
  if (state === PARSE.more) return 'more';
  return state === PARSE.refused ? (parser.fault?.code ?? 'no code') : show(parser);
}

const plainRequest = new RequestHead(REQUEST_LIMITS);
const plainResponse = new ResponseHead(RESPONSE_LIMITS);

export function readRequest(text: string, cut = Number.MAX_SAFE_INTEGER, limits = REQUEST_LIMITS): Outcome {
  const head = limits === REQUEST_LIMITS ? plainRequest : new RequestHead(limits);
  const limit = Math.min(limits.requestLineBytes, limits.headBytes);
  return feed(bytesOf(text), cut, limit, head, (held, end) => head.parse(held, 0, end), requestPicture);
}

export function readResponse(
  text: string,
  cut = Number.MAX_SAFE_INTEGER,
  toHead = false,
  limits = RESPONSE_LIMITS,
): Outcome {
  const head = limits === RESPONSE_LIMITS ? plainResponse : new ResponseHead(limits);
  const limit = limits.responseHeadBytes;
  return feed(
    bytesOf(text),
    cut,
    limit,
    head,
    (held, end) => head.parse(held, 0, end, toHead),
    responsePicture,
  );
}

/** Body, trailers, what is left over, or the refusal's code. `step` > 0 feeds that many bytes at a time; else one cut. */
export function readChunked(
  text: string,
  cut: number,
  limits?: ChunkLimits,
  direction: 'request' | 'response' = 'request',
): Outcome {
  const decoder = new ChunkedDecoder(direction);
  decoder.reset(limits);
  const bytes = bytesOf(text);
  let body = '';
  let pos = 0;
  let end = 0;
  while (end < bytes.length) {
    end = cut < 0 ? end + 1 : end < cut ? Math.min(cut, bytes.length) : bytes.length;
    for (;;) {
      const state = decoder.next(bytes, pos, end);
      pos = decoder.pos;
      if (state === CHUNK.more) break;
      if (state === CHUNK.refused) return decoder.fault?.code ?? 'no code';
      if (state === CHUNK.done) {
        const trailers = Buffer.from(decoder.trailers).toString('latin1', 0, decoder.trailersLength);
        return { body, trailers, rest: bytes.toString('latin1', pos) };
      }
      body += bytes.toString('latin1', decoder.dataStart, decoder.dataEnd);
    }
  }
  return 'more';
}

/** The messages that a test file has read, so that its last test can cut each of them at every byte. */
export class Corpus {
  readonly messages: string[] = [];
  readonly #read: (text: string, cut?: number) => Outcome;

  constructor(read: (text: string, cut?: number) => Outcome) {
    this.#read = read;
  }

  read(text: string): Outcome {
    this.messages.push(text);
    return this.#read(text);
  }

  refuses(t: Test, code: string, ...messages: string[]): void {
    for (const message of messages) t.equal(this.read(message), code, JSON.stringify(message.slice(0, 80)));
  }

  takes(t: Test, message: string, want: Record<string, unknown>): void {
    t.match(this.read(message), want, JSON.stringify(message.slice(0, 80)));
  }

  /** Cuts that change what is made of a message; −1 stands for single bytes. */
  differing(): string[] {
    const found: string[] = [];
    for (const text of this.messages) {
      const whole = JSON.stringify(this.#read(text));
      for (let cut = -1; cut < text.length; cut++) {
        if (JSON.stringify(this.#read(text, cut)) !== whole) found.push(`${cut}: ${JSON.stringify(text)}`);
      }
    }
    return found;
  }
}

/** Like `Corpus.differing`, for requests under limits that most of them break: sizes on both sides of each line's end. */
export function differingUnderSmallLimits(messages: readonly string[]): string[] {
  const found: string[] = [];
  for (let size = 10; size < 60; size += 7) {
    const small = { requestLineBytes: size, headBytes: 70 - size, fields: 2, strictTarget: false };
    const edges = [size, size + 1, size + 2, 69 - size, 70 - size, 71 - size];
    for (const text of messages) {
      const whole = JSON.stringify(readRequest(text, undefined, small));
      for (const cut of [-1, 1, 12, 16, 17, 18, 24, 25, 26, 40, ...edges]) {
        if (JSON.stringify(readRequest(text, cut, small)) !== whole) {
          found.push(`${size} ${cut}: ${JSON.stringify(text)}`);
        }
      }
    }
  }
  return found;
}
