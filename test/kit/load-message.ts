// The few messages that load clients and their upstreams exchange, in one place so that both sides can check every byte.

/** Bytes of the small answer's body: about what a JSON answer of an app's API holds. */
export const SMALL_BODY_BYTES = 128;
/** Block that large bodies repeat. 64 KiB, so that a position's byte is known from its offset alone. */
export const BLOCK_BYTES = 65536;

/** The body of upstream number `index` (0 … 9): it names the upstream, so that a client sees who answered. */
export function smallBody(index: number): string {
  return `upstream ${index} `.padEnd(SMALL_BODY_BYTES - 1, 'abcdefghijklmnop').concat('\n');
}

/** Where the upstream's number stands in `smallBody`. */
export const INDEX_AT = 'upstream '.length;

/** The whole small answer of upstream `index`. */
export function smallAnswer(index: number): Buffer {
  return Buffer.from(
    'HTTP/1.1 200 OK\r\nDate: Tue, 03 Mar 2026 10:00:00 GMT\r\nContent-Type: text/plain; charset=utf-8\r\n' +
      `Content-Length: ${SMALL_BODY_BYTES}\r\nCache-Control: private\r\n\r\n${smallBody(index)}`,
    'latin1',
  );
}

/** The same body in two chunks. */
export function chunkedAnswer(index: number): Buffer {
  return Buffer.from(
    'HTTP/1.1 200 OK\r\nDate: Tue, 03 Mar 2026 10:00:00 GMT\r\nContent-Type: text/plain; charset=utf-8\r\n' +
      `Transfer-Encoding: chunked\r\nCache-Control: private\r\n\r\n${inChunks(smallBody(index))}`,
    'latin1',
  );
}

/** `body` in chunked coding, in two halves. */
function inChunks(body: string): string {
  const half = Math.ceil(body.length / 2);
  const chunks = [body.slice(0, half), body.slice(half), ''];
  return chunks.map((chunk) => `${chunk.length.toString(16)}\r\n${chunk}\r\n`).join('');
}

/** The text that chunked coding carries; `coded` is whole. */
export function fromChunks(coded: string): string {
  let body = '';
  for (let at = 0; ; ) {
    const end = coded.indexOf('\r\n', at);
    const bytes = Number.parseInt(coded.slice(at, end), 16);
    if (!(bytes > 0)) return body;
    body += coded.slice(end + 2, end + 2 + bytes);
    at = end + 4 + bytes;
  }
}

/** Head of a large answer of `bytes` bytes. */
export function largeHead(bytes: number): string {
  return `HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\nContent-Length: ${bytes}\r\n\r\n`;
}

/** The block that large bodies repeat: 251 is prime to the block, so a lost or doubled packet shows at any sampled byte. */
export function largeBlock(): Buffer {
  const block = Buffer.alloc(BLOCK_BYTES);
  for (let i = 0; i < BLOCK_BYTES; i++) block[i] = i % 251;
  return block;
}

/** The byte at `offset` of a large body. */
export function largeByte(offset: number): number {
  return (offset % BLOCK_BYTES) % 251;
}

/** True if `length` bytes of `buffer` from `start` are those of a large body from `offset`; both ends and every 4 KiB are looked at. */
export function isLargeBody(buffer: Uint8Array, start: number, length: number, offset: number): boolean {
  for (let i = 0; i < length; i += 4096) {
    if (buffer[start + i] !== largeByte(offset + i)) return false;
  }
  return length === 0 || buffer[start + length - 1] === largeByte(offset + length - 1);
}

/** The head fields every load client sends, as a small browser or API client would. */
const CLIENT_FIELDS =
  'Host: shop.example.com\r\nUser-Agent: load/1.0 (keep-alive)\r\nAccept: application/json, text/plain, */*\r\nAccept-Encoding: gzip\r\n';

/** A small GET with `cookies` (`name=value; …`). */
export function getRequest(cookies: string): Buffer {
  return Buffer.from(
    `GET /cart/items?page=2 HTTP/1.1\r\n${CLIENT_FIELDS}Cookie: ${cookies}\r\n\r\n`,
    'latin1',
  );
}

/** A small POST with `cookies` and a body of 32 bytes. */
export function postRequest(cookies: string): Buffer {
  const body = '{"item":"0123456789","count":01}';
  return Buffer.from(
    `POST /cart/items HTTP/1.1\r\n${CLIENT_FIELDS}Cookie: ${cookies}\r\nContent-Type: application/json\r\n` +
      `Content-Length: ${body.length}\r\n\r\n${body}`,
    'latin1',
  );
}

/** How a load client asks: by a GET, by one on a connection of its own, or by a POST of 4 KiB with its length or in chunks. */
export type RequestShape = 'get' | 'closing' | 'post' | 'chunked';

/** Where an upstream of ours answers in chunks as well. */
export const CHUNKED_PATH = '/chunked';
const POST_BYTES = 4096;

/** A request of `shape` with `cookies`. */
export function shapedRequest(shape: RequestShape, cookies: string): Buffer {
  const fields = `${CLIENT_FIELDS}Cookie: ${cookies}\r\n`;
  const item = '{"item":"0123456789","count":01}';
  const body = item.repeat(POST_BYTES / item.length);
  const posted = `${fields}Content-Type: application/json\r\n`;
  switch (shape) {
    case 'get':
      return getRequest(cookies);
    case 'closing':
      return Buffer.from(`GET /cart/items?page=2 HTTP/1.1\r\n${fields}Connection: close\r\n\r\n`);
    case 'post':
      return Buffer.from(
        `POST /cart/items HTTP/1.1\r\n${posted}Content-Length: ${body.length}\r\n\r\n${body}`,
      );
    case 'chunked':
      return Buffer.from(
        `POST ${CHUNKED_PATH} HTTP/1.1\r\n${posted}Transfer-Encoding: chunked\r\n\r\n${inChunks(body)}`,
      );
  }
}

/** A GET that asks an upstream of ours for a body of `bytes` bytes. */
export function downloadRequest(bytes: number): string {
  return `GET /body?bytes=${bytes} HTTP/1.1\r\n${CLIENT_FIELDS}\r\n`;
}

/** Head of an upload of `bytes` bytes. */
export function uploadHead(bytes: number): string {
  return `POST /upload HTTP/1.1\r\n${CLIENT_FIELDS}Content-Type: application/octet-stream\r\nContent-Length: ${bytes}\r\n\r\n`;
}

/** Body by which an upstream confirms an upload whose `bytes` bytes were all right. */
export function uploadReceipt(bytes: number): string {
  return `received ${bytes}\n`;
}
