// The event of one drill: done in its time, undone in its time or when the drill is broken off, and told as it was.
import type { DrillWorld } from './drill-world.ts';
import type { Harm } from './harm-shape.ts';
import type { OpenLoop } from './open-loop.ts';
import type { EventPlan, Scenario } from './plan.ts';
import type { DrillResult } from './result.ts';
import type { Tally } from './tally.ts';

type Times = Pick<Scenario, 'atMs' | 'forMs'> & { readonly event: EventPlan };
type Outcome = Omit<NonNullable<DrillResult['event']>, 'harmed' | 'harmedBy'>;

/** `run` once. */
export class EventRun {
  readonly #plan: Times;
  readonly #harm: Harm;
  readonly #world: DrillWorld;
  readonly #loop: OpenLoop;
  readonly #tally: Tally;
  #fromMs: number | null = null;
  #toMs: number | null = null;
  #undone = '';
  #trouble: string | null = null;
  /** Why the event could not be done, which makes the drill mean nothing; null otherwise. */
  failure: unknown = null;

  constructor(plan: Times, harm: Harm, world: DrillWorld, loop: OpenLoop, tally: Tally) {
    this.#plan = plan;
    this.#harm = harm;
    this.#world = world;
    this.#loop = loop;
    this.#tally = tally;
  }

  outcome(): Outcome {
    return {
      what: this.#plan.event.text,
      fromMs: this.#fromMs,
      toMs: this.#toMs,
      undone: this.#undone,
      trouble: this.#trouble,
    };
  }

  /** Resolves when the event is over and undone. Never rejects: an event that cannot be done stops the load and is `failure`. */
  async run(): Promise<void> {
    const { atMs, forMs } = this.#plan;
    const { stop } = this.#world;
    await this.#until(atMs);
    if (stop.aborted) return;
    this.#tally.eventBeganMs = this.#nowMs();
    await this.#begin();
    if (this.failure === null) await this.#until(atMs + forMs);
    this.#tally.undoBeganMs = this.#nowMs();
    await this.#end();
  }

  async #begin(): Promise<void> {
    const { stop, say } = this.#world;
    // A command that is under way is ended, which lets `begin` end.
    const breakOff = (): void => this.#harm.endNow();
    stop.addEventListener('abort', breakOff);
    try {
      await this.#harm.begin();
      this.#fromMs = this.#nowMs();
      this.#tally.eventDoneMs = this.#fromMs;
      say(`${this.#plan.event.text}: done ${(this.#fromMs / 1000).toFixed(1)} s after the start`);
    } catch (error) {
      this.#trouble = messageOf(error);
      if (!stop.aborted) {
        this.failure = error;
        this.#loop.stop();
      }
    } finally {
      stop.removeEventListener('abort', breakOff);
    }
  }

  async #end(): Promise<void> {
    const { say } = this.#world;
    try {
      this.#undone = await this.#harm.end();
      if (this.#undone !== '') say(`undone: ${this.#undone}`);
    } catch (error) {
      this.#trouble = `it was not undone: ${messageOf(error)}`;
      say(this.#trouble);
    }
    if (this.#fromMs !== null) this.#toMs = this.#nowMs();
  }

  #nowMs(): number {
    return Math.round(this.#loop.nowMs());
  }

  /** Resolves `ms` after the load began, or when the drill is stopped. */
  #until(ms: number): Promise<void> {
    const { stop, timers } = this.#world;
    if (stop.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const done = (): void => {
        timer.cancel();
        stop.removeEventListener('abort', done);
        resolve();
      };
      const timer = timers.after(Math.max(0, ms - this.#loop.nowMs()), done);
      stop.addEventListener('abort', done);
    });
  }
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
