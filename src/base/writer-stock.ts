// Writers that wait to be used again, so that a request lays out its head in memory that an earlier one has let go.
import { ByteWriter } from './byte-writer.ts';

const INITIAL_BYTES = 2048;
/** A writer that grew beyond this is not kept: one large request must not cost memory for ever. */
const KEPT_BYTES_MAX = 32 * 1024;
const KEPT_MAX = 1024;

/** A stock of one thread. */
export class WriterStock {
  readonly #kept: ByteWriter[] = [];
  #maxBytes: number;

  /** `maxBytes`: what one writer may grow to. */
  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** From now on one may grow to `maxBytes`. */
  bound(maxBytes: number): void {
    if (maxBytes === this.#maxBytes) return;
    this.#maxBytes = maxBytes;
    this.#kept.length = 0;
  }

  take(): ByteWriter {
    return this.#kept.pop() ?? new ByteWriter(INITIAL_BYTES, this.#maxBytes);
  }

  /** Takes a writer back; nobody may use it any more. */
  give(writer: ByteWriter): void {
    if (writer.bytes.length > KEPT_BYTES_MAX || this.#kept.length >= KEPT_MAX) return;
    if (writer.maxBytes !== this.#maxBytes) return;
    writer.reset();
    this.#kept.push(writer);
  }
}
