// A second, unrelated HTTP/1.1 reader: simple, slow and strict, so that what Limpet writes is judged by something other than Limpet.

export type Field = readonly [name: string, value: string];

/** One message as it stood on the wire. */
export interface Message {
  /** Request line or status line, without its CRLF. */
  readonly start: string;
  readonly fields: readonly Field[];
  readonly framing: 'none' | 'length' | 'chunked' | 'close';
  readonly body: Buffer;
  /** Sizes of the chunks as they came. */
  readonly chunks: readonly number[];
  readonly trailers: readonly Field[];
  /** Exactly the bytes that it took. */
  readonly raw: Buffer;
}

export interface Head {
  readonly start: string;
  readonly fields: readonly Field[];
  readonly length: number;
}

/** Thrown for bytes that are no HTTP/1.1 message: whoever wrote them is wrong. */
export class MalformedMessage extends Error {
  override name = 'MalformedMessage';
}

/** Reads the head at the start of `bytes`; null while it is incomplete. */
export function readHead(bytes: Buffer): Head | null {
  const end = bytes.indexOf('\r\n\r\n');
  if (end < 0) return null;
  const [start, ...lines] = bytes.subarray(0, end).toString('latin1').split('\r\n');
  if (start === undefined || /[\r\n]/.test(start)) throw new MalformedMessage(`bad start line: ${start}`);
  return { start, fields: lines.map(readField), length: end + 4 };
}

function readField(line: string): Field {
  const parts = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([^\r\n\0]*?)[ \t]*$/.exec(line);
  if (!parts) throw new MalformedMessage(`bad field line: ${JSON.stringify(line)}`);
  return [parts[1]!, parts[2]!];
}

/** All values of a field, in order. */
export function values(message: { readonly fields: readonly Field[] }, name: string): string[] {
  const wanted = name.toLowerCase();
  return message.fields.filter(([n]) => n.toLowerCase() === wanted).map(([, v]) => v);
}

/** The one value of a field, or undefined; several are joined by `, `. */
export function value(message: { readonly fields: readonly Field[] }, name: string): string | undefined {
  const all = values(message, name);
  return all.length === 0 ? undefined : all.join(', ');
}

export function statusOf(answer: { readonly start: string }): number {
  const found = /^HTTP\/1\.[01] ([1-5][0-9][0-9])(?: |$)/.exec(answer.start);
  if (!found) throw new MalformedMessage(`bad status line: ${answer.start}`);
  return Number(found[1]);
}

/** Reads a whole request at the start of `bytes`; null while it is incomplete. */
export function readRequest(bytes: Buffer): Message | null {
  const head = readHead(bytes);
  if (!head) return null;
  if (!/^\S+ \S+ HTTP\/1\.[01]$/.test(head.start))
    throw new MalformedMessage(`bad request line: ${head.start}`);
  return readBody(bytes, head, false, false);
}

/**
 * Reads a whole answer at the start of `bytes`; null while it is incomplete. `method` is that of its request. An answer without
 * a length is complete only when `ended`.
 */
export function readAnswer(bytes: Buffer, method: string, ended: boolean): Message | null {
  const head = readHead(bytes);
  if (!head) return null;
  const status = statusOf(head);
  const bodiless = method === 'HEAD' || status < 200 || status === 204 || status === 304;
  if (bodiless) return whole(bytes, head, 'none', Buffer.alloc(0), [], [], head.length);
  return readBody(bytes, head, true, ended);
}

function readBody(bytes: Buffer, head: Head, isAnswer: boolean, ended: boolean): Message | null {
  const coding = value(head, 'transfer-encoding');
  const length = value(head, 'content-length');
  if (coding !== undefined && length !== undefined)
    throw new MalformedMessage('both a length and a transfer coding');
  if (coding !== undefined) {
    // Its letters are of either case (RFC 9112 section 7).
    if (coding.toLowerCase() !== 'chunked') throw new MalformedMessage(`transfer coding ${coding}`);
    return readChunks(bytes, head);
  }
  if (length !== undefined) {
    if (!/^[0-9]{1,15}$/.test(length)) throw new MalformedMessage(`length ${length}`);
    const end = head.length + Number(length);
    return bytes.length < end
      ? null
      : whole(bytes, head, 'length', bytes.subarray(head.length, end), [], [], end);
  }
  if (!isAnswer) return whole(bytes, head, 'none', Buffer.alloc(0), [], [], head.length);
  return ended ? whole(bytes, head, 'close', bytes.subarray(head.length), [], [], bytes.length) : null;
}

function readChunks(bytes: Buffer, head: Head): Message | null {
  const parts: Buffer[] = [];
  let at = head.length;
  for (;;) {
    const eol = bytes.indexOf('\r\n', at);
    if (eol < 0) return null;
    const line = bytes.toString('latin1', at, eol);
    if (!/^[0-9a-fA-F]{1,13}$/.test(line)) throw new MalformedMessage(`chunk line ${JSON.stringify(line)}`);
    const size = Number.parseInt(line, 16);
    at = eol + 2;
    if (size === 0) break;
    if (bytes.length < at + size + 2) return null;
    if (bytes.toString('latin1', at + size, at + size + 2) !== '\r\n')
      throw new MalformedMessage('chunk without its CRLF');
    parts.push(bytes.subarray(at, at + size));
    at += size + 2;
  }
  const trailers: Field[] = [];
  for (;;) {
    const eol = bytes.indexOf('\r\n', at);
    if (eol < 0) return null;
    const line = bytes.toString('latin1', at, eol);
    at = eol + 2;
    if (line === '') break;
    trailers.push(readField(line));
  }
  return whole(
    bytes,
    head,
    'chunked',
    Buffer.concat(parts),
    parts.map((p) => p.length),
    trailers,
    at,
  );
}

function whole(
  bytes: Buffer,
  head: Head,
  framing: Message['framing'],
  body: Buffer,
  chunks: readonly number[],
  trailers: readonly Field[],
  end: number,
): Message {
  return {
    start: head.start,
    fields: head.fields,
    framing,
    body,
    chunks,
    trailers,
    raw: bytes.subarray(0, end),
  };
}
