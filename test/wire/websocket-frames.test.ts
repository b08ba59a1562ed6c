// Where WebSocket frames begin and end, however their bytes are cut; and close frames that another library reads.
import { duplexPair } from 'node:stream';
import t from 'tap';
import { WebSocket } from 'ws';
import { ByteWriter } from '../../src/base/byte-writer.ts';
import { SeededRandom } from '../../src/base/random.ts';
import { layClose, WebSocketFrames } from '../../src/wire/websocket-frames.ts';

const OPCODE = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9 } as const;

interface FrameParts {
  readonly opcode: number;
  readonly length: number;
  readonly masked?: boolean;
  readonly fin?: boolean;
  /** Uses the longer form of the length, as no good sender does. */
  readonly wide?: 2 | 8;
}

/** A frame's bytes; its payload is of bytes that look like headers. */
function frame({ opcode, length, masked = false, fin = true, wide }: FrameParts): Buffer {
  const form = wide ?? (length < 126 ? 0 : length < 65_536 ? 2 : 8);
  const head = Buffer.alloc(2 + form + (masked ? 4 : 0), 0x81);
  head[0] = (fin ? 0x80 : 0) | opcode;
  head[1] = (masked ? 0x80 : 0) | (form === 0 ? length : form === 2 ? 126 : 127);
  if (form === 2) head.writeUInt16BE(length, 2);
  if (form === 8) head.writeBigUInt64BE(BigInt(length), 2);
  return Buffer.concat([head, Buffer.alloc(length, 0x88)]);
}

/** The offsets at which a follower stands at a boundary when `bytes` come in pieces that end at `cuts`. */
function boundaries(bytes: Buffer, cuts: readonly number[]): number[] {
  const follower = new WebSocketFrames();
  const found: number[] = [];
  let start = 0;
  for (const cut of [...cuts, bytes.length]) {
    for (let at = start; at < cut; ) {
      at = follower.frame(bytes, at, cut);
      if (follower.atBoundary) found.push(at);
    }
    start = cut;
  }
  return found;
}

const MIXED: readonly FrameParts[] = [
  { opcode: OPCODE.text, length: 5, fin: false },
  { opcode: OPCODE.ping, length: 0 },
  { opcode: OPCODE.continuation, length: 3, masked: true },
  { opcode: OPCODE.binary, length: 0, masked: true },
  { opcode: OPCODE.binary, length: 125 },
  { opcode: OPCODE.binary, length: 126, masked: true },
  { opcode: OPCODE.text, length: 7, wide: 2 },
  { opcode: OPCODE.text, length: 0, wide: 8 },
  { opcode: OPCODE.binary, length: 300, masked: true },
];

/** Where each of some frames ends. */
function ends(frames: readonly Buffer[]): number[] {
  let at = 0;
  return frames.map(({ length }) => {
    at += length;
    return at;
  });
}

t.test('every frame ends where it ends, at every cut', async (t) => {
  const frames = MIXED.map(frame);
  const bytes = Buffer.concat(frames);
  const wanted = ends(frames);
  t.same(boundaries(bytes, []), wanted, 'whole');
  const every = Array.from({ length: bytes.length - 1 }, (_, i) => i + 1);
  t.same(boundaries(bytes, every), wanted, 'byte by byte');
  const differing = every.filter((cut) => String(boundaries(bytes, [cut])) !== String(wanted));
  t.same(differing, [], 'at each byte');
});

t.test('frames of any kind and size in any pieces', async (t) => {
  const random = new SeededRandom(7);
  const lengths = [0, 1, 2, 125, 126, 127, 65_535, 65_536, 70_000];
  for (let round = 0; round < 300; round++) {
    const frames = Array.from({ length: 1 + random.below(6) }, () =>
      frame({
        opcode: random.below(16),
        length: random.below(3) === 0 ? lengths[random.below(lengths.length)]! : random.below(200),
        masked: random.below(2) === 0,
        fin: random.below(2) === 0,
      }),
    );
    const bytes = Buffer.concat(frames);
    const cuts = Array.from({ length: random.below(12) }, () => random.below(bytes.length)).sort(
      (a, b) => a - b,
    );
    const found = boundaries(bytes, cuts);
    if (String(found) !== String(ends(frames))) t.fail(`round ${round}: cut at ${cuts}`);
  }
});

