// One simulated Limpet: its own table, health board, pool and balancer, all of them the real ones. Only sockets and requests are imagined.
import type { BalanceOptions } from '../../src/balance/options.ts';
import { HealthBoard } from '../../src/health/health-board.ts';
import type { HealthOptions } from '../../src/health/options.ts';
import type { Prober } from '../../src/health/prober.ts';
import { Pool } from '../../src/pool/pool.ts';
import type { PoolAffinity } from '../../src/pool/pool-affinity.ts';
import { type KeepAlive, Upstream } from '../../src/upstream/upstream.ts';
import { UpstreamTable } from '../../src/upstream/upstream-table.ts';
import { seeded } from './draws.ts';
import type { World } from './world.ts';

const KEEP_ALIVE: KeepAlive = { idle: 64, idleTimeoutMs: 60_000, maxAgeMs: 0, requests: 0 };
/** Health is told what happens, as by the resolver and the operator: nothing is probed. */
const UNPROBED: HealthOptions = { active: null, passive: null, suspicion: null, panic: 0 };
const PORT = 3000;

const notProbed = (): never => {
  throw new Error('a simulation has no sockets');
};
const NO_PROBER: Prober = { check: notProbed, connect: notProbed, life: notProbed };

export interface ReplicaInput {
  readonly world: World;
  readonly seed: number;
  /** Which of the replicas it is: each has chance of its own. */
  readonly number: number;
  readonly names: readonly string[];
  /** By position; 1 where it is not given. */
  readonly weights?: readonly number[];
  readonly kind: BalanceOptions['kind'];
  readonly hashLoad?: number;
  readonly slowStartMs?: number;
  /** Share of the requests that may be retried. */
  readonly retryBudget?: number;
  readonly affinity?: PoolAffinity;
}

/** A Limpet of one worker. An upstream's row in the table is its position in `names`. */
export class Replica {
  readonly pool: Pool;
  readonly table: UpstreamTable;
  readonly board: HealthBoard;

  constructor(input: ReplicaInput) {
    const { world, names, kind } = input;
    const random = seeded(input.seed, 1000 + input.number);
    this.table = new UpstreamTable(UpstreamTable.allocate(names.length, 1));
    this.table.beginTurns(random);
    this.board = new HealthBoard({
      table: this.table,
      clock: world,
      timers: world,
      random,
      prober: NO_PROBER,
      onChange: () => {},
      log: { warn: () => {} },
      pools: [
        {
          id: 0,
          name: 'simulated',
          health: UNPROBED,
          slowStartMs: input.slowStartMs ?? 0,
          upstreams: names.map((name, slot) => ({
            slot,
            name,
            weight: input.weights?.[slot] ?? 1,
            wanted: 'ready' as const,
            tls: null,
            authority: name,
            address: () => ({ host: '127.0.0.1', port: PORT }),
          })),
        },
      ],
    });
    this.pool = new Pool({
      memories: { learned: null, trails: null },
      id: 0,
      name: 'simulated',
      upstreams: names.map((name, slot) => this.#upstream(name, slot)),
      balance: { kind, hash: null, hashLoad: input.hashLoad ?? 1.25 },
      options: {
        maxConnections: 0,
        queue: { max: 0, timeoutMs: 0 },
        slowStartMs: input.slowStartMs ?? 0,
        keepAlive: KEEP_ALIVE,
        resolveMs: 0,
      },
      retryBudget: input.retryBudget ?? 0.2,
      panic: 0,
      failureStatuses: [],
      affinity: input.affinity ?? null,
      trails: null,
      table: this.table,
      random,
      worker: 0,
      workers: 1,
      nowMs: () => world.nowMs(),
    });
  }

  /** The instance at `position` goes away. */
  lose(position: number): void {
    this.board.setResolved(position, false, 'simulated');
  }

  /** It is there again: its slow start begins. */
  regain(position: number): void {
    this.board.setResolved(position, true, 'simulated');
  }

  /** Row of the upstream that gets the next request, counted as under way there; −1: nobody. */
  begin(key = 0): number {
    this.pool.refresh();
    const chosen = this.pool.pick(key, null);
    if (chosen === null) return -1;
    this.pool.reserve(chosen);
    return chosen.slot;
  }

  /** That request is over. */
  end(slot: number): void {
    this.table.end(slot, 0);
  }

  #upstream(name: string, slot: number): Upstream {
    return new Upstream(
      {
        slot,
        position: slot,
        poolName: 'simulated',
        name,
        authority: name,
        tls: null,
        maxConnections: 0,
        backup: false,
        keepAlive: KEEP_ALIVE,
        proxyProtocol: null,
      },
      this.table,
    );
  }
}

/** Names of `n` upstreams. */
export function namesOf(n: number, from = 0): string[] {
  return Array.from({ length: n }, (_, i) => `10.0.${(from + i) >> 8}.${(from + i) & 255}:${PORT}`);
}
