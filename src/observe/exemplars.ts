// Which trace stands for which bucket of a histogram: the last one whose time fell there, for OpenMetrics to point to.
import { BUCKET_BOUNDS_S, labelKey } from './names.ts';
import type { TraceRecord } from './trace-record.ts';

/** A request that was traced, and whose time a bucket counted. */
export interface Exemplar {
  readonly traceId: string;
  readonly seconds: number;
  /** When the request ended, unix seconds. */
  readonly atS: number;
}

/** Series that exemplars are kept for; beyond it, those of new series are not kept. 19 of them a series. */
const SERIES_MAX = 5000;

/** Main thread. Only of requests that were sampled, so that each can be found where traces are kept. */
export class Exemplars {
  readonly #bySeries = new Map<string, (Exemplar | undefined)[]>();

  note(record: TraceRecord): void {
    for (const { metric, labels, seconds } of record.times) {
      const key = labelKey(metric, labels);
      let buckets = this.#bySeries.get(key);
      if (buckets === undefined) {
        if (this.#bySeries.size >= SERIES_MAX) continue;
        buckets = [];
        this.#bySeries.set(key, buckets);
      }
      buckets[bucketOf(seconds)] = { traceId: record.traceId, seconds, atS: record.endMs / 1000 };
    }
  }

  /** Of one series, by bucket, the one above the last bound included. `key`: as `labelKey` has it. */
  of(key: string): readonly (Exemplar | undefined)[] {
    return this.#bySeries.get(key) ?? NONE;
  }
}

const NONE: readonly undefined[] = [];

/** As MetricBook counts: bounds are inclusive. */
function bucketOf(seconds: number): number {
  let bucket = 0;
  while (bucket < BUCKET_BOUNDS_S.length && seconds > BUCKET_BOUNDS_S[bucket]!) bucket++;
  return bucket;
}
