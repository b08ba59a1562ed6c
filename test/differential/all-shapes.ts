// Every recorded shape, in the order in which they are run.
import type { ShapeGroup } from './shape.ts';
import { answerFields } from './shapes/answer-fields.ts';
import { badAnswers } from './shapes/bad-answers.ts';
import { bodies } from './shapes/bodies.ts';
import { conditionals } from './shapes/conditionals.ts';
import { connections } from './shapes/connections.ts';
import { cookies } from './shapes/cookies.ts';
import { encodings } from './shapes/encodings.ts';
import { fields } from './shapes/fields.ts';
import { forwarded } from './shapes/forwarded.ts';
import { methods } from './shapes/methods.ts';
import { streams } from './shapes/streams.ts';
import { strictness } from './shapes/strictness.ts';
import { targets } from './shapes/targets.ts';
import { upgrades } from './shapes/upgrades.ts';
import { uploads } from './shapes/uploads.ts';

export const ALL_GROUPS: readonly ShapeGroup[] = [
  methods,
  targets,
  fields,
  cookies,
  forwarded,
  bodies,
  encodings,
  conditionals,
  answerFields,
  streams,
  connections,
  upgrades,
  uploads,
  strictness,
  badAnswers,
];
