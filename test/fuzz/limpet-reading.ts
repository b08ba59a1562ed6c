// Messages as Limpet's parsers read them, fed in pieces as its connections feed them.
import { CHUNK, CHUNK_LIMITS, ChunkedDecoder } from '../../src/wire/chunked.ts';
import { type HeadFields, hasLineEnd, PARSE } from '../../src/wire/head-fields.ts';
import { FRAMING, RequestHead } from '../../src/wire/request-head.ts';
import { BODY, ResponseHead } from '../../src/wire/response-head.ts';
import { REQUEST_LIMITS, RESPONSE_LIMITS } from '../wire/every-cut.ts';
import type { Reading, ReadMessage } from './reading.ts';

/** Stands behind what has arrived, so that a parser that looks further is found out. */
const LURE = '\r\n\r\n';
const NO_CUTS: readonly number[] = [];
const KEEPS_UNDERSCORES = { ...CHUNK_LIMITS, dropUnderscores: false };

/** Reads one direction. Reused from case to case. */
export class LimpetReader {
  readonly #requestHead = new RequestHead(REQUEST_LIMITS);
  readonly #responseHead = new ResponseHead(RESPONSE_LIMITS);
  readonly #requestChunks = new ChunkedDecoder('request');
  readonly #responseChunks = new ChunkedDecoder('response');
  #held = Buffer.alloc(1 << 17);
  /** Of the message whose body is being read. */
  #message: ReadMessage | null = null;
  #chunks: ChunkedDecoder | null = null;
  #left = 0;
  #answers = false;
  #declined = false;

