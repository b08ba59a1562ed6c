// What a reload makes of a config: what was found or made where it leaves something open, and what only a restart changes, stay as they are.
import type { Config } from '../config/config.ts';
import { foundPorts, withFoundPorts } from './any-port.ts';
import type { MainGeneration } from './main-generation.ts';
import { type Followable, keepRestartBound } from './restart-bound.ts';
import { withSecrets } from './starting.ts';

/** `given`: as the file says it. A listener on any port that was not there before has none yet. */
export function nextConfig(given: Config, current: MainGeneration): Followable {
  return keepRestartBound(current.config, withKnown(given, current));
}

/** `given` with the ports and secrets that were found when the same was left open before. */
function withKnown(given: Config, current: MainGeneration): Config {
  const listeners = withFoundPorts(given.listeners, foundPorts(current.given, current.config));
  return withSecrets({ ...given, listeners }, current);
}
