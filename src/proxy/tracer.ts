// Decides which requests of a worker are traced, and begins their traces; not there where nothing is.

import { latin1Text } from '../base/byte-writer.ts';
import type { Clock } from '../base/clock.ts';
import type { Random, RandomBytes } from '../base/random.ts';
import type { TracingOptions } from '../observe/tracing-options.ts';
import type { HeadFields } from '../wire/head-fields.ts';
import type { RequestHead } from '../wire/request-head.ts';
import { PARENT_AT, TRACE_AT, TRACE_FLAG, traceFlags, traceparentAt } from '../wire/trace-context.ts';
import type { ClientSide } from './client-side.ts';
import { RequestTrace } from './request-trace.ts';

/** A sample is drawn as an integer below this. */
const SAMPLE_STEPS = 1 << 20;
const TRACE_BYTES = 16;
const SPAN_BYTES = 8;

export interface TracerInput {
  readonly options: Pick<TracingOptions, 'sample' | 'parentBased'>;
  readonly clock: Clock;
  readonly random: Random;
  readonly randomBytes: RandomBytes;
}

/** One a worker. */
export class Tracer {
  readonly #threshold: number;
  readonly #parentBased: boolean;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #randomBytes: RandomBytes;
  readonly #newId = (): string => this.#hex(SPAN_BYTES);

  constructor({ options, clock, random, randomBytes }: TracerInput) {
    this.#threshold = Math.round(options.sample * SAMPLE_STEPS);
    this.#parentBased = options.parentBased;
    this.#clock = clock;
    this.#random = random;
    this.#randomBytes = randomBytes;
  }

  /**
   * The trace of the request in `head`; null: it is not sampled. A trusted client's own trace goes on, by its own choice where `parentBased`
   * says so. Hot: allocates for sampled requests only (test/alloc/traces.test.ts).
   */
  begin(head: RequestHead, side: ClientSide, startedMs: number): RequestTrace | null {
    const { fields } = head;
    const given = side.trusted ? traceparentAt(fields) : -1;
    return this.#samples(fields, given) ? this.#traced(head, side, given, startedMs) : null;
  }

  #samples(fields: HeadFields, given: number): boolean {
    if (given >= 0 && this.#parentBased)
      return (traceFlags(fields.bytes, fields.valueStart[given]!) & TRACE_FLAG.sampled) !== 0;
    return (
      this.#threshold === SAMPLE_STEPS ||
      (this.#threshold > 0 && this.#random.below(SAMPLE_STEPS) < this.#threshold)
    );
  }

  #traced(head: RequestHead, side: ClientSide, given: number, startedMs: number): RequestTrace {
    const { bytes, valueStart } = head.fields;
    const at = given < 0 ? -1 : valueStart[given]!;
    // Ids that others made are said to be random only if they said so.
    const flags =
      at < 0 ? TRACE_FLAG.sampled : TRACE_FLAG.sampled | (traceFlags(bytes, at) & TRACE_FLAG.random);
    const start = {
      traceId: at < 0 ? this.#hex(TRACE_BYTES) : hexAt(bytes, at + TRACE_AT, TRACE_BYTES),
      parentId: at < 0 ? '' : hexAt(bytes, at + PARENT_AT, SPAN_BYTES),
      flags,
      newId: this.#newId,
      wallOffsetMs: this.#clock.wallMs() - performance.now(),
    };
    return new RequestTrace(start, head, side, startedMs);
  }

  /** Fresh bytes as hex, never all zero. */
  #hex(n: number): string {
    const { bytes } = this.#randomBytes;
    const at = this.#randomBytes.take(n);
    bytes[at]! |= 1;
    return Buffer.from(bytes.buffer, bytes.byteOffset + at, n).toString('hex');
  }
}

function hexAt(bytes: Uint8Array, start: number, n: number): string {
  return latin1Text(bytes, start, start + 2 * n);
}
