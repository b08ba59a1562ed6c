// Costs with a heavy tail: what turns by the count do to those behind a costly request, and what a look at the queues saves.
import type { BalanceOptions } from '../../src/balance/options.ts';
import { Draws, paretoMoment } from './draws.ts';
import { namesOf, Replica } from './replica.ts';
import type { Outcome, Scenario, Size } from './scenario.ts';
import { Servers } from './servers.ts';
import { largest, mean, percentile, tail } from './statistics.ts';
import { startTraffic } from './traffic.ts';
import { World } from './world.ts';

const SIZES = {
  ci: { upstreams: 100, timeMs: 15_000 },
  full: { upstreams: 1000, timeMs: 15_000 },
} as const;
const SEED = 20;
const LOAD = 0.7;
const ALPHA = 1.5;
const LEAST_MS = 1;
const MOST_MS = 300;

interface Seen {
  readonly tookMs: readonly number[];
  readonly longestQueue: number;
}

function simulate(size: Size, kind: BalanceOptions['kind'] | null): Seen {
  const { upstreams, timeMs } = SIZES[size];
  const world = new World();
  const draws = new Draws(SEED);
  const servers = new Servers(upstreams);
  const replicas =
    kind === null ? [] : [new Replica({ world, seed: SEED, number: 0, names: namesOf(upstreams), kind })];
  const tookMs: number[] = [];
  const meanMs = paretoMoment(1, ALPHA, LEAST_MS, MOST_MS);
  startTraffic(
    {
      world,
      replicas,
      servers,
      draws,
      arrivalsPerMs: (upstreams * LOAD) / meanMs,
      work: () => draws.pareto(ALPHA, LEAST_MS, MOST_MS),
      ...(kind === null ? { place: () => draws.random.below(upstreams) } : {}),
      onAnswer: (ms) => tookMs.push(ms),
    },
    timeMs,
  );
  world.run();
  return { tookMs, longestQueue: largest(servers.longest) };
}

function run(size: Size): Outcome {
  const blind = simulate(size, null);
  const turns = simulate(size, 'round-robin');
  const least = simulate(size, 'least-connections');
  const two = simulate(size, 'random');
  const peak = simulate(size, 'peak-ewma');
  const p99 = (seen: Seen): number => percentile(seen.tookMs, 0.99);
  const meanWork = paretoMoment(1, ALPHA, LEAST_MS, MOST_MS);
  const wait = (LOAD / meanWork) * (paretoMoment(2, ALPHA, LEAST_MS, MOST_MS) / (2 * (1 - LOAD)));
  return {
    rows: [
      {
        what: 'one blind choice: mean time, ms',
        measured: mean(blind.tookMs),
        atLeast: 0.8 * (wait + meanWork),
        atMost: 1.2 * (wait + meanWork),
        whence: `M/G/1 (Pollaczek and Khinchine): ${(wait + meanWork).toFixed(1)}, ± 20 %; shows that the simulation is right`,
      },
      {
        what: '`round-robin`: mean time, ms',
        measured: mean(turns.tookMs),
        atMost: mean(blind.tookMs),
        whence: 'Liu and Towsley 1994: turns are the best of what looks at nothing',
      },
      {
        what: '`least-connections`: p99, ms',
        measured: p99(least),
        atMost: p99(turns) / 2,
        whence: `half of \`round-robin\`'s ${p99(turns).toFixed(1)}`,
      },
      {
        what: '`least-connections`: longest queue',
        measured: least.longestQueue,
        atMost: turns.longestQueue / 2,
        whence: `half of \`round-robin\`'s ${turns.longestQueue}`,
      },
      {
        what: '`least-connections`: mean time, ms',
        measured: mean(least.tookMs),
        atMost: mean(two.tookMs),
        whence: 'the shortest of all queues is no worse than the shorter of two',
      },
      {
        what: '`random`: p99, ms',
        measured: p99(two),
        atMost: p99(turns) / 2,
        whence: `half of \`round-robin\`'s ${p99(turns).toFixed(1)}`,
      },
      {
        what: '`peak-ewma`: p99, ms',
        measured: p99(peak),
        atMost: p99(turns) / 1.5,
        whence: `two thirds of \`round-robin\`'s ${p99(turns).toFixed(1)}: it takes a costly request for a slow upstream`,
      },
    ],
    charts: [
      {
        name: 'times',
        title: 'Costs with a heavy tail: how many wait longer than …',
        x: { label: 'time, ms', log: true },
        y: { label: 'share of the requests', log: true, from: 1e-5, to: 1 },
        lines: [
          { label: 'round-robin', points: tail(turns.tookMs) },
          { label: 'least-connections', points: tail(least.tookMs) },
          { label: 'random', points: tail(two.tookMs) },
          { label: 'peak-ewma', points: tail(peak.tookMs) },
          { label: 'one blind choice', dashed: true, points: tail(blind.tookMs) },
        ],
      },
    ],
  };
}

export const heavyTails: Scenario = {
  name: 'heavy-tails',
  title: 'Least connections against turns, with heavy-tailed costs',
  text: `Upstreams with one thread each, Poisson arrivals, and costs from a bounded Pareto distribution (α = ${ALPHA}, ${LEAST_MS} … ${MOST_MS} ms): a few requests are
most of the work, as was measured for processes and files (Harchol-Balter and Downey 1997; Crovella and Bestavros 1997). Who takes turns goes on handing requests
to an upstream that is busy for a second.`,
  setting: (size) => {
    const { upstreams, timeMs } = SIZES[size];
    return `${upstreams} upstreams, load ${LOAD}, ${timeMs / 1000} s, seed ${SEED}, one replica.`;
  },
  run,
};
