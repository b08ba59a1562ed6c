// Turns single results into a steady opinion: one lost check is no death, one answered check no recovery.

/** Rise and fall counting. Pure: time plays no part. */
export class RiseFall {
  /** The opinion; null until the first result, which decides at once. */
  healthy: boolean | null = null;
  readonly #healthyAfter: number;
  readonly #unhealthyAfter: number;
  /** Results in a row that contradict the opinion. */
  #against = 0;

  /** Consecutive good results that turn it healthy, and bad ones that turn it unhealthy; both ≥ 1. */
  constructor(healthyAfter: number, unhealthyAfter: number) {
    this.#healthyAfter = healthyAfter;
    this.#unhealthyAfter = unhealthyAfter;
  }

  /** Takes one result. True when the opinion changed by it. */
  record(ok: boolean): boolean {
    if (this.healthy === null) {
      this.healthy = ok;
      return true;
    }
    if (ok === this.healthy) {
      this.#against = 0;
      return false;
    }
    this.#against++;
    if (this.#against < (ok ? this.#healthyAfter : this.#unhealthyAfter)) return false;
    this.healthy = ok;
    this.#against = 0;
    return true;
  }
}
