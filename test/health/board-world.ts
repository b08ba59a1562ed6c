// A board over hand-cranked time and imagined upstreams, for the tests of promises that the board makes.
import { HandClock } from '../../src/base/clock.ts';
import { SeededRandom } from '../../src/base/random.ts';
import { HandTimers } from '../../src/base/timers.ts';
import { HealthBoard } from '../../src/health/health-board.ts';
import type { ActiveOptions, HealthOptions } from '../../src/health/options.ts';
import type { FailureKind } from '../../src/health/upstream-health.ts';
import type { Address } from '../../src/upstream/upstream.ts';
import { type Observed, UpstreamTable } from '../../src/upstream/upstream-table.ts';
import { FakeProber } from './fake-prober.ts';

export const ACTIVE: ActiveOptions = {
  path: '/health',
  method: 'GET',
  intervalMs: 2000,
  jitter: 0.2,
  timeoutMs: 1000,
  status: [{ from: 200, to: 399 }],
  body: null,
  host: null,
  headers: [],
  port: null,
  tcp: false,
  healthyAfter: 2,
  unhealthyAfter: 2,
};

/** The contract's defaults. */
export const HEALTH: HealthOptions = {
  active: null,
  passive: { errors: 3, ejectForMs: 10_000, maxEjectForMs: 300_000, maxEjected: 0.5, statuses: [] },
  suspicion: { afterMs: null, probeTimeoutMs: 100 },
  panic: 0,
};

export interface BoardWorld {
  readonly board: HealthBoard;
  readonly table: UpstreamTable;
  readonly timers: HandTimers;
  readonly prober: FakeProber;
  /** Changes told, as `name from>to`. */
  readonly told: string[];
  readonly whys: string[];
  readonly warnings: string[];
  readonly unreachable: number[];
  readonly addresses: (Address | null)[];
  observed(slot: number): Observed;
  /** What a worker does about failed requests: counts, then tells. */
  fail(slot: number, kind: FailureKind, times?: number): void;
  /** What a worker does about an answer after failures. */
  succeed(slot: number): void;
}

/** A started board over `count` upstreams in slots 0 …, on imagined ports 1000 …, in one pool. Not `resolved`: their names have no address yet. */
export function boardWorld(
  count: number,
  options: Partial<HealthOptions> = {},
  slowStartMs = 0,
  resolved = true,
): BoardWorld {
  const clock = new HandClock();
  const timers = new HandTimers(clock);
  const prober = new FakeProber(timers);
  const table = new UpstreamTable(UpstreamTable.allocate(16, 2));
  const told: string[] = [];
  const whys: string[] = [];
  const warnings: string[] = [];
  const unreachable: number[] = [];
  const addresses: (Address | null)[] = Array.from({ length: count }, (_, i) =>
    resolved ? { host: '127.0.0.1', port: 1000 + i } : null,
  );
  const board = new HealthBoard({
    table,
    clock,
    timers,
    prober,
    random: new SeededRandom(7),
    pools: [
      {
        id: 0,
        name: 'shop',
        health: { ...HEALTH, ...options },
        slowStartMs,
        upstreams: addresses.map((_, slot) => ({
          slot,
          name: 'abcdefgh'[slot]!,
          weight: 1,
          wanted: 'ready' as const,
          tls: null,
          authority: `app:${1000 + slot}`,
          address: () => addresses[slot]!,
        })),
      },
    ],
    onChange: (change) => {
      told.push(`${change.name} ${change.from}>${change.to}`);
      whys.push(change.why);
    },
    onUnreachable: (slot) => unreachable.push(slot),
    log: { warn: (_fields, text) => warnings.push(text) },
  });
  return {
    board,
    table,
    timers,
    prober,
    told,
    whys,
    warnings,
    unreachable,
    addresses,
    observed: (slot) => board.describe(slot)!.observed,
    fail(slot, kind, times = 1) {
      for (let i = 0; i < times; i++) {
        Atomics.add(table.failures, slot, 1);
        board.reportFailure(slot, kind);
      }
    },
    succeed(slot) {
      Atomics.store(table.failures, slot, 0);
      board.reportSuccess(slot);
    },
  };
}
