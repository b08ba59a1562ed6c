// Keeps new users off an upstream that already has more than its share.

/** How many standard deviations are put down to chance: one side of 3 of a normal distribution is 0.13 %. */
const CHANCE_SIGMAS = 3;

/** What the rule needs to know of a candidate. */
export interface WeightedSlot {
  readonly slot: number;
  readonly weight: number;
}

/**
 * A new user may land on an upstream unless it would then hold more than
 *
 *     ceil(maxOverload x (load of all + 1) x its weight / weight of all)
 *
 * where loads count the users of the last minutes, or requests in flight where users are not known. With
 * `maxOverload` ≥ 1 these bounds add up to more than the load of all, so there is always somebody below his: the rule
 * never refuses everybody (the argument is that of consistent hashing with bounded loads, Mirrokni et al. 2016).
 * Users who have a home are not asked.
 *
 * Loads are measured once in a while; users assigned since are added one by one, so that a rush between two
 * measurements is spread as well. One per pool and worker.
 */
export class OverloadRule {
  readonly #maxOverload: number;
  #loads = new Float64Array(0);
  /** A candidate's share of all weights, times maxOverload. */
  #allowances = new Float64Array(0);
  #total = 0;

  /** `maxOverload`: ≥ 1; Infinity switches the rule off. */
  constructor(maxOverload: number) {
    this.#maxOverload = maxOverload;
  }

  /**
   * Takes the loads anew: when the candidates changed, and about once a second. `loads`: by slot (in-flight counts,
   * or estimates of users).
   */
  measure(candidates: readonly WeightedSlot[], loads: { readonly [slot: number]: number }): void {
    const n = candidates.length;
    if (this.#loads.length !== n) {
      this.#loads = new Float64Array(n);
      this.#allowances = new Float64Array(n);
    }
    let weights = 0;
    for (let i = 0; i < n; i++) weights += candidates[i]!.weight;
    this.#total = 0;
    for (let i = 0; i < n; i++) {
      const { slot, weight } = candidates[i]!;
      const load = Math.max(0, loads[slot] ?? 0);
      this.#loads[i] = load;
      this.#total += load;
      this.#allowances[i] = (this.#maxOverload * weight) / weights;
    }
  }

  /** True when the candidate at `position` must not get another new user. Hot: test/alloc/affinity.test.ts. */
  overloaded(position: number): boolean {
    return this.#loads[position]! + 1 > Math.ceil(this.#boundOf(position));
  }

  /**
   * The same for users whom a hash placed: chance alone spreads them unevenly, by the square root of their number (Poisson), and what it may
   * bring is no overload. So replicas that have seen different users of a few still send each to the same home.
   */
  crowded(position: number): boolean {
    const bound = this.#boundOf(position);
    return this.#loads[position]! + 1 > Math.ceil(bound + CHANCE_SIGMAS * Math.sqrt(bound));
  }

  #boundOf(position: number): number {
    return this.#allowances[position]! * (this.#total + 1);
  }

  /** Counts a new user whose home is now the candidate at `position`. */
  assigned(position: number): void {
    this.#loads[position]!++;
    this.#total++;
  }
}
