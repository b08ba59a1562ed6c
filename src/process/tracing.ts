// Tracing on the main thread: what the workers tell of traced requests goes to the collector, and to the exemplars of the histograms.
import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { isDeepStrictEqual } from 'node:util';
import type { ReadableSpan } from '@opentelemetry/sdk-trace';
import type { Timers } from '../base/timers.ts';
import { Exemplars } from '../observe/exemplars.ts';
import type { Logger } from '../observe/logger.ts';
import type { MetricShelf } from '../observe/metric-shelf.ts';
import { openTelemetry, type SpanMaker } from '../observe/open-telemetry.ts';
import { type SpanExporter, SpanQueue } from '../observe/span-queue.ts';
import { creditTraces, makeTraceAccount } from '../observe/trace-log.ts';
import type { TraceRecord } from '../observe/trace-record.ts';
import { TRACING_PACKAGES, type TracingOptions } from '../observe/tracing-options.ts';

/** Time for what waits to be sent at the end, ms. */
const CLOSE_MS = 2000;

export interface TracingInput {
  readonly log: Logger;
  readonly shelf: MetricShelf;
  readonly timers: Timers;
  readonly version: string;
}

/** Why spans cannot be sent, for the reader. */
export class TracingError extends Error {
  override name = 'TracingError';
}

/** Where spans go by one config. */
export interface TraceLine {
  readonly options: TracingOptions;
  readonly queue: SpanQueue<ReadableSpan>;
  readonly spansOf: SpanMaker;
}

/** One a process; does nothing until it is given a line. */
export class Tracing {
  readonly exemplars = new Exemplars();
  /** What the workers have under way to this thread. */
  readonly account = makeTraceAccount();
  /** Null: nothing is traced. */
  line: TraceLine | null = null;
  readonly #in: TracingInput;
  readonly #instance = randomUUID();

  constructor(input: TracingInput) {
    this.#in = input;
  }

  /** The line for `options`, the one in use where they are its own; null: none is wanted. Rejects with a TracingError. */
  async open(options: TracingOptions | null): Promise<TraceLine | null> {
    if (options === null) return null;
    if (isDeepStrictEqual(options, this.line?.options)) return this.line;
    const { version } = this.#in;
    const from = { version, host: hostname(), instance: this.#instance };
    const { exporter, spansOf } = await openTelemetry(options, from).catch((error: unknown) => {
      const code = (error as { readonly code?: unknown }).code; // whatever a package throws while it loads
      throw new TracingError(
        code === 'ERR_MODULE_NOT_FOUND'
          ? `tracing needs packages that are not installed: npm install ${TRACING_PACKAGES.join(' ')}`
          : `the packages of OpenTelemetry cannot be loaded by this Node (${process.version}); they want a later one`,
      );
    });
    return { options, spansOf, queue: this.#queueTo(exporter) };
  }

  /** Spans take `line` from here on; what waits in another is sent by it, for a while. */
  use(line: TraceLine | null): void {
    const before = this.line;
    this.line = line;
    if (before !== null && before !== line) void before.queue.close(CLOSE_MS);
  }

  /** A line that was opened and is not wanted; the one in use stays. */
  letGo(line: TraceLine | null): void {
    if (line !== null && line !== this.line) void line.queue.close(0);
  }

  #queueTo(exporter: SpanExporter<ReadableSpan>): SpanQueue<ReadableSpan> {
    const { log, shelf, timers } = this.#in;
    const { own } = shelf;
    const sent = own.counter('limpet_spans_sent_total', {});
    const dropped = {
      full: own.counter('limpet_spans_dropped_total', { why: 'full' }),
      unsent: own.counter('limpet_spans_dropped_total', { why: 'unsent' }),
    };
    return new SpanQueue({
      exporter,
      timers,
      onSent: (spans) => {
        own.values[sent]! += spans;
      },
      onDropped: (why, spans) => {
        own.values[dropped[why]]! += spans;
      },
      onState: (up, why) => {
        if (up) log.info({}, 'the collector of traces takes spans again');
        else
          log.warn(
            { why },
            'the collector of traces is away; spans are dropped and counted until it is back',
          );
      },
    });
  }

  /** A worker's batch. */
  take(batch: readonly TraceRecord[]): void {
    let spans = 0;
    for (const record of batch) {
      spans += record.spans.length;
      this.exemplars.note(record);
      if (this.line !== null) this.line.queue.put(this.line.spansOf(record));
    }
    creditTraces(this.account, spans);
  }

  /** A worker has died, and with it perhaps what it had under way. */
  forget(): void {
    Atomics.store(this.account, 0, 0);
  }

  /** Sends what waits, for a while. Never rejects. */
  async close(): Promise<void> {
    await this.line?.queue.close(CLOSE_MS);
  }
}
