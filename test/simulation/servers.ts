// Simulated upstreams: each works off its requests one after another, as a process with one thread does.

/** Work is given in milliseconds of a server of speed 1. */
export class Servers {
  /** Requests at each, waiting or worked on. */
  readonly queue: Int32Array;
  /** The longest that each queue has been. */
  readonly longest: Int32Array;
  readonly taken: Int32Array;
  readonly speed: Float64Array;
  readonly #freeAtMs: Float64Array;

  constructor(n: number) {
    this.queue = new Int32Array(n);
    this.longest = new Int32Array(n);
    this.taken = new Int32Array(n);
    this.speed = new Float64Array(n).fill(1);
    this.#freeAtMs = new Float64Array(n);
  }

  /** A request arrives; returns when it will be answered. Say `leave` then. */
  arrive(server: number, nowMs: number, work: number): number {
    const queue = ++this.queue[server]!;
    if (queue > this.longest[server]!) this.longest[server] = queue;
    this.taken[server]!++;
    const beginsMs = Math.max(nowMs, this.#freeAtMs[server]!);
    const endsMs = beginsMs + work / this.speed[server]!;
    this.#freeAtMs[server] = endsMs;
    return endsMs;
  }

  leave(server: number): void {
    this.queue[server]!--;
  }

  /** Forgets what was counted, for a measurement that begins now. */
  forget(): void {
    this.taken.fill(0);
    this.longest.set(this.queue);
  }
}
