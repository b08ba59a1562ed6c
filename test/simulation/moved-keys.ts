// Which keys move when one of n upstreams leaves or joins: its own, at most 1.2/n of all, and nobody else's.
import { mix } from '../../src/base/hash.ts';
import { Draws } from './draws.ts';
import { namesOf, Replica } from './replica.ts';
import type { Outcome, Row, Scenario, Size } from './scenario.ts';
import { largest, mean } from './statistics.ts';
import { World } from './world.ts';

const SIZES = {
  ci: { pools: [2, 8, 32, 128], leavers: 4, keys: 40_000 },
  full: { pools: [2, 4, 8, 16, 32, 64, 128, 256, 1024, 3000], leavers: 4, keys: 200_000 },
} as const;
const SEED = 50;
/** Beyond so many upstreams a bucket more or less is above a tenth of the share of one. */
const EVERY_LEAVER_UP_TO = 256;

interface Seen {
  /** Share of the keys that moved, by leaver. */
  readonly moved: readonly number[];
  /** Keys that moved although their upstream had not left, in all runs together. */
  readonly needless: number;
  /** Keys that came back with it to another place than before. */
  readonly astray: number;
  /** The most keys that one heir took, over what an even spread gives. */
  readonly heir: number;
}

function simulate(size: Size, n: number): Seen {
  const { leavers, keys } = SIZES[size];
  const replica = new Replica({
    world: new World(),
    seed: SEED,
    number: 0,
    names: namesOf(n),
    kind: 'hash',
    hashLoad: Number.POSITIVE_INFINITY,
  });
  const { pool } = replica;
  const look = (): Int32Array => {
    pool.refresh();
    return Int32Array.from({ length: keys }, (_, i) => pool.pick(mix(i * 2 + 1), null)!.slot);
  };
  const before = look();
  const draws = new Draws(SEED, n);
  const moved: number[] = [];
  let needless = 0;
  let astray = 0;
  let heir = 0;
  for (let i = 0; i < Math.min(n, leavers); i++) {
    const leaver = n <= leavers ? i : draws.random.below(n);
    replica.lose(leaver);
    const without = look();
    const heirs = new Int32Array(n);
    let count = 0;
    for (let key = 0; key < keys; key++) {
      if (without[key] === before[key]) continue;
      count++;
      heirs[without[key]!]!++;
      if (before[key] !== leaver) needless++;
    }
    moved.push(count / keys);
    heir = Math.max(heir, (largest(heirs) * (n - 1)) / count);
    replica.regain(leaver);
    const back = look();
    for (let key = 0; key < keys; key++) if (back[key] !== before[key]) astray++;
  }
  return { moved, needless, astray, heir };
}

function run(size: Size): Outcome {
  const rows: Row[] = [];
  const shares: [number, number][] = [];
  const worst: [number, number][] = [];
  let needless = 0;
  let astray = 0;
  for (const n of SIZES[size].pools) {
    const seen = simulate(size, n);
    needless += seen.needless;
    astray += seen.astray;
    shares.push([n, mean(seen.moved) * n]);
    worst.push([n, largest(seen.moved) * n]);
    const every = n <= EVERY_LEAVER_UP_TO;
    rows.push({
      what: `n = ${n}: keys that move when one leaves, times n, ${every ? 'at the most' : 'on average'}`,
      measured: every ? largest(seen.moved) * n : mean(seen.moved) * n,
      atMost: 1.2,
      whence: 'the promise: at most 1.2/n',
    });
    if (n === 8) {
      rows.push({
        what: 'n = 8: the most that one heir takes, over an even spread',
        measured: seen.heir,
        atMost: 1.25,
        whence:
          'Thaler and Ravishankar 1998: a leaver’s keys spread over all others (a ring gives them to one or two)',
      });
    }
  }
  rows.push({
    what: 'keys that moved although theirs had not left',
    measured: needless,
    atMost: 0,
    whence: 'the promise: nobody else’s',
  });
  rows.push({
    what: 'keys that did not come back with it',
    measured: astray,
    atMost: 0,
    whence: 'names alone decide',
  });
  return {
    rows,
    charts: [
      {
        name: 'moved',
        title: 'Keys that move when one of n leaves',
        x: { label: 'n', log: true },
        y: { label: 'moved keys x n', from: 0.8, to: 2 },
        lines: [
          { label: 'mean', points: shares },
          { label: 'the worst seen', points: worst },
          { label: '1.2', dashed: true, points: shares.map(([n]) => [n, 1.2]) },
        ],
      },
    ],
  };
}

export const movedKeys: Scenario = {
  name: 'moved-keys',
  title: 'Keys that move when one of n leaves',
  text: `\`balance: hash\` without a bound on the load. One upstream goes and comes back. Keys live in 65,536 buckets, so in a pool of thousands one upstream has
only some twenty, and how many differs by chance: up to ${EVERY_LEAVER_UP_TO} upstreams the promise holds for whoever leaves, beyond that on average.`,
  setting: (size) => {
    const { leavers, keys } = SIZES[size];
    return `${keys} keys; ${leavers} leavers at each size (all where there are fewer), seed ${SEED}.`;
  },
  run,
};
