// The entry of a worker thread: builds its data plane, listens, and stays in touch with the main thread.
import { parentPort, workerData } from 'node:worker_threads';
import { systemClock } from '../base/clock.ts';
import { invariant } from '../base/invariant.ts';
import { systemRandom } from '../base/random.ts';
import { AccessLog } from '../observe/access-log.ts';
import { MetricBook } from '../observe/metric-book.ts';
import { TraceLog } from '../observe/trace-log.ts';
import { DataPlane } from '../proxy/data-plane.ts';
import { openSessions } from '../session/open-session.ts';
import { SharedRevocations } from '../session/revocation/shared-revocations.ts';
import { NO_REVOCATIONS } from '../session/revocations.ts';
import { UpstreamTable } from '../upstream/upstream-table.ts';
import type { FromWorker, ToWorker, WorkerInit } from './messages.ts';

invariant(parentPort !== null, 'a worker was started without a main thread');
const port = parentPort;
const init = workerData as WorkerInit; // as the crew made it, of the same build
const { config } = init;
const say = (message: FromWorker): void => port.postMessage(message);

/** Connections that the kernel keeps for us while we are busy; it cuts this to its own limit. */
const BACKLOG = 4096;

const table = new UpstreamTable(init.table);
const random = systemRandom();
const book = new MetricBook(init.book, (declaration) => say({ say: 'metric', declaration }));
const plane = new DataPlane({
  config,
  generation: init.generation,
  worker: init.worker,
  workers: init.workers,
  table,
  learned: new Map(init.learned),
  trails: new Map(init.trails),
  clock: systemClock,
  random,
  book,
  accessLog:
    config.log.access && config.log.level !== 'silent'
      ? new AccessLog({
          sample: config.log.sample,
          random,
          ship: (batch) => say({ say: 'access', batch }),
          account: init.accessAccount,
        })
      : null,
  traceLog: new TraceLog({
    book,
    account: init.traceAccount,
    ship: (batch) => say({ say: 'traces', batch }),
  }),
  reports: {
    failure(upstream, kind) {
      // A name without an address is no failure of the instance, and the main thread knows of it already.
      if (kind !== 'unresolved') Atomics.add(table.failures, upstream.slot, 1);
      say({ say: 'failure', slot: upstream.slot, kind });
    },
    success(upstream) {
      Atomics.store(table.failures, upstream.slot, 0);
      say({ say: 'success', slot: upstream.slot });
    },
    suspect(upstream) {
      say({ say: 'suspect', slot: upstream.slot });
    },
    vouched(session, up, why) {
      say({ say: 'vouched', session, up, why });
    },
    moved(pool, from, to) {
      say({ say: 'moved', pool, from, to });
    },
  },
  sessions: await openSessions(config, {
    store: (session, change) => say({ say: 'store', session, ...change }),
    keys: (session, change) => say({ say: 'keys', session, ...change }),
  }),
  revocations:
    init.revocations === null
      ? NO_REVOCATIONS
      : new SharedRevocations(init.revocations, systemClock.wallMs, (key, timeMs) =>
          say({ say: 'login', key, timeMs }),
        ),
  signing: init.signing,
  onBug: (session, error) => say({ say: 'bug', session, text: describe(error) }),
  connectionsMax: init.connectionsMax,
  refusingMax: init.refusingMax,
});
init.addresses.forEach((address, slot) => {
  plane.setAddress(slot, address);
});

/** A fault of ours for the log: where it happened, and nothing that a request said. */
function describe(error: unknown): string {
  if (!(error instanceof Error)) return typeof error;
  const where = error.stack?.split('\n').find((line) => line.includes('    at '));
  return `${error.name}${where === undefined ? '' : where.replace('    at', ' at')}`;
}

/** Ends the drain: by itself when the last connection has closed, or at its deadline. */
function drain(deadlineMs: number): void {
  let over = false;
  const finish = (cut: number): void => {
    if (over) return;
    over = true;
    clearTimeout(timer);
    plane.stop();
    say({ say: 'drained', cut });
  };
  const timer = setTimeout(() => {
    const cut = plane.connections;
    plane.kill();
    finish(cut);
  }, deadlineMs);
  plane.drain(deadlineMs, () => finish(0));
}

port.on('message', (message: ToWorker) => {
  if (message.say === 'address') plane.setAddress(message.slot, message.address);
  else if (message.say === 'hung') plane.hung(message.slot);
  else if (message.say === 'signing') plane.setSigning(message.state);
  else drain(message.deadlineMs);
});

/** Binds one after the other, so that the first failure is the one that is told. */
async function listen(): Promise<void> {
  for (const listener of plane.listeners) {
    // A unix socket can't be bound twice: the first worker has it alone.
    if (listener.bind.kind === 'unix' && init.worker !== 0) continue;
    try {
      await listener.listen(init.shared, BACKLOG);
    } catch (error) {
      const { code = 'ERROR', message } = error as NodeJS.ErrnoException; // net gives nothing else
      say({ say: 'unbound', listener: listener.name, code, message });
      return;
    }
  }
  plane.start();
  say({ say: 'listening' });
}

await listen();
