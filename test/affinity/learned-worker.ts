// One of two threads that write and read one learned table as fast as they can.
import { parentPort, workerData } from 'node:worker_threads';
import { type LearnedMemory, LearnedTable } from '../../src/affinity/learned.ts';

/** Every session has one home that follows from its number, whoever learns it: any other that is found is wrong. */
export function hammer(memory: LearnedMemory, from: number): { wrong: number; found: number } {
  const table = new LearnedTable(memory);
  const encoder = new TextEncoder();
  const sessions = Array.from({ length: 1000 }, (_, i) => encoder.encode(`session-${i}`));
  let wrong = 0;
  let found = 0;
  for (let round = 0; round < 300_000; round++) {
    const i = (from + round) % sessions.length;
    const write = sessions[i]!;
    table.learn(write, 0, write.length, i + 1, round >> 10);
    const j = (i + sessions.length - (round % 5)) % sessions.length;
    const read = sessions[j]!;
    const home = table.find(read, 0, read.length, round >> 10);
    if (home !== 0) found++;
    if (home !== 0 && home !== j + 1) wrong++;
  }
  return { wrong, found };
}

/** Sessions that each of the two learns in a table of 16 rows. */
export const RACING = 7;
export const nameOf = (number: number, i: number): string => `session ${i} of ${number}`;

/** Learns some sessions in one table after the other, each begun at the same moment as the other thread does, as far as two cores can. */
export function race(memories: readonly LearnedMemory[], there: Int32Array, number: number): void {
  const encoder = new TextEncoder();
  const sessions = Array.from({ length: RACING }, (_, i) => encoder.encode(nameOf(number, i)));
  for (const [round, memory] of memories.entries()) {
    const table = new LearnedTable(memory);
    Atomics.add(there, 0, 1);
    while (Atomics.load(there, 0) < 2 * (round + 1));
    for (const [i, session] of sessions.entries()) table.learn(session, 0, session.length, i + 1, 0);
  }
}

if (parentPort !== null && workerData?.memory !== undefined) {
  parentPort.postMessage(hammer(workerData.memory, workerData.from));
} else if (parentPort !== null && workerData?.memories !== undefined) {
  race(workerData.memories, workerData.there, 1);
  parentPort.postMessage('done');
}
