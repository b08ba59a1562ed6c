// Writes on handles, for all sockets of a thread: one request object is enough while writes leave at once.
import type { HandleIo, StreamHandle, WriteRequest } from './handle-io.ts';

/** Who is told that a pending write has ended. */
export interface Writing {
  /** `bytes` have left, or never will: `status` is negative, libuv's error. */
  written(bytes: number, status: number): void;
}

export class HandleWriter {
  readonly #io: HandleIo;
  /** A write request that no write holds. */
  #spare: WriteRequest | null = null;

  constructor(io: HandleIo) {
    this.#io = io;
  }

  /** One write on a handle. 0: left at once; 1: pending, the request keeps `view` until `owner.written`; negative: libuv's error. */
  write(handle: StreamHandle, view: Uint8Array, owner: Writing): number {
    const request = this.#spare ?? this.#io.newRequest();
    this.#spare = request;
    const error = handle.writeBuffer(request, view);
    if (error !== 0) return error;
    if (!this.#io.lastWriteWasPending()) return 0;
    request.buffer = view;
    request.owner = owner;
    request.oncomplete = onWriteComplete;
    this.#spare = null;
    return 1;
  }
}

function onWriteComplete(this: WriteRequest, status: number): void {
  const bytes = this.buffer === null ? 0 : this.buffer.length;
  this.buffer = null;
  this.owner?.written(bytes, status);
}
