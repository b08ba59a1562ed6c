// A third of the upstreams turns slow: who notices, how fast, and what the slow ones still get.
import type { BalanceOptions } from '../../src/balance/options.ts';
import { Draws } from './draws.ts';
import { namesOf, Replica } from './replica.ts';
import type { Outcome, Scenario, Size } from './scenario.ts';
import { Servers } from './servers.ts';
import { percentile, tail } from './statistics.ts';
import { startTraffic } from './traffic.ts';
import { World } from './world.ts';

const SIZES = {
  ci: { upstreams: 60, replicas: 2, timeMs: 30_000 },
  full: { upstreams: 1500, replicas: 4, timeMs: 60_000 },
} as const;
const SEED = 30;
const WORK_MS = 20;
const SLOWER = 10;
/** Of what all can do when a third is slow. */
const LOAD = 0.5;
/** When the third turns slow. */
const TURNS_AT_MS = 5000;
const BUCKET_MS = 500;

interface Seen {
  readonly tookMs: readonly number[];
  /** Share of the requests that the slow ones took since they turned slow. */
  readonly slowShare: number;
  /** The same by half second. */
  readonly course: readonly [number, number][];
}

function simulate(size: Size, kind: BalanceOptions['kind']): Seen {
  const { upstreams, timeMs } = SIZES[size];
  const world = new World();
  const draws = new Draws(SEED);
  const servers = new Servers(upstreams);
  const names = namesOf(upstreams);
  const replicas = Array.from(
    { length: SIZES[size].replicas },
    (_, number) => new Replica({ world, seed: SEED, number, names, kind }),
  );
  const slow = Math.floor(upstreams / 3);
  const tookMs: number[] = [];
  const course: [number, number][] = [];
  const takenBySlow = (): number => servers.taken.subarray(0, slow).reduce((a, b) => a + b, 0);
  const takenByAll = (): number => servers.taken.reduce((a, b) => a + b, 0);
  startTraffic(
    {
      world,
      replicas,
      servers,
      draws,
      arrivalsPerMs: (LOAD * (upstreams - slow + slow / SLOWER)) / WORK_MS,
      work: () => draws.exponential(WORK_MS),
      onAnswer: (ms) => {
        if (world.nowMs() > TURNS_AT_MS) tookMs.push(ms);
      },
    },
    timeMs,
  );
  let ofSlow = 0;
  let ofAll = 0;
  for (let atMs = BUCKET_MS; atMs <= timeMs; atMs += BUCKET_MS) {
    servers.forget();
    if (atMs - BUCKET_MS === TURNS_AT_MS) servers.speed.fill(1 / SLOWER, 0, slow);
    world.run(atMs);
    course.push([atMs / 1000, takenBySlow() / takenByAll()]);
    if (atMs <= TURNS_AT_MS) continue;
    ofSlow += takenBySlow();
    ofAll += takenByAll();
  }
  world.run();
  return { tookMs, slowShare: ofSlow / ofAll, course };
}

function run(size: Size): Outcome {
  const { upstreams } = SIZES[size];
  const peak = simulate(size, 'peak-ewma');
  const least = simulate(size, 'least-connections');
  const two = simulate(size, 'random');
  const turns = simulate(size, 'round-robin');
  const slow = Math.floor(upstreams / 3);
  const byCapacity = slow / SLOWER / (upstreams - slow + slow / SLOWER);
  const p99 = (seen: Seen): number => percentile(seen.tookMs, 0.99);
  return {
    rows: [
      {
        what: '`peak-ewma`: share of the requests that the slow third gets',
        measured: peak.slowShare,
        // They are tried now and then, else nobody would learn that they are well again.
        atLeast: 1e-4,
        atMost: byCapacity,
        whence: `their share of what all can do, ${byCapacity.toPrecision(3)}; and not nothing`,
      },
      {
        what: '`least-connections`: the same share',
        measured: least.slowShare,
        atLeast: peak.slowShare,
        atMost: 1 / 3,
        whence: 'above `peak-ewma`, which knows latencies; below their share of the upstreams',
      },
      {
        what: '`peak-ewma`: p99 from then on, ms',
        measured: p99(peak),
        atMost: p99(least) / 1.5,
        whence: `two thirds of \`least-connections\`' ${p99(least).toFixed(0)}`,
      },
      {
        what: '`peak-ewma`: p99 against `random`, ms',
        measured: p99(peak),
        atMost: p99(two) / 2,
        whence: `half of \`random\`'s ${p99(two).toFixed(0)}`,
      },
      {
        what: '`round-robin`: p99 from then on, ms',
        measured: p99(turns),
        atLeast: 10 * p99(peak),
        whence: 'turns overrun the slow ones: the contrast',
      },
    ],
    charts: [
      {
        name: 'share',
        title: 'A third turns ten times slower after 5 s: its share of the requests',
        x: { label: 'seconds' },
        y: { label: 'share', from: 0 },
        lines: [
          { label: 'peak-ewma', points: peak.course },
          { label: 'least-connections', points: least.course },
          { label: 'random', points: two.course },
          { label: 'round-robin', points: turns.course },
          {
            label: 'its share of capacity',
            dashed: true,
            points: peak.course.filter(([s]) => s * 1000 > TURNS_AT_MS).map(([s]) => [s, byCapacity]),
          },
        ],
      },
      {
        name: 'times',
        title: 'With a slow third: how many wait longer than …',
        x: { label: 'time, ms', log: true },
        y: { label: 'share of the requests', log: true, from: 1e-5, to: 1 },
        lines: [
          { label: 'peak-ewma', points: tail(peak.tookMs) },
          { label: 'least-connections', points: tail(least.tookMs) },
          { label: 'random', points: tail(two.tookMs) },
          { label: 'round-robin', points: tail(turns.tookMs) },
        ],
      },
    ],
  };
}

export const slowThird: Scenario = {
  name: 'slow-third',
  title: 'Peak EWMA with a slow third',
  text: `A third of the upstreams turns ${SLOWER} times slower, without failing. Whoever balances by latency should give them no more than they can bear, and
still look at them now and then.`,
  setting: (size) => {
    const { upstreams, replicas, timeMs } = SIZES[size];
    return `${upstreams} upstreams, ${replicas} replicas with a view each, exponential work of ${WORK_MS} ms, ${LOAD * 100} % of what is left of the capacity, ${timeMs / 1000} s, seed ${SEED}.`;
  },
  run,
};
