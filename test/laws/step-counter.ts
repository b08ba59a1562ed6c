// Counts the work of a call without a clock: how many blocks of Limpet's own code it ran, by V8's coverage.
import { Session } from 'node:inspector/promises';

/** Code that counts: a balancer, and what it is made of. */
const COUNTED = /\/src\/(?:balance|base)\//;

/**
 * Counts blocks (a function's body, a branch taken, a turn of a loop) that were run. The same calls give the same count on any
 * machine, however slow, but for one or two a call: functions that the compiler has inlined by then are not counted themselves,
 * though the branches and loops in them are. One at a time: counting is the whole thread's.
 */
export class StepCounter {
  readonly #session = new Session();

  /** Begins to count; code that runs from here on is slower. */
  static async start(): Promise<StepCounter> {
    const counter = new StepCounter();
    counter.#session.connect();
    await counter.#session.post('Profiler.enable');
    await counter.#session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: true });
    return counter;
  }

  /** Blocks that `run` ran. */
  async count(run: () => void): Promise<number> {
    await this.#session.post('Profiler.takePreciseCoverage');
    run();
    const { result } = await this.#session.post('Profiler.takePreciseCoverage');
    let blocks = 0;
    for (const script of result) {
      if (!COUNTED.test(script.url)) continue;
      for (const { ranges } of script.functions) for (const range of ranges) blocks += range.count;
    }
    return blocks;
  }

  async stop(): Promise<void> {
    await this.#session.post('Profiler.stopPreciseCoverage');
    this.#session.disconnect();
  }
}
