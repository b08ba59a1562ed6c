// Counters that only rise, looked at once a second: what they grew by in the last seconds, and what that was over ten minutes.
import { quantileOf } from '../observe/quantile.ts';

/** Seconds that a rate or a quantile looks back over. */
export const WINDOW_S = 5;
const RING = WINDOW_S + 1;
/** One point of a chart in so many looks. */
const LOOKS_PER_POINT = 2;
/** Points that are kept: ten minutes. */
export const POINTS_MAX = 300;

/** Lines of a chart, as columns of a history. */
const COLUMNS = ['requestsPerS', 'errorsPerS', 'p50Ms', 'p99Ms', 'inFlight'] as const;
export type Column = (typeof COLUMNS)[number];

/** When the looks were, shared by all counts: a rate is by the time that passed, not by that which should have. */
export class Looks {
  /** Monotonic ms of the last looks, a ring. */
  readonly #atMs = new Float64Array(RING);
  /** Unix seconds of the points, a ring. */
  readonly #points = new Float64Array(POINTS_MAX);
  #number = -1;

  /** Of the look that is under way; the first is 0. */
  get number(): number {
    return this.#number;
  }

  /** Points so far; after ten minutes more than are kept. */
  get points(): number {
    return Math.ceil((this.#number + 1) / LOOKS_PER_POINT);
  }

  /** This look is a point of the charts too. */
  get isPoint(): boolean {
    return this.#number % LOOKS_PER_POINT === 0;
  }

  begin(nowMs: number, wallMs: number): void {
    this.#number++;
    this.#atMs[this.#number % RING] = nowMs;
    if (this.isPoint) this.#points[(this.points - 1) % POINTS_MAX] = Math.round(wallMs / 1000);
  }

  /** Seconds from the look `back` (0 … WINDOW_S) looks ago to this one. */
  elapsedS(back: number): number {
    return (this.#atMs[this.#number % RING]! - this.#atMs[(this.#number - back) % RING]!) / 1000;
  }

  /** Unix seconds of the points that are kept, oldest first. */
  times(): number[] {
    return inOrder(this.#points, this.points);
  }
}

/** A row of counters that are looked at together. */
export class RollingRow {
  /** What is counted by now: written by whoever looks, before `close`. */
  readonly now: Float64Array;
  /** What each grew by in the window. */
  readonly grown: Float64Array;
  /** Seconds that this took; 0 at the first look. */
  elapsedS = 0;
  readonly #ring: Float64Array;
  /** Number of the look that fed it first: what was counted before that is not known to be new. */
  #born = -1;

  constructor(counters: number) {
    this.now = new Float64Array(counters);
    this.grown = new Float64Array(counters);
    this.#ring = new Float64Array(counters * RING);
  }

  close(looks: Looks): void {
    if (this.#born < 0) this.#born = looks.number;
    const back = Math.min(WINDOW_S, looks.number - this.#born);
    const length = this.now.length;
    this.#ring.set(this.now, (looks.number % RING) * length);
    const before = ((looks.number - back) % RING) * length;
    for (let i = 0; i < length; i++) this.grown[i] = Math.max(0, this.now[i]! - this.#ring[before + i]!);
    this.elapsedS = looks.elapsedS(back);
  }

  /** Of counter `i`, in the window. */
  perS(i: number): number {
    return this.elapsedS > 0 ? this.grown[i]! / this.elapsedS : 0;
  }
}

const REQUESTS = 0;
const ERRORS = 1;
const CELLS = 2;

/** What was counted of one upstream, pool, or all. A look calls `clear`, adds, then calls `close`. */
export class RollingCounts {
  p50Ms: number | null = null;
  p99Ms: number | null = null;
  inFlight = 0;
  readonly #row: RollingRow;
  /** Columns of `POINTS_MAX` values one after another, each a ring; NaN: nothing is known. */
  readonly #points = new Float32Array(COLUMNS.length * POINTS_MAX).fill(Number.NaN);

  /** `cells`: how many a histogram has, the sum left out. */
  constructor(cells: number) {
    this.#row = new RollingRow(CELLS + cells);
  }

  clear(): void {
    this.#row.now.fill(0);
  }

  add(requests: number, errors: number): void {
    this.#row.now[REQUESTS]! += requests;
    this.#row.now[ERRORS]! += errors;
  }

  addCells(cells: Float64Array): void {
    const { now } = this.#row;
    for (let i = CELLS; i < now.length; i++) now[i]! += cells[i - CELLS]!;
  }

  close(looks: Looks, inFlight: number): void {
    this.#row.close(looks);
    const cells = this.#row.grown.subarray(CELLS);
    this.p50Ms = milliseconds(quantileOf(cells, 0.5));
    this.p99Ms = milliseconds(quantileOf(cells, 0.99));
    this.inFlight = inFlight;
    if (looks.isPoint) this.#note((looks.points - 1) % POINTS_MAX);
  }

  get requestsPerS(): number {
    return this.#row.perS(REQUESTS);
  }

  get errorsPerS(): number {
    return this.#row.perS(ERRORS);
  }

  /** Requests of the window. */
  get recent(): number {
    return this.#row.grown[REQUESTS]!;
  }

  /** Of those, how many came to an error. */
  get recentErrors(): number {
    return this.#row.grown[ERRORS]!;
  }

  /** Since start. */
  get requests(): number {
    return this.#row.now[REQUESTS]!;
  }

  /** Since start. */
  get errors(): number {
    return this.#row.now[ERRORS]!;
  }

  /** The kept points of a column, oldest first, of `looks.points` so far. */
  column(name: Column, points: number): (number | null)[] {
    const from = COLUMNS.indexOf(name) * POINTS_MAX;
    const column = inOrder(this.#points.subarray(from, from + POINTS_MAX), points);
    return column.map((value) => (Number.isNaN(value) ? null : rounded(value)));
  }

  #note(at: number): void {
    const values = [this.requestsPerS, this.errorsPerS, this.p50Ms, this.p99Ms, this.inFlight];
    for (const [column, value] of values.entries())
      this.#points[column * POINTS_MAX + at] = value ?? Number.NaN;
  }
}

/** Three digits are more than a chart shows. */
export function rounded(value: number): number {
  return Number(value.toPrecision(3));
}

function milliseconds(seconds: number | null): number | null {
  return seconds === null ? null : rounded(seconds * 1000);
}

/** What a ring holds after `count` values, oldest first. */
function inOrder(ring: Float64Array | Float32Array, count: number): number[] {
  if (count <= ring.length) return Array.from(ring.subarray(0, count));
  const first = count % ring.length;
  return [...ring.subarray(first), ...ring.subarray(0, first)];
}
