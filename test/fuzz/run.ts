// Runs one target over seeded cases until it finds something, or until it has had enough.
import { setImmediate as nextTurn } from 'node:timers/promises';
import { Chance } from './chance.ts';
import { type CorpusCase, readCorpus } from './corpus.ts';
import { minimise } from './minimise.ts';
import type { FuzzTarget, Verdict } from './target.ts';

/** What a run came to. */
export interface RunResult {
  readonly cases: number;
  readonly seconds: number;
  /** Cases by their class. */
  readonly kinds: ReadonlyMap<string, number>;
  /** The first finding, as short as it could be made. */
  readonly finding: CorpusCase | null;
}

export interface RunBounds {
  readonly seed: number;
  /** Number of the first case. */
  readonly from: number;
  /** Cases at most. */
  readonly cases: number;
  /** Stops after the case that is under way at this time (ms as of performance.now). */
  readonly untilMs: number;
}

/** Cases between two looks at the clock. */
const BATCH = 500;

export async function runTarget(
  target: FuzzTarget,
  bounds: RunBounds,
  progress: (cases: number, kinds: ReadonlyMap<string, number>) => void = () => {},
): Promise<RunResult> {
  const corpus = [...readCorpus(target.name).values()].map(({ bytes }) => Buffer.from(bytes, 'latin1'));
  const kinds = new Map<string, number>();
  const startedMs = performance.now();
  let cases = 0;
  const result = (finding: CorpusCase | null): RunResult => ({
    cases,
    seconds: (performance.now() - startedMs) / 1000,
    kinds,
    finding,
  });
  while (cases < bounds.cases && performance.now() < bounds.untilMs) {
    for (let left = Math.min(BATCH, bounds.cases - cases); left > 0; left--) {
      const number = bounds.from + cases++;
      const chance = new Chance(bounds.seed, number);
      const bytes = target.make(chance, corpus);
      const { finding, kind } = judged(target, bytes, bounds.seed, number);
      kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
      if (finding !== null) return result(shortest(target, bytes, finding, bounds.seed, number));
    }
    progress(cases, kinds);
    // So that Ctrl-C is heard.
    await nextTurn();
  }
  return result(null);
}

/** Judges a case of the corpus again. */
export function replay(target: FuzzTarget, one: CorpusCase): Verdict {
  return judged(target, Buffer.from(one.bytes, 'latin1'), one.seed, one.number);
}

/** Cuts come from a chance of their own, so that the same bytes are always cut alike, however they were made. */
function judged(target: FuzzTarget, bytes: Buffer, seed: number, number: number): Verdict {
  try {
    return target.judge(bytes, new Chance(~seed, number));
  } catch (error) {
    const finding = `threw ${error instanceof Error ? `${error.name}: ${error.message}` : String(error)}`;
    return { finding, kind: 'threw' };
  }
}

function shortest(
  target: FuzzTarget,
  bytes: Buffer,
  found: string,
  seed: number,
  number: number,
): CorpusCase {
  const least = minimise(bytes, (shorter) => judged(target, shorter, seed, number).finding === found);
  return { target: target.name, seed, number, found, bytes: least.toString('latin1') };
}
