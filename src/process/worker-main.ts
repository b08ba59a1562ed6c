// The entry of a worker thread: builds its data plane, listens, and stays in touch with the main thread.
import { parentPort, workerData } from 'node:worker_threads';
import { systemClock } from '../base/clock.ts';
import { invariant } from '../base/invariant.ts';
import { systemRandom } from '../base/random.ts';
import type { Config } from '../config/config.ts';
import type { AccessLog } from '../observe/access-log.ts';
import { MetricBook } from '../observe/metric-book.ts';
import { TraceLog } from '../observe/trace-log.ts';
import { DataPlane } from '../proxy/data-plane.ts';
import { openSessions, type SessionListener } from '../session/open-session.ts';
import { SharedRevocations } from '../session/revocation/shared-revocations.ts';
import { NO_REVOCATIONS, type Revocations } from '../session/revocations.ts';
import { UpstreamTable } from '../upstream/upstream-table.ts';
import { LimitLinks } from './limit-links.ts';
import type { FromWorker, GenerationData, ToWorker, WorkerInit } from './messages.ts';
import { WorkerGenerations } from './worker-generations.ts';
import { makeAccessLog } from './worker-log.ts';

invariant(parentPort !== null, 'a worker was started without a main thread');
const port = parentPort;
const init = workerData as WorkerInit; // as the crew made it, of the same build
const { config } = init;
const say = (message: FromWorker): void => port.postMessage(message);

const table = new UpstreamTable(init.table);
const random = systemRandom();
const book = new MetricBook(init.book, (declaration) => say({ say: 'metric', declaration }));
/** Says what is revoked, from the first config on that has a session block. */
let revocations: SharedRevocations | undefined;
function revocationsOf({ revocations: memory }: GenerationData): Revocations | undefined {
  if (memory === null) return undefined;
  revocations ??= new SharedRevocations(memory, systemClock.wallMs, (key, timeMs) =>
    say({ say: 'login', key, timeMs }),
  );
  return revocations;
}

function accessLogOf({ log }: Config): AccessLog | null {
  return makeAccessLog(log, random, init.accessAccount, say);
}

const sessionListener: SessionListener = {
  store: (session, change) => say({ say: 'store', session, ...change }),
  keys: (session, change) => say({ say: 'keys', session, ...change }),
};
const sessions = await openSessions(config, sessionListener);

const links = new LimitLinks(book, random, (where, up, why) => say({ say: 'limits', where, up, why }));
const plane = new DataPlane({
  config,
  generation: init.generation,
  rows: init.rows,
  worker: init.worker,
  workers: init.workers,
  table,
  learned: new Map(init.learned),
  trails: new Map(init.trails),
  clock: systemClock,
  random,
  book,
  accessLog: accessLogOf(config),
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
  sessions,
  revocations: revocationsOf(init) ?? NO_REVOCATIONS,
  onOver: (over) => generations.isOver(over),
  signing: init.signing,
  certificates: init.certificates,
  onBug: (session, error) => say({ say: 'bug', session, text: describe(error) }),
  counts: init.counts,
  lists: init.lists,
  shared: links.open(config.sharedLimits),
  connectionsMax: init.connectionsMax,
  refusingMax: init.refusingMax,
});
plane.listeners.setChallenges(init.challenges);
for (const [slot, address] of init.addresses) plane.setAddress(slot, address);
const generations = new WorkerGenerations({
  plane,
  worker: init.worker,
  shared: init.shared,
  taken: init.taken,
  first: init,
  sessions,
  sessionListener,
  say,
  links,
  revocationsOf,
  accessLogOf,
});

/** A fault of ours for the log: where it happened, and nothing that a request said. */
function describe(error: unknown): string {
  if (!(error instanceof Error)) return typeof error;
  const where = error.stack?.split('\n').find((line) => line.includes('    at '));
  return `${error.name}${where === undefined ? '' : where.replace('    at', ' at')}`;
}

/** So long before the deadline of a drain WebSockets are told that it comes, ms: they need a while to hear it and to close. */
const FAREWELL_MS = 1500;

/** Ends the drain: by itself when the last connection has closed, or at its deadline. */
function drain(deadlineMs: number, handedOver: boolean): void {
  let over = false;
  const finish = (cut: number): void => {
    if (over) return;
    over = true;
    clearTimeout(timer);
    clearTimeout(farewell);
    plane.stop();
    say({ say: 'drained', cut });
  };
  const timer = setTimeout(() => {
    const cut = plane.connections;
    plane.listeners.kill();
    finish(cut);
  }, deadlineMs);
  const farewell = setTimeout(
    () => plane.listeners.leave(),
    Math.max(deadlineMs / 2, deadlineMs - FAREWELL_MS),
  );
  plane.drain(deadlineMs, handedOver, () => finish(0));
}

let onOpened = (): void => {};
const opened = new Promise<void>((resolve) => {
  onOpened = resolve;
});
port.on('message', (message: ToWorker) => {
  if (message.say === 'listen') onOpened();
  else if (message.say === 'address') plane.setAddress(message.slot, message.address);
  else if (message.say === 'hung') plane.hung(message.slot);
  else if (message.say === 'certificates') plane.listeners.setCertificates(message.state);
  else if (message.say === 'challenges') plane.listeners.setChallenges(message.challenges);
  else if (message.say === 'signing') plane.maker.setSigning(message.state);
  else if (message.say === 'lists') plane.showLists(message.lists);
  else if (message.say === 'prepare') void generations.prepare(message.next);
  else if (message.say === 'commit') generations.commit(message.generation, message.deadlineMs);
  else if (message.say === 'abandon') generations.abandon(message.generation);
  else if (message.say === 'sockets')
    say({ say: 'sockets', found: plane.listeners.all.map(({ bind, descriptors: fds }) => ({ bind, fds })) });
  else drain(message.deadlineMs, message.handedOver);
});

await opened;
// Before anybody can come: whoever does is timed by its ticks.
plane.start();
const failed = await generations.listen();
if (failed === null) say({ say: 'listening' });
else say({ say: 'unbound', ...failed });
