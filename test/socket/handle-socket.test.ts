// All kinds of socket keep the same promises to their owners, down to the byte; and this Node gives out its handles.
import { connect, createServer, type Server, type Socket } from 'node:net';
import { duplexPair } from 'node:stream';
import { connect as connectTls, createSecureContext } from 'node:tls';
import t from 'tap';
import { ByteWriter } from '../../src/base/byte-writer.ts';
import { BareSocket } from '../../src/socket/bare-socket.ts';
import { type ByteSocket, noOwner, type SocketOwner } from '../../src/socket/byte-socket.ts';
import { type BareHandle, findHandleIo } from '../../src/socket/handle-io.ts';
import { SocketMaker } from '../../src/socket/handle-socket.ts';
import { HandleWriter } from '../../src/socket/handle-writer.ts';
import { findTlsHandleIo, watchEnd } from '../../src/socket/tls-handle-io.ts';
import type { SecureTerms } from '../../src/socket/tls-terms.ts';
import { makePair } from '../kit/certificates.ts';
import type { Owner } from '../kit/child.ts';

/** Remembers all that it is told, and wakes who waits for something of it. */
class Witness implements SocketOwner {
  text = '';
  ended = false;
  drains = 0;
  closed: string | null | undefined = undefined;
  #waiting: (() => void)[] = [];

  onBytes(bytes: Uint8Array, start: number, end: number): void {
    this.text += Buffer.from(bytes.subarray(start, end)).toString('latin1');
    this.#wake();
  }
  onEnd(): void {
    this.ended = true;
    this.#wake();
  }
  onDrain(): void {
    this.drains++;
    this.#wake();
  }
  onClosed(code: string | null): void {
    this.closed = code;
    this.#wake();
  }
  #wake(): void {
    for (const wake of this.#waiting.splice(0)) wake();
  }
  async until(done: () => boolean): Promise<void> {
    while (!done()) await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }
}

function writer(text: string): ByteWriter {
  const out = new ByteWriter(64, 1 << 24);
  out.latin1(text);
  return out;
}

/** A plain server that hands out its next peer. */
async function listen(): Promise<{ port: number; peer: Promise<Socket>; server: Server }> {
  const server = createServer({ allowHalfOpen: true });
  const peer = new Promise<Socket>((resolve) => server.once('connection', resolve));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const port = address !== null && typeof address === 'object' ? address.port : 0;
  return { port, peer, server };
}

/** How the socket under test comes about. */
interface Kind {
  readonly name: string;
  readonly direct: boolean;
  readonly accepted: boolean;
  readonly secure: boolean;
}
const KINDS: readonly Kind[] = [true, false].flatMap((direct) =>
  (['accepted', 'dialled', 'accepted by TLS'] as const).map((how) => ({
    name: `${how} ${direct ? 'on the handle' : 'over a stream'}`,
    direct,
    accepted: how !== 'dialled',
    secure: how === 'accepted by TLS',
  })),
);

const context = createSecureContext(makePair({ names: ['socket.test'] }));
const TERMS: SecureTerms = {
  contextFor: () => context,
  asksCertificate: false,
  needsCertificate: false,
  protocols: Buffer.from('\x08http/1.1'),
};

async function pair(t: Owner, { direct, accepted, secure }: Kind) {
  if (secure) return securePair(t, new SocketMaker(direct));
  return accepted ? acceptedPair(t, new SocketMaker(direct)) : dialledPair(t, new SocketMaker(direct));
}

async function acceptedPair(t: Owner, maker: SocketMaker) {
  const server = createServer({ allowHalfOpen: true });
  const witness = new Witness();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const comes = new Promise<ByteSocket>((resolve) => {
    maker.accept(server, (socket) => {
      socket.owner = witness;
      resolve(socket);
    });
  });
  const address = server.address();
  const other = connect({
    port: address !== null && typeof address === 'object' ? address.port : 0,
    host: '127.0.0.1',
    allowHalfOpen: true,
  });
  other.on('error', () => {});
  const socket = await comes;
  t.teardown(() => {
    socket.destroy();
    other.destroy();
    server.close();
  });
  return { witness, socket, other, below: other };
}

