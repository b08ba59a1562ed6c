// What /metrics tells beside what was counted: how upstreams, pools, the switch and certificates stand when it is asked.
import { estimateUsers } from '../affinity/users.ts';
import { systemClock } from '../base/clock.ts';
import type { Config } from '../config/config.ts';
import type { Exemplars } from '../observe/exemplars.ts';
import type { MetricShelf } from '../observe/metric-shelf.ts';
import {
  type AcmeGauges,
  type CertificateGauges,
  Exposition,
  type PoolGauges,
  type RevocationGauges,
  type UpstreamGauges,
} from '../observe/prometheus.ts';
import type { Rows, SlottedUpstream } from '../plan/slots.ts';
import type { RevocationRegistry } from '../session/revocation/registry.ts';
import type { UpstreamTable } from '../upstream/upstream-table.ts';

/** What of the main thread is looked at. Read anew at each scrape, since a reload changes it. */
export interface GaugeSource {
  readonly config: Config;
  /** The generation of the config that is in force. */
  readonly current: { readonly number: number; readonly sinceMs: number };
  readonly slots: readonly SlottedUpstream[];
  /** Number of each pool, in config order. */
  readonly rows: Pick<Rows, 'pools'>;
  readonly table: UpstreamTable;
  readonly shelf: MetricShelf;
  /** Null: no session is checked. */
  readonly switch: { readonly registry: RevocationRegistry } | null;
  readonly certificates: { readonly views: readonly CertificateGauges[] };
  readonly acme: { readonly views: readonly AcmeGauges[] };
  readonly tracing: { readonly exemplars: Exemplars };
  /** Client connections that all workers together hold at most. */
  readonly connectionsMax: number;
  /** Log lines dropped since start. */
  readonly logDropped: number;
}

/** The text of /metrics, of one process. */
export function expose(source: GaugeSource): Exposition {
  return new Exposition({
    shelf: source.shelf,
    upstreams: () => upstreamGauges(source),
    pools: () => poolGauges(source),
    revocations: () => revocationGauges(source),
    generation: () => source.current.number,
    configSinceMs: () => source.current.sinceMs,
    lives: ({ session }) =>
      session === undefined || source.config.sessions.some(({ name }) => name === session),
    certificates: () => source.certificates.views,
    acme: () => source.acme.views,
    logDropped: () => source.logDropped,
    nowMs: systemClock.nowMs,
    exemplars: source.tracing.exemplars,
    connectionsMax: () => source.connectionsMax,
  });
}

function* upstreamGauges({ slots, table }: GaugeSource): Iterable<UpstreamGauges> {
  for (const { slot, pool, upstream } of slots) {
    yield {
      pool: pool.name,
      name: upstream.name,
      up: table.serving(slot),
      inFlight: table.inFlight[slot]!,
      users: estimateUsers(table.userRegisters, slot),
    };
  }
}

function* poolGauges({ config, table, rows }: GaugeSource): Iterable<PoolGauges> {
  for (const [at, { name }] of config.pools.entries())
    yield { pool: name, waiting: table.waiting[rows.pools[at]!]! };
}

function revocationGauges({ switch: revocations }: GaugeSource): RevocationGauges | null {
  if (revocations === null) return null;
  const { count, state, clockAheadMs, loginsLost } = revocations.registry;
  return { entries: count, synced: state.synced, waiting: state.waiting, clockAheadMs, loginsLost };
}
