// Every target that runs in this process, in the order of the report.
import { affinityTarget } from './affinity-target.ts';
import { chunkedTarget } from './chunked-target.ts';
import { configTarget } from './config-target.ts';
import { cookieTarget } from './cookie-target.ts';
import type { FuzzTarget } from './target.ts';
import { requestTarget, responseTarget } from './wire-targets.ts';

export const TARGETS: readonly FuzzTarget[] = [
  requestTarget,
  responseTarget,
  chunkedTarget,
  cookieTarget,
  affinityTarget,
  configTarget,
];
