// What a drill needs of the process that runs it, and what it tells it on the way.
import type { Clock } from '../base/clock.ts';
import type { Timers } from '../base/timers.ts';
import type { PhaseResult } from './result.ts';

/** How a drill stands, for a progress line. */
export interface Progress {
  readonly atMs: number;
  readonly durationMs: number;
  readonly phase: PhaseResult['phase'];
  readonly asked: number;
  readonly failed: number;
  readonly moves: number;
  readonly p99Ms: number | null;
}

export interface DrillWorld {
  readonly clock: Clock;
  /** They must keep the process alive. */
  readonly timers: Timers;
  readonly env: NodeJS.ProcessEnv;
  /** Told what happens as it happens, a sentence at a time. */
  readonly say: (sentence: string) => void;
  readonly progress: (progress: Progress) => void;
  /** Ends the drill early; its reason is what the report says ended it. */
  readonly stop: AbortSignal;
}
