// What time it is where one clock may be wrong: ours, or that of the Redis that replicas share; whichever ends more, and for longer, is gone by.
import type { RevocationTable } from './revocation-table.ts';

/** Reads the machine's clock and how far the other is ahead of it, which the main thread writes into the table. Allocates nothing. */
export class TwoClocks {
  readonly #table: RevocationTable;
  readonly #wallMs: () => number;

  /** `wallMs`: our wall clock, ms. */
  constructor(table: RevocationTable, wallMs: () => number) {
    this.#table = table;
    this.#wallMs = wallMs;
  }

  /** Unix ms by the clock that is behind: what has run out by this one has run out, and a login is not noted as later than it was. */
  get earlierMs(): number {
    const { aheadMs } = this.#table;
    return aheadMs < 0 ? this.#wallMs() + aheadMs : this.#wallMs();
  }

  /** Unix ms by the clock that is ahead: what is ended now was issued before this. */
  get laterMs(): number {
    const { aheadMs } = this.#table;
    return aheadMs > 0 ? this.#wallMs() + aheadMs : this.#wallMs();
  }
}
