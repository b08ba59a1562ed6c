// How an upstream's response times become the two numbers that balancing and suspicion read.

/** The columns of the upstream table that latency is kept in. */
export interface LatencyColumns {
  readonly latencyMs: Float64Array;
  readonly latencyAtMs: Float64Array;
}

/** Time in which an old latency loses all but 1/e of its say; 10 s, as in Finagle. */
export const LATENCY_DECAY_MS = 10_000;

/** The least latency that is kept: 0 stands for "unknown". */
const SAMPLE_MIN_MS = 0.001;
/** The most, an hour, so that no single sample takes for ever to fade. */
const SAMPLE_MAX_MS = 3_600_000;

/** A sample within bounds; what is no positive number counts as the least. */
function bounded(sampleMs: number): number {
  return sampleMs > SAMPLE_MIN_MS ? Math.min(sampleMs, SAMPLE_MAX_MS) : SAMPLE_MIN_MS;
}

/**
 * Feeds one response time into the peak-sensitive average of `slot`: a sample above the average replaces it at once,
 * one below pulls it down by how much time went by (Finagle's "Peak EWMA", 2015). So one slow answer steers requests
 * away at once, and trust comes back over seconds, however many requests these brought. Samples are kept within 1 µs
 * and an hour. Hot: test/alloc/balance.test.ts.
 */
export function feedLatency(columns: LatencyColumns, slot: number, sampleMs: number, nowMs: number): void {
  const sample = bounded(sampleMs);
  const average = columns.latencyMs[slot]!;
  if (sample >= average) {
    columns.latencyMs[slot] = sample;
  } else {
    // Threads read the clock in any order: time that seems to go back counts as none.
    const passedMs = Math.max(0, nowMs - columns.latencyAtMs[slot]!);
    const keep = Math.exp(-passedMs / LATENCY_DECAY_MS);
    columns.latencyMs[slot] = average * keep + sample * (1 - keep);
  }
  columns.latencyAtMs[slot] = nowMs;
}

/** How far one sample above the estimate lifts it, as a share of it. */
const P99_STEP = 0.1;

/**
 * Feeds one response time into the running estimate of the 99th percentile; 0 means that there is none yet. A
 * stochastic quantile in one number (Robbins and Monro 1951; Ma, Muthukrishnan and Sandler, "Frugal streaming",
 * 2013), with steps in proportion to the estimate, so that it fits microseconds and minutes: a sample above lifts it
 * by 9.9 %, one below lowers it by 0.1 %. The two are in balance where one sample in a hundred lies above. A step up
 * never passes the sample, so that where all samples are alike the estimate stays among them. It wanders by some 10
 * %, and forgets an extreme in about 700 samples per factor of two. Hot: test/alloc/balance.test.ts.
 */
export function feedP99(p99Ms: Float64Array, slot: number, sampleMs: number): void {
  const sample = bounded(sampleMs);
  const estimate = p99Ms[slot]!;
  if (estimate === 0) {
    p99Ms[slot] = sample;
  } else if (sample > estimate) {
    p99Ms[slot] = Math.min(sample, estimate * (1 + 0.99 * P99_STEP));
  } else {
    p99Ms[slot] = estimate * (1 - 0.01 * P99_STEP);
  }
}
