// What a fuzzed target is: a maker of cases and a judge of them, both functions of their arguments alone.
import type { Chance } from './chance.ts';

/** What came of one case. */
export interface Verdict {
  /** What must not be, in words that name its class; null when all is as it should be. */
  readonly finding: string | null;
  /** The class of the case, for the report: `accepted`, `refused`, an explained difference, … */
  readonly kind: string;
}

export interface FuzzTarget {
  readonly name: string;
  /** What is compared, in a line. */
  readonly about: string;
  /** Cases that CI runs. */
  readonly messagesInCi: number;
  /** Makes a case; `corpus`: what earlier findings and valid samples looked like, to be mutated. */
  make(chance: Chance, corpus: readonly Buffer[]): Buffer;
  /** Judges it. `chance` cuts it. Never throws: what the code under test throws is a finding. */
  judge(bytes: Buffer, chance: Chance): Verdict;
  /** Explanations that a long run should have needed; empty where the target has none. */
  readonly explanations: readonly string[];
}
