// A bucket lets in what its rate says, to the request; workers count as one; a full table forgets the longest unseen and locks nobody out.
import { Worker } from 'node:worker_threads';
import t from 'tap';
import { BucketTable, type Pace, paceOf } from '../../src/limit/bucket-table.ts';

const table = (entries = 1000): BucketTable => new BucketTable(BucketTable.allocate(entries));

/** How many of `asked` requests, evenly spread over `ms` from `fromMs`, are let in. */
function letIn(buckets: BucketTable, pace: Pace, asked: number, ms: number, fromMs: number, key = 1): number {
  let count = 0;
  for (let i = 0; i < asked; i++) if (buckets.take(key, key, pace, fromMs + (ms * i) / asked)) count++;
  return count;
}

t.test('the burst is let in at once, then one an interval, and the wait is told', async (t) => {
  const buckets = table();
  const pace = paceOf(10, 1000, 5);
  t.equal(letIn(buckets, pace, 20, 0, 1000), 5);
  t.ok(Math.abs(buckets.waitMs - 100) < 0.01, `${buckets.waitMs} ms`);
  t.notOk(buckets.take(1, 1, pace, 1099));
  t.ok(buckets.take(1, 1, pace, 1100.01));
  t.notOk(buckets.take(1, 1, pace, 1101));
  t.equal(letIn(buckets, pace, 100, 0, 3000), 5, 'after a while the whole burst is there again, and no more');
});

t.test('over a long time exactly the rate is let in, whatever the rate is', async (t) => {
  for (const [count, perMs, burst] of [
    [1, 1000, 1],
    [7, 1000, 3],
    [600, 60_000, 600],
    [10, 3_600_000, 10],
    [1, 86_400_000, 1000],
    [10_000, 1000, 10_000],
    [1_000_000, 1000, 1_000_000],
  ] as const) {
    const pace = paceOf(count, perMs, burst);
    const buckets = table();
    const ms = (perMs / count) * 3000;
    const fromMs = 5_000_000_000;
    t.equal(letIn(buckets, pace, burst, 0, fromMs), burst, `${count} in ${perMs} ms: the burst`);
    const got = letIn(buckets, pace, 9000, ms, fromMs);
    t.ok(Math.abs(got - 3000) <= 10, `${got} of 9000 in the time of 3000`);
  }
});

t.test('a key that comes again after the circle has turned has its whole burst', async (t) => {
  const pace = paceOf(1000, 1000, 100);
  const turnMs = 2 ** 32 / pace.unitsPerMs;
  for (const share of [0.4, 0.5, 0.7, 0.9999, 1, 1.2, 7.99]) {
    const buckets = table();
    t.equal(letIn(buckets, pace, 200, 0, 10_000), 100);
    t.equal(letIn(buckets, pace, 200, 0, 10_000 + turnMs * share), 100, `after ${share} turns`);
  }
});

t.test('what is given back can be taken again, and debt of elsewhere counts here', async (t) => {
  const buckets = table();
  const pace = paceOf(1, 1000, 3);
  t.equal(letIn(buckets, pace, 9, 0, 0), 3);
  buckets.giveBack(1, 1, pace);
  t.equal(letIn(buckets, pace, 9, 0, 0), 1);
  buckets.raise(2, 2, pace, 2000, 0);
  t.equal(letIn(buckets, pace, 9, 0, 0, 2), 1, 'two of three were used elsewhere');
  buckets.raise(2, 2, pace, 100, 0);
  t.equal(letIn(buckets, pace, 9, 0, 0, 2), 0, 'it is never made less');
  buckets.raise(3, 3, pace, 1e12, 0);
  t.equal(letIn(buckets, pace, 1, 0, 3001, 3), 1, 'nor more than a whole burst');
});

t.test('clocks that differ a little take nothing from anybody', async (t) => {
  const buckets = table();
  const pace = paceOf(100, 1000, 10);
  let count = 0;
  for (let i = 0; i < 2000; i++) if (buckets.take(1, 1, pace, 5000 + i - (i % 2) * 3)) count++;
  t.ok(Math.abs(count - 210) <= 2, `${count}`);
});

t.test('a full table forgets who was unseen for longest, and lets in whom it does not know', async (t) => {
  const buckets = table(16);
  const pace = paceOf(1, 86_400_000, 1);
  for (let key = 1; key <= 2000; key++) t.ok(buckets.take(key, Math.imul(key, 0x9e3779b1), pace, key * 1000));
  t.ok(buckets.replaced > 1900, `${buckets.replaced} were forgotten`);
  t.notOk(buckets.take(2000, Math.imul(2000, 0x9e3779b1), pace, 2_001_000), 'the newest is remembered');
  t.ok(buckets.take(1, 0x9e3779b1 | 0, pace, 2_002_000), 'the oldest is not');
});

t.test('who is refused all the time is not the one that a flood pushes out', async (t) => {
  const buckets = table(16);
  const pace = paceOf(1, 86_400_000, 1);
  buckets.take(1, 1, pace, 0);
  for (let i = 1; i < 3000; i++) {
    buckets.take(i + 10, Math.imul(i, 0x9e3779b1), pace, i * 1000);
    t.notOk(buckets.take(1, 1, pace, i * 1000));
  }
});

t.test('four workers at once take from one bucket what one would, and not one more', async (t) => {
  const memory = BucketTable.allocate(1000);
  const burst = 50_000;
  const pace = paceOf(1, 86_400_000, burst);
  const told = await Promise.all(
    Array.from(
      { length: 4 },
      () =>
        new Promise<{ taken: number; missed: number }>((resolve, reject) => {
          const worker = new Worker(new URL('./bucket-worker.ts', import.meta.url), {
            workerData: { memory, pace, tries: 40_000 },
          });
          worker.once('message', resolve);
          worker.once('error', reject);
        }),
    ),
  );
  const sum = (of: 'taken' | 'missed'): number => told.reduce((all, each) => all + each[of], 0);
  // At the very first request two may make a row each for the key; and who is beaten sixteen times in a row is let in uncounted.
  const taken = sum('taken') - sum('missed');
  t.ok(taken >= burst && taken <= burst + 3, `${taken} of 160,000 asked, ${sum('missed')} missed`);
});