/** TLS begins on what was accepted, with the bytes that were read off it. */
async function securePair(t: Owner, maker: SocketMaker) {
  const server = createServer({ allowHalfOpen: true });
  const witness = new Witness();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const comes = new Promise<ByteSocket>((resolve, reject) => {
    const take = (raw: ByteSocket): void => {
      const onBytes = (bytes: Uint8Array, start: number, end: number): void => {
        maker.secure(raw, bytes.subarray(start, end), TERMS, null, {
          onSecure: (socket) => {
            socket.owner = witness;
            resolve(socket);
          },
          onInsecure: reject,
        });
      };
      raw.owner = { ...noOwner, onBytes };
    };
    maker.accept(server, take, true);
  });
  const address = server.address();
  const below = connect({
    port: address !== null && typeof address === 'object' ? address.port : 0,
    host: '127.0.0.1',
    allowHalfOpen: true,
  });
  const other = connectTls({ socket: below, rejectUnauthorized: false });
  other.on('error', () => {});
  const greeted = new Promise((resolve) => other.once('secureConnect', resolve));
  const socket = await comes;
  await greeted;
  t.teardown(() => {
    socket.destroy();
    other.destroy();
    server.close();
  });
  return { witness, socket, other, below };
}

async function dialledPair(t: Owner, maker: SocketMaker) {
  const { port, peer, server } = await listen();
  const witness = new Witness();
  let socket: ByteSocket | null = null;
  await new Promise<void>((resolve) => {
    socket = maker.dial({ host: '127.0.0.1', port }, witness, resolve);
  });
  const other = await peer;
  other.on('error', () => {});
  t.teardown(() => {
    socket?.destroy();
    other.destroy();
    server.close();
  });
  // Assigned above, before the promise that was awaited.
  return { witness, socket: socket as unknown as ByteSocket, other, below: other };
}

const gather = (socket: Socket): Promise<Buffer> =>
  new Promise((resolve) => {
    const chunks: Buffer[] = [];
    socket.on('data', (chunk: Buffer) => chunks.push(chunk));
    socket.on('end', () => resolve(Buffer.concat(chunks)));
  });

t.test('this Node lets itself be written to on the handle', async (t) => {
  t.ok(new SocketMaker().direct, 'else every message costs the stream machinery');
  t.notOk(new SocketMaker(false).direct);
});

t.test('this Node runs TLS on the handle', async (t) => {
  t.ok(findTlsHandleIo() !== null && new SocketMaker().directTls, 'else every handshake costs a TLSSocket');
  t.notOk(new SocketMaker(false).directTls);
});

