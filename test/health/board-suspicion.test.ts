// The board's promises about the hung and the slow, with imagined upstreams on hand-cranked time.
import t from 'tap';
import { boardWorld } from './board-world.ts';

t.test('a hung upstream is suspected, probed once and out; it is back with its first answer', async (t) => {
  const w = boardWorld(3);
  w.board.start();
  w.prober.set(1000, 'stopped');
  for (let worker = 0; worker < 8; worker++) w.board.reportSuspect(0);
  t.equal(w.observed(0), 'suspected');
  t.equal(w.prober.count('life'), 1, 'eight workers, one probe');
  w.timers.advance(101);
  t.equal(w.observed(0), 'ejected');
  t.match(w.board.describe(0)!.why, /^hung: .*within 100ms$/);
  w.timers.advance(35_000);
  t.equal(w.observed(0), 'ejected');
  w.prober.set(1000, 'alive');
  w.timers.advance(1100);
  t.same(w.told, ['a up>suspected', 'a suspected>ejected', 'a ejected>up']);
});

t.test('who answers the probe is cleared, and then probed without being suspected', async (t) => {
  const w = boardWorld(2);
  w.board.start();
  w.prober.set(1000, 40);
  for (let i = 0; i < 100; i++) {
    w.board.reportSuspect(0);
    w.timers.advance(100);
  }
  t.equal(w.observed(0), 'up');
  t.ok(w.told.length <= 8, `${w.told.length} changes in ten seconds of suspicion`);
  t.notOk(w.told.some((change) => change.includes('ejected')));
  t.ok(w.prober.count('life') <= 40, 'and it is given some rest');
});

t.test('a trusted upstream that hangs is still found at once', async (t) => {
  const w = boardWorld(2);
  w.board.start();
  w.board.reportSuspect(0);
  w.timers.advance(300);
  w.prober.set(1000, 'stopped');
  w.board.reportSuspect(0);
  t.equal(w.observed(0), 'up', 'probed in silence');
  w.timers.advance(101);
  t.equal(w.observed(0), 'ejected');
});

t.test('who is slow to answer even a probe is out at most once', async (t) => {
  const w = boardWorld(2);
  w.board.start();
  w.prober.set(1000, 2000);
  for (let i = 0; i < 600; i++) {
    w.board.reportSuspect(0);
    w.timers.advance(100);
  }
  t.equal(w.told.filter((change) => change.endsWith('>ejected')).length, 1);
});

t.test('the last one is never put out for hanging; it is when another can take its users', async (t) => {
  const w = boardWorld(2);
  w.board.start();
  w.prober.set(1001, 'refusing');
  w.fail(1, 'refused');
  w.timers.advance(50);
  w.prober.set(1000, 'stopped');
  w.board.reportSuspect(0);
  w.timers.advance(500);
  t.equal(w.observed(0), 'suspected');
  t.ok(w.table.serving(0));
  w.prober.set(1001, 'alive');
  w.timers.advance(1100);
  t.equal(w.observed(1), 'up');
  t.equal(w.observed(0), 'ejected');
});

t.test('two that hang are no company for each other', async (t) => {
  const w = boardWorld(2);
  w.board.start();
  for (const slot of [0, 1]) {
    w.prober.set(1000 + slot, 'stopped');
    w.board.reportSuspect(slot);
  }
  w.timers.advance(500);
  t.same([0, 1].map(w.observed), ['suspected', 'suspected']);
});

t.test('a suspect that turns out to be gone is gone, not hung', async (t) => {
  const w = boardWorld(2);
  w.board.start();
  w.prober.set(1000, 'refusing');
  w.board.reportSuspect(0);
  w.timers.advance(10);
  t.equal(w.observed(0), 'ejected');
  t.equal(w.board.describe(0)!.why, 'connect refused');
});

t.test('an answer to a request ends a hanging', async (t) => {
  const w = boardWorld(2);
  w.board.start();
  w.prober.set(1000, 'stopped');
  w.board.reportSuspect(0);
  w.timers.advance(200);
  t.equal(w.observed(0), 'ejected');
  w.succeed(0);
  t.equal(w.observed(0), 'up');
});

t.test('a process that did not get to run itself looks again before it takes anybody for hung', async (t) => {
  const w = boardWorld(2);
  w.board.start();
  w.prober.set(1000, 160);
  w.board.reportSuspect(0);
  // Every timer of this process comes 60 ms late, as on a machine that has more to do than it can.
  w.timers.advance(400, 60);
  t.equal(w.observed(0), 'up', 'its answer had been there all the time');
  t.notOk(w.told.some((change) => change.includes('ejected')));
});

t.test('a process that never gets to run in time still comes to a verdict', async (t) => {
  const w = boardWorld(2);
  w.board.start();
  w.prober.set(1000, 'stopped');
  w.board.reportSuspect(0);
  w.timers.advance(2000, 60);
  t.equal(w.observed(0), 'ejected');
});
