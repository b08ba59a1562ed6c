// One line a request: pino makes it on the worker, lines travel in batches, the main thread's sink writes them.
import { pino } from 'pino';
import type { Random } from '../base/random.ts';
import type { LogSink } from './log-sink.ts';
import { makeTimestamp } from './logger.ts';

/** What is told of a request. Never a query, a cookie or a token; a field that is undefined is left out of the line. */
export interface AccessEntry {
  readonly requestId: string;
  /** Address of the client, as trusted proxies tell it. */
  readonly client: string;
  readonly method: string;
  readonly host: string | undefined;
  /** Path as it came, without its query: what follows the `?` is where tokens travel. */
  readonly path: string;
  /** What the client was sent; 0 if it was sent nothing. */
  readonly status: number;
  readonly route: string | undefined;
  readonly pool: string | undefined;
  readonly upstream: string | undefined;
  /** From the first byte of the request to the last of the answer. */
  readonly durationMs: number;
  /** From the last byte of the request to the head of the upstream's answer; undefined without one. */
  readonly upstreamMs: number | undefined;
  /** Body bytes from the client. */
  readonly bytesIn: number;
  /** Body bytes to the client. */
  readonly bytesOut: number;
  /** Upstreams asked, the first included; 0 if none was. */
  readonly attempts: number;
  readonly affinity: 'new' | 'kept' | 'moved' | 'forged' | 'none' | undefined;
  /** Who ended it and in which stage, by two letters; `--`: it ended well. */
  readonly end: string;
  /** Code of the fault that ended the request; undefined if none did. */
  readonly fault: string | undefined;
  /** Whose doing the fault was. */
  readonly endedBy: 'client' | 'upstream' | 'limpet' | undefined;
}

/** A batch is shipped once it is longer than this, in characters. */
const BATCH_CHARS = 128 * 1024;
/** Most characters of one worker that may be on their way to the sink; what comes beyond is dropped and counted. */
const UNDER_WAY_CHARS_MAX = 8 * 1024 * 1024;
/** A sample is drawn as an integer below this. */
const SAMPLE_STEPS = 1 << 20;

/** Cells of the account that a worker and the main thread share. */
const UNDER_WAY = 0;
const DROPPED = 1;

/** Shared account of what a worker has shipped and the main thread has not yet taken. One a worker; start anew for a replacement. */
export function makeAccessAccount(): Int32Array<SharedArrayBuffer> {
  return new Int32Array(new SharedArrayBuffer(2 * Int32Array.BYTES_PER_ELEMENT));
}

export interface AccessLogOptions {
  /** Share of requests that get a line, 0 … 1. Failures always do. */
  readonly sample: number;
  readonly random: Random;
  /** Hands a batch of whole lines to the main thread, which gives it to `takeBatch`. */
  readonly ship: (batch: string) => void;
  readonly account: Int32Array<SharedArrayBuffer>;
  readonly wallMs?: () => number;
}

/** The worker's side. `wants` first, so that an unsampled request builds nothing. */
export class AccessLog {
  readonly #logger: pino.Logger;
  readonly #threshold: number;
  readonly #random: Random;
  readonly #ship: (batch: string) => void;
  readonly #account: Int32Array<SharedArrayBuffer>;
  #batch = '';

  constructor(options: AccessLogOptions) {
    this.#threshold = Math.round(options.sample * SAMPLE_STEPS);
    this.#random = options.random;
    this.#ship = options.ship;
    this.#account = options.account;
    const logger = pino(
      {
        base: null,
        serializers: {},
        timestamp: makeTimestamp(options.wallMs ?? Date.now),
        formatters: { level: (label) => ({ level: label }) },
      },
      { write: (line: string) => this.#add(line) },
    );
    this.#logger = Object.assign(logger, { [pino.symbols.asJsonSym]: layLine });
  }

  /** Whether this request gets a line: sampled, answered with 500 or more, or ended by a fault. Hot: ask before building an entry. */
  wants(status: number, faulted: boolean): boolean {
    if (faulted || status >= 500) return true;
    return (
      this.#threshold === SAMPLE_STEPS ||
      (this.#threshold > 0 && this.#random.below(SAMPLE_STEPS) < this.#threshold)
    );
  }

  /** Adds the line of one request to the batch. */
  write(entry: AccessEntry): void {
    this.#logger.info(entry);
  }

  /** Ships what waits. The worker's tick calls it, so that a quiet proxy's lines appear; and its end. */
  flush(): void {
    const batch = this.#batch;
    if (batch === '') return;
    this.#batch = '';
    if (Atomics.load(this.#account, UNDER_WAY) + batch.length > UNDER_WAY_CHARS_MAX) {
      Atomics.add(this.#account, DROPPED, batch.split('\n').length - 1);
      return;
    }
    Atomics.add(this.#account, UNDER_WAY, batch.length);
    this.#ship(batch);
  }

  #add(line: string): void {
    this.#batch += line;
    if (this.#batch.length > BATCH_CHARS) this.flush();
  }
}

/**
 * How pino's own `asJson` lays a line of flat fields, in half of its time (1.0 against 1.9 µs): one JSON.stringify of an entry
 * instead of one a key and one a value. pino.symbols is its documented way to replace a method; the test holds the two
 * together.
 */
function layLine(entry: AccessEntry, _message: undefined, _level: number, time: string): string {
  return `{"level":"info"${time},${JSON.stringify(entry).slice(1)}\n`;
}

/** A duration as the log tells it: milliseconds with three decimals at most. */
export function logMs(ms: number): number {
  return Math.round(ms * 1000) / 1000;
}

/** The main thread's side: writes a batch that a worker shipped, and credits the worker's account. */
export function takeBatch(
  batch: string,
  account: Int32Array<SharedArrayBuffer>,
  sink: Pick<LogSink, 'write'>,
): void {
  Atomics.sub(account, UNDER_WAY, batch.length);
  sink.write(batch);
}

/** Lines that a worker dropped because the main thread did not keep up. */
export function droppedLines(account: Int32Array<SharedArrayBuffer>): number {
  return Atomics.load(account, DROPPED);
}