for (const each of KINDS) {
  const { name: kind, direct, accepted, secure } = each;

  t.test(`${kind}: bytes go both ways, and each side ends by itself`, async (t) => {
    const { witness, socket, other } = await pair(t, each);
    const got = gather(other);
    socket.write(writer('hello'));
    socket.write(writer(' there'));
    other.write('good day');
    await witness.until(() => witness.text === 'good day');
    socket.end();
    t.equal((await got).toString(), 'hello there');
    other.end(', bye');
    await witness.until(() => witness.ended);
    t.equal(witness.text, 'good day, bye', 'what came behind our own end too');
    await witness.until(() => witness.closed !== undefined);
    t.equal(witness.closed, null, 'an orderly end has no code');
  });

  t.test(`${kind}: memory that a slow reader has not taken is never written over`, async (t) => {
    const { witness, socket, other } = await pair(t, each);
    other.pause();
    const out = new ByteWriter(1 << 16, 1 << 24);
    const sent: string[] = [];
    // Until the kernel is full, and then some: pieces that differ, all laid out in the same writer.
    let pendingPieces = 0;
    for (let i = 0; pendingPieces < 5 && i < 1000; i++) {
      const piece = `${i}:`.padEnd(60_000, String.fromCharCode(97 + (i % 26)));
      out.latin1(piece);
      sent.push(piece);
      const left = socket.write(out);
      t.equal(out.length, 0, 'the writer is empty') || t.bailout('nothing further holds');
      if (!left) pendingPieces++;
    }
    t.equal(pendingPieces, 5, 'the kernel did get full');
    t.ok(socket.pendingBytes > 0);
    out.latin1('x'.repeat(60_000));
    out.reset();
    const got = gather(other);
    other.resume();
    await witness.until(() => witness.drains > 0);
    t.equal(socket.pendingBytes, 0, 'drained means that nothing is pending');
    socket.end();
    t.ok((await got).equals(Buffer.from(sent.join(''), 'latin1')), 'every byte arrived, in order');
  });

  t.test(`${kind}: a paused socket is told nothing, and everything once it goes on`, async (t) => {
    const { witness, socket, other } = await pair(t, each);
    socket.pause();
    other.end('later');
    const probe = await pair(t, each);
    probe.other.end('now');
    await probe.witness.until(() => probe.witness.ended);
    t.equal(witness.text, '');
    socket.resume();
    await witness.until(() => witness.ended);
    t.equal(witness.text, 'later');
  });

  t.test(`${kind}: one that is read may be told to go on`, async (t) => {
    const { witness, socket, other } = await pair(t, each);
    socket.resume();
    socket.pause();
    socket.resume();
    socket.resume();
    other.end('still here');
    await witness.until(() => witness.ended);
    t.equal(witness.text, 'still here');
    t.notOk(socket.destroyed);
  });

  t.test(`${kind}: a peer's reset is seen while paused, its FIN is not taken for one`, async (t) => {
    const ended = await pair(t, each);
    const reset = await pair(t, each);
    for (const { socket } of [ended, reset]) socket.pause();
    ended.other.end('bytes');
    reset.other.write('bytes', () => reset.below.resetAndDestroy());
    await new Promise((resolve) => reset.other.once('close', resolve));
    const until = performance.now() + 2000;
    while (!reset.socket.peerHasReset() && performance.now() < until) await new Promise(setImmediate);
    t.ok(reset.socket.peerHasReset());
    t.notOk(ended.socket.peerHasReset());
    t.equal(reset.witness.text, '', 'without reading');
    reset.socket.resume();
    await reset.witness.until(() => reset.witness.closed !== undefined);
    t.equal(reset.witness.closed, 'ECONNRESET');
  });

  // A TLSSocket has no reset: that close_notify is missing must do.
  const resets = direct || !secure;
  t.test(`${kind}: our reset is one for the peer, and the owner hears of the end once`, async (t) => {
    const { witness, socket, other } = await pair(t, each);
    const error = new Promise<string | undefined>((resolve) => {
      other.once('error', (error: NodeJS.ErrnoException) => resolve(error.code));
      if (!resets) other.once('end', () => resolve('end')).resume();
    });
    socket.reset();
    t.equal(await error, resets ? 'ECONNRESET' : 'end');
    await witness.until(() => witness.closed !== undefined);
    t.ok(socket.destroyed);
    const out = writer('too late');
    t.ok(socket.write(out), 'a write to a dead socket is dropped');
    t.equal(out.length, 0);
  });

  t.test(`${kind}: one whose end is on its way is closed by a reset all the same`, async (t) => {
    const { witness, socket } = await pair(t, each);
    socket.end();
    socket.reset();
    await witness.until(() => witness.closed !== undefined);
    t.ok(socket.destroyed);
  });

  t.test(`${kind}: who is at the other end is known`, async (t) => {
    const { socket, other } = await pair(t, each);
    t.equal(socket.remoteAddress, '127.0.0.1');
    t.equal(socket.remotePort, other.localPort);
  });

  t.test(`${kind}: an end is cut short only where TLS has not said that it is one`, async (t) => {
    const whole = await pair(t, each);
    whole.other.end('all');
    await whole.witness.until(() => whole.witness.ended);
    t.notOk(whole.socket.cutShort);
    const cut = await pair(t, each);
    cut.other.write('not a');
    await cut.witness.until(() => cut.witness.text === 'not a');
    cut.below.end();
    await cut.witness.until(() => cut.witness.ended || cut.witness.closed !== undefined);
    t.equal(cut.socket.cutShort, secure && direct, 'a FIN alone is enough without TLS');
  });

  t.test(`${kind}: what is asked to close behind a write arrives whole, with its end`, async (t) => {
    const { witness, socket, other } = await pair(t, each);
    const got = gather(other);
    socket.write(writer('the last word'));
    socket.end();
    socket.destroy();
    t.ok(socket.destroyed);
    t.equal((await got).toString(), 'the last word');
    await witness.until(() => witness.closed !== undefined);
    t.equal(witness.closed, null);
  });

  t.test(`${kind}: one that is closed once all has left has said that this is the end`, async (t) => {
    const { witness, socket, other } = await pair(t, each);
    const io = findHandleIo();
    let cut = false;
    if (secure && io !== null)
      watchEnd(other, io, (cutShort) => {
        cut = cutShort;
      });
    other.pause();
    const mebibyte = 'm'.repeat(1 << 20);
    let written = 1;
    while (socket.write(writer(mebibyte))) written++;
    socket.end();
    witness.onDrain = () => socket.destroy();
    const got = gather(other);
    other.resume();
    t.equal((await got).length, written << 20);
    t.notOk(cut);
    await witness.until(() => witness.closed !== undefined);
  });

  if (accepted) continue;
  t.test(`${kind}: a dial that nobody answers ends in its code`, async (t) => {
    const { port, server } = await listen();
    await new Promise((resolve) => server.close(resolve));
    const witness = new Witness();
    let connected = false;
    new SocketMaker(direct).dial({ host: '127.0.0.1', port }, witness, () => {
      connected = true;
    });
    await witness.until(() => witness.closed !== undefined);
    t.equal(witness.closed, 'ECONNREFUSED');
    t.notOk(connected);
  });
}

