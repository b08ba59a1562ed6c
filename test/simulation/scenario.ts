// What every simulated experiment is: a size to run at, and an outcome of measured figures beside the bounds that they must keep.
import type { Chart } from './svg-chart.ts';

/** `ci`: seconds, run by every `npm test`; `full`: minutes, run by `npm run simulate`. */
export type Size = 'ci' | 'full';

/** One law: a figure, and what it must not pass. */
export interface Row {
  readonly what: string;
  readonly measured: number;
  readonly atLeast?: number;
  readonly atMost?: number;
  /** Where the bound comes from: a paper, a promise of the docs, or the sum that makes it. */
  readonly whence: string;
}

export interface Outcome {
  readonly rows: readonly Row[];
  /** Drawn at full size only. */
  readonly charts: readonly Chart[];
}

export interface Scenario {
  /** Kebab-case; its charts' files begin with it. */
  readonly name: string;
  readonly title: string;
  /** What is simulated and what is to be seen, for docs/simulation.md. */
  readonly text: string;
  /** Sizes and seeds as a sentence, for the docs. */
  readonly setting: (size: Size) => string;
  readonly run: (size: Size) => Outcome;
}

export function holds(row: Row): boolean {
  // Written so that a figure that is no number holds nothing.
  return (
    row.measured >= (row.atLeast ?? Number.NEGATIVE_INFINITY) &&
    row.measured <= (row.atMost ?? Number.POSITIVE_INFINITY) &&
    (row.atLeast !== undefined || row.atMost !== undefined)
  );
}
