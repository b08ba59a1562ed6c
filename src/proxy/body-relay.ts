// One direction of one message's body: counts it off by its framing, and lays it out newly framed for the other side.
import type { ByteWriter } from '../base/byte-writer.ts';
import type { Fault } from '../base/fault.ts';
import {
  BODY_END,
  CHUNK,
  CHUNK_LIMITS,
  ChunkedDecoder,
  type ChunkLimits,
  CRLF,
  LAST_CHUNK,
  writeChunkHead,
} from '../wire/chunked.ts';
import { BODY } from '../wire/response-head.ts';
import { PROXY_FAULT } from './faults.ts';

/** A chunk of so many bytes costs no more than it brings. */
const FAIR_CHUNK_BYTES = 16;

const KEEPS_UNDERSCORES: ChunkLimits = { ...CHUNK_LIMITS, dropUnderscores: false };

/** Decodes what comes and encodes what goes. Reused from message to message. */
export class BodyRelay {
  /** All of the body has been seen. */
  done = true;
  /** Payload bytes seen, without framing. */
  payload = 0;
  /** Why the body is malformed; null while it is not. */
  fault: Fault | null = null;
  #framing: number = BODY.none;
  #remaining = 0;
  #outChunked = false;
  /** Chunks that may still come beyond one for each 16 bytes. */
  #chunksLeft = Number.POSITIVE_INFINITY;
  readonly #direction: 'request' | 'response';
  #decoder: ChunkedDecoder | null = null;

  constructor(direction: 'request' | 'response') {
    this.#direction = direction;
  }

  /**
   * Begins a body framed as `framing` (BODY), of `length` bytes where that is `length`; `outChunked`: written chunked;
   * `dropUnderscores`: trailer fields with `_` in their names are dropped (rule L8); `tinyChunks`: pieces that it may come in beyond one for each
   * 16 bytes; `trailerNames`: trailers that are dropped, as ChunkedDecoder.reset has it.
   */
  begin(
    framing: number,
    length: number,
    outChunked: boolean,
    dropUnderscores: boolean,
    tinyChunks = Number.POSITIVE_INFINITY,
    trailerNames: readonly Uint8Array[] | null = null,
  ): void {
    this.#framing = framing;
    this.#remaining = length;
    this.#outChunked = outChunked;
    this.payload = 0;
    this.fault = null;
    this.done = framing === BODY.none || (framing === BODY.length && length === 0);
    if (framing === BODY.chunked) {
      this.#decoder ??= new ChunkedDecoder(this.#direction);
      this.#chunksLeft = tinyChunks;
      this.#decoder.reset(dropUnderscores ? CHUNK_LIMITS : KEEPS_UNDERSCORES, trailerNames);
    }
  }

  /** Bytes of a length-framed body that have not come yet. */
  get remaining(): number {
    return this.#remaining;
  }

  /** Whether the end of the body is the end of the connection. */
  get endsWithConnection(): boolean {
    return this.#framing === BODY.close;
  }

  /**
   * Takes `bytes[start, end)` as far as they are this body's, and lays what they mean out in `out`. Returns the offset behind the
   * last byte taken. Afterwards see `done` and `fault`.
   */
  feed(out: ByteWriter, bytes: Uint8Array, start: number, end: number): number {
    if (this.done || start === end) return start;
    switch (this.#framing) {
      case BODY.length: {
        const n = Math.min(this.#remaining, end - start);
        this.#put(out, bytes, start, start + n);
        this.#remaining -= n;
        if (this.#remaining === 0) this.done = true;
        return start + n;
      }
      case BODY.chunked:
        return this.#feedChunked(out, bytes, start, end);
      default:
        this.#put(out, bytes, start, end);
        return end;
    }
  }

  /** The connection has ended, and with it a close-delimited body. */
  finish(out: ByteWriter): void {
    this.done = true;
    if (this.#outChunked) out.block(BODY_END);
  }

  #feedChunked(out: ByteWriter, bytes: Uint8Array, start: number, end: number): number {
    const decoder = this.#decoder!;
    let at = start;
    for (;;) {
      const state = decoder.next(bytes, at, end);
      at = decoder.pos;
      if (state === CHUNK.data) {
        this.#put(out, bytes, decoder.dataStart, decoder.dataEnd);
        // Each costs the app a few hundred times what it costs its sender: so few bytes must be few.
        this.#chunksLeft += (decoder.dataEnd - decoder.dataStart) / FAIR_CHUNK_BYTES - 1;
        if (this.#chunksLeft >= 0) continue;
        this.fault = PROXY_FAULT.tinyChunks;
        return at;
      }
      if (state === CHUNK.done) {
        this.done = true;
        if (this.#outChunked) {
          if (decoder.trailersLength === 0) {
            out.block(BODY_END);
          } else {
            out.block(LAST_CHUNK);
            out.copy(decoder.trailers, 0, decoder.trailersLength);
            out.block(CRLF);
          }
        }
      } else if (state === CHUNK.refused) {
        this.fault = decoder.fault;
      }
      return at;
    }
  }

  #put(out: ByteWriter, bytes: Uint8Array, start: number, end: number): void {
    const n = end - start;
    this.payload += n;
    if (!this.#outChunked) {
      out.copy(bytes, start, end);
      return;
    }
    writeChunkHead(out, n);
    out.copy(bytes, start, end);
    out.block(CRLF);
  }
}

/** Lays out the data of `bytes[0, end)`, which is a whole chunked body of our own making, without its framing and trailers. */
export function layUnchunked(out: ByteWriter, bytes: Uint8Array, end: number): void {
  const decoder = new ChunkedDecoder('request');
  decoder.reset(CHUNK_LIMITS);
  let at = 0;
  while (decoder.next(bytes, at, end) === CHUNK.data) {
    out.copy(bytes, decoder.dataStart, decoder.dataEnd);
    at = decoder.pos;
  }
}