  /**
   * Reads requests, one behind the other, that arrive cut at `cuts`. `declined`: the upstream takes up no upgrade, so that HTTP goes
   * on behind one that is asked for.
   */
  requests(bytes: Buffer, cuts: readonly number[] = NO_CUTS, declined = false): Reading {
    this.#declined = declined;
    this.#answers = false;
    const limit = Math.min(REQUEST_LIMITS.requestLineBytes, REQUEST_LIMITS.headBytes);
    return this.#read(bytes, cuts, limit, (held, at, end, reading) =>
      this.#requestAt(held, at, end, reading),
    );
  }

  /** Reads the answers to one request, up to the final one; with `ended`, the connection ends behind the last byte. */
  answer(bytes: Buffer, toHead: boolean, ended: boolean, cuts: readonly number[] = NO_CUTS): Reading {
    this.#answers = true;
    this.#declined = false;
    const limit = RESPONSE_LIMITS.responseHeadBytes;
    const reading = this.#read(bytes, cuts, limit, (held, at, end, so) =>
      this.#answerAt(held, at, end, so, toHead),
    );
    if (!ended || reading.end !== 'waits') return reading;
    const last = reading.messages.at(-1);
    if (last !== undefined && !last.complete && this.#left === Number.POSITIVE_INFINITY) {
      last.complete = true;
      reading.end = 'closed';
    } else if (bytes.length > 0 && !(last?.complete && this.#restIsEmpty)) {
      reading.end = 'refused';
      reading.code = 'ended early';
    }
    return reading;
  }

  /** All bytes of the last case belonged to complete messages. */
  #restIsEmpty = true;

  #read(
    bytes: Buffer,
    cuts: readonly number[],
    limit: number,
    headAt: (held: Buffer, at: number, end: number, reading: Reading) => number,
  ): Reading {
    const n = bytes.length;
    if (n + LURE.length > this.#held.length) this.#held = Buffer.alloc(2 * n + LURE.length);
    const held = this.#held;
    const reading: Reading = { messages: [], end: 'waits', code: '' };
    this.#message = null;
    let at = 0;
    let end = 0;
    let waited = false;
    for (let piece = 0; piece <= cuts.length && reading.end === 'waits'; piece++) {
      const from = end;
      end = piece < cuts.length ? cuts[piece]! : n;
      bytes.copy(held, from, from, end);
      held.write(LURE, end, 'latin1');
      // A head whose beginning is held is looked at again only when its answer can have changed.
      if (waited && end - at <= limit && !hasLineEnd(held, from, end)) continue;
      waited = false;
      while (at < end && reading.end === 'waits') {
        if (this.#message !== null) {
          at = this.#bodyAt(held, at, end, reading);
          continue;
        }
        const next = headAt(held, at, end, reading);
        if (next < 0) {
          waited = true;
          break;
        }
        at = next;
      }
    }
    this.#restIsEmpty = at === n;
    return reading;
  }

  /** Reads a request's head. Returns the offset behind it, or −1 when it is not there yet. */
  #requestAt(held: Buffer, at: number, end: number, reading: Reading): number {
    const head = this.#requestHead;
    const state = head.parse(held, at, end);
    if (state === PARSE.more) return -1;
    if (state === PARSE.refused) return refused(reading, head.fault?.code, end);
    const method = held.toString('latin1', head.methodStart, head.methodEnd);
    const target = held.toString('latin1', head.targetStart, head.targetEnd);
    const { minor, keepAlive } = head;
    this.#begin(reading, `${method} ${target}`, minor, head.fields, keepAlive, head.upgrade >= 0);
    this.#left = head.framing === FRAMING.length ? head.contentLength : 0;
    this.#chunks = null;
    if (head.framing === FRAMING.chunked) {
      this.#chunks = this.#requestChunks;
      this.#chunks.reset(KEEPS_UNDERSCORES);
    } else if (this.#left === 0) this.#finish(reading, head.end);
    return head.end;
  }

  #answerAt(held: Buffer, at: number, end: number, reading: Reading, toHead: boolean): number {
    const head = this.#responseHead;
    const state = head.parse(held, at, end, toHead);
    if (state === PARSE.more) return -1;
    if (state === PARSE.refused) return refused(reading, head.fault?.code, end);
    const reason = held.toString('latin1', head.reasonStart, head.reasonEnd);
    const { minor, keepAlive } = head;
    const switched = head.status === 101;
    this.#begin(reading, `${head.status} ${reason}`, minor, head.fields, keepAlive, switched);
    this.#chunks = null;
    this.#left = head.framing === BODY.length ? head.contentLength : 0;
    if (head.framing === BODY.close) this.#left = Number.POSITIVE_INFINITY;
    if (head.framing === BODY.chunked) {
      this.#chunks = this.#responseChunks;
      this.#chunks.reset(KEEPS_UNDERSCORES);
    } else if (this.#left === 0) this.#finish(reading, head.end, head.status >= 200);
    return head.end;
  }

  #begin(
    reading: Reading,
    start: string,
    minor: number,
    fields: HeadFields,
    keepAlive: boolean,
    upgrade: boolean,
  ): void {
    this.#message = {
      start,
      minor,
      fields: fieldsOf(fields),
      body: '',
      trailers: [],
      keepAlive,
      upgrade,
      complete: false,
      end: -1,
    };
    reading.messages.push(this.#message);
  }

  #bodyAt(held: Buffer, at: number, end: number, reading: Reading): number {
    const message = this.#message!;
    const chunks = this.#chunks;
    if (chunks === null) {
      const take = Math.min(this.#left, end - at);
      message.body += held.toString('latin1', at, at + take);
      this.#left -= take;
      if (this.#left === 0) this.#finish(reading, at + take);
      return at + take;
    }
    const state = chunks.next(held, at, end);
    if (state === CHUNK.data) message.body += held.toString('latin1', chunks.dataStart, chunks.dataEnd);
    else if (state === CHUNK.refused) return refused(reading, chunks.fault?.code, end);
    else if (state === CHUNK.done) {
      message.trailers = trailersOf(chunks);
      this.#finish(reading, chunks.pos);
    }
    return chunks.pos;
  }

  /** The message is complete, and `end` is behind it. `final`: no interim answer. */
  #finish(reading: Reading, end: number, final = true): void {
    const message = this.#message!;
    message.complete = true;
    message.end = end;
    this.#message = null;
    if (message.upgrade && !this.#declined) reading.end = 'upgraded';
    else if (this.#answers ? final : !message.keepAlive) reading.end = 'closed';
  }
}

function refused(reading: Reading, code: string | undefined, end: number): number {
  reading.end = 'refused';
  reading.code = code ?? 'no code';
  return end;
}

function fieldsOf(fields: HeadFields): string[] {
  // The bytes are those of the reader's own Buffer.
  const bytes = fields.bytes as Buffer;
  const all: string[] = [];
  for (let i = 0; i < fields.count; i++) {
    all.push(bytes.toString('latin1', fields.nameStart[i]!, fields.nameEnd[i]!));
    all.push(bytes.toString('latin1', fields.valueStart[i]!, fields.valueEnd[i]!));
  }
  return all;
}

/** The decoder writes each as `name: value CRLF`. */
function trailersOf(chunks: ChunkedDecoder): string[] {
  if (chunks.trailersLength === 0) return [];
  const text = Buffer.from(chunks.trailers.buffer, 0, chunks.trailersLength).toString('latin1');
  return text
    .split('\r\n')
    .slice(0, -1)
    .flatMap((line) => {
      const colon = line.indexOf(': ');
      return [line.slice(0, colon), line.slice(colon + 2)];
    });
}
