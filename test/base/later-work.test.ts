// What is put off: done in order, once, a few jobs in one go, and not while it is held back.
import t from 'tap';
import { HandClock } from '../../src/base/clock.ts';
import { LaterWork } from '../../src/base/later-work.ts';

function world(jobMs = 0) {
  const clock = new HandClock(1000);
  const soon: (() => void)[] = [];
  const done: number[] = [];
  const later = new LaterWork(
    () => clock.nowMs(),
    (run) => soon.push(run),
  );
  return {
    later,
    done,
    soon,
    add: (n: number, then: () => void = () => {}) =>
      later.add({
        doLater: () => {
          done.push(n);
          clock.advance(jobMs);
          then();
        },
      }),
    /** The next turn of the loop; false: nothing waits for one. */
    turn: (): boolean => {
      const run = soon.shift();
      run?.();
      return run !== undefined;
    },
  };
}

t.test('jobs are done once, in order, and never at once', async (t) => {
  const it = world();
  for (let n = 0; n < 5; n++) it.add(n, () => n === 2 && it.add(5));
  t.same(it.done, []);
  t.equal(it.soon.length, 1, 'one turn serves for all');
  while (it.turn());
  t.same(it.done, [0, 1, 2, 3, 4, 5], 'also what a job leaves behind');
  t.equal(it.later.left, 0);
  it.add(6);
  while (it.turn());
  t.equal(it.done.at(-1), 6);
});

t.test('a thousand are done a few at a time', async (t) => {
  const it = world(0.5);
  for (let n = 0; n < 1000; n++) it.add(n);
  let turns = 0;
  for (let before = 0; it.turn(); turns++) {
    t.ok(it.done.length - before <= 4, `${it.done.length - before} in one go`);
    before = it.done.length;
  }
  t.equal(turns, 250);
  t.same(
    it.done,
    Array.from({ length: 1000 }, (_, n) => n),
  );
});

t.test(
  'while it is held back nothing is done, and whoever holds it back again and again does not stop it',
  async (t) => {
    const it = world(3);
    it.later.hold();
    it.add(1);
    it.add(2);
    it.add(3);
    t.notOk(it.turn());
    it.later.release();
    it.later.release();
    t.equal(it.soon.length, 1);
    it.later.hold();
    t.ok(it.turn());
    t.same(it.done, [1], 'some in any case');
    t.notOk(it.turn());
    it.later.release();
    while (it.turn());
    t.same(it.done, [1, 2, 3]);
    it.later.release();
    t.equal(it.soon.length, 0, 'nothing is left to be called for');
  },
);
