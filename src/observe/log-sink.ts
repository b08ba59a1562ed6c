// Where log lines leave the process: one writer for every thread's lines that never blocks and never holds more than its bound.
import { LineFile, openLineFile } from './line-file.ts';
import { makePretty } from './pretty.ts';

/** Most bytes that wait for whoever reads the log; what comes beyond is dropped and counted. */
const WAITING_BYTES_MAX = 4 * 1024 * 1024;

export interface LogSinkOptions {
  /** Descriptor to write to; 1 is stdout. The sink's own from here on: `close` closes it, unless it is 1 or 2. */
  readonly fd: number;
  /** The file that the descriptor is of, which `reopen` opens anew; left out or null: there is none. */
  readonly path?: string | null;
  /** `auto`: pretty if the descriptor is a terminal. */
  readonly format: 'json' | 'pretty' | 'auto';
  readonly isTerminal: boolean;
  /** Bound of what waits, bytes; default 4 MiB. */
  readonly waitingBytesMax?: number;
}

/**
 * Takes whole lines, one or many at once. A reader that stalls or a disk that is full costs memory up to the bound, then lines, but never a
 * request's time.
 */
export class LogSink {
  readonly path: string | null;
  readonly format: LogSinkOptions['format'];
  readonly #file: LineFile;
  readonly #pretty: ((lines: string) => string) | null;
  #urgent = false;

  constructor(options: LogSinkOptions) {
    const { fd, path = null, waitingBytesMax = WAITING_BYTES_MAX } = options;
    const pretty = options.format === 'pretty' || (options.format === 'auto' && options.isTerminal);
    this.path = path;
    this.format = options.format;
    this.#pretty = pretty ? makePretty(options.isTerminal) : null;
    this.#file = new LineFile({ fd, path, waitingBytesMax });
  }

  /** Lines of JSON to stdout; pretty where the format says so. */
  static stdout(format: LogSinkOptions['format']): LogSink {
    return new LogSink({ fd: 1, format, isTerminal: process.stdout.isTTY === true });
  }

  /** Appends to a file, which is created with mode 0640. Throws the system's error. */
  static file(path: string, format: LogSinkOptions['format']): LogSink {
    return new LogSink({ fd: openLineFile(path), path, format, isTerminal: false });
  }

  /** Lines dropped since start. */
  get dropped(): number {
    return this.#file.dropped;
  }

  /** Why nothing can be written at present, by the system's code; null: it can. */
  get trouble(): string | null {
    return this.#file.trouble;
  }

  /** Writes whole lines, each ended by a newline; of bytes, it is the owner from here on. Never throws, never waits. */
  write(lines: string | Uint8Array): void {
    if (this.#pretty === null) {
      this.#file.write(typeof lines === 'string' ? Buffer.from(lines) : lines, this.#urgent);
    } else {
      const text = typeof lines === 'string' ? lines : Buffer.from(lines).toString();
      this.#file.write(Buffer.from(this.#pretty(text)), this.#urgent);
    }
  }

  /** What `say` writes is taken although as much waits as may: where lines were dropped, the log itself is to say so. */
  urgently(say: () => void): void {
    this.#urgent = true;
    try {
      say();
    } finally {
      this.#urgent = false;
    }
  }

  /** See `LineFile.reopen`. */
  reopen(done: (error: NodeJS.ErrnoException | null) => void): void {
    this.#file.reopen(done);
  }

  /** Ends when everything that was written has left, or after `deadlineMs`; nothing may be written after it. */
  close(deadlineMs: number): Promise<void> {
    return this.#file.close(deadlineMs);
  }
}
