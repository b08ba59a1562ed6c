// What an operator would write for each kind of vector: the vectors' own words turned into those of a session block.
import { expressSession } from './adapters/express-session.ts';
import type { Configured, Vector } from './judge.ts';

/** By the vector's `kind`. */
export const ADAPTERS: Readonly<Record<string, (vector: Vector) => Configured>> = {
  'express-session': expressSession,
};
