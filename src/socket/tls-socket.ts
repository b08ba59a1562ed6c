// ByteSocket over TLS on an accepted handle, without Node's TLSSocket: what it costs beyond plain TCP is OpenSSL's work and little else.
import { constants } from 'node:os';
import { getSystemErrorName } from 'node:util';
import type { ByteWriter } from '../base/byte-writer.ts';
import { noOwner, type SocketOwner } from './byte-socket.ts';
import type { BareHandle, HandleIo, WriteRequest } from './handle-io.ts';
import { endWasCut, type TlsHandle } from './tls-handle-io.ts';
import type { ClientCertificate, Handshaker, SecureSocket, SecureTerms, TlsAgreement } from './tls-terms.ts';

/** libuv's code for the peer's end. */
const EOF = -4095;
/** Its code for a handle that is read already. */
const READ_ALREADY = -constants.errno.EALREADY;
/**
 * TLSWrap hands at most ten blocks of 16 KiB to the kernel at once and waits for the next turn with the rest (`EncOut`): what is
 * longer than this, in bytes before encryption, may not have left though the kernel has taken all that it was given.
 */
const ONE_GO_BYTES = 128 * 1024;

/** So long TLSWrap is waited for behind the last write of a socket that is to be closed, ms: as a rule it takes a turn or two of the event loop. */
const PARTING_MS = 1000;

/** Where a handle finds its socket. The handle below keeps the socket, and so TLS, alive. */
const OWNED = Symbol('TlsSocket');

interface Owned {
  [OWNED]?: TlsSocket | undefined;
}

interface OwnedBelow extends BareHandle, Owned {}
interface OwnedTls extends TlsHandle, Owned {}

/** What the TLS sockets of a thread share. */
export interface TlsTools {
  readonly io: HandleIo;
  /** Every socket of the thread reads into it. */
  readonly buffer: Uint8Array;
}

/** TLS as the server on an accepted handle. It owns the handle from its making on. */
export class TlsSocket implements SecureSocket {
  owner: SocketOwner = noOwner;
  pendingBytes = 0;
  cutShort = false;
  readonly #tools: TlsTools;
  readonly #below: OwnedBelow;
  readonly #tls: OwnedTls;
  /** Told how the handshake goes; null once it is over. */
  #handshaker: Handshaker | null;
  /** TLSWrap has not said yet that it is done with the last write; it takes one at a time. */
  #writing = false;
  /** Writes that wait for it. */
  #queue: Uint8Array[] | null = null;
  #paused = false;
  /** Plain bytes that came after `pause`: TLSWrap hands over all that it has decrypted. */
  #late: Uint8Array[] | null = null;
  #handsOver = false;
  #endIsLate = false;
  #ended = false;
  #endAsked = false;
  #shutDown = false;
  #finished = false;
  #destroyAsked = false;
  /** Bounds the time between the wish to close and the closing; null: nothing is waited for. */
  #parting: NodeJS.Timeout | null = null;
  #closing = false;
  #freed = false;
  #code: string | null = null;

  constructor(
    tools: TlsTools,
    below: BareHandle,
    tls: TlsHandle,
    terms: SecureTerms,
    handshaker: Handshaker,
  ) {
    this.#tools = tools;
    this.#below = below;
    this.#tls = tls;
    this.#handshaker = handshaker;
    this.#below[OWNED] = this;
    this.#tls[OWNED] = this;
    tls.useUserBuffer(tools.buffer);
    tls.onread = onRead;
    tls.onhandshakedone = onHandshakeDone;
    tls.onerror = onTlsError;
    if (terms.asksCertificate) tls.setVerifyMode(true, terms.needsCertificate);
    tls.setALPNProtocols(terms.protocols);
  }

  /** Begins with `first`, which was read off the handle already. */
  start(first: Uint8Array): void {
    this.resume();
    // Because: what is decrypted lands in the buffer that `first` may lie in.
    if (first.length > 0) this.#tls.receive(Buffer.from(first));
  }

  get destroyed(): boolean {
    return this.#closing || this.#destroyAsked;
  }

  get remoteAddress(): string {
    return this.#peer().address ?? '';
  }

  get remotePort(): number {
    return this.#peer().port ?? 0;
  }

