// When certificates are ordered: before their end, not together, and never so often that an authority shuts the door.
import t from 'tap';
import { allowedMs, ORDERS_AN_HOUR, renewalMs, retryAfterMs } from '../../src/acme/schedule.ts';
import { SeededRandom } from '../../src/base/random.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const random = new SeededRandom(7);
const quarter = { notBeforeMs: 1000 * DAY, notAfterMs: 1090 * DAY };

t.test(
  'a certificate is renewed with a third of its life left, and a little earlier by chance',
  async (t) => {
    const due = Array.from({ length: 1000 }, () => renewalMs(quarter, null, random));
    for (const ms of due) t.ok(ms > 1057 * DAY - 1 && ms <= 1060 * DAY);
    t.ok(new Set(due).size > 500, 'replicas do not come together');
  },
);

t.test('renewBefore says when, but never in the first half of its life', async (t) => {
  const ten = renewalMs(quarter, 10 * DAY, random);
  t.ok(ten > 1079 * DAY - 1 && ten <= 1080 * DAY);
  const early = renewalMs(quarter, 80 * DAY, random);
  t.ok(early > 1045 * DAY - 4.5 * DAY - 1 && early <= 1045 * DAY);
});

t.test(
  'failures are tried again later and later, with chance, and not before an authority wants it',
  async (t) => {
    for (const [failures, minutes] of [
      [1, 1],
      [2, 3],
      [3, 9],
      [4, 27],
      [5, 81],
      [6, 243],
      [7, 360],
      [1e6, 360],
    ] as const) {
      const waits = Array.from({ length: 200 }, () => retryAfterMs(failures, 0, random));
      t.ok(Math.min(...waits) >= minutes * 0.75 * MINUTE, `${failures}: not sooner`);
      t.ok(Math.max(...waits) <= minutes * 1.25 * MINUTE, `${failures}: not later`);
      t.ok(new Set(waits).size > 50);
    }
    t.equal(retryAfterMs(1, 5 * HOUR, random), 5 * HOUR);
    t.equal(retryAfterMs(1, 400 * DAY, random), DAY, 'but within reason');
  },
);

t.test('no more than four orders are made in any hour, whatever asks for them', async (t) => {
  const made: number[] = [];
  let nowMs = 1000 * HOUR;
  for (let i = 0; i < 40; i++) {
    nowMs = Math.max(nowMs + MINUTE, allowedMs(made, nowMs));
    t.ok(allowedMs(made, nowMs) <= nowMs);
    made.push(nowMs);
    const inHour = made.filter((ms) => ms > nowMs - HOUR).length;
    t.ok(inHour <= ORDERS_AN_HOUR, `${inHour} in an hour`);
  }
  t.equal(
    allowedMs([nowMs + DAY, nowMs + DAY, nowMs + DAY, nowMs + DAY], nowMs),
    0,
    'a clock that was wrong is forgotten',
  );
});
