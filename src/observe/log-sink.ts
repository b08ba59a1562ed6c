// Where log lines leave the process: one writer for every thread's lines that never blocks and never holds more than its bound.
import { pino } from 'pino';
import { makePretty } from './pretty.ts';

/** Most bytes that wait for whoever reads the log; what comes beyond is dropped and counted. */
const WAITING_BYTES_MAX = 4 * 1024 * 1024;

/** The most that one write takes. */
const WRITE_BYTES_MAX = 256 * 1024;

export interface LogSinkOptions {
  /** Descriptor to write to; 1 is stdout. The sink's own from here on: `close` closes it, unless it is 1 or 2. */
  readonly fd: number;
  /** `auto`: pretty if the descriptor is a terminal. */
  readonly format: 'json' | 'pretty' | 'auto';
  readonly isTerminal: boolean;
  /** Bound of what waits, bytes; default 4 MiB. */
  readonly waitingBytesMax?: number;
}

/**
 * Takes whole lines of JSON, one or many at once. Writes go to sonic-boom, which keeps one asynchronous write under way and
 * joins the rest: a reader that stalls costs memory up to the bound, then lines, but never a request's time.
 */
export class LogSink {
  /** Lines dropped since start. */
  dropped = 0;
  readonly #out: ReturnType<typeof pino.destination>;
  readonly #pretty: ((lines: string) => string) | null;
  #waiting = 0;
  /** Nothing can be written any more. */
  #broken = false;
  #closed = false;
  #onIdle: (() => void) | null = null;

  constructor(options: LogSinkOptions) {
    const pretty = options.format === 'pretty' || (options.format === 'auto' && options.isTerminal);
    this.#pretty = pretty ? makePretty(options.isTerminal) : null;
    this.#out = pino.destination({
      dest: options.fd,
      sync: false,
      minLength: 0,
      // A worker's batch is one write; sonic-boom's own 16 KiB would make eight of it.
      maxWrite: WRITE_BYTES_MAX,
      maxLength: options.waitingBytesMax ?? WAITING_BYTES_MAX,
    });
    this.#out.on('write', (bytes: number) => {
      this.#waiting -= bytes;
      if (this.#waiting <= 0) this.#idle();
    });
    this.#out.on('drop', (text: string) => {
      this.#waiting -= Buffer.byteLength(text);
      this.dropped += linesOf(text);
    });
    // A log that can't be written (disk full, reader gone) must not take the proxy along: its lines are dropped from here on.
    this.#out.on('error', () => {
      this.#broken = true;
      this.#idle();
    });
  }

  /** Writes whole lines, each ended by a newline. Never throws, never waits. */
  write(lines: string): void {
    if (this.#broken) {
      this.dropped += linesOf(lines);
      return;
    }
    const text = this.#pretty === null ? lines : this.#pretty(lines);
    this.#waiting += Buffer.byteLength(text);
    this.#out.write(text);
  }

  /** Ends when everything that was written has left, or after `deadlineMs`; nothing may be written after it. */
  async close(deadlineMs: number): Promise<void> {
    if (this.#waiting > 0 && !this.#broken) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, deadlineMs);
        this.#onIdle = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
    if (this.#closed) return;
    this.#closed = true;
    this.#broken = true;
    this.#out.destroy();
  }

  #idle(): void {
    this.#onIdle?.();
    this.#onIdle = null;
  }
}

function linesOf(text: string): number {
  let lines = 0;
  for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) lines++;
  return lines;
}
