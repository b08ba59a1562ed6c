// One thread's counters in shared memory: the hot path adds to a cell, the main thread reads the cells whenever it is asked.
import {
  BUCKET_BOUNDS_S,
  type CountedName,
  type CounterName,
  cellsOf,
  type GaugeName,
  type HistogramName,
  labelKey,
  METRICS,
  type MetricKind,
} from './names.ts';

/** Memory of one book: made by the shelf, handed to the thread that counts in it. `capacity` is in cells of 8 bytes. */
export interface MetricBookMemory {
  readonly buffer: SharedArrayBuffer;
  readonly capacity: number;
  /** Tells the books of a worker and of its replacement apart, so that a late declaration is not taken for a new one. */
  readonly edition: number;
}

/** What a book tells the main thread, once for each series: from `index` on, `cellsOf(kind)` cells are this series. */
export interface MetricDeclaration {
  readonly edition: number;
  readonly index: number;
  readonly kind: MetricKind;
  readonly name: CountedName;
  readonly labels: Readonly<Record<string, string>>;
  /** The book had no room for this series: what it would count goes to `limpet_metrics_overflow_total`. Told once. */
  readonly refused: boolean;
  /** The book lets go of the series: what it had counted in it. Its cells will be another's. Null: it does not. */
  readonly left: Float64Array | null;
}

/** A series that a book counts in. */
interface Known {
  readonly name: CountedName;
  readonly labels: Readonly<Record<string, string>>;
  readonly index: number;
}

/** Cell that counts what no series was left for. */
const OVERFLOW_INDEX = 0;
/** Histogram that nobody reads, for those that no series was left for. */
const OVERFLOW_HISTOGRAM = 1;
/** Cells that every book spends on overflow. */
const RESERVED_CELLS = OVERFLOW_HISTOGRAM + cellsOf('histogram');
/** Room for about 500 histograms and 6,000 counters, in 128 KiB; memory that is never touched is never resident. */
export const DEFAULT_CELLS = 16_384;

const BUCKETS = BUCKET_BOUNDS_S.length;

/**
 * Only its own thread writes a book, so a count is a plain add and no Atomics are needed; an aligned 64-bit store does not
 * tear, so a reader sees either the number before or the number after.
 */
export class MetricBook {
  /** The cells. The hot path does `book.values[i]!++` with an index that `counter` or `gauge` gave. */
  readonly values: Float64Array;
  readonly #edition: number;
  readonly #declare: (declaration: MetricDeclaration) => void;
  readonly #series = new Map<string, Known>();
  /** Cells that were let go of and may be counted in anew: of one cell each, and of histograms. */
  readonly #free: { readonly single: number[]; readonly histogram: number[] } = { single: [], histogram: [] };
  /** Those of the last `release`, of which the main thread may not have heard yet. */
  #resting: Known[] = [];
  readonly #bounds = Float64Array.from(BUCKET_BOUNDS_S);
  #next = RESERVED_CELLS;
  #full = false;

  constructor(memory: MetricBookMemory, declare: (declaration: MetricDeclaration) => void) {
    this.values = new Float64Array(memory.buffer, 0, memory.capacity);
    this.#edition = memory.edition;
    this.#declare = declare;
    this.#tell(OVERFLOW_INDEX, 'limpet_metrics_overflow_total', {}, false);
  }

  /** Index of the counter `name` with these labels; the same index for the same labels. Not for the hot path: ask once, keep it. */
  counter(name: CounterName, labels: Readonly<Record<string, string>>): number {
    return this.#indexOf(name, labels);
  }

  /** Index of a gauge. The threads' gauges are summed, and a thread's share ends with it. */
  gauge(name: GaugeName, labels: Readonly<Record<string, string>>): number {
    return this.#indexOf(name, labels);
  }

  /**
   * First cell of a histogram, for `observe`. Layout: one cell a bound of `BUCKET_BOUNDS_S` (each counts its own bucket only),
   * one for what is longer, then the sum in seconds. The count is the sum of the buckets, so the two can't disagree.
   */
  histogram(name: HistogramName, labels: Readonly<Record<string, string>>): number {
    return this.#indexOf(name, labels);
  }

