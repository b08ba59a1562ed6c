// Every simulated experiment, in the order of the docs.
import { autoscaling } from './autoscaling.ts';
import { boundedLoad } from './bounded-load.ts';
import { brownOut } from './brown-out.ts';
import { heavyTails } from './heavy-tails.ts';
import { manyReplicas } from './many-replicas.ts';
import { movedKeys } from './moved-keys.ts';
import { recovery } from './recovery.ts';
import type { Scenario } from './scenario.ts';
import { slowThird } from './slow-third.ts';
import { twoChoices } from './two-choices.ts';

export const SCENARIOS: readonly Scenario[] = [
  twoChoices,
  heavyTails,
  slowThird,
  boundedLoad,
  movedKeys,
  autoscaling,
  brownOut,
  recovery,
  manyReplicas,
];