t.test('a payload of more than 2^32 bytes is counted to its end', async (t) => {
  const length = 2 ** 32 + 5;
  const follower = new WebSocketFrames();
  const head = Buffer.alloc(10);
  head[0] = 0x82;
  head[1] = 127;
  head.writeBigUInt64BE(BigInt(length), 2);
  follower.follow(head, 0, head.length);
  const piece = Buffer.alloc(1 << 24);
  for (let left = length; left > 0; left -= piece.length) {
    t.notOk(follower.atBoundary);
    follower.follow(piece, 0, Math.min(piece.length, left));
  }
  t.ok(follower.atBoundary);
});

t.test('a length that is none loses the thread for good', async (t) => {
  for (const length of [2n ** 53n, 2n ** 63n, 2n ** 64n - 1n]) {
    const follower = new WebSocketFrames();
    const head = Buffer.alloc(10);
    head[0] = 0x82;
    head[1] = 127;
    head.writeBigUInt64BE(length, 2);
    follower.follow(head, 0, head.length);
    follower.follow(Buffer.alloc(1000), 0, 1000);
    t.notOk(follower.atBoundary, `${length}`);
  }
});

t.test('garbage never stops it, and a close frame is seen once it is whole', async (t) => {
  const random = new SeededRandom(11);
  for (let round = 0; round < 200; round++) {
    const bytes = Buffer.from(Array.from({ length: 400 }, () => random.below(256)));
    const follower = new WebSocketFrames();
    let taken = 0;
    for (let at = 0; at < bytes.length; taken++) {
      const next = follower.frame(bytes, at, bytes.length);
      if (next <= at) t.fail(`round ${round} stands still at ${at}`);
      at = next;
    }
    t.ok(taken <= bytes.length);
  }
  const follower = new WebSocketFrames();
  const close = frame({ opcode: OPCODE.close, length: 2 });
  follower.follow(close, 0, close.length - 1);
  t.notOk(follower.closed);
  follower.follow(close, close.length - 1, close.length);
  t.ok(follower.closed);
});

t.test('a close frame is read by another library, from a server and from a client', async (t) => {
  const mask = Buffer.from([1, 2, 3, 4, 5, 6, 7]);
  for (const isServer of [false, true]) {
    const out = new ByteWriter(16);
    layClose(out, 4401, 'session ended', isServer ? mask : null, 3);
    const bytes = Buffer.from(out.view());
    const follower = new WebSocketFrames();
    follower.follow(bytes, 0, bytes.length);
    t.ok(follower.atBoundary && follower.closed);
    const [near, far] = duplexPair();
    // Because: ws takes any duplex for an upgraded socket by this method, which its types leave out.
    const socket = new WebSocket(null as unknown as string, undefined, {}) as WebSocket & {
      _isServer: boolean;
      setSocket(socket: unknown, head: Buffer, options: object): void;
    };
    socket._isServer = isServer;
    socket.setSocket(near, Buffer.alloc(0), { maxPayload: 0, skipUTF8Validation: false });
    const closed = new Promise<[number, string]>((resolve) =>
      socket.once('close', (code: number, reason: Buffer) => resolve([code, reason.toString()])),
    );
    far.resume();
    far.end(bytes);
    t.same(await closed, [4401, 'session ended']);
  }
  const long = new ByteWriter(16);
  layClose(long, 1000, 'x'.repeat(500), null);
  t.equal(long.length, 2 + 125, 'a control frame holds no more');
});
