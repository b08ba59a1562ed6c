// What a reload came to, as the API tells it.
import type { ConfigChange } from '../config/diff.ts';
import type { ConfigProblem } from '../config/problem.ts';

export type ReloadResult =
  | {
      /** `unchanged`: the file says what is in force already. */
      readonly result: 'applied' | 'unchanged';
      /** Number of the config in force. */
      readonly generation: number;
      readonly changes: readonly ConfigChange[];
      /** Keys that say otherwise than what runs, and that only a restart puts in force. */
      readonly needsRestart: readonly string[];
      readonly warnings: readonly ConfigProblem[];
    }
  | {
      /** Nothing has changed. */
      readonly result: 'refused';
      readonly generation: number;
      /** Why, in one sentence. */
      readonly error: string;
      /** What is wrong with the file; empty where something else is. */
      readonly problems: readonly ConfigProblem[];
    };
