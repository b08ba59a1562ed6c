// The shared table of what is revoked: found at once, never half-written, bounded, and clear again when all has run out.
import { Worker } from 'node:worker_threads';
import t from 'tap';
import { SeededRandom } from '../../../src/base/random.ts';
import { DigestWords, digestOf } from '../../../src/session/revocation/digest-words.ts';
import { RevocationTable, ROW } from '../../../src/session/revocation/revocation-table.ts';

const NOW_S = 1_700_000_000;
const NOW_MS = NOW_S * 1000;
const words = new DigestWords();
const of = (name: string): DigestWords => words.read(digestOf(name));
const make = (entries: number): RevocationTable => new RevocationTable(RevocationTable.allocate(entries));
const put = (table: RevocationTable, name: string, untilS = NOW_S + 100, mark = 1) =>
  table.put(of(name), ROW.named, NOW_MS, untilS, mark, NOW_S);

t.test('what is put is found with its times, and nothing else is', async (t) => {
  const table = make(10);
  t.equal(table.put(of('ada'), ROW.user, NOW_MS + 123, NOW_S + 5, 1, NOW_S), 'added');
  t.equal(table.put(of('ada'), ROW.block, NOW_MS + 7, 0xffff_fff0, 1, NOW_S), 'added');
  const first = table.find(of('ada'), 0);
  t.ok(first > 0);
  t.same([table.kind, table.timeMs, table.untilS], [ROW.user, NOW_MS + 123, NOW_S + 5]);
  const second = table.find(of('ada'), first);
  t.ok(second > first);
  t.same([table.kind, table.timeMs, table.untilS], [ROW.block, NOW_MS + 7, 0xffff_fff0]);
  t.equal(table.find(of('ada'), second), 0);
  t.equal(table.find(of('bob'), 0), 0);
  t.same([table.size, table.count(ROW.user), table.count(ROW.named)], [2, 1, 0]);
});

t.test('what is revoked again only grows, until it is lifted or has run out', async (t) => {
  const table = make(10);
  const again = (timeMs: number, untilS: number, nowS = NOW_S) =>
    table.put(of('ada'), ROW.user, timeMs, untilS, 1, nowS);
  again(NOW_MS, NOW_S + 50);
  t.equal(again(NOW_MS - 1000, NOW_S + 10), 'same');
  t.equal(again(NOW_MS - 1000, NOW_S + 90), 'changed');
  t.equal(again(NOW_MS + 2000, NOW_S + 60), 'changed');
  table.find(of('ada'), 0);
  t.same([table.timeMs, table.untilS, table.size], [NOW_MS + 2000, NOW_S + 90, 1]);
  t.equal(again(NOW_MS - 5000, NOW_S + 300, NOW_S + 200), 'changed', 'the old one has run out');
  table.find(of('ada'), 0);
  t.same([table.timeMs, table.untilS], [NOW_MS - 5000, NOW_S + 300]);
  t.ok(table.remove(of('ada'), ROW.user));
  t.notOk(table.remove(of('ada'), ROW.user));
  t.equal(table.find(of('ada'), 0), 0);
});

t.test('a full table refuses what is new, renews what is there, and has room again', async (t) => {
  for (const entries of [1, 2, 7, 1000]) {
    const table = make(entries);
    for (let i = 0; i < entries; i++) t.equal(put(table, `name ${i}`), 'added');
    t.equal(put(table, 'one more'), 'full');
    t.equal(table.find(of('one more'), 0), 0, 'and a look-up comes to its end');
    t.equal(table.put(of('name 0'), ROW.named, NOW_MS + 1, NOW_S + 200, 1, NOW_S), 'changed');
    t.ok(table.remove(of(`name ${entries - 1}`), ROW.named));
    t.equal(put(table, 'one more'), 'added');
    t.equal(table.size, entries);
  }
});

t.test(
  'through years of coming and going nothing is lost, nothing stays, and look-ups stay short',
  async (t) => {
    const entries = 2000;
    const table = make(entries);
    const random = new SeededRandom(7);
    const there = new Set<string>();
    for (let i = 0; i < 60_000; i++) {
      const name = `name ${random.below(3000)}`;
      if (there.has(name)) {
        if (!table.remove(of(name), ROW.named)) t.fail(`${name} was lost`);
        there.delete(name);
      } else if (put(table, name) !== 'full') there.add(name);
      else if (there.size !== entries) t.fail('full too early');
    }
    for (let i = 0; i < 3000; i++) {
      const name = `name ${i}`;
      if (table.find(of(name), 0) > 0 !== there.has(name)) t.fail(`${name} is ${there.has(name)}`);
    }
    t.equal(table.size, there.size);
    let steps = 0;
    for (const name of there) steps = Math.max(steps, table.find(of(name), 0));
    t.ok(steps < 600, `the furthest is ${steps} rows from its place`);
    for (const name of there) table.remove(of(name), ROW.named);
    t.equal(table.size, 0);
  },
);

