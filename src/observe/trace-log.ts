// The worker's side of tracing: records travel to the main thread in batches, and what it does not keep up with is dropped and counted.
import type { MetricBook } from './metric-book.ts';
import type { TraceRecord } from './trace-record.ts';

/** Spans of a batch; a longer one is shipped before the tick. */
const BATCH_SPANS = 256;
/** Most spans of all workers that may be on their way to the main thread. */
const UNDER_WAY_MAX = 4096;

/** Shared count of what the workers have shipped and the main thread has not yet taken. One a process. */
export function makeTraceAccount(): Int32Array<SharedArrayBuffer> {
  return new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));
}

/** The main thread has taken a batch of so many spans. */
export function creditTraces(account: Int32Array<SharedArrayBuffer>, spans: number): void {
  Atomics.sub(account, 0, spans);
}

export interface TraceLogInput {
  readonly book: MetricBook;
  readonly account: Int32Array<SharedArrayBuffer>;
  /** Hands a batch to the main thread. */
  readonly ship: (batch: readonly TraceRecord[]) => void;
}

/** One a worker. */
export class TraceLog {
  readonly #book: MetricBook;
  readonly #dropped: number;
  readonly #account: Int32Array<SharedArrayBuffer>;
  readonly #ship: (batch: readonly TraceRecord[]) => void;
  #batch: TraceRecord[] = [];
  #spans = 0;

  constructor({ book, account, ship }: TraceLogInput) {
    this.#book = book;
    this.#dropped = book.counter('limpet_spans_dropped_total', { why: 'busy' });
    this.#account = account;
    this.#ship = ship;
  }

  write(record: TraceRecord): void {
    this.#batch.push(record);
    this.#spans += record.spans.length;
    if (this.#spans >= BATCH_SPANS) this.flush();
  }

  /** Ships what waits. The worker's tick calls it, and its end. */
  flush(): void {
    const spans = this.#spans;
    if (spans === 0) return;
    const batch = this.#batch;
    this.#batch = [];
    this.#spans = 0;
    if (Atomics.add(this.#account, 0, spans) + spans <= UNDER_WAY_MAX) {
      this.#ship(batch);
      return;
    }
    Atomics.sub(this.#account, 0, spans);
    this.#book.values[this.#dropped]! += spans;
  }
}
