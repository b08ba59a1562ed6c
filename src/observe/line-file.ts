// A file or a descriptor that whole lines are appended to: one asynchronous write under way, a bound on what waits, and another file in its place on demand.
import { close, constants, open, openSync, write } from 'node:fs';

/** Most bytes of lines in one write. */
const WRITE_BYTES_MAX = 256 * 1024;
/** A pipe that is full is tried again after this, ms. */
const FULL_PIPE_MS = 50;
/** What else cannot be written is tried again after this, ms. */
const RETRY_MS = 1000;
/** Log files say who asked for what: their owner writes them, his group reads them. */
const MODE = 0o640;
/** What is no regular file must not hold the process up: a pipe that nobody reads fails at once. */
const FLAGS = constants.O_APPEND | constants.O_CREAT | constants.O_WRONLY | constants.O_NONBLOCK;
/** Errors of a descriptor that will never take another byte. */
const GONE: ReadonlySet<string> = new Set(['EBADF', 'EINVAL', 'EISDIR']);

/** The calls to the system, for tests that let them fail. */
export const SYSTEM = { write, open, close };

export interface LineFileInput {
  /** Descriptor to write to. It is closed by `close`, unless it is 1 or 2. */
  readonly fd: number;
  /** Where `reopen` looks; null: nowhere, the descriptor was given. */
  readonly path: string | null;
  /** Most bytes that wait; what comes beyond is dropped. */
  readonly waitingBytesMax: number;
}

/** Opens a log file for appending. Throws the system's error. */
export function openLineFile(path: string): number {
  return openSync(path, FLAGS, MODE);
}

/** Never throws, never waits. Lines are told in their order, each once: in the file that was open when their turn came. */
export class LineFile {
  /** Lines that were dropped: beyond the bound, or for a descriptor that is no more. */
  dropped = 0;
  /** Why nothing can be written at present, by the system's code; null: it can. */
  trouble: string | null = null;
  readonly #path: string | null;
  readonly #waitingMax: number;
  readonly #queue: Uint8Array[] = [];
  #fd: number;
  /** A file that takes the place of the one that is open, as soon as no line is half written; −1: none. */
  #nextFd = -1;
  #waiting = 0;
  /** What is being written, and how far it is. */
  #current: Uint8Array | null = null;
  #at = 0;
  #busy = false;
  /** Nothing is written any more. */
  #ended = false;
  #retry: NodeJS.Timeout | null = null;
  #reopening = false;
  #onIdle: (() => void) | null = null;

  constructor(input: LineFileInput) {
    this.#fd = input.fd;
    this.#path = input.path;
    this.#waitingMax = input.waitingBytesMax;
  }

  /** Takes whole lines, each ended by a newline; the bytes are its own from here on. `urgent`: whatever waits already. */
  write(lines: Uint8Array, urgent = false): void {
    if (this.#ended || (!urgent && this.#waiting + lines.length > this.#waitingMax)) {
      this.dropped += linesIn(lines, 0);
      return;
    }
    this.#waiting += lines.length;
    this.#queue.push(lines);
    this.#go();
  }

  /**
   * Opens the file of this name anew, as after a rotation: what was not written yet goes there. `done` hears the system's error, with
   * which everything stays as it was; null for success, also where there is no file to be opened.
   */
  reopen(done: (error: NodeJS.ErrnoException | null) => void): void {
    if (this.#path === null || this.#ended || this.#reopening) {
      done(null);
      return;
    }
    this.#reopening = true;
    SYSTEM.open(this.#path, FLAGS, MODE, (error, fd) => {
      this.#reopening = false;
      if (error !== null) {
        done(error);
        return;
      }
      if (this.#ended) {
        SYSTEM.close(fd, () => {});
        done(null);
        return;
      }
      if (this.#nextFd >= 0) SYSTEM.close(this.#nextFd, () => {});
      this.#nextFd = fd;
      this.#stopWaiting();
      this.#go();
      done(null);
    });
  }

