// An upstream comes back cold: whether everybody falls on it at once, with slow start and without.

import { feedLatency } from '../../src/balance/latency.ts';
import type { BalanceOptions } from '../../src/balance/options.ts';
import { slowStartShare } from '../../src/health/slow-start.ts';
import { Draws } from './draws.ts';
import { namesOf, Replica } from './replica.ts';
import type { Outcome, Row, Scenario, Size } from './scenario.ts';
import { Servers } from './servers.ts';
import { percentile } from './statistics.ts';
import { World } from './world.ts';

const SIZES = {
  ci: { upstreams: 20, replicas: 2 },
  full: { upstreams: 400, replicas: 8 },
} as const;
const SEED = 70;
/** CPU of a request on a warm upstream, and how many requests a second each gets. */
const WORK_MS = 5;
const PER_SECOND = 50;
/** What a request waits for besides: a database, another service; a mean, half as much to one and a half times as much. */
const ELSEWHERE_MS = 500;
/** How much dearer the first requests are, and how many it takes to warm up. */
const COLD = 8;
const WARM_AFTER = 200;
const DOWN_S = 5;
const BACK_S = 35;
const END_S = 60;
const SLOW_START_MS = 10_000;
const KINDS = ['round-robin', 'least-connections', 'random', 'peak-ewma'] as const;

interface Seen {
  /** Requests in line for the returned one's CPU: the most at any time. */
  readonly longest: number;
  /** Requests it was given, by second after its return, over a fair share. */
  readonly shares: readonly number[];
  /** Requests that it was given in the first tenth of a second. */
  readonly rush: number;
  /** 99 % of the requests to the returned one in the ten seconds after its return took less, ms. */
  readonly p99Ms: number;
}

function simulate(size: Size, kind: BalanceOptions['kind'], slowStartMs: number): Seen {
  const { upstreams } = SIZES[size];
  const world = new World();
  const draws = new Draws(SEED);
  const cpus = new Servers(upstreams);
  const names = namesOf(upstreams);
  const replicas = Array.from(
    { length: SIZES[size].replicas },
    (_, number) => new Replica({ world, seed: SEED, number, names, kind, slowStartMs }),
  );
  const returned = 0;
  let served = 0;
  let rush = 0;
  const taken = new Array<number>(END_S - BACK_S).fill(0);
  const tookMs: number[] = [];
  const perMs = (upstreams * PER_SECOND) / 1000;
  const arrive = (): void => {
    const replica = replicas[draws.random.below(replicas.length)]!;
    const beganMs = world.nowMs();
    const sinceMs = beganMs - BACK_S * 1000;
    const server = replica.begin();
    let work = draws.exponential(WORK_MS);
    if (server === returned && sinceMs >= 0) {
      taken[Math.floor(sinceMs / 1000)]!++;
      if (sinceMs < 100) rush++;
      // Cheaper with each request: caches fill, compilers finish.
      work *= 1 + (COLD - 1) * Math.max(0, 1 - served++ / WARM_AFTER);
    }
    const cpuDoneMs = cpus.arrive(server, beganMs, work);
    world.at(cpuDoneMs, () => cpus.leave(server));
    world.at(cpuDoneMs + ELSEWHERE_MS * (0.5 + draws.share()), () => {
      const ms = world.nowMs() - beganMs;
      if (server === returned && sinceMs >= 0 && sinceMs < 10_000) tookMs.push(ms);
      replica.end(server);
      feedLatency(replica.table, server, ms, world.nowMs());
    });
    const atMs = beganMs + draws.exponential(1 / perMs);
    if (atMs < END_S * 1000) world.at(atMs, arrive);
  };
  world.at(0, arrive);
  world.run(DOWN_S * 1000);
  for (const replica of replicas) replica.lose(returned);
  world.run(BACK_S * 1000);
  cpus.forget();
  for (const replica of replicas) replica.regain(returned);
  world.run();
  return {
    longest: cpus.longest[returned]!,
    shares: taken.map((count) => count / PER_SECOND),
    rush,
    p99Ms: percentile(tookMs, 0.99),
  };
}

/** The most, over a fair share, that a ramp by weight allows in the second after the return. */
const ramp = (second: number): number => slowStartShare((second + 0.999) * 1000, SLOW_START_MS);

function run(size: Size): Outcome {
  const rows: Row[] = [];
  const chart: { label: string; points: [number, number][]; dashed?: boolean }[] = [];
  for (const kind of KINDS) {
    const slow = simulate(size, kind, SLOW_START_MS);
    const once = simulate(size, kind, 0);
    // Four standard deviations of what comes by chance in a second.
    const over = Math.max(
      ...slow.shares.map((share, s) => share - ramp(s) - 4 * Math.sqrt(ramp(s) / PER_SECOND)),
    );
    rows.push({
      what: `\`${kind}\`, slow start: requests a second above the ramp, in fair shares`,
      measured: over,
      atMost: 0,
      whence: 'the ramp of 10 steps, and four standard deviations of a second’s requests',
    });
    rows.push({
      what: `\`${kind}\`, slow start: longest line at the returned one`,
      measured: slow.longest,
      atMost: once.longest / 2,
      whence: `half of the ${once.longest} without`,
    });
    rows.push({
      what: `\`${kind}\`, slow start: p99 at the returned one in its first 10 s, ms`,
      measured: slow.p99Ms,
      atMost: once.p99Ms,
      whence: `no more than the ${once.p99Ms.toFixed(0)} without`,
    });
    if (kind === 'peak-ewma') {
      rows.push({
        what: '`peak-ewma`, no slow start: requests in the first tenth of a second',
        measured: once.rush,
        atMost: SIZES[size].replicas,
        whence: 'one a replica: its latency is unknown until it has answered',
      });
    }
    chart.push({ label: `${kind}, slow start`, points: slow.shares.map((share, s) => [s, share]) });
    chart.push({ label: `${kind}, none`, dashed: true, points: once.shares.map((share, s) => [s, share]) });
  }
  return {
    rows,
    charts: [
      {
        name: 'shares',
        title: 'One comes back cold: what it gets, in fair shares',
        x: { label: 'seconds after its return' },
        y: { label: 'requests over a fair share', from: 0 },
        lines: chart,
      },
    ],
  };
}

export const recovery: Scenario = {
  name: 'recovery',
  title: 'The herd after a recovery',
  text: `One of the upstreams is away for ${BACK_S - DOWN_S} s and comes back cold: its first requests cost ${COLD} times the CPU, less with each of the first ${WARM_AFTER}. A request costs
${WORK_MS} ms of CPU (one thread) and waits some ${ELSEWHERE_MS} ms elsewhere, so that others have 25 in flight when it has none. Slow start takes ${SLOW_START_MS / 1000} s. \`least-connections\` and
\`peak-ewma\` without slow start fall on the newcomer; with it nobody does.`,
  setting: (size) => {
    const { upstreams, replicas } = SIZES[size];
    return `${upstreams} upstreams, ${replicas} replicas with a view each, ${PER_SECOND} requests a second and upstream, seed ${SEED}.`;
  },
  run,
};
