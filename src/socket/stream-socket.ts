// ByteSocket over any Node stream socket: TLS, and plain TCP where the handle cannot be reached.
import type { Socket } from 'node:net';
import type { ByteWriter } from '../base/byte-writer.ts';
import { type ByteSocket, noOwner, type SocketOwner } from './byte-socket.ts';
import { type HandleIo, peerHasReset } from './handle-io.ts';
import { watchEnd } from './tls-handle-io.ts';

/** Wraps `socket`, which must have been made with allowHalfOpen. */
export class StreamSocket implements ByteSocket {
  owner: SocketOwner;
  pendingBytes = 0;
  cutShort = false;
  readonly #socket: Socket;
  readonly #onData = (chunk: Buffer): void => {
    if (!this.#closed) this.owner.onBytes(chunk, 0, chunk.length);
  };
  #closed = false;
  #code: string | null = null;

  constructor(socket: Socket, owner: SocketOwner) {
    this.#socket = socket;
    this.owner = owner;
    socket.on('data', this.#onData);
    socket.on('end', () => {
      if (!this.#closed) this.owner.onEnd();
    });
    socket.on('error', (error: NodeJS.ErrnoException) => {
      this.#code = error.code ?? 'ERROR';
    });
    socket.on('close', () => {
      if (this.#closed) return;
      this.#closed = true;
      this.owner.onClosed(this.#code);
    });
  }

  /** Has the end of a TLS socket say whether it was cut short. The handle must be there: TLS is up. */
  watchEnd(io: HandleIo): void {
    watchEnd(this.#socket, io, (cutShort) => {
      this.cutShort = cutShort;
    });
  }

  /** Gives the stream away, with what it holds; the owner hears nothing any more. */
  release(): Socket {
    this.#closed = true;
    this.owner = noOwner;
    this.#socket.off('data', this.#onData);
    return this.#socket;
  }

  get destroyed(): boolean {
    return this.#closed || this.#socket.destroyed;
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
    if (this.destroyed) {
      out.reset();
      return true;
    }
    // Because: a stream may keep the chunk after `write` returned, so it gets bytes of its own.
    const chunk = Buffer.from(out.view());
    out.reset();
    this.pendingBytes += chunk.length;
    let now = true;
    this.#socket.write(chunk, () => {
      this.pendingBytes -= chunk.length;
      if (!now && this.pendingBytes === 0 && !this.#closed) this.owner.onDrain();
    });
    now = false;
    return this.pendingBytes === 0;
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
    this.#socket.end();
  }

  destroy(): void {
    this.#socket.destroy();
  }

  reset(): void {
    const socket = this.#socket;
    // As BareSocket.reset has it.
    const ending = socket.writableEnded && !socket.writableFinished;
    // A TLS socket has no reset of its own: its truncation is visible by the missing close_notify.
    if (ending || typeof socket.resetAndDestroy !== 'function' || 'encrypted' in socket) socket.destroy();
    else socket.resetAndDestroy();
  }
}