t.test('a sweep drops what has run out, or what was not told again, and knows what comes next', async (t) => {
  const table = make(100);
  put(table, 'a', NOW_S + 10, 1);
  put(table, 'b', NOW_S + 20, 1);
  put(table, 'c', NOW_S + 30, 2);
  t.equal(table.sweep(0, table.rows, NOW_S + 10, null), 1);
  t.equal(table.untilS, NOW_S + 20);
  t.same([table.find(of('a'), 0), table.size], [0, 2]);
  t.same(
    table.unmarked(0, table.rows, 2).map(({ kind, timeMs, untilS }) => [kind, timeMs, untilS]),
    [[ROW.named, NOW_MS, NOW_S + 20]],
  );
  t.equal(table.sweep(0, table.rows, NOW_S, 2), 1);
  t.same([table.find(of('b'), 0), table.size], [0, 1]);
  t.equal(table.sweep(0, table.rows, NOW_S + 1000, null), 1);
  t.same([table.untilS, table.size], [Number.POSITIVE_INFINITY, 0]);
});

t.test('readers in other threads never see a row that was never put, nor miss one that stays', async (t) => {
  const memory = RevocationTable.allocate(64);
  const table = new RevocationTable(memory);
  table.put(of('stays'), ROW.user, NOW_MS, NOW_S + 100, 1, NOW_S);
  const root = new URL('../../../src/session/revocation/', import.meta.url).href;
  // Each pair of times that is put is k seconds and k × 1000 ms after the same moment: another pair would be a torn one.
  const code = `
    const { parentPort, workerData } = require('node:worker_threads');
    (async () => {
      const { RevocationTable, ROW } = await import('${root}revocation-table.ts');
      const { DigestWords, digestOf } = await import('${root}digest-words.ts');
      const table = new RevocationTable(workerData.memory);
      const stays = new DigestWords().read(digestOf('stays'));
      const moves = new DigestWords().read(digestOf('moves'));
      let looked = 0, missed = 0, torn = 0, seen = 0;
      parentPort.postMessage('ready');
      while (Atomics.load(workerData.stop, 0) === 0) {
        looked++;
        let found = false;
        for (let writes = -1; !found && table.writes !== writes; ) {
          writes = table.writes;
          found = table.find(stays, 0) > 0;
        }
        if (!found) missed++;
        for (let step = table.find(moves, 0); step > 0; step = table.find(moves, step)) {
          seen++;
          if (table.kind !== ROW.named || table.untilS - ${NOW_S} !== table.timeMs / 1000 - ${NOW_S}) torn++;
        }
      }
      parentPort.postMessage({ looked, missed, torn, seen });
    })();`;
  const stop = new Int32Array(new SharedArrayBuffer(4));
  const readers = [0, 1].map(() => new Worker(code, { eval: true, workerData: { memory, stop } }));
  t.teardown(() => Promise.all(readers.map((reader) => reader.terminate())));
  const next = (reader: Worker): Promise<unknown> =>
    new Promise((resolve, reject) => {
      reader.once('message', resolve);
      reader.once('error', reject);
    });
  await Promise.all(readers.map(next));
  const told = readers.map(next);
  for (let round = 1; round <= 40_000; round++) {
    const k = (round % 50) + 1;
    table.put(of('moves'), ROW.named, NOW_MS + k * 1000, NOW_S + k, 1, NOW_S);
    // The row that stays is renewed all the time, which writes it elsewhere.
    table.put(of('stays'), ROW.user, NOW_MS + round, NOW_S + 100, 1, NOW_S);
    table.remove(of('moves'), ROW.named);
    if (round % 1000 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  Atomics.store(stop, 0, 1);
  for (const one of await Promise.all(told)) {
    const { looked, missed, torn } = one as { looked: number; missed: number; torn: number };
    t.ok(looked > 0);
    t.same([missed, torn], [0, 0], `of ${looked} looks`);
  }
});
