// The one place that knows Node's stream handles: what is undocumented, how it is found, and how its absence is noticed.

/** A finished or pending write, as `stream_wrap` makes it. */
export interface WriteRequest {
  oncomplete: ((this: WriteRequest, status: number) => void) | null;
  /** Keeps the written memory alive while libuv points at it. */
  buffer: Uint8Array | null;
  owner: { written(bytes: number, status: number): void } | null;
}

/** A FIN that is to be sent behind all that is pending. */
export interface ShutdownRequest {
  oncomplete: ((this: ShutdownRequest, status: number) => void) | null;
  owner: { finish(): void } | null;
}

/** The part of libuv's TCP and pipe handles that is used here. Numbers that are given back are 0 or libuv's negative errors. */
export interface StreamHandle {
  writeBuffer(request: WriteRequest, bytes: Uint8Array): number;
}

/** A handle that serves without a Socket around it. */
export interface BareHandle extends StreamHandle {
  /** Called with the handle as `this`, after every read; how it went is `HandleIo.readBytesOrError`. Must return undefined. */
  onread: ((this: BareHandle) => void) | null;
  useUserBuffer(buffer: Uint8Array): void;
  readStart(): number;
  readStop(): number;
  /** Bytes that the kernel has not taken yet. */
  readonly writeQueueSize?: number;
  shutdown(request: ShutdownRequest): number;
  /** Pending writes end with an error before `done`, which is called once, later, with the handle as `this`. */
  close(done: (this: BareHandle) => void): void;
  /** TCP's only, as the next three. Closes with a reset. */
  reset?(done: (this: BareHandle) => void): number;
  getpeername?(out: { address?: string; port?: number }): number;
  getsockname?(out: { address?: string; port?: number }): number;
  setNoDelay?(on: boolean): number;
}

/** Node's internals for reads and writes on a handle without a stream around it. */
export interface HandleIo {
  newRequest(): WriteRequest;
  newShutdown(): ShutdownRequest;
  /** What the last read brought: bytes, or libuv's error. Read at once when `onread` is called. */
  readBytesOrError(): number;
  /** Whether the last write was left pending. Read at once after the write. */
  lastWriteWasPending(): boolean;
}

interface StreamWrapBinding {
  WriteWrap: new () => WriteRequest;
  ShutdownWrap: new () => ShutdownRequest;
  streamBaseState: Int32Array;
  kLastWriteWasAsync: number;
  kReadBytesOrError: number;
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
    const { WriteWrap, ShutdownWrap, streamBaseState, kLastWriteWasAsync, kReadBytesOrError } = binding;
    return {
      newRequest: () => new WriteWrap(),
      newShutdown: () => new ShutdownWrap(),
      readBytesOrError: () => streamBaseState[kReadBytesOrError]!,
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
    typeof v.ShutdownWrap === 'function' &&
    ArrayBuffer.isView(v.streamBaseState) &&
    typeof v.kLastWriteWasAsync === 'number' &&
    typeof v.kReadBytesOrError === 'number'
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

/** Number of a listening server's descriptor, or −1 where it cannot be told. */
export function descriptorOf(server: object): number {
  // Because: `_handle.fd` is undocumented, and there is no other way to a descriptor that a child process could be given.
  const handle = (server as { _handle?: { fd?: unknown } | null })._handle;
  return typeof handle?.fd === 'number' ? handle.fd : -1;
}

/** An accepted handle as one that serves alone, or null where it does not look as expected. */
export function bareHandle(handle: unknown): BareHandle | null {
  if (typeof handle !== 'object' || handle === null || !('onread' in handle)) return null;
  const methods = ['writeBuffer', 'useUserBuffer', 'readStart', 'readStop', 'shutdown', 'close'] as const;
  // Because: the methods are looked for one by one, which no type guard can follow.
  const found = handle as unknown as BareHandle;
  return methods.every((name) => typeof found[name] === 'function') ? found : null;
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
