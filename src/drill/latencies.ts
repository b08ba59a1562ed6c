// A bounded record of latencies: a histogram with buckets 1 % wide, so that a long drill keeps no number a request.

/** Each bucket's upper edge is this times the one before. */
const GROWTH = 1.01;
const LOG_GROWTH = Math.log(GROWTH);
/** 1 µs … 1.01^1950 µs = 267 s, more than the longest patience of a drill twice over. */
const BUCKETS = 1950;

/** Counts of latencies, each exact to 1 %. */
export class Latencies {
  readonly #counts = new Uint32Array(BUCKETS);
  count = 0;
  maxMs = 0;

  /** Takes a latency in milliseconds; one below zero counts as zero. */
  record(ms: number): void {
    const us = ms * 1000;
    const bucket = us <= 1 ? 0 : Math.min(BUCKETS - 1, Math.floor(Math.log(us) / LOG_GROWTH));
    this.#counts[bucket]!++;
    this.count++;
    if (ms > this.maxMs) this.maxMs = ms;
  }

  /** The latency in ms that a share of `p` (0 … 1) of all stayed at or below; null when nothing was recorded. */
  percentile(p: number): number | null {
    if (this.count === 0) return null;
    const rank = Math.max(1, Math.ceil(this.count * p));
    let seen = 0;
    for (let i = 0; i < BUCKETS; i++) {
      seen += this.#counts[i]!;
      // A bucket's upper edge may lie beyond the greatest latency in it.
      if (seen >= rank) return Math.min(this.maxMs, GROWTH ** (i + 1) / 1000);
    }
    return this.maxMs;
  }
}
