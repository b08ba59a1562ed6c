// Which keys move when one of n upstreams leaves or joins: its own, at most 1.2/n of all whoever it is, and nobody else's.
import { mix } from '../../src/base/hash.ts';
import { Draws } from './draws.ts';
import { namesOf, Replica } from './replica.ts';
import type { Outcome, Row, Scenario, Size } from './scenario.ts';
import { largest } from './statistics.ts';
import { World } from './world.ts';

const SIZES = {
  ci: { pools: [3, 10, 100, 256, 500, 1000], leavers: 3, keysEach: 400, keysMin: 40_000 },
  full: {
    pools: [2, 3, 8, 10, 32, 100, 256, 500, 1000, 3000],
    leavers: 4,
    keysEach: 900,
    keysMin: 200_000,
  },
} as const;
const SEED = 50;
/** Of so many keys it is seen which ones move at the departures that are played. */
const KEYS_PLAYED = 8_000;
/** Size of the pool of which is told who inherits. */
const HEIRS_OF = 10;

interface Seen {
  /** Share of the keys that each upstream has: what moves when it leaves. */
  readonly shares: readonly number[];
  /** Keys that moved although their upstream had not left, or stayed although it had, in all departures together. */
  readonly needless: number;
  /** Keys that came back with it to another place than before. */
  readonly astray: number;
  /** The most keys that one heir took, over what an even spread gives. */
  readonly heir: number;
}

const keysAt = (size: Size, n: number): number => Math.max(SIZES[size].keysMin, SIZES[size].keysEach * n);

function simulate(size: Size, n: number): Seen {
  const keys = keysAt(size, n);
  const replica = new Replica({
    world: new World(),
    seed: SEED,
    number: 0,
    names: namesOf(n),
    kind: 'hash',
    hashLoad: Number.POSITIVE_INFINITY,
  });
  const { pool } = replica;
  const look = (count: number): Int32Array => {
    pool.refresh();
    return Int32Array.from({ length: count }, (_, i) => pool.pick(mix(i * 2 + 1), null)!.slot);
  };
  const shares = new Array<number>(n).fill(0);
  for (const owner of look(keys)) shares[owner]! += 1 / keys;

  const played = n === HEIRS_OF ? keys : KEYS_PLAYED;
  const before = look(played);
  const draws = new Draws(SEED, n);
  let needless = 0;
  let astray = 0;
  let heir = 0;
  for (let i = 0; i < Math.min(n, SIZES[size].leavers); i++) {
    const leaver = draws.random.below(n);
    replica.lose(leaver);
    const without = look(played);
    const heirs = new Int32Array(n);
    let count = 0;
    for (let key = 0; key < played; key++) {
      const moved = without[key] !== before[key];
      if (moved !== (before[key] === leaver)) needless++;
      if (!moved) continue;
      count++;
      heirs[without[key]!]!++;
    }
    heir = Math.max(heir, (largest(heirs) * (n - 1)) / count);
    replica.regain(leaver);
    const back = look(played);
    for (let key = 0; key < played; key++) if (back[key] !== before[key]) astray++;
  }
  return { shares, needless, astray, heir };
}

function run(size: Size): Outcome {
  const rows: Row[] = [];
  const most: [number, number][] = [];
  const least: [number, number][] = [];
  let needless = 0;
  let astray = 0;
  for (const n of SIZES[size].pools) {
    const seen = simulate(size, n);
    needless += seen.needless;
    astray += seen.astray;
    most.push([n, largest(seen.shares) * n]);
    least.push([n, Math.min(...seen.shares) * n]);
    rows.push({
      what: `n = ${n}: keys that move, whoever leaves, times n, at the most`,
      measured: largest(seen.shares) * n,
      atMost: 1.2,
      whence: 'the promise: at most 1.2/n',
    });
    if (n === HEIRS_OF) {
      rows.push({
        what: `n = ${n}: the most that one heir takes, over an even spread`,
        measured: seen.heir,
        atMost: 1.25,
        whence:
          'Thaler and Ravishankar 1998: a leaver’s keys spread over all others (a ring gives them to one or two)',
      });
    }
  }
  rows.push({
    what: 'keys that moved although theirs had not left, or stayed although it had',
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
        y: { label: 'moved keys x n', from: 0.6, to: 1.4 },
        lines: [
          { label: 'whoever has the most', points: most },
          { label: 'whoever has the fewest', points: least },
          { label: '1.2', dashed: true, points: most.map(([n]) => [n, 1.2]) },
        ],
      },
    ],
  };
}

export const movedKeys: Scenario = {
  name: 'moved-keys',
  title: 'Keys that move when one of n leaves',
  text: `\`balance: hash\` without a bound on the load. What moves when one leaves is what it has, so that the shares of all tell of every departure at once; a few are played,
too, to see that its keys and no others move, and that they come back. Each key draws an upstream of its own, as if dice were thrown: among K keys a share of 1/n varies by √(n/K) of itself.
That is chance, and no matter of the size of a table: with ${SIZES.full.keysEach} keys an upstream the largest of thousands stays within 1.2/n; who has fewer keys than some 400 an upstream finds larger
differences in so small a sample of them.`,
  setting: (size) => {
    const { leavers, keysEach, keysMin } = SIZES[size];
    return `${keysEach} keys an upstream, at least ${keysMin}; ${leavers} departures played at each size, seed ${SEED}.`;
  },
  run,
};
