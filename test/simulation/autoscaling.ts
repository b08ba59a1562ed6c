// Instances come, drain, leave, crash and are replaced: who moves, who moves needlessly, and whether all replicas send a user to one place.
import { Draws } from './draws.ts';
import { everybodyAsks, HomedReplica, newUsers, type User } from './homed-fleet.ts';
import { namesOf } from './replica.ts';
import type { Outcome, Row, Scenario, Size } from './scenario.ts';
import { largest } from './statistics.ts';
import { World } from './world.ts';

const SIZES = {
  ci: { upstreams: 20, replicas: 3, users: 3000 },
  full: { upstreams: 400, replicas: 12, users: 50_000 },
} as const;
const SEED = 90;
/** How often everybody asks in each phase. */
const ROUNDS = 3;

/** What a phase did to the users. */
interface Tally {
  readonly moved: number;
  readonly needless: number;
  /** The most moves of one user. */
  readonly most: number;
}

class Fleet {
  readonly world = new World();
  readonly draws = new Draws(SEED);
  readonly users: User[];
  replicas: HomedReplica[] = [];
  readonly #count: number;

  constructor(size: Size) {
    this.users = newUsers(SIZES[size].users);
    this.#count = SIZES[size].replicas;
  }

  /** All replicas are told of these upstreams, or only those from `first` on. */
  deploy(names: readonly string[], first = 0): void {
    for (let number = first; number < this.#count; number++) {
      this.replicas[number] = new HomedReplica(this.world, SEED, number, names);
    }
  }

  /** Everybody asks some times; `alive` could serve all the while. */
  live(alive: readonly string[], rounds = ROUNDS): Tally {
    for (const user of this.users) {
      user.moves = 0;
      user.needless = 0;
    }
    for (let i = 0; i < rounds; i++) everybodyAsks(this.users, this.replicas, this.draws, new Set(alive));
    return {
      moved: this.users.filter((u) => u.moves > 0).length,
      needless: this.users.reduce((sum, u) => sum + u.needless, 0),
      most: largest(this.users.map((u) => u.moves)),
    };
  }

  at(names: readonly string[]): number {
    const set = new Set(names);
    return this.users.filter((u) => u.home !== null && set.has(u.home)).length;
  }

  /** Users whose requests, sent to all replicas at once as a page does, would not all be answered at one upstream. */
  scattered(): number {
    return this.users.filter((u) => new Set(this.replicas.map((r) => r.placeOf(u))).size > 1).length;
  }

  fullest(names: readonly string[]): number {
    const counts = new Map(names.map((name) => [name, 0]));
    for (const { home } of this.users) counts.set(home!, (counts.get(home!) ?? 0) + 1);
    return (largest([...counts.values()]) * names.length) / this.users.length;
  }
}

