// A bounded record of latencies: a histogram with buckets 1 % wide, so that percentiles cost no memory a request.

/** Each bucket's upper edge is this times the one before. */
const GROWTH = 1.01;
const LOG_GROWTH = Math.log(GROWTH);
/** 1 µs … 1.01^1900 µs = 163 s. */
const BUCKETS = 1900;

/** Counts of latencies in milliseconds, exact to 1 %. */
export class Latencies {
  readonly #counts = new Uint32Array(BUCKETS);
  count = 0;
  maxMs = 0;

  record(ms: number): void {
    const us = ms * 1000;
    const bucket = us <= 1 ? 0 : Math.min(BUCKETS - 1, Math.floor(Math.log(us) / LOG_GROWTH));
    this.#counts[bucket]!++;
    this.count++;
    if (ms > this.maxMs) this.maxMs = ms;
  }

  /** The latency in ms that a share of `p` (0 … 1) of all stayed at or below; 0 when nothing was recorded. */
  percentile(p: number): number {
    const rank = Math.ceil(this.count * p);
    let seen = 0;
    for (let i = 0; i < BUCKETS; i++) {
      seen += this.#counts[i]!;
      if (seen >= rank && seen > 0) return Math.min(this.maxMs, GROWTH ** (i + 1) / 1000);
    }
    return 0;
  }
}

/** The middle of `values` (mean of the two middle ones); NaN when there are none. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const half = sorted.length >> 1;
  if (sorted.length === 0) return Number.NaN;
  return sorted.length % 2 === 1 ? sorted[half]! : (sorted[half - 1]! + sorted[half]!) / 2;
}
