// Takes from one bucket as fast as it can, and says how often it was let in: with others it shows that nobody is counted twice or not at all.
import { parentPort, workerData } from 'node:worker_threads';
import { type BucketMemory, BucketTable, type Pace } from '../../src/limit/bucket-table.ts';

const { memory, pace, tries } = workerData as { memory: BucketMemory; pace: Pace; tries: number }; // of the test
const table = new BucketTable(memory);
let taken = 0;
for (let i = 0; i < tries; i++) if (table.take(7, 11, pace, 1000)) taken++;
parentPort?.postMessage({ taken, missed: table.missed });
