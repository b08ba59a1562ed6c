// One side's socket as the data plane sees it: bytes in by one callback, bytes out by one call, closed exactly once.
import type { ByteWriter } from '../base/byte-writer.ts';

/** Who a socket tells. One object a connection; no closures. */
export interface SocketOwner {
  /** Bytes came. `bytes[start, end)` is the reader's only during the call: copy what must stay. */
  onBytes(bytes: Uint8Array, start: number, end: number): void;
  /** The peer will send no more (FIN). Writing may still go on. */
  onEnd(): void;
  /** All that was written has left, after a `write` that answered false. */
  onDrain(): void;
  /** The socket is gone: the last call of all. `code` is the system's (`ECONNRESET`), or null for an orderly end. */
  onClosed(code: string | null): void;
}

/** A connected byte stream. */
export interface ByteSocket {
  owner: SocketOwner;
  /** Bytes handed over that have not left yet. */
  readonly pendingBytes: number;
  readonly destroyed: boolean;
  /**
   * The peer's end came without the closing message that TLS demands (RFC 8446 section 6.1): somebody on the way may have cut it, and what has no
   * length of its own is not complete. False without TLS.
   */
  readonly cutShort: boolean;
  /** Address of the peer without port, or '' for a unix socket. */
  readonly remoteAddress: string;
  readonly remotePort: number;
  /** Our own address of the connection without port, or '' for a unix socket. */
  readonly localAddress: string;
  /**
   * Writes what `out` holds. True: all has left and `out` may be reused. False: some is still under way, `out` was given fresh
   * memory, and `onDrain` follows. Either way `out` is empty afterwards.
   */
  write(out: ByteWriter): boolean;
  pause(): void;
  resume(): void;
  /**
   * Whether the peer has reset the connection, as far as the system tells without reading: for a socket whose reading is paused,
   * which hears of nothing. A FIN is no reset. False where the system cannot be asked (unix sockets).
   */
  peerHasReset(): boolean;
  /** Sends FIN after what is pending; reading goes on. */
  end(): void;
  /** Closes at once; what is pending is lost. */
  destroy(): void;
  /** Closes with a reset, so that the peer cannot take what it got for a complete message. */
  reset(): void;
}

/** For a socket that has no owner yet, or no longer. */
export const noOwner: SocketOwner = {
  onBytes() {},
  onEnd() {},
  onDrain() {},
  onClosed() {},
};