  get localAddress(): string {
    const found: { address?: string } = {};
    if (!this.#closing) this.#below.getsockname?.(found);
    return found.address ?? '';
  }

  #peer(): { readonly address?: string; readonly port?: number } {
    const found: { address?: string; port?: number } = {};
    if (!this.#closing) this.#below.getpeername?.(found);
    return found;
  }

  write(out: ByteWriter): boolean {
    if (this.destroyed || this.#endAsked) {
      out.reset();
      return true;
    }
    if (this.#writing) {
      const view = out.view();
      this.pendingBytes += view.length;
      this.#queue ??= [];
      this.#queue.push(view);
      out.detach();
      return false;
    }
    const { length } = out;
    const gone = this.#send(out.view());
    // TLSWrap has encrypted the bytes or copied them: their memory is free.
    out.reset();
    if (!gone) this.pendingBytes += length;
    return gone;
  }

  /** True: the kernel has it all, or the socket failed. */
  #send(view: Uint8Array): boolean {
    const request = this.#tools.io.newRequest();
    request.oncomplete = onWritten;
    request.owner = this;
    const error = this.#tls.writeBuffer(request, view);
    if (error !== 0) {
      this.#fail(error);
      return true;
    }
    if (!this.#tools.io.lastWriteWasPending()) return true;
    this.#writing = true;
    return view.length <= ONE_GO_BYTES && this.#below.writeQueueSize === 0;
  }

  /** TLSWrap can take the next write. Where the kernel took the last one at once, this comes in the event loop's next turn. */
  written(_bytes: number, status: number): void {
    this.#writing = false;
    if (this.#closing) return;
    if (status < 0) {
      this.#fail(status);
      return;
    }
    const waited = this.pendingBytes > 0;
    while (this.#queue !== null && this.#queue.length > 0) {
      const view = this.#queue.length === 1 ? this.#queue[0]! : Buffer.concat(this.#queue);
      this.#queue = null;
      this.pendingBytes = view.length;
      if (!this.#send(view)) return;
      if (this.#closing) return;
    }
    this.pendingBytes = 0;
    // Before the owner is told, who may close at once: without close_notify the peer would take what it got for cut.
    if (this.#endAsked && !this.#writing) this.#shutdown();
    if (waited && !this.destroyed) this.owner.onDrain();
  }

  #fail(status: number): void {
    this.#code ??= getSystemErrorName(status);
    this.#close();
  }

  pause(): void {
    this.#paused = true;
    if (!this.#closing) this.#below.readStop();
  }

  resume(): void {
    this.#paused = false;
    if (this.#late !== null || this.#endIsLate) {
      if (this.#handsOver) return;
      this.#handsOver = true;
      // The owner is never called inside its own call.
      setImmediate(handOver, this);
      return;
    }
    if (this.destroyed || this.#ended) return;
    const error = this.#below.readStart();
    if (error !== 0 && error !== READ_ALREADY) this.#fail(error);
  }

  /** What came late goes to the owner, as far as he takes it. */
  handOver(): void {
    this.#handsOver = false;
    while (this.#late !== null && !this.#paused && !this.destroyed) {
      const [bytes, ...rest] = this.#late;
      this.#late = rest.length === 0 ? null : rest;
      if (bytes !== undefined) this.owner.onBytes(bytes, 0, bytes.length);
    }
    if (this.#paused || this.destroyed) return;
    if (this.#endIsLate) {
      this.#endIsLate = false;
      this.#tellEnd();
    } else {
      this.resume();
    }
  }

  peerHasReset(): boolean {
    if (this.#closing || this.#below.getpeername === undefined) return false;
    return this.#below.getpeername({}) !== 0;
  }

  end(): void {
    if (this.destroyed || this.#endAsked) return;
    this.#endAsked = true;
    if (!this.#writing) this.#shutdown();
  }

  /** close_notify, then FIN, behind all that was written. */
  #shutdown(): void {
    if (this.#shutDown || this.#closing) return;
    this.#shutDown = true;
    const request = this.#tools.io.newShutdown();
    request.oncomplete = onShutdown;
    request.owner = this;
    if (this.#tls.shutdown(request) !== 0) this.finish();
    if (this.#destroyAsked) this.#close();
  }

  /** Our FIN has left, or never will. */
  finish(): void {
    this.#finished = true;
    if (this.#ended && !this.#endIsLate) this.destroy();
  }

  destroy(): void {
    if (this.destroyed) return;
    if (!(this.#writing && this.#endAsked && this.pendingBytes === 0)) {
      this.#close();
      return;
    }
    // All has left, but close_notify, which has to wait for TLSWrap; without it the peer would take the answer for cut. TLSWrap is silent for
    // ever where a write of its own has failed, such as that of the tickets behind the handshake for a peer that is gone.
    this.#destroyAsked = true;
    this.#parting = setTimeout(part, PARTING_MS, this);
  }

  /** Nothing more is waited for. */
  part(): void {
    this.#close();
  }

  #close(): void {
    if (this.#closing) return;
    this.#closing = true;
    this.#drop();
    this.#below.close(onClose);
  }

  reset(): void {
    if (this.#closing) return;
    // As BareSocket.reset has it.
    const ending = this.#shutDown && !this.#finished;
    if (ending || this.#below.reset === undefined || this.#below.reset(onClose) !== 0) {
      this.#close();
      return;
    }
    this.#closing = true;
    this.#drop();
  }

  #drop(): void {
    if (this.#parting !== null) clearTimeout(this.#parting);
    this.#parting = null;
    this.#queue = null;
    this.#late = null;
  }

  /** From the handle: `count` plain bytes are in the shared buffer, or libuv's error. */
  read(count: number): void {
    if (this.destroyed || count === 0) return;
    if (count > 0) {
      if (this.#paused || this.#late !== null) this.#keep(count);
      else this.owner.onBytes(this.#tools.buffer, 0, count);
    } else if (count !== EOF) {
      this.#fail(count);
    } else if (!this.#ended) {
      this.#ended = true;
      this.cutShort = endWasCut(this.#below);
      if (this.#handshaker !== null) this.#endHandshake('closed');
      else if (this.#paused || this.#late !== null) this.#endIsLate = true;
      else this.#tellEnd();
    }
  }

  #keep(count: number): void {
    this.#late ??= [];
    this.#late.push(Buffer.from(this.#tools.buffer.subarray(0, count)));
  }

  #tellEnd(): void {
    this.owner.onEnd();
    if (this.#finished) this.destroy();
  }

  get readBytes(): number {
    return this.#tools.io.readBytesOrError();
  }

  handshakeDone(): void {
    const handshaker = this.#handshaker;
    // A second one would be a renegotiation, which no context here allows.
    if (handshaker === null || this.#closing) return;
    this.#handshaker = null;
    handshaker.onSecure(this, this.#tls.isSessionReused());
  }

  /** OpenSSL's verdict on what came. */
  tlsFailed(code: string): void {
    if (this.#handshaker !== null) {
      this.#endHandshake(code);
      return;
    }
    this.#code ??= 'EPROTO';
    this.#close();
  }

  #endHandshake(code: string): void {
    const handshaker = this.#handshaker;
    this.#handshaker = null;
    this.#close();
    handshaker?.onInsecure(code);
  }

  /** What the client has shown; null: nothing. */
  clientCertificate(): ClientCertificate | null {
    if (this.#closing) return null;
    const der = this.#tls.getPeerCertificate(true)?.raw;
    if (der === undefined) return null;
    const error = this.#tls.verifyError();
    return { der, verified: error === null || error === undefined };
  }

  agreement(): TlsAgreement | null {
    if (this.#closing || this.#freed) return null;
    const version = this.#tls.getProtocol();
    const cipher = this.#tls.getCipher()?.name;
    return version === null || cipher === undefined ? null : { version, cipher };
  }

  /** The handle below is closed: the last news of all. */
  closed(): void {
    if (this.#freed) return;
    this.#freed = true;
    this.#tls.destroySSL();
    this.#tls[OWNED] = undefined;
    const handshaker = this.#handshaker;
    this.#handshaker = null;
    handshaker?.onInsecure('closed');
    const { owner } = this;
    this.owner = noOwner;
    owner.onClosed(this.#code);
  }
}

function onRead(this: OwnedTls): void {
  const socket = this[OWNED];
  socket?.read(socket.readBytes);
}

function onHandshakeDone(this: OwnedTls): void {
  this[OWNED]?.handshakeDone();
}

function onTlsError(this: OwnedTls, error: { code?: string }): void {
  this[OWNED]?.tlsFailed(error.code ?? 'ERR_SSL');
}

function onClose(this: OwnedBelow): void {
  const socket = this[OWNED];
  this[OWNED] = undefined;
  socket?.closed();
}

function onWritten(this: WriteRequest, status: number): void {
  this.owner?.written(0, status);
}

function onShutdown(this: { owner: { finish(): void } | null }): void {
  this.owner?.finish();
}

function handOver(socket: TlsSocket): void {
  socket.handOver();
}

function part(socket: TlsSocket): void {
  socket.part();
}
