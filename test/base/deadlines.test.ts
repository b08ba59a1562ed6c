// The lazy wheel that serves every timeout, against a clock turned by hand.
import t from 'tap';
import { Deadlines, LOOSE, type Timed } from '../../src/base/deadlines.ts';
import { SeededRandom } from '../../src/base/random.ts';

const TICK = 20;
/** Slots times tick: what lies farther is parked. */
const HORIZON = 1024 * TICK;

class Entry implements Timed {
  deadlineMs = Number.POSITIVE_INFINITY;
  wheelSlot: number = LOOSE;
  wheelPrev: Timed | null = null;
  wheelNext: Timed | null = null;
  readonly fired: number[] = [];
  readonly #then: (nowMs: number) => void;

  constructor(then: (nowMs: number) => void = () => {}) {
    this.#then = then;
  }

  onDeadline(nowMs: number): void {
    this.fired.push(nowMs);
    this.#then(nowMs);
  }
}

/** Ticks as the process does, up to and with `untilMs`. */
function pass(wheel: Deadlines, untilMs: number): void {
  while (wheel.nowMs + TICK <= untilMs) wheel.tick(wheel.nowMs + TICK);
}

t.test('no deadline is early, and none is more than a tick late', async (t) => {
  const random = new SeededRandom(7);
  const wheel = new Deadlines(1000, TICK);
  const entries = Array.from({ length: 2000 }, () => ({
    entry: new Entry(),
    atMs: 1000 + random.below(60_000),
  }));
  for (const { entry, atMs } of entries) wheel.arm(entry, atMs);
  pass(wheel, 70_000);
  const wrong = entries.filter(({ entry, atMs }) => {
    const late = (entry.fired[0] ?? Number.POSITIVE_INFINITY) - atMs;
    return entry.fired.length !== 1 || late < 0 || late > TICK;
  });
  t.same(
    wrong.map((w) => [w.atMs, w.entry.fired]),
    [],
  );
});

t.test('a deadline that is moved counts where it was moved to, later or earlier', async (t) => {
  const wheel = new Deadlines(0, TICK);
  const later = new Entry();
  const earlier = new Entry();
  wheel.arm(later, 100);
  wheel.arm(earlier, 5000);
  pass(wheel, 60);
  wheel.arm(later, 1000);
  wheel.arm(earlier, 200);
  pass(wheel, 10_000);
  t.same(later.fired, [1000]);
  t.same(earlier.fired, [200]);
});

t.test('a deadline beyond the horizon waits for its time', async (t) => {
  const wheel = new Deadlines(0, TICK);
  const far = new Entry();
  wheel.arm(far, HORIZON * 3 + 500);
  pass(wheel, HORIZON * 3 + 480);
  t.same(far.fired, []);
  pass(wheel, HORIZON * 3 + 520);
  t.same(far.fired, [HORIZON * 3 + 500]);
});

t.test('after a stall of many turns everything that was due is called once', async (t) => {
  const wheel = new Deadlines(0, TICK);
  const due = [new Entry(), new Entry()];
  const later = new Entry();
  wheel.arm(due[0]!, 40);
  wheel.arm(due[1]!, HORIZON + 40);
  wheel.arm(later, HORIZON * 9);
  wheel.tick(HORIZON * 5);
  for (const entry of due) t.same(entry.fired, [HORIZON * 5]);
  t.same(later.fired, []);
  pass(wheel, HORIZON * 9);
  t.same(later.fired, [HORIZON * 9]);
});

t.test('a deadline that was taken away is not called, and may be set again', async (t) => {
  const wheel = new Deadlines(0, TICK);
  const disarmed = new Entry();
  const dropped = new Entry();
  for (const entry of [disarmed, dropped]) wheel.arm(entry, 100);
  wheel.disarm(disarmed);
  wheel.drop(dropped);
  pass(wheel, 400);
  for (const entry of [disarmed, dropped]) t.same(entry.fired, []);
  for (const entry of [disarmed, dropped]) wheel.arm(entry, 500);
  pass(wheel, 600);
  for (const entry of [disarmed, dropped]) t.same(entry.fired, [500]);
});

t.test('a callback may drop, disarm and arm its neighbours and itself', async (t) => {
  const wheel = new Deadlines(0, TICK);
  const entries: Entry[] = [];
  let first = true;
  const meddle = (nowMs: number): void => {
    if (!first) return;
    first = false;
    // Whichever of the slot comes first meddles with all the others, which are in the same walk.
    const others = entries.filter((entry) => entry.fired.length === 0);
    wheel.drop(others[0]!);
    wheel.disarm(others[1]!);
    wheel.arm(others[2]!, nowMs + 200);
    wheel.drop(others[3]!);
    wheel.arm(others[3]!, nowMs + 400);
    wheel.arm(entries.find((entry) => entry.fired.length > 0)!, nowMs + 600);
  };
  for (let i = 0; i < 6; i++) entries.push(new Entry(meddle));
  for (const entry of entries) wheel.arm(entry, 100);
  pass(wheel, 5000);
  const all = entries.flatMap((entry) => entry.fired).sort((a, b) => a - b);
  t.same(
    all,
    [100, 100, 300, 500, 700],
    'the first and the one left alone; two that were moved; the first again',
  );
  t.equal(
    entries.filter((entry) => entry.fired.length === 0).length,
    2,
    'the dropped and the disarmed are silent',
  );
});

t.test(
  'what is armed again and again, as idle connections are, fires once at the last time set',
  async (t) => {
    const wheel = new Deadlines(0, TICK);
    const entry = new Entry();
    for (let now = 0; now <= 100_000; now += TICK) {
      if (now > 0) wheel.tick(now);
      wheel.arm(entry, now + 5000);
    }
    t.same(entry.fired, []);
    pass(wheel, 110_000);
    t.same(entry.fired, [105_000]);
  },
);
