// Requests that come at random to replicas at random, are placed by Limpet's balancers, and worked off by simulated upstreams.
import { feedLatency } from '../../src/balance/latency.ts';
import type { Draws } from './draws.ts';
import type { Replica } from './replica.ts';
import type { Servers } from './servers.ts';
import type { World } from './world.ts';

export interface TrafficInput {
  readonly world: World;
  /** Each request comes to one of them, all alike; empty: see `place`. */
  readonly replicas: readonly Replica[];
  readonly servers: Servers;
  readonly draws: Draws;
  readonly arrivalsPerMs: number;
  /** Work of one request. */
  readonly work: () => number;
  /** Instead of a replica: chooses the server, as a control. */
  readonly place?: () => number;
  /** Told of each answer: the time from arrival on. */
  readonly onAnswer?: (tookMs: number, server: number) => void;
}

/** A Poisson stream of requests (exponential gaps) for `forMs` from now. Run the world to let it come. */
export function startTraffic(input: TrafficInput, forMs: number): void {
  const { world, replicas, servers, draws, work, place } = input;
  const endMs = world.nowMs() + forMs;
  const gapMs = 1 / input.arrivalsPerMs;
  const arrive = (): void => {
    const nowMs = world.nowMs();
    const replica = place === undefined ? replicas[draws.random.below(replicas.length)]! : null;
    const server = replica === null ? place!() : replica.begin();
    world.at(servers.arrive(server, nowMs, work()), () => {
      servers.leave(server);
      const tookMs = world.nowMs() - nowMs;
      if (replica !== null) {
        replica.end(server);
        feedLatency(replica.table, server, tookMs, world.nowMs());
      }
      input.onAnswer?.(tookMs, server);
    });
    next();
  };
  const next = (): void => {
    const atMs = world.nowMs() + draws.exponential(gapMs);
    if (atMs < endMs) world.at(atMs, arrive);
  };
  next();
}