function run(size: Size): Outcome {
  const { upstreams } = SIZES[size];
  const fifth = Math.ceil(upstreams / 5);
  const fleet = new Fleet(size);
  const rows: Row[] = [];
  const moved: [number, number][] = [];
  const left: [number, number][] = [];
  const none = (what: string, measured: number, whence: string): void => {
    rows.push({ what, measured, atMost: 0, whence });
  };
  const first = namesOf(upstreams);
  fleet.deploy(first);
  const settled = fleet.live(first);
  none('all are new: moves after the first answer', settled.moved, 'a home stays');

  // Join: in the middle of the list, so that everybody's position is another.
  const joined = [...first.slice(0, 7), ...namesOf(fifth, upstreams), ...first.slice(7)];
  fleet.deploy(joined);
  none('a fifth joins: users who move', fleet.live(joined).moved, 'who has a home is not asked');

  // Leave, drained first.
  const leaving = first.slice(2, 2 + fifth);
  for (const replica of fleet.replicas) for (const name of leaving) replica.setDrain(name, true);
  const before = fleet.at(leaving);
  none('a fifth drains: users who move', fleet.live(joined).moved, 'a drained one keeps its users');
  const newcomers = newUsers(Math.ceil(fleet.users.length / 10));
  everybodyAsks(newcomers, fleet.replicas, fleet.draws, new Set(joined));
  none(
    'a fifth drains: new users who land there',
    newcomers.filter((u) => leaving.includes(u.home!)).length,
    'and takes no new ones',
  );
  const stayed = joined.filter((name) => !leaving.includes(name));
  fleet.deploy(stayed);
  none('they leave: users whose requests would scatter', fleet.scattered(), 'cookie and names alone decide');
  const parted = fleet.live(stayed);
  rows.push({
    what: 'they leave: users who move, over those who lived there',
    measured: parted.moved / before,
    atLeast: 1,
    atMost: 1,
    whence: 'these, and nobody else',
  });
  none('they leave: needless moves', parted.needless, 'the promise');
  rows.push({
    what: 'they leave: the most moves of one user',
    measured: parted.most,
    atMost: 1,
    whence: 'once each',
  });
  rows.push({
    what: 'afterwards: users at the fullest, over the mean',
    measured: fleet.fullest(stayed),
    atMost: 1.5,
    whence: 'leavers’ users spread over all; `maxOverload` is 1.5',
  });

  // Crash and return.
  const crashed = stayed.slice(4, 6);
  const victims = fleet.at(crashed);
  for (const replica of fleet.replicas) for (const name of crashed) replica.lose(name);
  none('two crash: users whose requests would scatter', fleet.scattered(), 'cookie and names alone decide');
  const alive = stayed.filter((name) => !crashed.includes(name));
  const fled = fleet.live(alive);
  rows.push({
    what: 'two crash: moves over those who lived there',
    measured: fled.moved / victims,
    atLeast: 1,
    atMost: 1,
    whence: 'these, and nobody else',
  });
  for (const replica of fleet.replicas) for (const name of crashed) replica.regain(name);
  none('they come back: users who move', fleet.live(stayed).moved, 'nobody is moved a second time');

  // A rolling replacement of all, a fifth at a time, each by a newcomer of another name.
  let names = stayed;
  let needless = 0;
  let needed = 0;
  let moves = 0;
  for (let from = 0, next = 2 * upstreams; from < stayed.length; from += fifth, next += fifth) {
    const gone = stayed.slice(from, from + fifth);
    const leaves = fleet.at(gone);
    needed += leaves;
    names = [...namesOf(gone.length, next), ...names.filter((name) => !gone.includes(name))];
    fleet.deploy(names);
    const tally = fleet.live(names);
    needless += tally.needless;
    moves += tally.moved;
    const replaced = Math.min(1, (from + fifth) / stayed.length);
    moved.push([replaced, tally.moved / fleet.users.length]);
    left.push([replaced, leaves / fleet.users.length]);
  }
  none('all are replaced, a fifth at a time: needless moves', needless, 'the promise');
  rows.push({
    what: 'all are replaced: users moved, over those whose home left',
    measured: moves / needed,
    atLeast: 1,
    atMost: 1,
    whence: 'as often as their home left, and no more',
  });

  // Replicas that are told one after another.
  const late = [...names, ...namesOf(fifth, 5 * upstreams)];
  fleet.deploy(late, Math.floor(SIZES[size].replicas / 2));
  const strangers = newUsers(fleet.users.length / 2);
  fleet.users.push(...strangers);
  const apart = fleet.live(late, 6);
  rows.push({
    what: 'half the replicas know of newcomers, half not yet: the most moves of one user',
    measured: apart.most,
    atMost: 1,
    whence:
      'a replica can send nobody to an upstream that it has not heard of; its choice then holds for all',
  });
  rows.push({
    what: 'the same: share of the users who move',
    measured: apart.moved / fleet.users.length,
    atMost: 1 / 3,
    whence: 'new users only, of whom there are a third',
  });
  fleet.deploy(late);
  none('all of them know: users who move', fleet.live(late).moved, 'a home stays');
  return {
    rows,
    charts: [
      {
        name: 'replaced',
        title: 'All instances are replaced, a fifth at a time: who moves at each step',
        x: { label: 'share of the instances replaced so far' },
        y: { label: 'share of the users', from: 0 },
        lines: [
          { label: 'users who moved', points: moved },
          { label: 'users whose home left', dashed: true, points: left },
        ],
      },
    ],
  };
}

export const autoscaling: Scenario = {
  name: 'autoscaling',
  title: 'Affinity under autoscaling',
  text: `Users with real cookies (\`affinity: cookie\`), each request at a replica by chance. A move is needless when the home could still serve. Instances join, drain and leave, crash and come
back, and are replaced one fifth at a time. Replicas share the secret and nothing else. Where they learn of newcomers at different times, a user who was given a newcomer may be
moved once by a replica that does not know it yet: tell all replicas before traffic reaches the newcomers, or accept that one move.`,
  setting: (size) => {
    const { upstreams, replicas, users } = SIZES[size];
    return `${upstreams} upstreams, ${replicas} replicas, ${users} users, ${ROUNDS} requests of each in each phase, seed ${SEED}.`;
  },
  run,
};
