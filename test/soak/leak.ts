// Loaded into a Limpet that is to be caught: with every look at it, it keeps a descriptor, a timer and memory that nobody uses.
import { openSync } from 'node:fs';
import { BroadcastChannel, isMainThread } from 'node:worker_threads';

const kept: unknown[] = [];
/** Bytes of heap that each look leaks. */
const LEAK_BYTES = 2 * 1024 * 1024;

if (!isMainThread) {
  const channel = new BroadcastChannel('limpet-soak-gauge');
  channel.onmessage = () => {
    kept.push(openSync('/dev/null', 'r'));
    kept.push(setInterval(() => {}, 60_000));
    kept.push(Array.from({ length: LEAK_BYTES / 8 }, (_, i) => i + 0.5));
  };
  channel.unref();
}
