// Counts the bytes of heap that a call allocates, for the functions that promise none.
import { getHeapStatistics, setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

const WARM_UP = 60_000;
const CALLS = 20_000;
const ROUNDS_MAX = 60;
/** Between rounds that were no good: the compiler's own thread gets to its work on a busy machine. */
const PAUSE_MS = 20;
const nobody = new Int32Array(new SharedArrayBuffer(4));

/** What the measurement itself may cost per call: its two reports and the loop, spread over the calls. */
export const NOISE_BYTES = 0.5;

/**
 * Bytes that one call of `run` allocates, once it is compiled: the least of several rounds, since the compiler and
 * other threads allocate at times, too, and on a busy machine the best code may be late. `run` gets the call's
 * number. Calls are few enough that no collection falls into a round of up to some 100 bytes a call.
 */
export function bytesPerCall(run: (i: number) => void): number {
  for (let i = 0; i < WARM_UP; i++) run(i);
  let least = Number.POSITIVE_INFINITY;
  for (let round = 0; round < ROUNDS_MAX && !(least / CALLS < NOISE_BYTES); round++) {
    if (round > 0) Atomics.wait(nobody, 0, 0, PAUSE_MS);
    collect();
    const before = getHeapStatistics().used_heap_size;
    for (let i = 0; i < CALLS; i++) run(i);
    const used = getHeapStatistics().used_heap_size - before;
    // A collection in the middle makes a round worthless.
    if (used >= 0 && used < least) least = used;
  }
  return least / CALLS;
}
