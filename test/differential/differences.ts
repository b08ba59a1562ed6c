// The one table of how Limpet differs from `http-proxy`: what each does, why, and by which rule. A shape names those that it shows;
// docs/differential.md is written from it. What is not here fails the test, and so does an entry that nothing shows.
import { ANSWER_DIFFERENCES } from './differences/answers.ts';
import { REFUSAL_DIFFERENCES } from './differences/refusals.ts';
import { REQUEST_DIFFERENCES } from './differences/requests.ts';

export const DIFFERENCES = { ...REQUEST_DIFFERENCES, ...ANSWER_DIFFERENCES, ...REFUSAL_DIFFERENCES };

export type DifferenceId = keyof typeof DIFFERENCES;
