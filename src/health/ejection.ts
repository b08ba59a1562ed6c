// Passive ejection: how long an upstream whose requests keep failing stays out, and how many may be out at once.
import type { PassiveOptions } from './options.ts';

/**
 * The sentences of one upstream. The n-th ejection lasts `ejectForMs` × 2^(n−1), at most `maxEjectForMs`. n falls again with good
 * conduct: for each span as long as the last ejection that is spent inside, one ejection is forgotten.
 * Pure; the caller watches the clock.
 */
export class Ejection {
  readonly #options: PassiveOptions;
  #count = 0;
  #lastForMs = 0;
  #endedMs = 0;

  constructor(options: PassiveOptions) {
    this.#options = options;
  }

  /** Begins an ejection and says how long it lasts, ms. */
  begin(nowMs: number): number {
    if (this.#count > 0) {
      const forgotten = Math.floor((nowMs - this.#endedMs) / this.#lastForMs);
      this.#count = Math.max(0, this.#count - Math.max(0, forgotten));
    }
    this.#count++;
    // 2^30 spans are past every bound; beyond that the power would only lose its digits.
    this.#lastForMs = Math.min(
      this.#options.ejectForMs * 2 ** Math.min(30, this.#count - 1),
      Math.max(this.#options.ejectForMs, this.#options.maxEjectForMs),
    );
    this.#endedMs = nowMs + this.#lastForMs;
    return this.#lastForMs;
  }

  /** The ejection is over, early or late; good conduct counts from here. */
  end(nowMs: number): void {
    this.#endedMs = nowMs;
  }
}

/** The pool at the moment at which one of its upstreams might be ejected. */
export interface PoolCount {
  /** Upstreams that the operator wants ready. */
  readonly ready: number;
  /** Of them, those out already, for whatever reason of the traffic's. */
  readonly ejected: number;
  /** Of them, those that may take new users, the one in question not counted. */
  readonly otherEligible: number;
}

/**
 * Whether one more upstream may be ejected for failed requests.
 * At most floor(`maxEjected` × ready) are out at once; one may always be, when there is a share at all and the pool has more than
 * one (else 30 % of three would be nobody). The last that may take new users stays in, however bad, unless `maxEjected` is 100 %:
 * a pool of one is ejected with 100 % only.
 */
export function mayEject(count: PoolCount, maxEjected: number): boolean {
  if (maxEjected <= 0) return false;
  if (maxEjected < 1 && count.otherEligible === 0) return false;
  const most = Math.max(Math.floor(maxEjected * count.ready), count.ready > 1 ? 1 : 0);
  return count.ejected < most;
}