  /** Ends once everything has been written, or after `deadlineMs`; what has not is dropped. */
  async close(deadlineMs: number): Promise<void> {
    if (this.#ended) return;
    if (this.#waiting > 0) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, deadlineMs);
        this.#onIdle = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
    this.#end();
    for (const fd of [this.#fd, this.#nextFd]) if (fd > 2) SYSTEM.close(fd, () => {});
  }

  #go(): void {
    if (this.#busy || this.#ended || this.#retry !== null) return;
    if (this.#nextFd >= 0) this.#change();
    if (this.#current === null) this.#current = this.#take();
    if (this.#current === null) {
      this.#onIdle?.();
      return;
    }
    this.#busy = true;
    const { length } = this.#current;
    SYSTEM.write(this.#fd, this.#current, this.#at, length - this.#at, null, (error, written) => {
      this.#wrote(error, written);
    });
  }

  /** As many whole lines as one write takes. */
  #take(): Uint8Array | null {
    const first = this.#queue.shift();
    if (first === undefined) return null;
    const parts = [first];
    let bytes = first.length;
    while (this.#queue.length > 0 && bytes + this.#queue[0]!.length <= WRITE_BYTES_MAX) {
      const part = this.#queue.shift()!;
      parts.push(part);
      bytes += part.length;
    }
    return parts.length === 1 ? first : Buffer.concat(parts, bytes);
  }

  #wrote(error: NodeJS.ErrnoException | null, written: number): void {
    this.#busy = false;
    if (this.#ended) return;
    if (error !== null) {
      this.#failed(error.code ?? 'ERROR');
      return;
    }
    this.trouble = null;
    this.#at += written;
    this.#waiting -= written;
    if (this.#at === this.#current!.length) {
      this.#current = null;
      this.#at = 0;
    }
    this.#go();
  }

  #failed(code: string): void {
    const full = code === 'EAGAIN' || code === 'EBUSY';
    if (!full) this.trouble = code;
    if (GONE.has(code) || (code === 'EPIPE' && this.#path === null)) {
      // Whoever read it is gone for good.
      this.#end();
      this.#onIdle?.();
      return;
    }
    this.#retry = setTimeout(
      () => {
        this.#retry = null;
        this.#go();
      },
      full ? FULL_PIPE_MS : RETRY_MS,
    );
    // A log that cannot be written keeps nobody alive.
    this.#retry.unref();
    if (this.#nextFd >= 0) {
      this.#stopWaiting();
      this.#go();
    }
  }

  #stopWaiting(): void {
    if (this.#retry !== null) clearTimeout(this.#retry);
    this.#retry = null;
  }

  /** Goes over to the file that was opened, at the end of a line. */
  #change(): void {
    if (this.#current !== null && this.#at > 0) {
      const ended = this.#current[this.#at - 1] === NEWLINE;
      // The rest of the line belongs where its beginning is, as long as that takes it.
      if (!ended && this.trouble === null) return;
      const next = ended ? this.#at : this.#current.indexOf(NEWLINE, this.#at) + 1;
      if (!ended) this.dropped++;
      this.#waiting -= next - this.#at;
      this.#current = next === this.#current.length ? null : this.#current.subarray(next);
      this.#at = 0;
    }
    const old = this.#fd;
    this.#fd = this.#nextFd;
    this.#nextFd = -1;
    this.trouble = null;
    if (old > 2) SYSTEM.close(old, () => {});
  }

  #end(): void {
    this.#ended = true;
    this.#stopWaiting();
    if (this.#current !== null) this.dropped += linesIn(this.#current, this.#at);
    for (const lines of this.#queue) this.dropped += linesIn(lines, 0);
    this.#queue.length = 0;
    this.#current = null;
    this.#waiting = 0;
  }
}

const NEWLINE = 0x0a;

function linesIn(bytes: Uint8Array, start: number): number {
  let lines = 0;
  for (let at = bytes.indexOf(NEWLINE, start); at >= 0; at = bytes.indexOf(NEWLINE, at + 1)) lines++;
  return lines;
}
