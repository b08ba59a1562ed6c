// ByteSocket over plain TCP and unix sockets, reading into one shared buffer and writing on the handle: no stream machinery per message.
import { connect, type Server, Socket, type SocketConstructorOpts, type TcpNetConnectOpts } from 'node:net';
import type { ByteWriter } from '../base/byte-writer.ts';
import { invariant } from '../base/invariant.ts';
import { BareSocket, type BareTools } from './bare-socket.ts';
import { type ByteSocket, noOwner, type SocketOwner } from './byte-socket.ts';
import { bareHandle, findHandleIo, handleOf, peerHasReset, type StreamHandle } from './handle-io.ts';
import { HandleWriter } from './handle-writer.ts';
import { secureStream } from './secure-stream.ts';
import { StreamSocket } from './stream-socket.ts';
import { findTlsHandleIo, type TlsHandleIo } from './tls-handle-io.ts';
import { TlsSocket } from './tls-socket.ts';
import type { Handshaker, SecureTerms } from './tls-terms.ts';

/** What one read may bring at the most. Also the size of the one buffer that every socket of a thread reads into. */
export const READ_BYTES = 65536;

/** Where a socket finds its ByteSocket, for the shared callbacks. */
const OWNED = Symbol('ByteSocket');

interface OwnedSocket extends Socket {
  [OWNED]?: HandleSocket;
}

