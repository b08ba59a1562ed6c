// An upstream for long connections: echoes WebSocket messages, and sends an event to all who listen at once.
//
// `node socket-upstream.ts PORT EVERY_MS`, told to be ready by the message `{ ready: true }`.
import { createHash } from 'node:crypto';
import net from 'node:net';
import { monotonicMs } from '../test/kit/load-generator.ts';
import { EVENT_BYTES, MESSAGE_BYTES } from './socket-messages.ts';

/** RFC 6455 section 1.3. */
const ACCEPT_SUFFIX = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';
const HEAD_END = '\r\n\r\n';
/** Of a client's frame of MESSAGE_BYTES: two bytes of head, four of mask. */
const FRAME_BYTES = 2 + 4 + MESSAGE_BYTES;

const listeners = new Set<net.Socket>();

function serve(socket: net.Socket): void {
  let partial: Buffer = Buffer.alloc(0);
  let echoes = false;
  socket.on('error', () => socket.destroy());
  socket.on('close', () => listeners.delete(socket));
  socket.on('data', (chunk: Buffer) => {
    partial = partial.length === 0 ? chunk : Buffer.concat([partial, chunk]);
    if (!echoes) {
      const end = partial.indexOf(HEAD_END);
      if (end < 0) return;
      const head = partial.toString('latin1', 0, end + 2);
      partial = partial.subarray(end + HEAD_END.length);
      echoes = begin(socket, head);
    }
    while (echoes && partial.length >= FRAME_BYTES) {
      echo(socket, partial);
      partial = partial.subarray(FRAME_BYTES);
    }
  });
}

/** Answers a head; true if frames follow. */
function begin(socket: net.Socket, head: string): boolean {
  const key = /\r\nsec-websocket-key: *(\S+)\r\n/i.exec(head)?.[1];
  if (key !== undefined) {
    const accept = createHash('sha1').update(`${key}${ACCEPT_SUFFIX}`).digest('base64');
    socket.write(
      `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`,
    );
    return true;
  }
  if (head.startsWith('GET /events ')) {
    // X-Accel-Buffering is how apps ask nginx to pass events on at once.
    socket.write(
      'HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-store\r\nX-Accel-Buffering: no\r\nTransfer-Encoding: chunked\r\n\r\n',
    );
    listeners.add(socket);
  } else socket.write('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n');
  return false;
}

/** Sends a client's frame back as a server's: without its mask. */
function echo(socket: net.Socket, frame: Buffer): void {
  const answer = Buffer.allocUnsafe(2 + MESSAGE_BYTES);
  answer[0] = frame[0]!;
  answer[1] = MESSAGE_BYTES;
  for (let i = 0; i < MESSAGE_BYTES; i++) answer[2 + i] = frame[6 + i]! ^ frame[2 + (i & 3)]!;
  socket.write(answer);
}

function sendEvent(): void {
  const event = `data: {"at":${monotonicMs().toFixed(3)},"of":"the cart"}`
    .padEnd(EVENT_BYTES - 2, ' ')
    .concat('\n\n');
  const chunk = `${EVENT_BYTES.toString(16)}\r\n${event}\r\n`;
  for (const socket of listeners) socket.write(chunk);
}

const [port, everyMs] = process.argv.slice(2).map(Number);
setInterval(sendEvent, everyMs);
const server = net.createServer({ noDelay: true }, serve);
server.listen({ port: port!, host: '127.0.0.1', backlog: 4096 }, () => process.send?.({ ready: true }));
// The parent that goes takes us along.
process.on('disconnect', () => process.exit(0));
