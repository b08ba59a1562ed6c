// Two random choices against one: balls into bins, and queues that fill and empty.
import { Draws } from './draws.ts';
import { namesOf, Replica } from './replica.ts';
import type { Outcome, Row, Scenario, Size } from './scenario.ts';
import { Servers } from './servers.ts';
import { largest, mean } from './statistics.ts';
import { startTraffic } from './traffic.ts';
import { World } from './world.ts';

const SIZES = {
  ci: { seeds: 12, bins: [64, 256, 1024, 4096], heavyBins: 512, queues: 300, load: 0.8, timeMs: 700 },
  full: {
    seeds: 40,
    bins: [64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384],
    heavyBins: 2048,
    queues: 2000,
    load: 0.9,
    timeMs: 2000,
  },
} as const;
/** Balls a bin in the heavy case. */
const HEAVY = 100;

const lnln2 = (n: number): number => Math.log(Math.log(n)) / Math.LN2;
const lnOverLnln = (n: number): number => Math.log(n) / Math.log(Math.log(n));

/** The fullest of `n` after `n` x `each` requests that stay. `choices` 2: the `random` balancer; 1: a plain draw. */
function fullest(n: number, each: number, choices: 1 | 2, seed: number): number {
  if (choices === 1) {
    const bins = new Int32Array(n);
    const { random } = new Draws(seed, 1);
    for (let i = 0; i < n * each; i++) bins[random.below(n)]!++;
    return largest(bins);
  }
  const replica = new Replica({ world: new World(), seed, number: 0, names: namesOf(n), kind: 'random' });
  for (let i = 0; i < n * each; i++) replica.begin();
  return largest(replica.table.inFlight);
}

/** Share of the queues with at least i requests, by i, over time; and the mean time in the system. */
function supermarket(size: Size, choices: 1 | 2): { tails: number[]; meanMs: number } {
  const { queues, load, timeMs } = SIZES[size];
  const world = new World();
  const draws = new Draws(71, choices);
  const servers = new Servers(queues);
  const replica = new Replica({ world, seed: 71, number: 0, names: namesOf(queues), kind: 'random' });
  let measuring = false;
  let answers = 0;
  let sumMs = 0;
  const work = (): number => draws.exponential(1);
  startTraffic(
    {
      world,
      replicas: [replica],
      servers,
      draws,
      arrivalsPerMs: queues * load,
      work,
      ...(choices === 1 ? { place: () => draws.random.below(queues) } : {}),
      onAnswer: (tookMs) => {
        if (!measuring) return;
        answers++;
        sumMs += tookMs;
      },
    },
    timeMs,
  );
  // Begun empty: the first half is left for the queues to fill.
  world.run(timeMs / 2);
  measuring = true;
  const counts: number[] = [];
  let looks = 0;
  for (let atMs = timeMs / 2; atMs < timeMs; atMs++, looks++) {
    world.run(atMs);
    for (const length of servers.queue) for (let i = 1; i <= length; i++) counts[i] = (counts[i] ?? 0) + 1;
  }
  const tails = Array.from(counts, (count) => (count ?? 0) / (looks * queues));
  tails[0] = 1;
  return { tails, meanMs: sumMs / answers };
}

/** Mitzenmacher 1996, theorem 1: in the limit of many queues, λ^((d^i − 1)/(d − 1)) of them hold i or more. */
const tailOfTwo = (load: number, i: number): number => load ** (2 ** i - 1);
/** And the mean time, by Little's law: the sum of those shares over λ. */
function meanOfTwo(load: number): number {
  let sum = 0;
  for (let i = 1; i < 12; i++) sum += tailOfTwo(load, i);
  return sum / load;
}

