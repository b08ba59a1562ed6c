// ByteSocket on an accepted handle alone, without Node's Socket around it: a client that comes for one request pays for no stream.
import { constants } from 'node:os';
import { getSystemErrorName } from 'node:util';
import type { ByteWriter } from '../base/byte-writer.ts';
import { type ByteSocket, noOwner, type SocketOwner } from './byte-socket.ts';
import type { BareHandle, HandleIo } from './handle-io.ts';
import type { HandleWriter } from './handle-writer.ts';

/** libuv's code for the peer's FIN. */
const EOF = -4095;
/** Its code for a handle that is read already. */
const READ_ALREADY = -constants.errno.EALREADY;

/** Where a handle finds its socket. */
const OWNED = Symbol('BareSocket');

interface OwnedHandle extends BareHandle {
  [OWNED]?: BareSocket | undefined;
}

/** What the sockets of a thread share. */
export interface BareTools {
  readonly io: HandleIo;
  readonly writer: HandleWriter;
  /** Every socket of the thread reads into it. */
  readonly buffer: Uint8Array;
}

/** An accepted TCP or unix socket. It reads from `start` on. */
export class BareSocket implements ByteSocket {
  owner: SocketOwner = noOwner;
  pendingBytes = 0;
  readonly cutShort = false;
  readonly #tools: BareTools;
  readonly #handle: OwnedHandle;
  #closing = false;
  #ended = false;
  #endAsked = false;
  #finished = false;
  #code: string | null = null;

  constructor(tools: BareTools, handle: BareHandle) {
    this.#tools = tools;
    this.#handle = handle;
    this.#handle[OWNED] = this;
    handle.useUserBuffer(tools.buffer);
    handle.onread = onRead;
    // Small messages of an event stream or a WebSocket must not wait for the acknowledgement of the one before (Nagle).
    handle.setNoDelay?.(true);
  }

  /** Begins to read; the owner is known by now. */
  start(): void {
    if (!this.#closing) this.resume();
  }

  /** Gives the handle away, which is read on; the socket is gone for its owner, who hears nothing any more. */
  release(): BareHandle {
    this.#closing = true;
    this.owner = noOwner;
    this.#handle[OWNED] = undefined;
    return this.#handle;
  }

  get destroyed(): boolean {
    return this.#closing;
  }

  get remoteAddress(): string {
    return this.#peer().address ?? '';
  }

  get remotePort(): number {
    return this.#peer().port ?? 0;
  }

  #peer(): { readonly address?: string; readonly port?: number } {
    const found: { address?: string; port?: number } = {};
    if (!this.#closing) this.#handle.getpeername?.(found);
    return found;
  }

  get localAddress(): string {
    const found: { address?: string; port?: number } = {};
    if (!this.#closing) this.#handle.getsockname?.(found);
    return found.address ?? '';
  }

  write(out: ByteWriter): boolean {
    if (this.#closing || this.#endAsked) {
      out.reset();
      return true;
    }
    const view = out.view();
    const result = this.#tools.writer.write(this.#handle, view, this);
    if (result === 1) {
      this.pendingBytes += view.length;
      out.detach();
      return false;
    }
    out.reset();
    if (result !== 0) this.#fail(result);
    return true;
  }

  /** A pending write has ended. */
  written(bytes: number, status: number): void {
    this.pendingBytes -= bytes;
    if (this.#closing) return;
    if (status < 0) this.#fail(status);
    else if (this.pendingBytes === 0) this.owner.onDrain();
  }

  /** The owner hears of it by `onClosed`, never inside its own call. */
  #fail(status: number): void {
    this.#code ??= getSystemErrorName(status);
    this.destroy();
  }

  pause(): void {
    if (!this.#closing) this.#handle.readStop();
  }

  resume(): void {
    if (this.#closing || this.#ended) return;
    const error = this.#handle.readStart();
    if (error !== 0 && error !== READ_ALREADY) this.#fail(error);
  }

  peerHasReset(): boolean {
    if (this.#closing || this.#handle.getpeername === undefined) return false;
    return this.#handle.getpeername({}) !== 0;
  }

  end(): void {
    if (this.#closing || this.#endAsked) return;
    this.#endAsked = true;
    const request = this.#tools.io.newShutdown();
    request.oncomplete = onShutdown;
    request.owner = this;
    // A peer that is gone needs no FIN.
    if (this.#handle.shutdown(request) !== 0) this.finish();
  }

  /** Our FIN has left, or never will. */
  finish(): void {
    this.#finished = true;
    if (this.#ended) this.destroy();
  }

  destroy(): void {
    if (this.#closing) return;
    this.#closing = true;
    this.#handle.close(onClose);
  }

  reset(): void {
    if (this.#closing) return;
    // A FIN that is under way can't be overtaken by a reset, which must not be tried: Node takes a handle that refused one for closed, and
    // never closes it. A unix socket has none.
    const ending = this.#endAsked && !this.#finished;
    if (ending || this.#handle.reset === undefined || this.#handle.reset(onClose) !== 0) this.destroy();
    else this.#closing = true;
  }

  /** From the handle: `count` bytes are in the shared buffer, or libuv's error. */
  read(count: number): void {
    if (this.#closing || count === 0) return;
    if (count > 0) this.owner.onBytes(this.#tools.buffer, 0, count);
    else if (count !== EOF) this.#fail(count);
    else {
      this.#ended = true;
      this.owner.onEnd();
      if (this.#finished) this.destroy();
    }
  }

  get readBytes(): number {
    return this.#tools.io.readBytesOrError();
  }

  /** The handle is closed: the last news of all. */
  closed(): void {
    const { owner } = this;
    this.owner = noOwner;
    owner.onClosed(this.#code);
  }
}

function onRead(this: OwnedHandle): void {
  const socket = this[OWNED];
  socket?.read(socket.readBytes);
}

function onClose(this: OwnedHandle): void {
  const socket = this[OWNED];
  this[OWNED] = undefined;
  socket?.closed();
}

function onShutdown(this: { owner: { finish(): void } | null }): void {
  this.owner?.finish();
}
