// When checks are made.
import t from 'tap';
import { HandClock } from '../../src/base/clock.ts';
import { SeededRandom } from '../../src/base/random.ts';
import { HandTimers } from '../../src/base/timers.ts';
import { ActiveSchedule } from '../../src/health/active.ts';
import type { ProbeResult } from '../../src/health/probe.ts';

const GOOD: ProbeResult = {
  ok: true,
  why: 'answered 200',
  latencyMs: 1,
  statusCode: 200,
  refused: false,
  inconclusive: false,
};

/** A schedule whose checks take `takesMs`, with the times at which they began. */
function schedule(options: { jitter: number; takesMs: number; seed?: number; address?: () => boolean }) {
  const clock = new HandClock();
  const timers = new HandTimers(clock);
  const begun: number[] = [];
  let underWay = 0;
  let most = 0;
  let results = 0;
  const it = new ActiveSchedule({
    intervalMs: 2000,
    jitter: options.jitter,
    clock,
    timers,
    random: new SeededRandom(options.seed ?? 1),
    check(done) {
      if (options.address?.() === false) return null;
      begun.push(clock.nowMs());
      most = Math.max(most, ++underWay);
      const timer = timers.after(options.takesMs, () => {
        underWay--;
        done(GOOD);
      });
      return { cancel: () => timer.cancel() };
    },
    onResult: () => results++,
  });
  return { it, timers, begun, results: () => results, most: () => most };
}

t.test('the first check is at once', async (t) => {
  const s = schedule({ jitter: 0.2, takesMs: 1 });
  s.it.start();
  t.same(s.begun, [0]);
});

t.test('many schedules begin together and are soon spread over the interval', async (t) => {
  const seconds = Array.from({ length: 200 }, (_, seed) => {
    const s = schedule({ jitter: 0, takesMs: 1, seed: seed * 7919 + 1 });
    s.it.start();
    s.timers.advance(2100);
    return s.begun[1]!;
  });
  for (let quarter = 0; quarter < 4; quarter++) {
    const here = seconds.filter((ms) => ms >= quarter * 500 && ms < (quarter + 1) * 500).length;
    t.ok(here >= 25 && here <= 75, `${here} of 200 in quarter ${quarter}`);
  }
});

t.test('each interval is moved by the jitter, and by no more', async (t) => {
  const s = schedule({ jitter: 0.2, takesMs: 1 });
  s.it.start();
  s.timers.advance(1_000_000);
  const gaps = s.begun.slice(2).map((at, i) => at - s.begun[i + 1]!);
  t.ok(gaps.every((gap) => gap >= 1600 && gap <= 2400));
  t.ok(Math.min(...gaps) < 1700 && Math.max(...gaps) > 2300);
  const mean = gaps.reduce((sum, gap) => sum + gap, 0) / gaps.length;
  t.ok(Math.abs(mean - 2000) < 40, `mean ${mean}`);
});

t.test('two checks are never under way at once, however long they take', async (t) => {
  const s = schedule({ jitter: 1, takesMs: 5000 });
  s.it.start();
  for (let i = 0; i < 50; i++) {
    s.it.hurry();
    s.timers.advance(1000);
  }
  t.equal(s.most(), 1);
  t.ok(s.begun.length >= 9);
});

t.test('hurry checks at once when none is under way', async (t) => {
  const s = schedule({ jitter: 0, takesMs: 1 });
  s.it.start();
  s.timers.advance(2);
  s.it.hurry();
  t.equal(s.begun.length, 2);
});

t.test('without an address it waits for one', async (t) => {
  let known = false;
  const s = schedule({ jitter: 0, takesMs: 1, address: () => known });
  s.it.start();
  s.timers.advance(5000);
  t.equal(s.begun.length, 0);
  known = true;
  s.timers.advance(2000);
  t.equal(s.begun.length, 1);
});

t.test('stopped in the middle of a check, it gives no result and makes no more', async (t) => {
  const s = schedule({ jitter: 0, takesMs: 100 });
  s.it.start();
  s.timers.advance(50);
  s.it.stop();
  s.it.hurry();
  s.timers.advance(10_000);
  t.equal(s.results(), 0);
  t.equal(s.begun.length, 1);
  t.equal(s.timers.count, 0);
});