function run(size: Size): Outcome {
  const { seeds, bins, heavyBins, load } = SIZES[size];
  const rows: Row[] = [];
  const means: { one: [number, number][]; two: [number, number][] } = { one: [], two: [] };
  for (const n of bins) {
    const one = Array.from({ length: seeds }, (_, seed) => fullest(n, 1, 1, seed));
    const two = Array.from({ length: seeds }, (_, seed) => fullest(n, 1, 2, seed));
    means.one.push([n, mean(one)]);
    means.two.push([n, mean(two)]);
    rows.push({
      what: `\`random\`, ${n} requests on ${n}: the fullest of ${seeds} runs`,
      measured: largest(two),
      atMost: lnln2(n) + 2,
      whence: 'Azar et al. 1999: ln ln n / ln 2 + O(1), with 2 for the O(1)',
    });
    rows.push({
      what: `one choice, ${n} on ${n}: the fullest, mean of ${seeds} runs`,
      measured: mean(one),
      atLeast: lnOverLnln(n),
      atMost: 3 * lnOverLnln(n),
      whence: 'Gonnet 1981: (1 + o(1)) ln n / ln ln n',
    });
  }
  const [small, large] = [0, bins.length - 1];
  rows.push({
    what: `growth of the fullest from n = ${bins[small]} to ${bins[large]}: two choices over one`,
    measured: (means.two[large]![1] - means.two[small]![1]) / (means.one[large]![1] - means.one[small]![1]),
    atMost: 0.5,
    whence: 'log log n grows slower than log n / log log n',
  });
  const gap = (choices: 1 | 2): number =>
    Math.max(
      ...Array.from(
        { length: Math.min(5, seeds) },
        (_, seed) => fullest(heavyBins, HEAVY, choices, seed) - HEAVY,
      ),
    );
  rows.push({
    what: `\`random\`, ${HEAVY} each on ${heavyBins}: the fullest above the mean`,
    measured: gap(2),
    atMost: lnln2(heavyBins) + 2,
    whence: 'Berenbrink et al. 2000: ln ln n / ln 2 + O(1), however many requests',
  });
  rows.push({
    what: `one choice, ${HEAVY} each on ${heavyBins}: the fullest above the mean`,
    measured: gap(1),
    atLeast: 0.7 * Math.sqrt(2 * HEAVY * Math.log(heavyBins)),
    whence: 'Raab and Steger 1998: about √(2 (m/n) ln n)',
  });
  const one = supermarket(size, 1);
  const two = supermarket(size, 2);
  rows.push({
    what: `\`random\`, queues at ${load * 100} % load: mean time in units of work`,
    measured: two.meanMs,
    atLeast: 0.95 * meanOfTwo(load),
    atMost: 1.05 * meanOfTwo(load),
    whence: `Mitzenmacher 1996: ${meanOfTwo(load).toFixed(3)} for very many queues, ± 5 %`,
  });
  rows.push({
    what: `one choice, the same: mean time`,
    measured: one.meanMs,
    atLeast: 0.9 / (1 - load),
    atMost: 1.1 / (1 - load),
    whence: `M/M/1: 1 / (1 − λ) = ${(1 / (1 - load)).toFixed(1)}, ± 10 %; shows that the simulation is right`,
  });
  for (const i of [2, 3, 4]) {
    rows.push({
      what: `\`random\`, the same: share of queues with ${i} or more`,
      measured: two.tails[i] ?? 0,
      atLeast: tailOfTwo(load, i) * 0.9 - 0.003,
      atMost: tailOfTwo(load, i) * 1.1 + 0.003,
      whence: `Mitzenmacher 1996: λ^(2^i − 1) = ${tailOfTwo(load, i).toPrecision(3)}`,
    });
  }
  return {
    rows,
    charts: [
      {
        name: 'fullest',
        title: 'n requests on n upstreams: the fullest',
        x: { label: 'upstreams', log: true },
        y: { label: 'requests at the fullest (mean)', from: 0 },
        lines: [
          { label: 'one random choice', points: means.one },
          { label: 'balance: random (two)', points: means.two },
          { label: 'ln n / ln ln n', dashed: true, points: bins.map((n) => [n, lnOverLnln(n)]) },
          { label: 'ln ln n / ln 2', dashed: true, points: bins.map((n) => [n, lnln2(n)]) },
        ],
      },
      {
        name: 'queues',
        title: `Queues at ${load * 100} % load: how many hold i or more`,
        x: { label: 'i', from: 0, to: 16 },
        y: { label: 'share of the upstreams', log: true, from: 1e-5, to: 1 },
        lines: [
          { label: 'one random choice', points: one.tails.map((share, i) => [i, share]) },
          { label: 'balance: random (two)', points: two.tails.map((share, i) => [i, share]) },
          { label: 'λ^i (M/M/1)', dashed: true, points: one.tails.map((_, i) => [i, load ** i]) },
          { label: 'λ^(2^i − 1)', dashed: true, points: two.tails.map((_, i) => [i, tailOfTwo(load, i)]) },
        ],
      },
    ],
  };
}

export const twoChoices: Scenario = {
  name: 'two-choices',
  title: 'Two choices against one',
  text: `\`balance: random\` looks at two upstreams and takes the less busy one. Azar, Broder, Karlin and Upfal (1999) and Mitzenmacher
(1996) showed that this one more look turns the fullest upstream's excess from about ln n / ln ln n into ln ln n / ln 2. Beside it stands one random choice, as a
control. First requests that stay (balls into bins), then queues: Poisson arrivals, exponential work.`,
  setting: (size) => {
    const { seeds, queues, load, timeMs } = SIZES[size];
    return `Balls: seeds 0 … ${seeds - 1}. Queues: ${queues} upstreams, load ${load}, seed 71, ${timeMs} mean works long, the first half not counted.`;
  },
  run,
};
