// The one switch of a process: the registry of what is revoked, its memory for the workers, and what log and metrics tell of it.
import { systemClock } from '../base/clock.ts';
import { systemRandom } from '../base/random.ts';
import { systemTimers } from '../base/timers.ts';
import type { Config } from '../config/config.ts';
import type { Logger } from '../observe/logger.ts';
import type { MetricShelf } from '../observe/metric-shelf.ts';
import type { RevocationKeeper } from '../session/revocation/keeper.ts';
import { LocalKeeper } from '../session/revocation/local-keeper.ts';
import type { RevocationOptions } from '../session/revocation/options.ts';
import { OrderReader } from '../session/revocation/order.ts';
import { RedisKeeper } from '../session/revocation/redis-keeper.ts';
import { RevocationRegistry } from '../session/revocation/registry.ts';
import type { SwitchMemory } from '../session/revocation/shared-revocations.ts';
import { tlsOf } from '../session/stores/open-store.ts';
import { parseStoreUrl } from '../session/stores/store-url.ts';

/** The registry, and what every worker is born with. */
export interface RevocationSwitch {
  readonly registry: RevocationRegistry;
  readonly memory: SwitchMemory;
  /** Reads orders by the session blocks in force. */
  readonly reader: OrderReader;
}

/** Null: no session is checked. Opens nothing; `registry.start` does. */
export function makeSwitch(config: Config, log: Logger, shelf: MetricShelf): RevocationSwitch | null {
  if (config.revocation === null) return null;
  const { url, ttlMs, entries } = config.revocation;
  if (url === null)
    log.info({}, 'revocations are kept in this process and are gone with it; `revocation` names a Redis');
  const memory = RevocationRegistry.allocate(entries);
  const count = (name: 'limpet_revocations_dropped_total', why: string): void => {
    shelf.own.values[shelf.own.counter(name, { why })]!++;
  };
  const reader = new OrderReader(config.sessions);
  const registry = new RevocationRegistry({
    memory,
    ttlMs,
    keeper: makeKeeper(config.revocation),
    reader,
    clock: systemClock,
    timers: systemTimers,
    onRevoked: (kind) => {
      shelf.own.values[shelf.own.counter('limpet_revocations_total', { kind })]!++;
    },
    onSynced: (up, why) => {
      if (up) log.info({}, 'revocations are shared with the other replicas');
      else log.warn({ why }, 'the Redis of revocations is away; what is known stays in force');
    },
    onLost: () =>
      log.error({}, 'the Redis of revocations has lost some; what this process knows stays in force'),
    onSkew: (isFar, aheadMs) => {
      const s = Math.round(aheadMs / 1000);
      if (isFar)
        log.warn(
          { redisAheadS: s },
          'the clock of this machine and that of the Redis of revocations are apart: logins shortly after a revocation may be refused, and revocations last longer; keep both by NTP',
        );
      else log.info({}, 'the clocks of this machine and of the Redis of revocations are together again');
    },
    onDropped: (why) => count('limpet_revocations_dropped_total', why),
  });
  return { registry, memory, reader };
}

/** How long the Redis of revocations may take for an answer, ms; it is given up as hung after four times that. */
const REDIS_DEADLINE_MS = 750;

function makeKeeper({ url, tls, prefix, entries }: RevocationOptions): RevocationKeeper {
  if (url === null) return new LocalKeeper();
  const parsed = parseStoreUrl(url);
  const spec = {
    url: parsed,
    tls: tlsOf({ tls }, parsed),
    replicas: false,
    deadlineMs: REDIS_DEADLINE_MS,
    concurrency: 1,
    folder: '',
    clock: systemClock,
    random: systemRandom(),
  };
  return new RedisKeeper({ spec, prefix, entries });
}
