// Just enough of WebSocket frames (RFC 6455 section 5) for an app that echoes, byte by byte under the test's hand.
import { createHash } from 'node:crypto';

/** The answer to a client's `Sec-WebSocket-Key` (RFC 6455 section 4.2.2). */
export function acceptKey(key: string): string {
  return createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');
}

/** A client's text frame, masked with zeros so that its text shows. At most 125 bytes. */
export function textFrame(text: string): string {
  return `\x81${String.fromCharCode(0x80 | text.length)}\0\0\0\0${text}`;
}

export interface EchoFrame {
  /** Bytes that the client's frame took. */
  readonly length: number;
  /** The same frame from the server's side, unmasked. */
  readonly reply: Buffer;
  readonly closes: boolean;
}

/** The first whole masked frame of `bytes`, turned round; null while it is not whole. */
export function unmasked(bytes: Buffer): EchoFrame | null {
  if (bytes.length < 2) return null;
  const short = bytes[1]! & 0x7f;
  const lengthBytes = short === 127 ? 8 : short === 126 ? 2 : 0;
  const maskAt = 2 + lengthBytes;
  const start = maskAt + 4;
  if (bytes.length < start) return null;
  const size =
    short === 127 ? Number(bytes.readBigUInt64BE(2)) : short === 126 ? bytes.readUInt16BE(2) : short;
  if (bytes.length < start + size) return null;
  const head = Buffer.from(bytes.subarray(0, maskAt));
  head[1] = short;
  const data = Buffer.from(bytes.subarray(start, start + size));
  for (let i = 0; i < size; i++) data[i]! ^= bytes[maskAt + (i & 3)]!;
  return { length: start + size, reply: Buffer.concat([head, data]), closes: (bytes[0]! & 0xf) === 8 };
}
