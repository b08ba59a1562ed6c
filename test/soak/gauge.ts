// Loaded into every thread of the Limpet under test (`node --import`): at SIGUSR2 each collects its garbage and writes what it holds.
import { appendFileSync } from 'node:fs';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { BroadcastChannel, isMainThread, threadId } from 'node:worker_threads';

/** What one thread holds at rest. */
export interface ThreadReading {
  readonly reading: number;
  /** 0: the main thread. */
  readonly thread: number;
  /** After a full collection, bytes. */
  readonly heap: number;
  /** Buffers outside the heap, bytes. */
  readonly external: number;
  /** What would keep the loop alive, by kind: timers, sockets, requests under way. */
  readonly resources: Readonly<Record<string, number>>;
  /** What is known of the client connections that it still holds, a line each; none at rest. */
  readonly connections: readonly string[];
}

const file = process.env.LIMPET_SOAK_GAUGE;
setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void; // Node's own, there by the flag
// The main thread has none. Loaded first of all, so that no listener escapes it.
const heldConnections = isMainThread
  ? (): string[] => []
  : (await import('./held-connections.ts')).heldConnections;
const channel = new BroadcastChannel('limpet-soak-gauge');

async function read(reading: number): Promise<void> {
  // Before collecting, which stops the thread for so long that health checks pile up behind it.
  const resources: Record<string, number> = {};
  for (const kind of process.getActiveResourcesInfo()) resources[kind] = (resources[kind] ?? 0) + 1;
  const connections = heldConnections();
  // What is freed by finalizers in one round is collected in the next.
  for (let round = 0; round < 3; round++) {
    collect();
    await new Promise((resolve) => setImmediate(resolve));
  }
  const { heapUsed, external } = process.memoryUsage();
  const told: ThreadReading = { reading, thread: threadId, heap: heapUsed, external, resources, connections };
  // One write, so that the threads' lines do not mix.
  if (file !== undefined) appendFileSync(file, `${JSON.stringify(told)}\n`);
}

channel.onmessage = (event) => void read(Number((event as { data: unknown }).data)); // a MessageEvent, which is not declared here
channel.unref();
if (isMainThread) {
  let readings = 0;
  process.on('SIGUSR2', () => {
    readings++;
    channel.postMessage(readings);
    // A channel does not hear itself.
    void read(readings);
  });
}
