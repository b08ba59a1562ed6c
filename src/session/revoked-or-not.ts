// Between a check and a waiter to whom its verdict only matters where somebody was revoked: who shows an ambiguous cookie.
import type { Standing, VerdictWaiter } from './standing.ts';

/** One check; whoever was not revoked gets another standing, which is made when it is needed. */
export class RevokedOrNot implements VerdictWaiter {
  waitsFor: object | null = null;
  readonly #waiter: VerdictWaiter;
  readonly #other: () => Standing;

  constructor(waiter: VerdictWaiter, other: () => Standing) {
    this.#waiter = waiter;
    this.#other = other;
  }

  /** `standing`: what `check` returned for this waiter. */
  of(standing: Standing | null): Standing | null {
    if (standing === null) this.#waiter.waitsFor = this;
    return standing === null || standing.reason === 'revoked' ? standing : this.#other();
  }

  onVerdict(standing: Standing): void {
    if (this.#waiter.waitsFor !== this) return;
    this.#waiter.waitsFor = null;
    this.#waiter.onVerdict(standing.reason === 'revoked' ? standing : this.#other());
  }
}
