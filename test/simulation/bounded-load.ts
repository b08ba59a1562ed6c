// Hashing with bounded load under keys of which few are very popular: the bound is never passed, and what it costs in moved requests.
import { hashString } from '../../src/base/hash.ts';
import { Draws, Zipf } from './draws.ts';
import { namesOf, Replica } from './replica.ts';
import type { Outcome, Row, Scenario, Size } from './scenario.ts';
import { World } from './world.ts';

const SIZES = {
  ci: { upstreams: 100, requests: 60_000, inFlight: 1000 },
  full: { upstreams: 1000, requests: 150_000, inFlight: 10_000 },
} as const;
const SEED = 40;
const KEYS = 100_000;
const ZIPF = 1.05;
const LOADS = [1, 1.1, 1.25, 1.5, 2, Number.POSITIVE_INFINITY] as const;
const REPLICAS = 4;

interface Seen {
  /** By how many requests any upstream was ever above ceil(load x mean x its weight); 0: never. */
  readonly excess: number;
  /** The fullest over the mean, at the end. */
  readonly peak: number;
  /** Share of the requests that did not go where their key lives. */
  readonly away: number;
  /** By how much the sum over replicas was above the replicas' own bounds together. */
  readonly excessOfAll: number;
}

function simulate(size: Size, load: number, count: number, weighted: boolean): Seen {
  const { upstreams, requests, inFlight } = SIZES[size];
  const draws = new Draws(SEED);
  const zipf = new Zipf(KEYS, ZIPF);
  const names = namesOf(upstreams);
  const weights = names.map((_, i) => (weighted ? 1 + (i % 4) : 1));
  const shares = weights.map((w) => w / weights.reduce((a, b) => a + b, 0));
  const world = new World();
  const make = (number: number, hashLoad: number): Replica =>
    new Replica({ world, seed: SEED, number, names, weights, kind: 'hash', hashLoad });
  const replicas = Array.from({ length: count }, (_, number) => make(number, load));
  const free = make(count, Number.POSITIVE_INFINITY);
  // Worked out beside Limpet's own figures, so that a wrong sum of theirs would show.
  const held = replicas.map(() => new Int32Array(upstreams));
  const totals = replicas.map(() => 0);
  const open: [number, number][] = [];
  let excess = 0;
  let excessOfAll = 0;
  let away = 0;
  for (let i = 0; i < requests; i++) {
    if (open.length >= inFlight) {
      const at = draws.random.below(open.length);
      const [r, slot] = open[at]!;
      open[at] = open.at(-1)!;
      open.pop();
      replicas[r]!.end(slot);
      held[r]![slot]!--;
      totals[r]!--;
    }
    const r = draws.random.below(count);
    const key = hashString(`user-${zipf.draw(draws)}`);
    const slot = replicas[r]!.begin(key);
    open.push([r, slot]);
    totals[r]!++;
    const mine = ++held[r]![slot]!;
    excess = Math.max(excess, mine - Math.ceil(load * shares[slot]! * totals[r]!));
    let all = 0;
    for (const column of held) all += column[slot]!;
    excessOfAll = Math.max(excessOfAll, all - Math.ceil(load * shares[slot]! * open.length) - count);
    const home = free.begin(key);
    free.end(home);
    if (home !== slot) away++;
  }
  let peak = 0;
  for (let slot = 0; slot < upstreams; slot++) {
    let all = 0;
    for (const column of held) all += column[slot]!;
    peak = Math.max(peak, all / (shares[slot]! * open.length));
  }
  return { excess, peak, away: away / requests, excessOfAll };
}

function run(size: Size): Outcome {
  const rows: Row[] = [];
  const away: [number, number][] = [];
  const peaks: [number, number][] = [];
  const bound = 'Mirrokni et al. 2016: none ever above ceil(c x mean)';
  for (const load of LOADS) {
    const seen = simulate(size, load, 1, false);
    if (load !== Number.POSITIVE_INFINITY) {
      rows.push({
        what: `c = ${load}: requests ever above the bound`,
        measured: seen.excess,
        atMost: 0,
        whence: bound,
      });
      away.push([load, seen.away]);
      peaks.push([load, seen.peak]);
      continue;
    }
    rows.push({
      what: 'no bound: the fullest over the mean',
      measured: seen.peak,
      atLeast: 3,
      whence: 'popular keys overrun their upstreams: the contrast',
    });
    rows.push({
      what: 'no bound: share of the requests away from their key’s upstream',
      measured: seen.away,
      atMost: 0,
      whence: 'nobody left',
    });
  }
  for (let i = 1; i < away.length; i++) {
    rows.push({
      what: `c = ${away[i]![0]}: share of the requests away from their key’s upstream`,
      measured: away[i]![1],
      atMost: away[i - 1]![1],
      whence: `no more than with c = ${away[i - 1]![0]}: the looser the bound, the fewer`,
    });
  }
  const weighted = simulate(size, 1.25, 1, true);
  rows.push({
    what: 'c = 1.25, weights 1 … 4: requests ever above the bound',
    measured: weighted.excess,
    atMost: 0,
    whence: `${bound}, by weight`,
  });
  const many = simulate(size, 1.25, REPLICAS, false);
  rows.push({
    what: `c = 1.25, ${REPLICAS} replicas: requests above the bound of each one’s own view`,
    measured: many.excess,
    atMost: 0,
    whence: bound,
  });
  rows.push({
    what: `c = 1.25, ${REPLICAS} replicas: requests above ceil(c x mean) + ${REPLICAS} over all views`,
    measured: many.excessOfAll,
    atMost: 0,
    whence: 'each view rounds up by less than one',
  });
  return {
    rows,
    charts: [
      {
        name: 'cost',
        title: 'Bounded load: what the bound costs, and what it keeps',
        x: { label: 'c' },
        y: { label: '', from: 0 },
        lines: [
          { label: 'away from home (share)', points: away },
          { label: 'fullest over mean', points: peaks },
          { label: 'c', dashed: true, points: peaks.map(([c]) => [c, c]) },
        ],
      },
    ],
  };
}

export const boundedLoad: Scenario = {
  name: 'bounded-load',
  title: 'Hashing with bounded load',
  text: `Keys by Zipf's law, so that one key alone is many times an upstream's fair share; requests stay for a random time. The bound (\`balance.hash.load\`) is
checked at every request, against counts kept beside Limpet's own. A key's request goes elsewhere when its upstream is at the bound, **also when nobody left**: one
more of the same key's requests still in flight can be enough in a small pool. That is the price of the bound, and counted here; \`load: off\` pays none.`,
  setting: (size) => {
    const { upstreams, requests, inFlight } = SIZES[size];
    return `${upstreams} upstreams, ${KEYS} keys (Zipf ${ZIPF}), ${requests} requests of which ${inFlight} are in flight, seed ${SEED}.`;
  },
  run,
};
