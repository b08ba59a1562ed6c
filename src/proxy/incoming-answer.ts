// An answer as it comes from the upstream: its heads read, interim ones told apart from the final one, its body counted off.
import type { ByteWriter } from '../base/byte-writer.ts';
import type { Fault } from '../base/fault.ts';
import { PARSE } from '../wire/head-fields.ts';
import { BODY, type ResponseHead } from '../wire/response-head.ts';
import { BodyRelay } from './body-relay.ts';
import { PROXY_FAULT } from './faults.ts';
import type { Plane } from './plane.ts';
import { FRAME_OUT } from './response-writer.ts';

/** Who is told of an answer's heads. `head` is good during the call. */
export interface AnswerReader {
  /** 1xx but 101. More may follow. */
  onInterim(head: ResponseHead): void;
  /** 101; `bytes[head.end, end)` came behind it. Nothing is told afterwards. */
  onSwitch(head: ResponseHead, bytes: Uint8Array, end: number): void;
  /** The final head; `bytes[head.end, end)` came behind it. Nothing is told afterwards. */
  onAnswer(head: ResponseHead, bytes: Uint8Array, end: number): void;
  /** The upstream broke the rules. Nothing is told afterwards. */
  onBadAnswer(fault: Fault): void;
}

/** Rule C6. */
const INTERIM_MAX = 32;

/** Part of an exchange, and reused with it. */
export class IncomingAnswer {
  readonly body = new BodyRelay('response');
  /** The upstream's words allow its connection to be used again. */
  reusable = false;
  /** FRAME_OUT: how the body goes on to the client. */
  frame: number = FRAME_OUT.asIs;
  readonly #plane: Plane;
  /** The beginning of a head that is not complete. */
  #partial: ByteWriter | null = null;
  #interims = 0;

  constructor(plane: Plane) {
    this.#plane = plane;
  }

  /** Bytes of an answer have come, though no final head: the request is not tried again (rule T3). */
  get begun(): boolean {
    return this.#partial !== null || this.#interims > 0;
  }

  /** Reads what came before the final head. `toHead`: the request's method is HEAD; `headBytesMax`: of the route. */
  read(
    reader: AnswerReader,
    bytes: Uint8Array,
    start: number,
    end: number,
    toHead: boolean,
    headBytesMax: number,
  ): void {
    const partial = this.#partial;
    if (partial === null) {
      this.#readHeads(reader, bytes, start, end, toHead);
      return;
    }
    // Only a new line end, or too many bytes, can change what the parser says.
    const before = partial.length;
    partial.copy(bytes, start, end);
    if (partial.length <= headBytesMax && bytes.subarray(start, end).indexOf(10) < 0) return;
    this.#partial = null;
    this.#readHeads(reader, partial.bytes, 0, before + (end - start), toHead);
    this.#plane.writers.give(partial);
  }

  #readHeads(reader: AnswerReader, bytes: Uint8Array, start: number, end: number, toHead: boolean): void {
    const head = this.#plane.responseHead;
    let at = start;
    do {
      const state = head.parse(bytes, at, end, toHead);
      if (state === PARSE.more) {
        const partial = this.#plane.writers.take();
        partial.copy(bytes, at, end);
        this.#partial = partial;
        return;
      }
      if (state === PARSE.refused) {
        reader.onBadAnswer(head.fault!);
        return;
      }
      if (head.status >= 200) {
        reader.onAnswer(head, bytes, end);
        return;
      }
      if (head.status === 101) {
        reader.onSwitch(head, bytes, end);
        return;
      }
      if (++this.#interims > INTERIM_MAX) {
        reader.onBadAnswer(PROXY_FAULT.interimMany);
        return;
      }
      at = head.end;
      reader.onInterim(head);
    } while (at < end);
  }

  /** The final head is there: settles how its body goes to a client of HTTP/1.`minor` (rules A4, C3), without trailers of these names. */
  begin(head: ResponseHead, minor: number, trailerNames: readonly Uint8Array[] | null): void {
    this.reusable = head.keepAlive;
    const unsized = head.framing === BODY.chunked || head.framing === BODY.close;
    this.frame = !unsized ? FRAME_OUT.asIs : minor === 0 ? FRAME_OUT.close : FRAME_OUT.chunked;
    // Requests lose names with `_`, since apps confuse them; answers keep them, in trailers as in heads.
    const length = Math.max(0, head.contentLength);
    const outChunked = this.frame === FRAME_OUT.chunked;
    this.body.begin(head.framing, length, outChunked, false, Number.POSITIVE_INFINITY, trailerNames);
  }

  /** Forgets what has come: of an attempt that failed, or of a request that is over. */
  reset(): void {
    this.#interims = 0;
    if (this.#partial === null) return;
    this.#plane.writers.give(this.#partial);
    this.#partial = null;
  }
}
