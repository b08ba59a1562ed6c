// WebSocket frames (RFC 6455 section 5.2): followed without being read, so that a tunnel can be ended with a close frame of our own.
import type { ByteWriter } from '../base/byte-writer.ts';

/** Opcode of a close frame (section 5.5.1). */
const OPCODE_CLOSE = 0x8;
/** FIN and that opcode: the first byte of one. */
const CLOSE_FRAME = 0x80 | OPCODE_CLOSE;
const MASKED = 0x80;
/** In the 7 bits of the length: two, or eight, further bytes hold it. */
const LENGTH_16 = 126;
const LENGTH_64 = 127;
const MASK_BYTES = 4;
/** Longest reason of a close frame, bytes: a control frame holds 125, of which the code takes two. */
const REASON_BYTES_MAX = 123;

/** What comes next. Behind `extended` lengths come a mask, or the payload. */
const NEXT = { frame: 0, length: 1, extended: 2, mask: 3, payload: 4, nothing: 5 } as const;

/**
 * One direction of a WebSocket: where its frames begin and end. It looks at lengths alone, so that no extension matters, and judges nothing;
 * only a length that is none (beyond 2^53−1) loses the thread for good.
 */
export class WebSocketFrames {
  #next: number = NEXT.frame;
  /** Bytes of the length or the mask that are still to come. */
  #missing = 0;
  /** Payload bytes still to come; while the length is read, what is known of it. */
  #payload = 0;
  #masked = false;
  #closing = false;
  /** A close frame has gone by: nothing may follow it. */
  closed = false;

  /** Whether a frame of our own may stand here. */
  get atBoundary(): boolean {
    return this.#next === NEXT.frame;
  }

  /** Follows `bytes[start, end)`. Hot: allocates nothing (test/alloc/wire.test.ts). */
  follow(bytes: Uint8Array, start: number, end: number): void {
    for (let at = start; at < end; ) at = this.frame(bytes, at, end);
  }

  /** Follows one frame to its end, or as far as there is of it. Returns the offset behind what it took; at least one byte. */
  frame(bytes: Uint8Array, start: number, end: number): number {
    let at = start;
    while (at < end) {
      switch (this.#next) {
        case NEXT.frame:
          this.#closing = (bytes[at++]! & 0x0f) === OPCODE_CLOSE;
          this.#next = NEXT.length;
          break;
        case NEXT.length:
          this.#length(bytes[at++]!);
          break;
        case NEXT.extended:
          this.#payload = this.#payload * 256 + bytes[at++]!;
          if (--this.#missing === 0) this.#measured();
          break;
        case NEXT.mask:
          at++;
          if (--this.#missing === 0) this.#next = NEXT.payload;
          break;
        case NEXT.payload: {
          const taken = Math.min(this.#payload, end - at);
          this.#payload -= taken;
          at += taken;
          break;
        }
        default:
          return end;
      }
      if (this.#next === NEXT.payload && this.#payload === 0) {
        this.#next = NEXT.frame;
        this.closed ||= this.#closing;
        return at;
      }
    }
    return at;
  }

  #length(byte: number): void {
    const length = byte & 0x7f;
    this.#masked = (byte & MASKED) !== 0;
    this.#payload = 0;
    if (length >= LENGTH_16) {
      this.#missing = length === LENGTH_64 ? 8 : 2;
      this.#next = NEXT.extended;
      return;
    }
    this.#payload = length;
    this.#measured();
  }

  /** The length is known. */
  #measured(): void {
    if (this.#payload > Number.MAX_SAFE_INTEGER) {
      this.#next = NEXT.nothing;
      return;
    }
    this.#missing = MASK_BYTES;
    this.#next = this.#masked ? NEXT.mask : NEXT.payload;
  }
}

/**
 * Lays out a close frame. `code`: 1000 to 4999 (section 7.4); `reason`: ASCII, at most 123 characters, the rest is left out. `mask`: four
 * bytes from `maskAt`, as a client must use them (section 5.3); null: as a server sends it.
 */
export function layClose(
  out: ByteWriter,
  code: number,
  reason: string,
  mask: Uint8Array | null,
  maskAt = 0,
): void {
  const text = reason.slice(0, REASON_BYTES_MAX);
  out.byte(CLOSE_FRAME);
  out.byte((mask === null ? 0 : MASKED) | (text.length + 2));
  if (mask !== null) out.copy(mask, maskAt, maskAt + MASK_BYTES);
  for (let i = 0; i < text.length + 2; i++) {
    const byte = i === 0 ? code >> 8 : i === 1 ? code & 0xff : text.charCodeAt(i - 2);
    out.byte(byte ^ (mask === null ? 0 : mask[maskAt + (i % MASK_BYTES)]!));
  }
}
