// What one worker counts clients in: the shared tables of rate limits and of connections by address.
import type { LimitOptions } from '../config/config.ts';
import type { FileLists } from '../limit/access-list.ts';
import { type AddressCountMemory, AddressCounts } from '../limit/address-counts.ts';
import { type BucketMemory, BucketTable } from '../limit/bucket-table.ts';
import type { SharedBuckets } from '../limit/shared-buckets.ts';
import type { MetricBook } from '../observe/metric-book.ts';
import type { GateTools } from '../plan/route-gate.ts';

/** Made once by the main thread and handed to every worker; what nobody counts in is never resident. */
export interface LimitMemory {
  readonly buckets: BucketMemory;
  readonly addresses: AddressCountMemory;
}

/** `connections`: such as a worker may hold at most. */
export function allocateLimits(limits: LimitOptions, connections: number, workers: number): LimitMemory {
  return {
    buckets: BucketTable.allocate(limits.rateLimitKeys),
    addresses: AddressCounts.allocate(connections * workers, workers),
  };
}

/** One a worker. */
export class LimitBooks {
  readonly table: BucketTable;
  readonly #memory: LimitMemory;
  readonly #worker: number;
  readonly #book: MetricBook;
  readonly #forgotten: number;
  #toldReplaced = 0;
  #counts: AddressCounts | null = null;
  #prefix6 = 0;

  constructor(memory: LimitMemory, worker: number, book: MetricBook) {
    this.#memory = memory;
    this.#worker = worker;
    this.#book = book;
    this.#forgotten = book.counter('limpet_rate_limit_forgotten_total', {});
    this.table = new BucketTable(memory.buckets);
  }

  /** What the gates of a config are made of. */
  tools(lists: FileLists, shared: readonly SharedBuckets[]): GateTools {
    return { table: this.table, memory: this.#memory.buckets, lists, shared };
  }

  /** Connections by address, of which IPv6 ones are told apart by their first `prefix6` bits. */
  addresses(prefix6: number): AddressCounts {
    if (this.#counts === null || prefix6 !== this.#prefix6) {
      this.#prefix6 = prefix6;
      this.#counts = new AddressCounts(this.#memory.addresses, this.#worker, prefix6);
    }
    return this.#counts;
  }

  /** A connection of this row of `addresses` has gone. */
  leave(row: number): void {
    this.#counts?.leave(row);
  }

  /** A client connection was not served, or no longer. */
  shed(reason: 'full' | 'address' | 'denied' | 'room'): void {
    this.#book.values[this.#book.counter('limpet_connections_shed_total', { reason })]!++;
  }

  everySecond(): void {
    const { replaced } = this.table;
    this.#book.values[this.#forgotten]! += replaced - this.#toldReplaced;
    this.#toldReplaced = replaced;
  }
}
