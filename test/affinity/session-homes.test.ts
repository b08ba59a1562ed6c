// Homes that are remembered by a key: found again by every worker, forgotten in their time, and never another's.
import t from 'tap';
import { LearnedTable } from '../../src/affinity/learned.ts';
import type { SessionHomeOptions } from '../../src/affinity/options.ts';
import { SessionHomes } from '../../src/affinity/session-homes.ts';
import { SeededRandom } from '../../src/base/random.ts';

const OPTIONS: SessionHomeOptions = { by: 'session', learn: true, entries: 5000, idleMs: 60_000 };

function workers(options = OPTIONS): [SessionHomes, SessionHomes] {
  const memory = LearnedTable.allocate(options.entries, options.idleMs);
  return [new SessionHomes(options, memory), new SessionHomes(options, memory)];
}

t.test('what one worker settles, the other finds; the last word counts', async (t) => {
  const [here, there] = workers();
  t.equal(here.find(1, 2, 0), 0, 'nobody yet');
  here.settle(1, 2, 7, 0);
  t.equal(there.find(1, 2, 0), 7);
  there.settle(1, 2, 9, 1);
  t.equal(here.find(1, 2, 1), 9);
  t.equal(here.userSeed, there.userSeed, 'and both count users alike');
});

t.test('every bit of a key counts', async (t) => {
  const [homes] = workers();
  const random = new SeededRandom(8);
  const draw = (): number => (random.below(0x10000) << 16) | random.below(0x10000);
  for (let i = 0; i < 200; i++) {
    const [hi, lo] = [draw(), draw()];
    homes.settle(hi, lo, 1 + i, 0);
    t.equal(homes.find(hi, lo, 0), 1 + i);
    const bit = 1 << (i % 32);
    t.equal(homes.find(hi ^ bit, lo, 0), 0);
    t.equal(homes.find(hi, lo ^ bit, 0), 0);
  }
  t.equal(homes.find(0, 0, 0), 0);
});

t.test('who was not seen for so long is forgotten', async (t) => {
  const [homes] = workers();
  homes.settle(3, 4, 5, 0);
  t.equal(homes.find(3, 4, 60), 5, 'and is seen by being found');
  t.equal(homes.find(3, 4, 120), 5);
  t.equal(homes.find(3, 4, 181), 0);
});

t.test('a table is made for the kinds that need one', async (t) => {
  const none = { cookie: null, learned: null, session: null, onLost: 'rebalance', maxOverload: 1.5 } as const;
  t.equal(LearnedTable.allocateFor(null), null);
  t.equal(LearnedTable.allocateFor({ ...none, kind: 'cookie' }), null);
  const learned = { cookie: 'sid', entries: 1000, idleMs: 5000 };
  t.match(LearnedTable.allocateFor({ ...none, kind: 'learned', learned }), { idleS: 5 });
  const session = LearnedTable.allocateFor({ ...none, kind: 'session', session: OPTIONS });
  t.equal(session?.idleS, 60);
  const small = LearnedTable.allocateFor({ ...none, kind: 'session', session: OPTIONS }, 16);
  t.ok(small!.buffer.byteLength < session!.buffer.byteLength);
});
