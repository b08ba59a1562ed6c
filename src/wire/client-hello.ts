// The first message of a TLS client as far as it says whom he wants: read before OpenSSL, which is given the right certificates for it from the start.

/** How far a look got. */
export const HELLO = {
  /** It is not complete yet. */
  more: 0,
  /** It is read: see `name`. */
  done: 1,
  /** It is no TLS, or nothing that OpenSSL would take. */
  garbage: 2,
} as const;

/** A ClientHello has at most so many bytes, with its records: those of today have two thousand. */
export const HELLO_BYTES_MAX: number = 20 * 1024;

/** Content type of a record with a handshake, and in it the type of a ClientHello (RFC 8446 sections 5.1 and 4). */
const HANDSHAKE = 22;
const CLIENT_HELLO = 1;
/** The extension with the name (RFC 6066 section 3), and in it the type of a host name. */
const SERVER_NAME = 0;
const HOST_NAME = 0;
const RECORD_HEAD = 5;
const MESSAGE_HEAD = 4;
/** Version and random. */
const FIXED = 34;
const NAME_BYTES_MAX = 255;

/** Reads ClientHellos, one after the other. Never throws. */
export class ClientHello {
  /** The name that was asked for, lower-case; null: none. Good after `done`. */
  name: string | null = null;

  /** Looks at `bytes[start, end)`, which begin where the connection does. */
  read(bytes: Uint8Array, start: number, end: number): number {
    this.name = null;
    if (start >= end) return HELLO.more;
    if (bytes[start] !== HANDSHAKE) return HELLO.garbage;
    const message = messageIn(bytes, start, end);
    if (typeof message === 'number') return message;
    this.name = nameIn(message);
    return HELLO.done;
  }
}

/**
 * The body of the message, which may lie in several records; else how far it got. Records may be as small as a byte, and a client may send
 * thousands: their heads are walked once, and nothing is put together before all of it is there.
 */
function messageIn(bytes: Uint8Array, start: number, end: number): Uint8Array | number {
  let length = 0;
  let head = 0;
  let wanted = Number.POSITIVE_INFINITY;
  let at = start;
  while (length < wanted) {
    if (at + RECORD_HEAD > end) return HELLO.more;
    if (bytes[at] !== HANDSHAKE || bytes[at + 1] !== 3) return HELLO.garbage;
    const size = u16(bytes, at + 3);
    if (size === 0) return HELLO.garbage;
    const body = at + RECORD_HEAD;
    if (body + size > end) return HELLO.more;
    for (let i = 0; i < size && length + i < MESSAGE_HEAD; i++) head = (head << 8) | bytes[body + i]!;
    length += size;
    at = body + size;
    if (wanted === Number.POSITIVE_INFINITY && length >= MESSAGE_HEAD) {
      if (head >>> 24 !== CLIENT_HELLO) return HELLO.garbage;
      wanted = MESSAGE_HEAD + (head & 0xffffff);
      if (wanted > HELLO_BYTES_MAX) return HELLO.garbage;
    }
  }
  const first = u16(bytes, start + 3);
  const whole =
    first === length
      ? bytes.subarray(start + RECORD_HEAD, start + RECORD_HEAD + length)
      : joined(bytes, start, length);
  return whole.subarray(MESSAGE_HEAD, wanted);
}

/** The content of the records that begin at `start`, `length` bytes in all. */
function joined(bytes: Uint8Array, start: number, length: number): Uint8Array {
  const whole = new Uint8Array(length);
  for (let at = start, to = 0; to < length; ) {
    const size = u16(bytes, at + 3);
    at += RECORD_HEAD;
    whole.set(bytes.subarray(at, at + size), to);
    to += size;
    at += size;
  }
  return whole;
}

/** The name in a ClientHello's body; null where there is none, or the body is not sound: that is OpenSSL's to say. */
function nameIn(body: Uint8Array): string | null {
  const end = body.length;
  let at = FIXED;
  if (at + 1 > end) return null;
  at += 1 + body[at]!;
  if (at + 2 > end) return null;
  at += 2 + u16(body, at);
  if (at + 1 > end) return null;
  at += 1 + body[at]!;
  if (at + 2 > end) return null;
  const last = Math.min(end, at + 2 + u16(body, at));
  for (at += 2; at + 4 <= last; ) {
    const type = u16(body, at);
    const size = u16(body, at + 2);
    at += 4;
    if (at + size > last) return null;
    if (type === SERVER_NAME) return hostIn(body, at, at + size);
    at += size;
  }
  return null;
}

function hostIn(body: Uint8Array, start: number, end: number): string | null {
  // A list of one name; whoever sends several gets the first certificate, as from OpenSSL.
  if (start + 5 > end || body[start + 2] !== HOST_NAME) return null;
  const size = u16(body, start + 3);
  if (size === 0 || size > NAME_BYTES_MAX || start + 5 + size > end) return null;
  return Buffer.from(body.buffer, body.byteOffset + start + 5, size)
    .toString('latin1')
    .toLowerCase();
}

function u16(bytes: Uint8Array, at: number): number {
  return (bytes[at]! << 8) | bytes[at + 1]!;
}
