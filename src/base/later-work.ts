// Work that nobody waits for: put off while others are busy with what somebody does wait for, then done a little at a time.

/** Something that is left to do. */
export interface LaterJob {
  /** Called once, never from within `add`. What it was left for may have gone meanwhile. */
  doLater(): void;
}

/** So long jobs are done in one go, ms; then whatever else has come is served, and they go on. */
const GO_MS = 2;

/** Jobs in the order in which they came, done while nobody holds them back. Each is for something open, so that what is open bounds them. */
export class LaterWork {
  readonly #nowMs: () => number;
  readonly #soon: (run: () => void) => void;
  readonly #go = (): void => this.#some();
  #jobs: LaterJob[] = [];
  #at = 0;
  #held = false;
  /** `soon` will call. */
  #called = false;

  /** `nowMs`: monotonic. `soon` calls back once, behind what has come for the thread meanwhile, and never before it has returned. */
  constructor(nowMs: () => number, soon: (run: () => void) => void) {
    this.#nowMs = nowMs;
    this.#soon = soon;
  }

  /** Jobs that are left. */
  get left(): number {
    return this.#jobs.length - this.#at;
  }

  add(job: LaterJob): void {
    this.#jobs.push(job);
    this.#callSoon();
  }

  /** Jobs wait until `release`. */
  hold(): void {
    this.#held = true;
  }

  /** Jobs are done again: some in any case, even where they are held back again before their turn. */
  release(): void {
    this.#held = false;
    this.#callSoon();
  }

  #callSoon(): void {
    if (this.#held || this.#called || this.left === 0) return;
    this.#called = true;
    this.#soon(this.#go);
  }

  #some(): void {
    this.#called = false;
    const untilMs = this.#nowMs() + GO_MS;
    while (this.#at < this.#jobs.length) {
      this.#jobs[this.#at++]!.doLater();
      if (this.#nowMs() >= untilMs) break;
    }
    if (this.left === 0) {
      this.#jobs = [];
      this.#at = 0;
    }
    this.#callSoon();
  }
}
