// What holds of homes, however they are found: who has one stays while it serves, and all who decide about him decide alike.
import t from 'tap';
import { LearnedTable } from '../../src/affinity/learned.ts';
import { Draws } from '../simulation/draws.ts';
import { BY_SESSION, everybodyAsks, HomedReplica, newUsers, type User } from '../simulation/homed-fleet.ts';
import { namesOf } from '../simulation/replica.ts';
import { World } from '../simulation/world.ts';

const SEED = 31;
const UPSTREAMS = 12;
const USERS = 900;
const NAMES = namesOf(UPSTREAMS);

/** Two workers of one Limpet, by each way to find a home. */
const KINDS: Readonly<Record<string, (names: readonly string[]) => HomedReplica[]>> = {
  'by a cookie': (names) => [0, 1].map((worker) => new HomedReplica(new World(), SEED, worker, names)),
  'by the session': (names) => {
    const memory = LearnedTable.allocateFor(BY_SESSION)!;
    return [0, 1].map((worker) => new HomedReplica(new World(), SEED, worker, names, memory));
  },
};
/** Two Limpets that cannot talk to each other. */
const strangers = (names: readonly string[]): HomedReplica[] =>
  [0, 1].map(
    (number) => new HomedReplica(new World(), SEED, number, names, LearnedTable.allocateFor(BY_SESSION)),
  );

/** Everybody asks three times, at either; how many moved, and how many of those had a home that could serve. */
function live(users: readonly User[], at: readonly HomedReplica[], alive: readonly string[], draws: Draws) {
  for (const user of users) {
    user.moves = 0;
    user.needless = 0;
  }
  for (let i = 0; i < 3; i++) everybodyAsks(users, at, draws, new Set(alive));
  return {
    moved: users.filter(({ moves }) => moves > 0).length,
    most: Math.max(...users.map(({ moves }) => moves)),
    needless: users.filter(({ needless }) => needless > 0).length,
  };
}

const scattered = (users: readonly User[], at: readonly HomedReplica[]): number =>
  users.filter((user) => new Set(at.map((one) => one.placeOf(user))).size > 1).length;
const fullest = (users: readonly User[], names: readonly string[]): number =>
  Math.max(...names.map((name) => users.filter(({ home }) => home === name).length));

for (const [kind, begin] of Object.entries(KINDS)) {
  t.test(`${kind}: who has a home stays there, whoever joins, drains or comes back`, async (t) => {
    const draws = new Draws(SEED);
    const users = newUsers(USERS);
    const workers = begin(NAMES);
    const [late, ...first] = NAMES;
    for (const worker of workers) worker.setMaintenance(late!, true);
    t.equal(live(users, workers, first, draws).moved, 0, 'nothing changes');
    const mean = USERS / first.length;
    t.ok(fullest(users, first) <= 1.5 * mean + 3 * Math.sqrt(1.5 * mean), 'and nobody has too many');
    t.notOk(users.some(({ home }) => home === late));

    for (const worker of workers) worker.setMaintenance(late!, false);
    t.equal(live(users, workers, NAMES, draws).moved, 0, 'one joins');
    const newcomers = newUsers(USERS / 3, USERS);
    everybodyAsks(newcomers, workers, draws, new Set(NAMES));
    t.ok(newcomers.filter(({ home }) => home === late).length > 0, 'newcomers live there too');

    const drained = NAMES.slice(1, 3);
    for (const worker of workers) for (const name of drained) worker.setDrain(name, true);
    t.equal(live(users, workers, NAMES, draws).moved, 0, 'two drain');
    const others = newUsers(USERS / 3, 2 * USERS);
    everybodyAsks(others, workers, draws, new Set(NAMES));
    t.equal(others.filter(({ home }) => drained.includes(home!)).length, 0, 'where no newcomers live');
    for (const worker of workers) for (const name of drained) worker.setDrain(name, false);

    const lost = NAMES.slice(5, 8);
    const victims = users.filter(({ home }) => lost.includes(home!)).length;
    for (const worker of workers) for (const name of lost) worker.lose(name);
    t.equal(scattered(users, workers), 0, 'all requests of a user meet');
    const alive = NAMES.filter((name) => !lost.includes(name));
    t.same(
      live(users, workers, alive, draws),
      { moved: victims, most: 1, needless: 0 },
      'their users move once',
    );
    for (const worker of workers) for (const name of lost) worker.regain(name);
    t.equal(live(users, workers, NAMES, draws).moved, 0, 'their return moves nobody');
  });
}

t.test('by the session: Limpets that cannot talk agree, and so does one that forgot', async (t) => {
  const draws = new Draws(SEED);
  const users = newUsers(USERS);
  const both = strangers(NAMES);
  t.equal(live(users, both, NAMES, draws).moved, 0);
  t.equal(scattered(users, [...both, ...strangers(NAMES)]), 0, 'as do two that have just begun');
  t.equal(scattered(users, strangers([...NAMES].reverse())), 0, 'in whatever order they know the upstreams');
});

t.test('by the session: after a restart with one more, only those move whose hash leads there', async (t) => {
  const draws = new Draws(SEED);
  const users = newUsers(USERS);
  live(users, strangers(NAMES), NAMES, draws);
  const more = namesOf(UPSTREAMS + 1);
  const { moved } = live(users, strangers(more), more, draws);
  t.equal(moved, users.filter(({ home }) => home === more.at(-1)).length);
  const share = USERS / more.length;
  t.ok(Math.abs(moved - share) < 4 * Math.sqrt(share), `${moved} of ${USERS}, about ${Math.round(share)}`);
});

t.test(
  'by the session: replicas of few users agree, too, where an exact bound would send some elsewhere',
  async (t) => {
    for (let seed = 0; seed < 40; seed++) {
      const users = newUsers(9, seed * 100);
      const [here, there] = strangers(namesOf(3));
      for (const user of users.slice(0, 6)) here!.ask(user);
      for (const user of users.slice(3)) there!.ask(user);
      t.equal(scattered(users, [here!, there!]), 0);
    }
  },
);
