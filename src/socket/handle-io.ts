// The one place that knows Node's stream handles: what is undocumented, how it is found, and how its absence is noticed.

/** A finished or pending write, as `stream_wrap` makes it. */
export interface WriteRequest {
  oncomplete: ((this: WriteRequest, status: number) => void) | null;
  /** Keeps the written memory alive while libuv points at it. */
  buffer: Uint8Array | null;
  owner: unknown;
}

/** The part of libuv's TCP and pipe handles that is used here. */
export interface StreamHandle {
  writeBuffer(request: WriteRequest, bytes: Uint8Array): number;
}

/** Node's internals for one write on a handle without a stream around it. */
export interface HandleIo {
  newRequest(): WriteRequest;
  /** Whether the last write was left pending. Read at once after the write. */
  lastWriteWasPending(): boolean;
}

interface StreamWrapBinding {
  WriteWrap: new () => WriteRequest;
  streamBaseState: Int32Array;
  kLastWriteWasAsync: number;
}

/**
 * Reaches `stream_wrap`, or returns null where this Node does not have it or has it in another shape; then plain stream sockets
 * serve, which cost about 1.5 µs more a message. A test says which of the two this Node gets.
 */
export function findHandleIo(): HandleIo | null {
  try {
    // Because: process.binding is deprecated but there is no other door to WriteWrap; all that comes through it is checked below.
    const binding: unknown = (process as unknown as { binding(name: string): unknown }).binding(
      'stream_wrap',
    );
    if (!isStreamWrap(binding)) return null;
    const { WriteWrap, streamBaseState, kLastWriteWasAsync } = binding;
    return {
      newRequest: () => new WriteWrap(),
      lastWriteWasPending: () => streamBaseState[kLastWriteWasAsync] !== 0,
    };
  } catch {
    return null;
  }
}

function isStreamWrap(value: unknown): value is StreamWrapBinding {
  if (typeof value !== 'object' || value === null) return false;
  const v = value as Partial<StreamWrapBinding>;
  return (
    typeof v.WriteWrap === 'function' &&
    ArrayBuffer.isView(v.streamBaseState) &&
    typeof v.kLastWriteWasAsync === 'number'
  );
}

/** The handle under a socket, or null where it does not look as expected. */
export function handleOf(socket: object): StreamHandle | null {
  // Because: `_handle` is undocumented; it is only believed when it has the one method that is called on it.
  const handle = (socket as { _handle?: unknown })._handle;
  if (typeof handle !== 'object' || handle === null) return null;
  return typeof (handle as Partial<StreamHandle>).writeBuffer === 'function'
    ? (handle as StreamHandle)
    : null;
}

/**
 * Whether the connection under `socket` was reset. Asks for the peer's address: a TCP socket that a reset has closed has no peer any
 * more (getpeername: ENOTCONN on Linux, EINVAL elsewhere), even while bytes from before the reset wait to be read.
 */
export function peerHasReset(socket: object): boolean {
  // Because: `_handle.getpeername` is undocumented, and net.Socket only gives out an answer from earlier. Without it nothing is claimed.
  const handle = (socket as { _handle?: { getpeername?: (out: object) => unknown } | null })._handle;
  if (handle === null || handle === undefined || typeof handle.getpeername !== 'function') return false;
  const result = handle.getpeername({});
  return typeof result === 'number' && result !== 0;
}
