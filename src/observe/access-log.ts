// One line a request: made on the worker as bytes, shipped in batches, written by the main thread's sink.
import { ByteWriter } from '../base/byte-writer.ts';
import type { Random } from '../base/random.ts';
import { STAGE_FIELDS } from './access-fields.ts';
import { compileLine, type LineWriter } from './access-line.ts';
import type { AccessLogOptions } from './access-options.ts';
import type { AccessRecord } from './access-record.ts';
import type { LogSink } from './log-sink.ts';

/** A batch is shipped once it is longer than this, in bytes. */
const BATCH_BYTES = 128 * 1024;
/** A batch and the longest line behind it fit; a line that does not is dropped and counted. */
const OUT_BYTES_MAX = 4 * 1024 * 1024;
/** Most bytes of one worker that may be on their way to the sink; what comes beyond is dropped and counted. */
const UNDER_WAY_BYTES_MAX = 8 * 1024 * 1024;
/** A sample is drawn as an integer below this. */
const SAMPLE_STEPS = 1 << 20;
/** Slow requests that a worker tells the main log of in a second; the access log has them all. */
const SLOW_TOLD_PER_S = 20;

/** Cells of the account that a worker and the main thread share. */
const UNDER_WAY = 0;
const DROPPED = 1;

/** Shared account of what a worker has shipped and the main thread has not yet taken. One a worker; start anew for a replacement. */
export function makeAccessAccount(): Int32Array<SharedArrayBuffer> {
  return new Int32Array(new SharedArrayBuffer(2 * Int32Array.BYTES_PER_ELEMENT));
}

/** What the main log is told of a slow request. */
export type SlowReport = Readonly<Record<string, unknown>>;

export interface AccessLogInput {
  readonly options: AccessLogOptions;
  readonly random: Random;
  /** Hands a batch of whole lines to the main thread, which gives it to `takeBatch`. The bytes are the receiver's. */
  readonly ship: (batch: Uint8Array<ArrayBuffer>) => void;
  readonly account: Int32Array<SharedArrayBuffer>;
  /** Tells the main log of a slow request; `untold`: how many before it went without. */
  readonly tellSlow?: (report: SlowReport, text: string, untold: number) => void;
  readonly wallMs?: () => number;
}

/** The worker's side. `weigh` first, so that an unsampled request builds nothing. */
export class AccessLog {
  readonly options: AccessLogOptions;
  /** Requests must keep the time of their stages. */
  readonly timesStages: boolean;
  readonly #line: LineWriter;
  readonly #threshold: number;
  readonly #weight: number;
  readonly #in: AccessLogInput;
  readonly #wallMs: () => number;
  readonly #out = new ByteWriter(16 * 1024, OUT_BYTES_MAX);
  #lines = 0;
  #slowSecond = 0;
  #slowTold = 0;
  #slowUntold = 0;

  constructor(input: AccessLogInput) {
    const { options } = input;
    this.options = options;
    this.timesStages = options.slowMs > 0 || options.fields.some((name) => STAGE_FIELDS.has(name));
    this.#threshold = Math.round(options.sample * SAMPLE_STEPS);
    this.#weight = Math.round(10_000 / options.sample) / 10_000;
    this.#in = input;
    this.#wallMs = input.wallMs ?? Date.now;
    this.#line = compileLine(options, this.#wallMs);
  }

  /**
   * How many requests the line of this one stands for; 0: it gets none. One for each that failed (`failed`, or a status of 500 or more) or
   * was slow. Hot: ask before filling in a record.
   */
  weigh(status: number, failed: boolean, slow: boolean): number {
    if (this.#threshold === SAMPLE_STEPS || failed || slow || status >= 500) return 1;
    return this.#threshold > 0 && this.#in.random.below(SAMPLE_STEPS) < this.#threshold ? this.#weight : 0;
  }

  /** Adds the line of one request to the batch. Hot. */
  write(record: AccessRecord): void {
    const out = this.#out;
    const start = out.length;
    this.#line(out, record);
    if (out.overflow) {
      out.truncate(start);
      out.overflow = false;
      Atomics.add(this.#in.account, DROPPED, 1);
      return;
    }
    this.#lines++;
    if (out.length > BATCH_BYTES) this.flush();
  }

  /** Tells the main log of a slow request, unless it was told of many in this second. */
  tellSlow(report: SlowReport, text: string): void {
    const second = Math.floor(this.#wallMs() / 1000);
    if (second !== this.#slowSecond) {
      this.#slowSecond = second;
      this.#slowTold = 0;
    }
    if (++this.#slowTold > SLOW_TOLD_PER_S) {
      this.#slowUntold++;
      return;
    }
    this.#in.tellSlow?.(report, text, this.#slowUntold);
    this.#slowUntold = 0;
  }

  /** Ships what waits. The worker's tick calls it, so that a quiet proxy's lines appear; and its end. */
  flush(): void {
    const out = this.#out;
    if (out.length === 0) return;
    const lines = this.#lines;
    this.#lines = 0;
    const { account } = this.#in;
    if (Atomics.load(account, UNDER_WAY) + out.length > UNDER_WAY_BYTES_MAX) {
      Atomics.add(account, DROPPED, lines);
    } else {
      Atomics.add(account, UNDER_WAY, out.length);
      // Memory of its own, so that it can be handed over, and not filled with zeros first.
      const batch = Buffer.allocUnsafeSlow(out.length);
      batch.set(out.view());
      this.#in.ship(batch);
    }
    out.reset();
  }
}

/** A duration as the log tells it: milliseconds with three decimals at most. */
export function logMs(ms: number): number {
  return Math.round(ms * 1000) / 1000;
}

/** The main thread's side: writes a batch that a worker shipped, and credits the worker's account. */
export function takeBatch(
  batch: Uint8Array,
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
