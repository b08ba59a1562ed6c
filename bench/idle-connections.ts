// Scenario of idle clients: what a keep-alive connection that has asked once and is silent now keeps of the proxy's memory.
import { fileURLToPath } from 'node:url';
import { Generator } from '../test/kit/load-drill.ts';
import { NODE, nextMessage, startProcess, stopProcess } from '../test/kit/load-process.ts';
import type { IdleResult, IdleSpec } from '../test/kit/load-streams.ts';
import { memoryKiB, processTree } from '../test/kit/load-usage.ts';
import { type BenchRun, withPeers } from './bench-run.ts';
import type { RunningPeer } from './peers.ts';
import { type Column, type Measurement, type Report, rowsOf } from './report.ts';

const STREAMS = fileURLToPath(new URL('../test/kit/load-streams.ts', import.meta.url));
/** Time for a garbage collector to notice that the load has ended. */
const SETTLE_MS = 1500;

const COLUMNS: readonly Column[] = [
  { key: 'rssKiBPerConnection', head: 'RSS KiB/conn', digits: 2 },
  { key: 'pssKiBPerConnection', head: 'PSS KiB/conn', digits: 2 },
  { key: 'rssBeforeMiB', head: 'RSS MiB before', digits: 1 },
  { key: 'rssAfterMiB', head: 'after', digits: 1 },
];

/** Each peer once, on processes of its own that have served a while before. */
export async function idleConnections(run: BenchRun): Promise<Report> {
  const measured = await withPeers(run, run.peers, { affinity: true, accessLog: false }, async (running) => {
    const found = new Map<string, Measurement[]>();
    for (const peer of running) {
      found.set(peer.name, [await measure(run, peer)]);
      run.progress(`idle ${peer.name}`);
    }
    return found;
  });
  return {
    name: 'idle',
    title: `${run.idleConnections} idle keep-alive connections after one request each: growth of the process's memory`,
    columns: COLUMNS,
    ratioOf: 'rssKiBPerConnection',
    rows: rowsOf(measured, 'rssKiBPerConnection'),
  };
}

async function measure(run: BenchRun, peer: RunningPeer): Promise<Measurement> {
  const generator = await Generator.start(run.loadCore);
  // The heap of a JIT-compiled proxy first grows to its working size, which is no connection's doing.
  await generator.run({
    port: peer.port,
    users: 64,
    rate: 0,
    warmupMs: 0,
    measureMs: run.warmMs,
    drainMs: 2000,
    postEvery: 0,
    watchPid: 0,
  });
  await generator.stop();
  await settle();
  const before = memoryKiB(processTree(peer.pid));
  const child = startProcess(NODE, [STREAMS], { core: run.loadCore, ipc: true });
  try {
    await nextMessage(child);
    const answer = nextMessage<{ result: IdleResult }>(child);
    child.send({ kind: 'idle', port: peer.port, connections: run.idleConnections } satisfies IdleSpec);
    const { answered, failed } = (await answer).result;
    await settle();
    const after = memoryKiB(processTree(peer.pid));
    return {
      figures: {
        rssKiBPerConnection: (after.rssKiB - before.rssKiB) / answered,
        pssKiBPerConnection: (after.pssKiB - before.pssKiB) / answered,
        rssBeforeMiB: before.rssKiB / 1024,
        rssAfterMiB: after.rssKiB / 1024,
      },
      trouble: failed === 0 ? '' : `${failed} of ${answered + failed} connections failed`,
    };
  } finally {
    await stopProcess(child);
  }
}

function settle(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
}
