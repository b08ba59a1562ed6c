// An upstream for load tests and benchmarks: fixed answers on raw sockets, so that it costs less than any proxy in front of it.
//
// As a process: `node load-upstream.ts PORT:INDEX[,PORT:INDEX…] [--delay MS]`, told to be ready by the message `{ ready: true }`.
import net from 'node:net';
import { pathToFileURL } from 'node:url';
import {
  CHUNKED_PATH,
  chunkedAnswer,
  isLargeBody,
  largeBlock,
  largeHead,
  smallAnswer,
  uploadReceipt,
} from './load-message.ts';

const HEAD_END = Buffer.from('\r\n\r\n');
const HEAD_BYTES_MAX = 65536;
const LAST_CHUNK = Buffer.from('\r\n0\r\n\r\n');
const UPLOAD_PATH = 'POST /upload ';
const CHUNKED_POST = `POST ${CHUNKED_PATH} `;
const BODY_PATH = 'GET /body?bytes=';

/** The small answer, with its length and in chunks. */
interface Answers {
  readonly plain: Buffer;
  readonly chunked: Buffer;
}

/** What a connection waits for. */
interface Reading {
  /** Bytes of a head or of a body in chunks that is not complete, or null. */
  partial: Buffer | null;
  /** Bytes of the request's body still to come. */
  bodyLeft: number;
  bodyBytes: number;
  /** An upload's bytes are checked; other bodies are only counted. */
  upload: boolean;
  intact: boolean;
  /** The body comes in chunks; whoever sends it waits for the answer, so its last bytes end what was read. */
  chunked: boolean;
  /** The request asked for an answer in chunks. */
  answersInChunks: boolean;
}

/**
 * Starts an upstream that answers every request with `smallAnswer(index)`, `delayMs` later; `GET /body?bytes=N` with a large
 * body, `POST /upload` with a receipt, and what is posted to CHUNKED_PATH in chunks. It understands what load clients send, and no more.
 */
export function startUpstream(port: number, index: number, delayMs = 0): Promise<net.Server> {
  const answers: Answers = { plain: smallAnswer(index), chunked: chunkedAnswer(index) };
  const block = largeBlock();
  const server = net.createServer({ noDelay: true }, (socket) => {
    const reading: Reading = {
      partial: null,
      bodyLeft: 0,
      bodyBytes: 0,
      upload: false,
      intact: true,
      chunked: false,
      answersInChunks: false,
    };
    const reply = (bytes: Uint8Array | string): void => {
      if (delayMs === 0) socket.write(bytes);
      else setTimeout(() => socket.writable && socket.write(bytes), delayMs);
    };
    socket.on('error', () => socket.destroy());
    socket.on('data', (chunk: Buffer | string) => {
      // Because: a string never comes, since no encoding is set; the check is for the types.
      if (typeof chunk === 'string') return;
      if (reading.chunked) {
        if (isWhole(reading, chunk)) reply(answers.chunked);
        return;
      }
      // The straight path: one whole request without a body.
      if (reading.partial === null && reading.bodyLeft === 0 && isPlainRequest(chunk)) {
        reply(answers.plain);
        return;
      }
      readSlowly(socket, reading, chunk, reply, answers, block);
      if (reading.chunked && isWhole(reading, Buffer.alloc(0))) reply(answers.chunked);
    });
  });
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ port, host: '127.0.0.1', backlog: 4096 }, () => resolve(server));
  });
}

/**
 * A chunk that ends with a head's end, does not begin with P (POST, PUT) and asks for no large body is one request: no proxy
 * sends a second one before its answer. Only bytes at known places are looked at, since this runs for every request.
 */
function isPlainRequest(chunk: Buffer): boolean {
  const n = chunk.length;
  return (
    n > 16 &&
    chunk[0] !== 0x50 &&
    chunk[5] !== 0x62 &&
    chunk[n - 1] === 10 &&
    chunk[n - 2] === 13 &&
    chunk[n - 3] === 10 &&
    chunk[n - 4] === 13
  );
}

