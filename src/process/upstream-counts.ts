// What upstreams have answered since the start, read off the books of all workers.
import type { MetricShelf } from '../observe/metric-shelf.ts';

export interface UpstreamCounts {
  readonly requests: number;
  /** Those of them that were answered with 500 or more. */
  readonly failures: number;
}

const NOTHING_COUNTED: UpstreamCounts = { requests: 0, failures: 0 };

/** A look at the books, once for all upstreams. */
export class CountedUpstreams {
  /** By pool, then by upstream. */
  readonly #counts = new Map<string, Map<string, UpstreamCounts>>();

  constructor(shelf: MetricShelf) {
    for (const { labels, cells } of shelf.sums('limpet_requests_total')) {
      const { pool = '', upstream = '', code = '' } = labels;
      let ofPool = this.#counts.get(pool);
      if (ofPool === undefined) {
        ofPool = new Map();
        this.#counts.set(pool, ofPool);
      }
      const { requests, failures } = ofPool.get(upstream) ?? NOTHING_COUNTED;
      const more = cells[0]!;
      ofPool.set(upstream, { requests: requests + more, failures: failures + (hasFailed(code) ? more : 0) });
    }
  }

  of(pool: string, upstream: string): UpstreamCounts {
    return this.#counts.get(pool)?.get(upstream) ?? NOTHING_COUNTED;
  }
}

/** Requests of all routes that were answered with 500 or more. */
export function failuresOf(shelf: MetricShelf): number {
  let failures = 0;
  for (const { labels, cells } of shelf.sums('limpet_requests_total'))
    if (hasFailed(labels.code ?? '')) failures += cells[0]!;
  return failures;
}

/** `code`: the status that the client was sent; 0 where he left before, which is no failure. */
function hasFailed(code: string): boolean {
  return code >= '500';
}