/** How a thread makes sockets: its read buffer, its writer, and whether handles can be used directly. */
export class SocketMaker {
  /** Null: plain streams. */
  readonly #tools: BareTools | null;
  /** Null: TLS on streams. */
  readonly #tls: TlsHandleIo | null;
  readonly #read = {
    buffer: Buffer.allocUnsafeSlow(READ_BYTES),
    callback(this: OwnedSocket, count: number, bytes: Uint8Array): boolean {
      const socket = this[OWNED];
      if (socket !== undefined && !socket.gone) socket.owner.onBytes(bytes, 0, count);
      return true;
    },
  };

  /** `direct` false: plain streams throughout, as on a Node whose handles are not as expected. */
  constructor(direct = true) {
    const io = direct ? findHandleIo() : null;
    this.#tools = io === null ? null : { io, writer: new HandleWriter(io), buffer: this.#read.buffer };
    this.#tls = io === null ? null : findTlsHandleIo();
  }

  /** Whether writes go straight to the handle. */
  get direct(): boolean {
    return this.#tools !== null;
  }

  /** Has the end of a TLS stream say whether it was cut short, where this Node lets that be seen. */
  watchEnd(socket: StreamSocket): void {
    if (this.#tools !== null) socket.watchEnd(this.#tools.io);
  }

  /** Whether TLS runs on the handle too. */
  get directTls(): boolean {
    return this.#tls !== null;
  }

  /**
   * TLS as the server on a socket of `accept`, which is gone for its owner from now on; `first`: what was read off it already; `name`: whom the client
   * wants. The
   * handshaker hears how it ends, and nothing before this has returned. The caller bounds how long that takes, by `destroy`.
   */
  secure(
    raw: ByteSocket,
    first: Uint8Array,
    terms: SecureTerms,
    name: string | null,
    handshaker: Handshaker,
  ): ByteSocket {
    if (raw instanceof BareSocket) {
      const below = raw.release();
      // Sockets of `accept` are only bare where TLS can be.
      const tls = this.#tls?.wrap(below, terms.contextFor(name)) ?? null;
      invariant(this.#tools !== null && tls !== null, 'TLS can be had on this handle');
      const socket = new TlsSocket(this.#tools, below, tls, terms, handshaker);
      socket.start(first);
      return socket;
    }
    invariant(raw instanceof StreamSocket, 'what was accepted is bare or a stream');
    return secureStream(raw.release(), first, terms, name, handshaker);
  }

  /**
   * Takes over a server's accepting, so that every client is read through the shared buffer. `onAccept` gets each new socket and
   * names its owner. Where the server's handle is not as expected, its ordinary `connection` event serves. `secure`: TLS is to run on it.
   */
  accept(server: Server, onAccept: (socket: ByteSocket) => void, secure = false): void {
    const raw = (server as { _handle?: { onconnection?: unknown } })._handle;
    const tools = secure && this.#tls === null ? null : this.#tools;
    if (tools !== null && raw !== undefined && raw !== null && typeof raw.onconnection === 'function') {
      raw.onconnection = (error: unknown, handle: unknown) => {
        // An accept that failed (EMFILE) is retried by libuv; the client waits in the backlog.
        if (error || handle === undefined) return;
        const bare = bareHandle(handle);
        if (bare !== null) {
          const socket = new BareSocket(tools, bare);
          onAccept(socket);
          socket.start();
          return;
        }
        // Because: `handle` is an undocumented option of net.Socket; `accept` is only taken over where the server's handle was as expected.
        const options = { handle, allowHalfOpen: true };
        const socket = new Socket(options as unknown as SocketConstructorOpts);
        socket.setNoDelay(true);
        onAccept(new StreamSocket(socket, noOwner));
      };
    } else {
      server.on('connection', (socket) => onAccept(new StreamSocket(socket, noOwner)));
    }
  }

  /** Dials. `onConnect` is the owner's first news; a dial that fails ends in `onClosed` with the system's code. */
  dial(
    target: { host: string; port: number } | { path: string },
    owner: SocketOwner,
    onConnect: () => void,
  ): ByteSocket {
    const options = {
      ...target,
      allowHalfOpen: true,
      noDelay: true,
      autoSelectFamily: false,
      onread: this.#read,
    };
    const tools = this.#tools;
    if (tools === null) {
      const socket = connect({ ...target, allowHalfOpen: true, noDelay: true } as TcpNetConnectOpts);
      socket.once('connect', onConnect);
      return new StreamSocket(socket, owner);
    }
    const socket = connect(options as unknown as TcpNetConnectOpts);
    const wrapped = new HandleSocket(tools.writer, socket, owner);
    (socket as OwnedSocket)[OWNED] = wrapped;
    socket.once('connect', () => {
      wrapped.attach();
      onConnect();
    });
    return wrapped;
  }
}

/** A dialled socket of one thread. Made by SocketMaker. */
export class HandleSocket implements ByteSocket {
  owner: SocketOwner;
  pendingBytes = 0;
  readonly cutShort = false;
  gone = false;
  readonly #writer: HandleWriter;
  readonly #socket: OwnedSocket;
  #handle: StreamHandle | null;
  #code: string | null = null;

  constructor(writer: HandleWriter, socket: OwnedSocket, owner: SocketOwner) {
    this.#writer = writer;
    this.#socket = socket;
    this.owner = owner;
    this.#handle = handleOf(socket);
    socket.on('end', onEnd);
    socket.on('error', onError);
    socket.on('close', onClose);
    socket.resume();
  }

  /** The handle exists for certain once connected. */
  attach(): void {
    this.#handle = handleOf(this.#socket);
  }

  get destroyed(): boolean {
    return this.gone || this.#socket.destroyed;
  }

  get remoteAddress(): string {
    return this.#socket.remoteAddress ?? '';
  }

  get remotePort(): number {
    return this.#socket.remotePort ?? 0;
  }

  get localAddress(): string {
    return this.#socket.localAddress ?? '';
  }

  write(out: ByteWriter): boolean {
    const handle = this.#handle;
    if (handle === null || this.gone || this.#socket.destroyed) {
      out.reset();
      return true;
    }
    const view = out.view();
    const result = this.#writer.write(handle, view, this);
    if (result === 0) {
      out.reset();
      return true;
    }
    if (result === 1) {
      this.pendingBytes += view.length;
      out.detach();
      return false;
    }
    out.reset();
    this.fail(result);
    return true;
  }

  /** A pending write has ended. */
  written(bytes: number, status: number): void {
    this.pendingBytes -= bytes;
    if (this.gone) return;
    if (status < 0) this.fail(status);
    else if (this.pendingBytes === 0 && !this.#socket.destroyed) this.owner.onDrain();
  }

  /** The kernel refused a write: the peer has reset. The owner hears of it by `onClosed`, never inside its own `write`. */
  fail(status: number): void {
    this.#code ??= status === -104 ? 'ECONNRESET' : 'EPIPE';
    this.#socket.destroy();
  }

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  peerHasReset(): boolean {
    return !this.destroyed && peerHasReset(this.#socket);
  }

  end(): void {
    // A second end costs an error with its stack, which nobody reads.
    if (!this.#socket.writableEnded) this.#socket.end();
  }

  destroy(): void {
    this.#socket.destroy();
  }

  reset(): void {
    // As BareSocket.reset has it.
    if (this.#socket.writableEnded && !this.#socket.writableFinished) this.#socket.destroy();
    else this.#socket.resetAndDestroy();
  }

  /** From the stream's `end`. */
  ended(): void {
    if (!this.gone && !this.#socket.destroyed) this.owner.onEnd();
  }

  /** From the stream's `error`; `close` follows. */
  erred(code: string): void {
    this.#code ??= code;
  }

  /** From the stream's `close`. */
  closed(): void {
    if (this.gone) return;
    this.gone = true;
    this.#handle = null;
    this.owner.onClosed(this.#code);
    this.owner = noOwner;
  }
}

function onEnd(this: OwnedSocket): void {
  this[OWNED]?.ended();
}

function onError(this: OwnedSocket, error: NodeJS.ErrnoException): void {
  this[OWNED]?.erred(error.code ?? 'ERROR');
}

function onClose(this: OwnedSocket): void {
  this[OWNED]?.closed();
}
