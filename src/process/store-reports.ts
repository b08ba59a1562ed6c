// What the workers say of the stores of sessions: for which of them one is away, and why.

export class StoreReports {
  /** By session block, then by worker: why. */
  readonly #away = new Map<string, Map<number, string>>();

  /** A worker's store of this block came up or went down. `why` names no key and no value. */
  tell(worker: number, session: string, up: boolean, why: string): void {
    let workers = this.#away.get(session);
    if (workers === undefined) {
      workers = new Map();
      this.#away.set(session, workers);
    }
    if (up) workers.delete(worker);
    else workers.set(worker, why);
  }

  /** The worker is no more; whoever replaces it says anew how its stores are. */
  forget(worker: number): void {
    for (const workers of this.#away.values()) workers.delete(worker);
  }

  /**
   * Why the store of a block is away, as one of the workers says for which it is; null: it answers all. One is enough: each worker
   * learns it from its own look-ups, and one without requests never does.
   */
  whyAway(session: string): string | null {
    for (const why of this.#away.get(session)?.values() ?? []) return why;
    return null;
  }
}
