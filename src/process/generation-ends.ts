// Which workers still have something under way under which older generation of the config.

/** Main thread. */
export class GenerationEnds {
  /** By generation: the workers that have not said that it is over. */
  readonly #open = new Map<number, Set<number>>();

  /** Older generations that are not over everywhere. */
  get open(): number {
    return this.#open.size;
  }

  /** `generation` is in force no longer; so many workers may have something under way under it. */
  begin(generation: number, workers: number): void {
    this.#open.set(generation, new Set(Array.from({ length: workers }, (_, worker) => worker)));
  }

  /** It is over in `worker`. True: it is over everywhere. */
  over(worker: number, generation: number): boolean {
    const workers = this.#open.get(generation);
    if (workers === undefined) return false;
    workers.delete(worker);
    if (workers.size > 0) return false;
    this.#open.delete(generation);
    return true;
  }

  /** A worker died, and all that it had under way. The generations that are over everywhere by that. */
  died(worker: number): number[] {
    return [...this.#open.keys()].filter((generation) => this.over(worker, generation));
  }
}
