// A worker's side of the logs: what it tells of requests, and of those that were slow.
import { systemClock } from '../base/clock.ts';
import type { Random } from '../base/random.ts';
import type { LogConfig } from '../config/config.ts';
import { AccessLog } from '../observe/access-log.ts';
import type { FromWorker } from './messages.ts';

/** The access log as the config has it; null: there is none. */
export function makeAccessLog(
  config: LogConfig,
  random: Random,
  account: Int32Array<SharedArrayBuffer>,
  say: (message: FromWorker) => void,
): AccessLog | null {
  if (config.access === null || config.level === 'silent') return null;
  return new AccessLog({
    options: config.access,
    random,
    ship: (batch) => say({ say: 'access', batch }),
    account,
    tellSlow: (report, text, untold) => say({ say: 'slow', report, text, untold }),
    wallMs: systemClock.wallMs,
  });
}
