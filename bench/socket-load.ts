// The load of long connections as a process of its own: WebSocket messages one after another, event streams, and pipelined requests.
//
// Told by one SocketSpec message at a time; it answers each with one SocketResult.
import net from 'node:net';
import { monotonicMs } from '../test/kit/load-generator.ts';
import { Latencies } from '../test/kit/load-latencies.ts';
import { getRequest, SMALL_BODY_BYTES, smallBody } from '../test/kit/load-message.ts';
import { cpuMicros, processTree } from '../test/kit/load-usage.ts';
import { EVENT_BYTES, MESSAGE_BYTES, type SocketResult, type SocketSpec } from './socket-messages.ts';

const HEAD_END = Buffer.from('\r\n\r\n');
/** Requests that are sent without waiting for an answer. */
const PIPELINE_DEPTH = 16;

/** What one connection does: its first bytes, and what it makes of those that come. */
interface Talk {
  readonly opening: Buffer;
  /** Takes what was read and not yet used; gives the bytes it leaves. Throws what is wrong with them. */
  take(bytes: Buffer, tell: (count: number, sinceMs: number) => void, write: (bytes: Buffer) => void): Buffer;
}

const UPGRADE = Buffer.from(
  'GET /echo HTTP/1.1\r\nHost: shop.example.com\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n' +
    'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n',
);

/** A message goes out when the one before has come back. */
function echoing(): Talk {
  const payload = Buffer.alloc(MESSAGE_BYTES, 'a message of a chat, ');
  // FIN and binary; a mask of zeros is a mask.
  const frame = Buffer.concat([Buffer.from([0x82, 0x80 | MESSAGE_BYTES, 0, 0, 0, 0]), payload]);
  const echo = Buffer.concat([Buffer.from([0x82, MESSAGE_BYTES]), payload]);
  let open = false;
  let sentMs = 0;
  return {
    opening: UPGRADE,
    take: (bytes, tell, write) => {
      let left = bytes;
      if (!open) {
        const end = left.indexOf(HEAD_END);
        if (end < 0) return left;
        if (!left.toString('latin1', 0, 12).endsWith(' 101')) throw new Error(left.toString('latin1', 0, 60));
        open = true;
        left = left.subarray(end + 4);
      } else {
        if (left.length < echo.length) return left;
        if (!left.equals(echo)) throw new Error('another message than was sent');
        tell(1, sentMs);
        left = left.subarray(echo.length);
      }
      sentMs = monotonicMs();
      write(frame);
      return left;
    },
  };
}

/** Each event says when it was sent, so that what it took on its way is known here. */
function listening(): Talk {
  let open = false;
  return {
    opening: Buffer.from(
      'GET /events HTTP/1.1\r\nHost: shop.example.com\r\nAccept: text/event-stream\r\n\r\n',
    ),
    take: (bytes, tell) => {
      let left = bytes;
      if (!open) {
        const end = left.indexOf(HEAD_END);
        if (end < 0) return left;
        if (!left.toString('latin1', 0, 12).endsWith(' 200')) throw new Error(left.toString('latin1', 0, 60));
        open = true;
        left = left.subarray(end + 4);
      }
      // Proxies may cut chunks anew, so what counts are the events; each is found by its beginning.
      for (let at = left.indexOf('{"at":'); at >= 0; at = left.indexOf('{"at":')) {
        const end = left.indexOf('\n\n', at);
        if (end < 0) return left;
        tell(1, Number.parseFloat(left.toString('latin1', at + 6, at + 30)));
        left = left.subarray(end + 2);
      }
      // What is left is shorter than an event and its chunk's frame.
      return left.subarray(-2 * EVENT_BYTES);
    },
  };
}

/** As many requests at once as `PIPELINE_DEPTH`, and the next as many when all are answered. */
function pipelining(user: number): Talk {
  const request = getRequest(`session=u${user}`);
  const batch = Buffer.concat(Array.from({ length: PIPELINE_DEPTH }, () => request));
  const bodies = Array.from({ length: 10 }, (_, index) => Buffer.from(smallBody(index)));
  let waiting = PIPELINE_DEPTH;
  let sentMs = monotonicMs();
  return {
    opening: batch,
    take: (bytes, tell, write) => {
      let left = bytes;
      for (let end = left.indexOf(HEAD_END); end >= 0; end = left.indexOf(HEAD_END)) {
        const whole = end + 4 + SMALL_BODY_BYTES;
        if (left.length < whole) break;
        if (left[9] !== 0x32) throw new Error(left.toString('latin1', 0, 40));
        const body = left.subarray(end + 4, whole);
        if (!bodies.some((each) => each.equals(body))) throw new Error('another body than was asked for');
        left = left.subarray(whole);
        waiting--;
        tell(1, sentMs);
      }
      if (waiting === 0) {
        waiting = PIPELINE_DEPTH;
        sentMs = monotonicMs();
        write(batch);
      }
      return left;
    },
  };
}

async function run(spec: SocketSpec): Promise<SocketResult> {
  const sockets: net.Socket[] = [];
  const latencies = new Latencies();
  let count = 0;
  let measuring = false;
  let trouble = '';
  let ended = false;
  const tell = (more: number, sinceMs: number): void => {
    if (!measuring) return;
    count += more;
    latencies.record(monotonicMs() - sinceMs);
  };
  for (let i = 0; i < spec.connections; i++) {
    const talk = spec.kind === 'websocket' ? echoing() : spec.kind === 'events' ? listening() : pipelining(i);
    const socket = net.connect({ port: spec.port, host: '127.0.0.1', noDelay: true });
    let left: Buffer = Buffer.alloc(0);
    const fail = (why: string): void => {
      if (!ended && trouble === '') trouble = why;
      socket.destroy();
    };
    const write = (bytes: Buffer): void => void (ended || socket.write(bytes));
    socket.on('data', (chunk: Buffer) => {
      try {
        left = talk.take(left.length === 0 ? chunk : Buffer.concat([left, chunk]), tell, write);
      } catch (error) {
        fail(error instanceof Error ? error.message : String(error));
      }
    });
    socket.on('error', (error) => fail(error.message));
    socket.on('close', () => fail('closed'));
    socket.write(talk.opening);
    sockets.push(socket);
    // Not all at once: what is measured is not how fast they come.
    if (i % 50 === 49) await elapsed(5);
  }
  await elapsed(spec.warmMs);
  const pids = processTree(spec.watchPid);
  const cpu = cpuMicros(pids);
  const own = process.cpuUsage();
  const startMs = performance.now();
  measuring = true;
  await elapsed(spec.measureMs);
  measuring = false;
  const tookMs = performance.now() - startMs;
  const spent = cpuMicros(pids) - cpu;
  const { user, system } = process.cpuUsage(own);
  ended = true;
  for (const socket of sockets) socket.destroy();
  return {
    count,
    perSecond: (count * 1000) / tookMs,
    cpuMicrosEach: spent / count,
    p50Ms: latencies.percentile(0.5),
    p99Ms: latencies.percentile(0.99),
    ownCoreShare: (user + system) / 1000 / tookMs,
    trouble: trouble !== '' ? trouble : count === 0 ? 'nothing came' : '',
  };
}

function elapsed(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

process.on('disconnect', () => process.exit(0));
process.on('message', (spec: SocketSpec) => {
  void run(spec).then((result) => process.send?.({ result }));
});
process.send?.({ ready: true });