  /** Notes one duration. Hot: no allocation (test/observe/metric-book.test.ts). NaN and negative times count as zero. */
  observe(base: number, seconds: number): void {
    let took = 0;
    if (seconds > 0) took = seconds;
    const bounds = this.#bounds;
    let bucket = 0;
    while (bucket < BUCKETS && took > bounds[bucket]!) bucket++;
    const values = this.values;
    values[base + bucket]!++;
    values[base + BUCKETS + 1]! += took;
    if (base === OVERFLOW_HISTOGRAM) values[OVERFLOW_INDEX]!++;
  }

  /** True once a series was refused. */
  get full(): boolean {
    return this.#full;
  }

  /**
   * Lets go of the series that nobody here counts in any more, as `isGone` says; never a gauge. Their cells are used anew after the next
   * call, not after this: calls are as far apart as reloads, between which the main thread has heard of the first.
   */
  release(isGone: (name: CountedName, labels: Readonly<Record<string, string>>) => boolean): void {
    for (const { name, index } of this.#resting) {
      this.values.fill(0, index, index + cellsOf(METRICS[name].kind));
      this.#freeOf(METRICS[name].kind).push(index);
    }
    this.#resting = [];
    for (const [key, known] of this.#series) {
      const { name, labels, index } = known;
      const { kind } = METRICS[name];
      if (kind === 'gauge' || !isGone(name, labels)) continue;
      this.#series.delete(key);
      this.#resting.push(known);
      this.#tell(index, name, labels, false, this.values.slice(index, index + cellsOf(kind)));
    }
  }

  #freeOf(kind: MetricKind): number[] {
    return kind === 'histogram' ? this.#free.histogram : this.#free.single;
  }

  #indexOf(name: CountedName, labels: Readonly<Record<string, string>>): number {
    const key = labelKey(name, labels);
    const known = this.#series.get(key);
    if (known !== undefined) return known.index;
    const kind = METRICS[name].kind;
    const cells = cellsOf(kind);
    const free = this.#freeOf(kind).pop();
    if (free === undefined && this.#next + cells > this.values.length) return this.#refuse(name, labels);
    const index = free ?? this.#next;
    if (free === undefined) this.#next += cells;
    this.#series.set(key, { name, labels: { ...labels }, index });
    this.#tell(index, name, labels, false);
    return index;
  }

  /** Not remembered: a table of refused labels would grow as they do. */
  #refuse(name: CountedName, labels: Readonly<Record<string, string>>): number {
    const index = METRICS[name].kind === 'histogram' ? OVERFLOW_HISTOGRAM : OVERFLOW_INDEX;
    if (!this.#full) this.#tell(index, name, labels, true);
    this.#full = true;
    return index;
  }

  #tell(
    index: number,
    name: CountedName,
    labels: Readonly<Record<string, string>>,
    refused: boolean,
    left: Float64Array | null = null,
  ): void {
    const edition = this.#edition;
    this.#declare({ edition, index, kind: METRICS[name].kind, name, labels: { ...labels }, refused, left });
  }
}

/** Statuses that an answer may have: 100 to 599. */
const FIRST_STATUS = 100;
const STATUSES = 500;

/**
 * `limpet_requests_total` of one route, pool and upstream: a series a status, made when the status is first seen, since most
 * never are. `count` is hot and allocates only then.
 */
export class StatusCounter {
  readonly #book: MetricBook;
  readonly #labels: { readonly route: string; readonly pool: string; readonly upstream: string };
  /** Cell of each status; 0 until it is seen (cell 0 is never a series of ours). */
  readonly #cells = new Int32Array(STATUSES);

  constructor(book: MetricBook, route: string, pool: string, upstream: string) {
    this.#book = book;
    this.#labels = { route, pool, upstream };
  }

  /** Counts one answer. A status outside 100–599 counts as 0, which is what an exchange without any answer has. */
  count(status: number): void {
    const at = status - FIRST_STATUS;
    const cell = at >= 0 && at < STATUSES ? this.#cells[at]! : 0;
    this.#book.values[cell !== 0 ? cell : this.#first(status)]!++;
  }

  #first(status: number): number {
    const at = status - FIRST_STATUS;
    const known = at >= 0 && at < STATUSES;
    const code = known ? String(status) : '0';
    const cell = this.#book.counter('limpet_requests_total', { ...this.#labels, code });
    if (known) this.#cells[at] = cell;
    return cell;
  }
}