for (const direct of [true, false]) {
  const how = direct ? 'on the handle' : 'over a stream';
  t.test(
    `TLS ${how}: one whose peer was gone before its handshake was over is closed like any other`,
    async (t) => {
      const server = createServer({ allowHalfOpen: true });
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      const maker = new SocketMaker(direct);
      const witness = new Witness();
      // Answers a little later, as one does who has to ask somebody else, and closes behind the answer as soon as the peer has ended.
      const comes = new Promise<ByteSocket>((resolve, reject) => {
        const onSecure = (socket: ByteSocket): void => {
          socket.owner = {
            onBytes: () => void setImmediate(() => socket.write(writer('an answer'))),
            onEnd: () => {
              socket.end();
              socket.destroy();
            },
            onDrain: () => {},
            onClosed: (code) => witness.onClosed(code),
          };
          resolve(socket);
        };
        const take = (raw: ByteSocket): void => {
          const onBytes = (bytes: Uint8Array, start: number, end: number): void => {
            maker.secure(raw, bytes.subarray(start, end), TERMS, null, { onSecure, onInsecure: reject });
          };
          raw.owner = { ...noOwner, onBytes };
        };
        maker.accept(server, take, true);
      });
      // The client's TLS stands on a wire that is in our hands.
      const [inner, wire] = duplexPair();
      const other = connectTls({ socket: inner, rejectUnauthorized: false });
      other.on('error', () => {});
      const address = server.address();
      const raw = connect({
        port: address !== null && typeof address === 'object' ? address.port : 0,
        host: '127.0.0.1',
      });
      t.teardown(() => {
        other.destroy();
        raw.destroy();
        server.close();
      });
      const held: Buffer[] = [];
      let holds = false;
      wire.on('data', (bytes: Buffer) => (holds ? held.push(bytes) : raw.write(bytes)));
      raw.on('data', (bytes: Buffer) => {
        holds = true;
        wire.write(bytes);
      });
      await new Promise((resolve) => other.once('secureConnect', resolve));
      other.write('a request');
      // The end of the handshake is the one piece, the request the other.
      while (held.length < 2) await new Promise(setImmediate);
      // The server finds the end of the handshake, the request and the reset at once: what TLS itself has to say then fails.
      raw.write(Buffer.concat(held));
      raw.resetAndDestroy();
      const socket = await comes;
      await witness.until(() => witness.closed !== undefined);
      t.ok(socket.destroyed);
    },
  );
}

t.test('an accepted handle sends small messages at once, and is closed once', async (t) => {
  const told: unknown[] = [];
  const handle: BareHandle = {
    onread: null,
    writeBuffer: () => 0,
    useUserBuffer: () => {},
    readStart: () => 0,
    readStop: () => 0,
    shutdown: () => 0,
    close: (done) => {
      told.push('close');
      queueMicrotask(() => done.call(handle));
    },
    setNoDelay: (on) => Number(told.push(['setNoDelay', on])) * 0,
  };
  const io = findHandleIo()!;
  const socket = new BareSocket({ io, writer: new HandleWriter(io), buffer: Buffer.alloc(8) }, handle);
  const witness = new Witness();
  socket.owner = witness;
  socket.start();
  socket.destroy();
  socket.destroy();
  await witness.until(() => witness.closed !== undefined);
  t.same(told, [['setNoDelay', true], 'close'], 'without Nagle’s algorithm');
});
