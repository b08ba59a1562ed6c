// All books side by side: gives each thread its memory, keeps what dead workers counted, and sums over everybody.
import { invariant } from '../base/invariant.ts';
import { DEFAULT_CELLS, MetricBook, type MetricBookMemory, type MetricDeclaration } from './metric-book.ts';
import { BUCKET_BOUNDS_S, type CountedName, cellsOf, labelKey, METRICS } from './names.ts';

/** One series summed over the threads. `cells` has `cellsOf(kind)` numbers in the book's layout and is the reader's own. */
export interface MetricSum {
  readonly labels: Readonly<Record<string, string>>;
  readonly cells: Float64Array;
}

/** A series as the shelf keeps it. */
interface Series {
  readonly labels: Readonly<Record<string, string>>;
  /** What books that are no more had counted. */
  readonly base: Float64Array;
  /** First cell of this series in each book, −1 where the book has none. */
  readonly indexes: Int32Array;
}

/** Series of one metric. A book bounds those of its own time; this bounds all that were ever declared. */
const SERIES_MAX_PER_METRIC = 20_000;
/** Series of what the config no longer has that are still told one by one; the oldest beyond that count in sums only. */
const GONE_MAX = 1000;
/** Labels that a sum over what is gone does without. */
const GONE_LABELS = ['route', 'upstream'];

export interface MetricShelfOptions {
  readonly workers: number;
  /** Cells a book; default 16,384. */
  readonly capacity?: number;
  /** Told when a book ran out of room, with the metric that it was needed for. At most once a book. */
  readonly onFull: (name: CountedName) => void;
}

/** The main thread's view of every book. Main thread only. */
export class MetricShelf {
  /** The main thread's own book: ejections, moves, restarts. */
  readonly own: MetricBook;
  readonly #capacity: number;
  readonly #onFull: (name: CountedName) => void;
  /** One a worker, then our own. */
  readonly #memories: MetricBookMemory[] = [];
  readonly #values: Float64Array[] = [];
  readonly #series = new Map<CountedName, Map<string, Series>>();
  /** Of what is gone for long: summed over upstreams and routes, so that totals never go back. */
  readonly #rest = new Map<CountedName, Map<string, Series>>();
  /** Keys of series that no book counts in any more, the oldest first, with their metrics. */
  readonly #gone = new Map<string, CountedName>();
  #editions = 0;