/** Takes `more` of a body in chunks; true if that was its end. */
function isWhole(reading: Reading, more: Buffer): boolean {
  const body = reading.partial === null ? more : Buffer.concat([reading.partial, more]);
  reading.chunked = !body.subarray(-LAST_CHUNK.length).equals(LAST_CHUNK);
  reading.partial = reading.chunked ? body.subarray(-LAST_CHUNK.length) : null;
  return !reading.chunked;
}

function readSlowly(
  socket: net.Socket,
  reading: Reading,
  chunk: Buffer,
  reply: (bytes: Uint8Array | string) => void,
  answers: Answers,
  block: Buffer,
): void {
  let rest: Buffer = chunk;
  while (rest.length > 0) {
    if (reading.bodyLeft > 0) {
      const n = Math.min(reading.bodyLeft, rest.length);
      if (reading.upload && !isLargeBody(rest, 0, n, reading.bodyBytes - reading.bodyLeft))
        reading.intact = false;
      reading.bodyLeft -= n;
      rest = rest.subarray(n);
      if (reading.bodyLeft === 0) finishBody(reading, reply, answers);
      continue;
    }
    const head = reading.partial === null ? rest : Buffer.concat([reading.partial, rest]);
    const end = head.indexOf(HEAD_END);
    if (end < 0) {
      if (head.length > HEAD_BYTES_MAX) socket.destroy();
      reading.partial = head;
      return;
    }
    reading.partial = null;
    rest = head.subarray(end + 4);
    const text = head.toString('latin1', 0, end + 2);
    if (text.startsWith(BODY_PATH)) {
      sendLarge(socket, Number.parseInt(text.slice(BODY_PATH.length), 10), block);
      continue;
    }
    reading.answersInChunks = text.startsWith(CHUNKED_POST);
    // Some proxies make one body with its length of the chunks.
    if (reading.answersInChunks && /\r\ntransfer-encoding: *chunked\r\n/i.test(text)) {
      reading.chunked = true;
      reading.partial = rest;
      return;
    }
    const length = /\r\ncontent-length: *(\d+)\r\n/i.exec(text);
    reading.bodyBytes = length === null ? 0 : Number(length[1]);
    reading.bodyLeft = reading.bodyBytes;
    reading.upload = text.startsWith(UPLOAD_PATH);
    reading.intact = true;
    if (reading.bodyLeft === 0) finishBody(reading, reply, answers);
  }
}

function finishBody(reading: Reading, reply: (bytes: Uint8Array | string) => void, answers: Answers): void {
  if (!reading.upload) {
    reply(reading.answersInChunks ? answers.chunked : answers.plain);
    return;
  }
  const receipt = reading.intact ? uploadReceipt(reading.bodyBytes) : 'damaged\n';
  reply(`HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: ${receipt.length}\r\n\r\n${receipt}`);
}

/** Writes a large body a block at a time, as fast as the other side takes it and no faster. */
function sendLarge(socket: net.Socket, bytes: number, block: Buffer): void {
  let left = bytes;
  const pump = (): void => {
    while (left > 0 && socket.writable) {
      const n = Math.min(left, block.length);
      left -= n;
      if (!socket.write(n === block.length ? block : block.subarray(0, n))) {
        if (left > 0) socket.once('drain', pump);
        return;
      }
    }
  };
  socket.write(largeHead(bytes));
  pump();
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const delayAt = process.argv.indexOf('--delay');
  const delayMs = delayAt < 0 ? 0 : Number(process.argv[delayAt + 1]);
  for (const pair of process.argv[2]!.split(',')) {
    const [port, index] = pair.split(':');
    await startUpstream(Number(port), Number(index), delayMs);
  }
  // The parent that goes takes us along.
  process.on('disconnect', () => process.exit(0));
  process.send?.({ ready: true });
}
