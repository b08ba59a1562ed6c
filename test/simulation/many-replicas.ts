// Many Limpets before the same upstreams, each seeing only its own requests: what is lost against one that sees all.
import type { BalanceOptions } from '../../src/balance/options.ts';
import { Draws } from './draws.ts';
import { namesOf, Replica } from './replica.ts';
import type { Outcome, Row, Scenario, Size } from './scenario.ts';
import { Servers } from './servers.ts';
import { largest, mean } from './statistics.ts';
import type { Line } from './svg-chart.ts';
import { startTraffic } from './traffic.ts';
import { World } from './world.ts';

const SIZES = {
  ci: { upstreams: 50, replicas: [1, 5, 50], timeMs: 8000 },
  full: { upstreams: 1000, replicas: [1, 2, 5, 20, 50, 200], timeMs: 4000 },
} as const;
const SEED = 80;
const WORK_MS = 10;
const LOAD = 0.8;
const KINDS = ['round-robin', 'random', 'least-connections', 'peak-ewma'] as const;
/** Replicas that start together, fed in turn by what stands before them. */
const FRESH_REPLICAS = 50;
const FRESH_ROUNDS = 4;
const FRESH_UPSTREAMS = 50;

/** Mean time, in works, from the first tenth of the time on. */
function simulate(size: Size, kind: BalanceOptions['kind'], count: number): number {
  const { upstreams, timeMs } = SIZES[size];
  const world = new World();
  const draws = new Draws(SEED, count);
  const names = namesOf(upstreams);
  const tookMs: number[] = [];
  startTraffic(
    {
      world,
      replicas: Array.from(
        { length: count },
        (_, number) => new Replica({ world, seed: SEED, number, names, kind }),
      ),
      servers: new Servers(upstreams),
      draws,
      arrivalsPerMs: (upstreams * LOAD) / WORK_MS,
      work: () => draws.exponential(WORK_MS),
      onAnswer: (ms) => {
        if (world.nowMs() > timeMs / 10) tookMs.push(ms);
      },
    },
    timeMs,
  );
  world.run();
  return mean(tookMs) / WORK_MS;
}

/** The fullest upstream when replicas that have just started get some requests each, in turn. `together`: all begin at the first. */
function freshStart(kind: BalanceOptions['kind'], together = false): number {
  const world = new World();
  const names = namesOf(FRESH_UPSTREAMS);
  const held = new Int32Array(FRESH_UPSTREAMS);
  const replicas = Array.from(
    { length: FRESH_REPLICAS },
    (_, number) => new Replica({ world, seed: SEED, number, names, kind }),
  );
  if (together) for (const replica of replicas) replica.table.cursor.fill(0);
  for (let round = 0; round < FRESH_ROUNDS; round++) for (const replica of replicas) held[replica.begin()]!++;
  return largest(held);
}

function run(size: Size): Outcome {
  const { replicas } = SIZES[size];
  const blind = 1 / (1 - LOAD);
  const rows: Row[] = [];
  const lines: Line[] = [];
  for (const kind of KINDS) {
    const points = replicas.map((count): [number, number] => [count, simulate(size, kind, count)]);
    lines.push({ label: kind, points });
    const alone = points[0]![1];
    for (const [count, took] of points) {
      rows.push({
        what: `\`${kind}\`, ${count === 1 ? 'one replica' : `${count} replicas`}: mean time in works`,
        measured: took,
        // A view of less is worth less, but never less than none.
        atLeast: alone,
        atMost: 1.05 * blind,
        whence: `between one replica’s ${alone.toFixed(2)} and one blind choice’s ${blind.toFixed(1)} (M/M/1), + 5 %`,
      });
    }
  }
  const each = (FRESH_REPLICAS * FRESH_ROUNDS) / FRESH_UPSTREAMS;
  const byChance = each + Math.sqrt(2 * each * Math.log(FRESH_UPSTREAMS));
  for (const kind of KINDS) {
    rows.push({
      what: `\`${kind}\`, ${FRESH_REPLICAS} replicas just started, ${each} requests an upstream: the fullest`,
      measured: freshStart(kind),
      atMost: byChance + 1,
      whence: `Raab and Steger 1998: blind choices give about ${byChance.toFixed(1)}`,
    });
  }
  rows.push({
    what: '`round-robin`, the same, if all began at the first upstream: the fullest',
    measured: freshStart('round-robin', true),
    atLeast: FRESH_REPLICAS,
    whence: 'the contrast: why turns begin anywhere',
  });
  lines.push({ label: 'one blind choice', dashed: true, points: replicas.map((count) => [count, blind]) });
  return {
    rows,
    charts: [
      {
        name: 'times',
        title: `Mean time at ${LOAD * 100} % load, by the number of replicas`,
        x: { label: 'replicas, each with its own view', log: true },
        y: { label: 'mean time, in works', from: 0 },
        lines,
      },
    ],
  };
}

export const manyReplicas: Scenario = {
  name: 'many-replicas',
  title: 'Many replicas, each with its own view',
  text: `The workers of one Limpet share one table and choose as one. Several Limpets before the same upstreams don't know of each other's requests: the more there are, the less
each one's counts say, until they choose blindly. \`peak-ewma\` falls furthest: with a hundred views each hears of an upstream too rarely, and costs that differ by chance look like
slow upstreams. With many replicas \`least-connections\` and \`round-robin\` are the better choice: their turns go round the idle ones. Also: replicas that start together, as
after a deploy, whose first requests come in turn.`,
  setting: (size) => {
    const { upstreams, timeMs } = SIZES[size];
    return `${upstreams} upstreams with one thread each, exponential work of ${WORK_MS} ms, load ${LOAD}, ${timeMs / 1000} s, seed ${SEED}. Fresh start: ${FRESH_UPSTREAMS} upstreams.`;
  },
  run,
};