  constructor(options: MetricShelfOptions) {
    this.#capacity = options.capacity ?? DEFAULT_CELLS;
    this.#onFull = options.onFull;
    for (let at = 0; at <= options.workers; at++) this.#renew(at);
    const ownAt = options.workers;
    this.own = new MetricBook(this.#memories[ownAt]!, (declaration) => this.declare(ownAt, declaration));
  }

  /** Memory for the book of worker `worker` (0 … workers−1); hand it to one worker only. */
  memory(worker: number): MetricBookMemory {
    invariant(
      worker >= 0 && worker < this.#memories.length - 1,
      'a worker asked for a book that is not on the shelf',
    );
    return this.#memories[worker]!;
  }

  /** Takes what a worker's book tells. A declaration from the book of a worker that was retired is ignored. */
  declare(worker: number, declaration: MetricDeclaration): void {
    if (this.#memories[worker]?.edition !== declaration.edition) return;
    if (declaration.refused) {
      this.#onFull(declaration.name);
      return;
    }
    const { name, labels, left } = declaration;
    const key = labelKey(name, labels);
    if (left !== null) {
      this.#letGo(worker, name, key, left);
      return;
    }
    const series = this.#seriesOf(this.#series, name, key, labels);
    if (series === null) {
      this.#onFull(name);
      return;
    }
    series.indexes[worker] = declaration.index;
    this.#gone.delete(key);
  }

  /** Null: there are too many of this metric. */
  #seriesOf(
    all: Map<CountedName, Map<string, Series>>,
    name: CountedName,
    key: string,
    labels: Readonly<Record<string, string>>,
  ): Series | null {
    let ofName = all.get(name);
    if (ofName === undefined) {
      ofName = new Map();
      all.set(name, ofName);
    }
    let series = ofName.get(key);
    if (series !== undefined) return series;
    if (ofName.size >= SERIES_MAX_PER_METRIC) return null;
    series = {
      labels,
      base: new Float64Array(cellsOf(METRICS[name].kind)),
      indexes: new Int32Array(this.#memories.length).fill(-1),
    };
    ofName.set(key, series);
    return series;
  }

  /** A book counts in a series no more. What it had counted stays. */
  #letGo(worker: number, name: CountedName, key: string, left: Float64Array): void {
    const series = this.#series.get(name)?.get(key);
    if (series === undefined) return;
    addCells(series.base, left, 0);
    series.indexes[worker] = -1;
    if (series.indexes.some((index) => index >= 0)) return;
    this.#gone.set(key, name);
    for (const [oldest, itsName] of this.#gone) {
      if (this.#gone.size <= GONE_MAX) return;
      this.#gone.delete(oldest);
      this.#sumUp(itsName, oldest);
    }
  }

  /** Tells a series by its own labels no longer. */
  #sumUp(name: CountedName, key: string): void {
    const ofName = this.#series.get(name)!;
    const { labels, base } = ofName.get(key)!;
    ofName.delete(key);
    const kept = { ...labels };
    for (const label of GONE_LABELS) if (label in kept) kept[label] = '';
    const rest = this.#seriesOf(this.#rest, name, labelKey(name, kept), kept);
    if (rest !== null) addCells(rest.base, base, 0);
  }

  /**
   * Keeps what a worker that has ended had counted, so that no counter goes back, and returns fresh memory for its
   * replacement. Its gauges end with it: what it held open is closed.
   */
  retire(worker: number): MetricBookMemory {
    const values = this.#values[worker]!;
    for (const [name, ofName] of this.#series) {
      const kept = METRICS[name].kind !== 'gauge';
      for (const series of ofName.values()) {
        const index = series.indexes[worker]!;
        if (index < 0) continue;
        if (kept) addCells(series.base, values, index);
        series.indexes[worker] = -1;
      }
    }
    this.#renew(worker);
    return this.memory(worker);
  }

  /** Every series of a metric, summed over all books, those of the dead included, and one for all that is gone for long. */
  sums(name: CountedName): MetricSum[] {
    const rest = [...(this.#rest.get(name)?.values() ?? [])];
    return [...this.shown(name), ...rest.map(({ labels, base }) => ({ labels, cells: base.slice() }))];
  }

  /** Those of them that are told to the world: whoever sums up what he was told before would count what is gone twice. */
  shown(name: CountedName): MetricSum[] {
    const sums: MetricSum[] = [];
    for (const series of this.#series.get(name)?.values() ?? []) {
      const cells = series.base.slice();
      for (let at = 0; at < series.indexes.length; at++) {
        const index = series.indexes[at]!;
        if (index >= 0) addCells(cells, this.#values[at]!, index);
      }
      sums.push({ labels: series.labels, cells });
    }
    return sums;
  }

  /** Sum of one metric over all its series that have these labels; a histogram's is its count. For totals. */
  total(name: CountedName, where: Readonly<Record<string, string>> = {}): number {
    let total = 0;
    for (const { labels, cells } of this.sums(name)) {
      if (Object.entries(where).some(([label, value]) => labels[label] !== value)) continue;
      total += METRICS[name].kind === 'histogram' ? countOf(cells) : cells[0]!;
    }
    return total;
  }

  #renew(at: number): void {
    const buffer = new SharedArrayBuffer(this.#capacity * Float64Array.BYTES_PER_ELEMENT);
    this.#memories[at] = { buffer, capacity: this.#capacity, edition: ++this.#editions };
    this.#values[at] = new Float64Array(buffer);
  }
}

/** How many durations a histogram's cells hold: all buckets, the sum in the last cell left out. */
export function countOf(cells: Float64Array): number {
  let count = 0;
  for (let bucket = 0; bucket <= BUCKET_BOUNDS_S.length; bucket++) count += cells[bucket]!;
  return count;
}

function addCells(into: Float64Array, values: Float64Array, index: number): void {
  for (let i = 0; i < into.length; i++) into[i]! += values[index + i]!;
}
