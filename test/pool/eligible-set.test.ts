// The set follows the table: who may take a new user, and why nobody may.
import t from 'tap';
import { EligibleSet, type PoolMember } from '../../src/pool/eligible-set.ts';
import {
  OBSERVED,
  type Observed,
  UpstreamTable,
  WANTED,
  type Wanted,
} from '../../src/upstream/upstream-table.ts';

interface World {
  readonly table: UpstreamTable;
  readonly set: EligibleSet;
  /** Tells the table and brings the set up to date; true when the set changed. */
  tell(name: string, observed: Observed, wanted?: Wanted): boolean;
  names(): string;
}

/** A pool whose members are the letters given; upper case ones are backups. Slots begin at 3, so that a slot is no position. */
function world(letters: string, panic = 0): World {
  const table = new UpstreamTable(UpstreamTable.allocate(16, 1));
  const members: PoolMember[] = [...letters].map((name, i) => ({
    slot: i + 3,
    name,
    backup: name === name.toUpperCase(),
  }));
  for (const { slot } of members) {
    table.observed[slot] = OBSERVED.up;
    table.weight[slot] = 256;
  }
  table.bumpEpoch();
  const set = new EligibleSet(table, members, panic);
  return {
    table,
    set,
    tell(name, observed, wanted = 'ready') {
      const slot = members.find((m) => m.name === name)!.slot;
      table.observed[slot] = OBSERVED[observed];
      table.wanted[slot] = WANTED[wanted];
      table.bumpEpoch();
      return set.refresh();
    },
    names: () => set.candidates.map((c) => c.name).join(''),
  };
}

t.test('everyone that is up is a candidate, with slot and weight', async (t) => {
  const w = world('ab');
  w.table.weight[4] = 640;
  w.table.bumpEpoch();
  t.ok(w.set.refresh());
  t.same(w.set.candidates, [
    { slot: 3, name: 'a', weight: 1 },
    { slot: 4, name: 'b', weight: 2.5 },
  ]);
});

t.test('nothing is rebuilt until the epoch rises, nor when another pool changed', async (t) => {
  const w = world('ab');
  const before = w.set.candidates;
  w.table.observed[3] = OBSERVED.down;
  t.notOk(w.set.refresh());
  t.equal(w.set.candidates, before);
  w.table.observed[3] = OBSERVED.up;
  w.table.bumpEpoch();
  t.notOk(w.set.refresh());
  t.equal(w.set.candidates, before);
});

t.test('only what the truth table calls eligible is a candidate', async (t) => {
  for (const wanted of ['ready', 'drain', 'maintenance'] as const) {
    for (const observed of ['starting', 'up', 'suspected', 'ejected', 'down'] as const) {
      const w = world('ab');
      w.tell('b', observed, wanted);
      const eligible = wanted === 'ready' && (observed === 'starting' || observed === 'up');
      t.equal(w.names(), eligible ? 'ab' : 'a', `${wanted}, ${observed}`);
    }
  }
});

t.test('backups serve only when no primary is up, and step back when one returns', async (t) => {
  const w = world('abX');
  t.equal(w.names(), 'ab');
  w.tell('a', 'down');
  t.equal(w.names(), 'b');
  t.ok(w.tell('b', 'ejected'));
  t.equal(w.names(), 'X');
  w.tell('a', 'up');
  t.equal(w.names(), 'a');
});

t.test('a lone suspected upstream still gets users: a doubt is better than a certain 503', async (t) => {
  const w = world('ab');
  w.tell('a', 'down');
  w.tell('b', 'suspected');
  t.equal(w.names(), 'b');
  w.tell('a', 'up');
  t.equal(w.names(), 'a');
});

t.test('a weight of nothing takes no new users', async (t) => {
  const w = world('ab', 0.5);
  w.table.weight[3] = 0;
  w.table.bumpEpoch();
  w.set.refresh();
  t.equal(w.names(), 'b');
  w.tell('b', 'down');
  t.equal(w.names(), 'b', 'not even in a panic');
});

t.test('without panic, all down means nobody', async (t) => {
  const w = world('ab');
  w.tell('a', 'down');
  w.tell('b', 'ejected');
  t.equal(w.names(), '');
  t.notOk(w.set.panicking);
  t.equal(w.set.emptyReason(), 'all down');
});

t.test('below the share of panic health is ignored, and heeded again above it', async (t) => {
  const w = world('abcd', 0.5);
  w.tell('a', 'down');
  w.tell('b', 'down');
  t.equal(w.names(), 'cd', 'half is enough');
  w.tell('c', 'ejected');
  t.equal(w.names(), 'abcd');
  t.ok(w.set.panicking);
  w.tell('c', 'up');
  t.equal(w.names(), 'cd');
  t.notOk(w.set.panicking);
});

t.test('a panic ignores health, never the operator', async (t) => {
  const w = world('abc', 0.5);
  w.tell('a', 'down');
  w.tell('b', 'down', 'drain');
  w.tell('c', 'down', 'maintenance');
  t.equal(w.names(), 'a');
});

t.test('backups that are up are asked before panic begins', async (t) => {
  const w = world('abcX', 0.9);
  w.tell('a', 'down');
  t.equal(w.names(), 'bcX');
  t.notOk(w.set.panicking);
  w.tell('X', 'down');
  t.equal(w.names(), 'abc');
  t.ok(w.set.panicking);
});

t.test('why nobody may come is told by what the operator wants', async (t) => {
  const w = world('ab', 0.5);
  w.tell('a', 'up', 'maintenance');
  w.tell('b', 'up', 'maintenance');
  t.equal(w.names(), '');
  t.notOk(w.set.panicking);
  t.equal(w.set.emptyReason(), 'all maintenance');
  w.tell('b', 'up', 'drain');
  t.equal(w.set.emptyReason(), 'all draining');
  w.tell('a', 'down', 'ready');
  t.equal(w.set.emptyReason(), 'all down');
});
