// Logins noted by all workers at once: none of a full window's newest is lost, and no time is believed that was not written.
import { Worker } from 'node:worker_threads';
import t from 'tap';
import { DigestWords, digestOf } from '../../../src/session/revocation/digest-words.ts';
import { LoginNotes } from '../../../src/session/revocation/login-notes.ts';

const NOW_MS = 1_700_000_000_123;
function done(thread: Worker): Promise<unknown> {
  return new Promise((resolve, reject) => {
    thread.once('message', resolve);
    thread.once('error', reject);
  });
}

const words = new DigestWords();
const of = (name: string): DigestWords => words.read(digestOf(name));

t.test('a login is found with its time, the latest of several', async (t) => {
  const notes = new LoginNotes(LoginNotes.allocate(100));
  t.equal(notes.find(of('a')), -1);
  notes.note(of('a'), NOW_MS);
  notes.note(of('a'), NOW_MS + 5);
  notes.note(of('a'), NOW_MS - 5);
  t.equal(notes.find(of('a')), NOW_MS + 5);
  t.equal(notes.find(of('b')), -1);
  t.same([notes.newestMs, notes.lost], [NOW_MS + 5, 0]);
});

t.test('where there is no room the oldest gives way, and is counted', async (t) => {
  const notes = new LoginNotes(LoginNotes.allocate(16));
  for (let i = 0; i < 40; i++) notes.note(of(`login ${i}`), NOW_MS + i);
  t.equal(notes.lost, 24);
  for (let i = 0; i < 40; i++) t.equal(notes.find(of(`login ${i}`)), i < 24 ? -1 : NOW_MS + i, `login ${i}`);
});

t.test('a login that let somebody live outlasts a flood of visitors, and the time that it has', async (t) => {
  const notes = new LoginNotes(LoginNotes.allocate(16));
  for (let i = 0; i < 4; i++) notes.note(of(`user ${i}`), NOW_MS + i);
  for (let i = 0; i < 3; i++) notes.use(of(`user ${i}`));
  notes.use(of('nobody'));
  for (let i = 0; i < 1000; i++) notes.note(of(`visitor ${i}`), NOW_MS + 10 + i);
  for (let i = 0; i < 3; i++) t.equal(notes.find(of(`user ${i}`)), NOW_MS + i);
  t.equal(notes.find(of('user 3')), -1);
  for (let i = 0; i < 20; i++) {
    notes.note(of(`user ${i}`), NOW_MS + 5000 + i);
    notes.use(of(`user ${i}`));
  }
  for (let i = 0; i < 20; i++) t.equal(notes.find(of(`user ${i}`)), i < 4 ? -1 : NOW_MS + 5000 + i);
});

t.test(
  'two who write at the same moment into a table that is hardly large enough lose nothing',
  async (t) => {
    const rounds = 1000;
    const memories = Array.from({ length: rounds }, () => LoginNotes.allocate(16));
    const root = new URL('../../../src/session/revocation/', import.meta.url).href;
    const code = `
    const { parentPort, workerData } = require('node:worker_threads');
    (async () => {
      const { LoginNotes } = await import('${root}login-notes.ts');
      const { DigestWords, digestOf } = await import('${root}digest-words.ts');
      const { memories, there, number } = workerData;
      const words = new DigestWords();
      const digests = Array.from({ length: 7 }, (_, i) => digestOf('login ' + i + ' of ' + number));
      for (const [round, memory] of memories.entries()) {
        const notes = new LoginNotes(memory);
        // Both begin in the same moment, as far as two cores can.
        Atomics.add(there, 0, 1);
        while (Atomics.load(there, 0) < 2 * (round + 1));
        for (const [i, digest] of digests.entries()) notes.note(words.read(digest), ${NOW_MS} + i);
      }
      parentPort.postMessage('done');
    })();`;
    const there = new Int32Array(new SharedArrayBuffer(4));
    const threads = [0, 1].map(
      (number) => new Worker(code, { eval: true, workerData: { memories, there, number } }),
    );
    await Promise.all(threads.map(done));
    let missing = 0;
    let lost = 0;
    for (const memory of memories) {
      const notes = new LoginNotes(memory);
      lost += notes.lost;
      for (const number of [0, 1])
        for (let i = 0; i < 7; i++)
          missing += Number(notes.find(of(`login ${i} of ${number}`)) !== NOW_MS + i);
    }
    t.same({ missing, lost }, { missing: 0, lost: 0 });
    await Promise.all(threads.map((thread) => thread.terminate()));
  },
);

t.test('four threads at once lose nothing while there is room', async (t) => {
  const memory = LoginNotes.allocate(20_000);
  const root = new URL('../../../src/session/revocation/', import.meta.url).href;
  const code = `
    const { parentPort, workerData } = require('node:worker_threads');
    (async () => {
      const { LoginNotes } = await import('${root}login-notes.ts');
      const { DigestWords, digestOf } = await import('${root}digest-words.ts');
      const notes = new LoginNotes(workerData.memory);
      const words = new DigestWords();
      for (let i = 0; i < 2000; i++) {
        // Half of the keys are noted by all threads, each with the same time.
        const name = i % 2 === 0 ? 'shared ' + i : 'own ' + workerData.number + ' ' + i;
        notes.note(words.read(digestOf(name)), ${NOW_MS} + i);
      }
      parentPort.postMessage('done');
    })();`;
  const threads = [0, 1, 2, 3].map(
    (number) => new Worker(code, { eval: true, workerData: { memory, number } }),
  );
  await Promise.all(threads.map(done));
  const notes = new LoginNotes(memory);
  let missing = 0;
  for (let i = 0; i < 2000; i++) {
    if (i % 2 === 0) missing += Number(notes.find(of(`shared ${i}`)) !== NOW_MS + i);
    else
      for (const number of [0, 1, 2, 3])
        missing += Number(notes.find(of(`own ${number} ${i}`)) !== NOW_MS + i);
  }
  t.equal(missing, 0);
  t.equal(notes.lost, 0);
  await Promise.all(threads.map((thread) => thread.terminate()));
});
