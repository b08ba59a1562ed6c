// Hand-cranked timers behave as real ones would.
import t from 'tap';
import { HandClock } from '../../src/base/clock.ts';
import { HandTimers, systemTimers } from '../../src/base/timers.ts';

t.test(
  'what is due is called in order of time, each at its own time, also what is set on the way',
  async (t) => {
    const clock = new HandClock(100);
    const timers = new HandTimers(clock);
    const calls: string[] = [];
    const note = (name: string) => () => calls.push(`${name}@${clock.nowMs()}`);
    timers.after(30, note('c'));
    timers.after(10, () => {
      note('a')();
      timers.after(5, note('b'));
    });
    timers.after(31, note('d'));
    timers.advance(30);
    t.same(calls, ['a@110', 'b@115', 'c@130']);
    t.equal(clock.nowMs(), 130);
    t.equal(timers.count, 1);
  },
);

t.test('what is cancelled is not called', async (t) => {
  const timers = new HandTimers(new HandClock());
  let called = false;
  const timer = timers.after(1, () => {
    called = true;
  });
  timer.cancel();
  timers.advance(10);
  t.notOk(called);
});

t.test('system timers call once, later, and not when cancelled', async (t) => {
  const calls: string[] = [];
  // Because: system timers let the process end; the test must not end with them.
  const alive = setTimeout(() => undefined, 10_000);
  systemTimers.after(1, () => calls.push('cancelled')).cancel();
  await new Promise<void>((resolve) => {
    systemTimers.after(20, () => {
      calls.push('called');
      resolve();
    });
    calls.push('first');
  });
  clearTimeout(alive);
  t.same(calls, ['first', 'called']);
});
