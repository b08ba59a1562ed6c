// Homes learned from the app's own cookie: shared by all workers, bounded, forgotten when idle.
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import t from 'tap';
import { LearnedTable } from '../../src/affinity/learned.ts';

const encoder = new TextEncoder();

function learn(table: LearnedTable, value: string, home: number, nowS: number): boolean {
  const bytes = encoder.encode(`; ${value};`);
  return table.learn(bytes, 2, bytes.length - 1, home, nowS);
}

function find(table: LearnedTable, value: string, nowS: number): number {
  const bytes = encoder.encode(value);
  return table.find(bytes, 0, bytes.length, nowS);
}

t.test('a session learned by one worker is known to all', async (t) => {
  const memory = LearnedTable.allocate(100, 60_000);
  const one = new LearnedTable(memory);
  const two = new LearnedTable(memory);
  t.equal(find(two, 'abc', 0), 0);
  t.equal(learn(one, 'abc', 7, 0), true);
  t.equal(find(two, 'abc', 0), 7);
  t.equal(find(two, 'abd', 0), 0);
  t.equal(find(two, '', 0), 0);
});

t.test('the last home learned counts', async (t) => {
  const table = new LearnedTable(LearnedTable.allocate(100, 60_000));
  learn(table, 'abc', 7, 0);
  learn(table, 'abc', 8, 1);
  t.equal(find(table, 'abc', 1), 8);
});

t.test('a session is forgotten when unseen for the idle time, and not while it is used', async (t) => {
  const table = new LearnedTable(LearnedTable.allocate(100, 60_000));
  learn(table, 'used', 1, 0);
  learn(table, 'idle', 2, 0);
  for (let s = 0; s <= 300; s += 50) t.equal(find(table, 'used', s), 1);
  t.equal(find(table, 'idle', 60), 2, 'still within its time');
  t.equal(find(table, 'idle', 60 + 61), 0);
});

t.test('an empty value is not learned', async (t) => {
  const table = new LearnedTable(LearnedTable.allocate(100, 60_000));
  t.equal(learn(table, '', 3, 0), true);
  t.equal(find(table, '', 0), 0);
});

t.test('as many as promised are remembered', async (t) => {
  const table = new LearnedTable(LearnedTable.allocate(10_000, 3_600_000));
  for (let i = 0; i < 10_000; i++) learn(table, `session-${i}`, (i % 9) + 1, i >> 4);
  let known = 0;
  for (let i = 0; i < 10_000; i++) {
    const home = find(table, `session-${i}`, 700);
    if (home === (i % 9) + 1) known++;
    else if (home !== 0) t.fail(`session-${i} was sent to another home`);
  }
  t.ok(known >= 9_990, `${known} of 10000`);
});

t.test('a flood of new sessions stays in bounds and drives out the ones unseen for longest', async (t) => {
  const memory = LearnedTable.allocate(1000, 3_600_000);
  const table = new LearnedTable(memory);
  t.ok(memory.buffer.byteLength <= 1000 * 64);
  for (let i = 0; i < 50_000; i++) {
    if (!learn(table, `session-${i}`, 1, i)) t.fail('not learned');
    if (i % 10 === 0 && i > 0) find(table, 'session-0', i);
  }
  let recent = 0;
  let old = 0;
  for (let i = 49_000; i < 50_000; i++) recent += find(table, `session-${i}`, 50_000);
  for (let i = 1; i < 1000; i++) old += find(table, `session-${i}`, 50_000);
  t.ok(recent > 950, `${recent} of the last 1000`);
  t.equal(old, 0);
  t.equal(find(table, 'session-0', 50_000), 1, 'the one in use stayed');
});

t.test('two workers that write the same rows at once never show a wrong home', async (t) => {
  // So few rows that every insertion drives another out, while both threads read.
  const memory = LearnedTable.allocate(8, 3_600_000);
  const worker = new Worker(new URL('./learned-worker.ts', import.meta.url), {
    workerData: { memory, from: 0 },
  });
  const exit = once(worker, 'exit');
  const message = once(worker, 'message');
  await once(worker, 'online');
  const { hammer } = await import('./learned-worker.ts');
  const mine = hammer(memory, 500);
  const [theirs] = (await message) as [{ wrong: number; found: number }];
  await exit;
  t.equal(mine.wrong, 0);
  t.equal(theirs.wrong, 0);
  t.ok(mine.found > 0 && theirs.found > 0, `${mine.found} and ${theirs.found} found`);
});

t.test('two workers that learn at the same moment lose no home while there is room', async (t) => {
  const memories = Array.from({ length: 6000 }, () => LearnedTable.allocate(8, 60_000));
  const there = new Int32Array(new SharedArrayBuffer(4));
  const worker = new Worker(new URL('./learned-worker.ts', import.meta.url), {
    workerData: { memories, there },
  });
  const exit = once(worker, 'exit');
  const message = once(worker, 'message');
  await once(worker, 'online');
  const { nameOf, RACING, race } = await import('./learned-worker.ts');
  race(memories, there, 0);
  await message;
  await exit;
  let lost = 0;
  for (const memory of memories) {
    const table = new LearnedTable(memory);
    for (const number of [0, 1])
      for (let i = 0; i < RACING; i++) if (find(table, nameOf(number, i), 0) !== i + 1) lost++;
  }
  t.equal(lost, 0);
});
