// Scenario of idle clients: what a keep-alive connection that has asked once and is silent now keeps of the proxy's memory.
import type { ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { Generator } from '../test/kit/load-drill.ts';
import type { LoadResult } from '../test/kit/load-generator.ts';
import { NODE, nextMessage, startProcess, stopProcess } from '../test/kit/load-process.ts';
import type { IdleResult, IdleSpec } from '../test/kit/load-streams.ts';
import { memoryKiB, processTree } from '../test/kit/load-usage.ts';
import { type BenchRun, withPeers } from './bench-run.ts';
import type { RunningPeer } from './peers.ts';
import { type Column, type Measurement, type Report, rowsOf } from './report.ts';

const STREAMS = fileURLToPath(new URL('../test/kit/load-streams.ts', import.meta.url));
/** Clients who go on asking. */
const OTHERS = 64;
/** Time for a garbage collector to notice that the load has ended. */
const SETTLE_MS = 1500;

const COLUMNS: readonly Column[] = [
  { key: 'rssKiBPerConnection', head: 'RSS KiB/conn', digits: 2 },
  { key: 'pssKiBPerConnection', head: 'PSS KiB/conn', digits: 2 },
  { key: 'rssBeforeMiB', head: 'RSS MiB before', digits: 1 },
  { key: 'rssAfterMiB', head: 'after', digits: 1 },
  { key: 'p99BeforeMs', head: "others' p99 ms before", digits: 2 },
  { key: 'p99AfterMs', head: 'beside them', digits: 2 },
];

/** Each peer once, on processes of its own that have served a while before. */
export async function idleConnections(run: BenchRun): Promise<Report> {
  // A few more for the others.
  const task = { affinity: true, accessLog: false, connections: run.idleConnections + 100 };
  const measured = await withPeers(run, run.peers, task, async (running) => {
    const found = new Map<string, Measurement[]>();
    for (const peer of running) {
      found.set(peer.name, [await measure(run, peer)]);
      run.progress(`idle ${peer.name}`);
    }
    return found;
  });
  return {
    name: 'idle',
    title: `${run.idleConnections} idle keep-alive connections after one request each: growth of the process's memory, and the latency of ${OTHERS} others at ${run.rate} requests/s`,
    columns: COLUMNS,
    ratioOf: 'rssKiBPerConnection',
    rows: rowsOf(measured, 'rssKiBPerConnection'),
  };
}

async function measure(run: BenchRun, peer: RunningPeer): Promise<Measurement> {
  const generator = await Generator.start(run.loadCore);
  const others = (rate: number, measureMs: number): Promise<LoadResult> =>
    generator.run({
      port: peer.port,
      users: OTHERS,
      rate,
      warmupMs: 0,
      measureMs,
      drainMs: 2000,
      postEvery: 0,
      watchPid: 0,
    });
  let child: ChildProcess | null = null;
  try {
    // The heap of a JIT-compiled proxy first grows to its working size, which is no connection's doing.
    await others(0, run.warmMs);
    const quiet = await others(run.rate, run.measureMs);
    await settle();
    const before = memoryKiB(processTree(peer.pid));
    child = startProcess(NODE, [STREAMS], { core: run.loadCore, ipc: true });
    await nextMessage(child);
    const answer = nextMessage<{ result: IdleResult }>(child);
    child.send({ kind: 'idle', port: peer.port, connections: run.idleConnections } satisfies IdleSpec);
    const { answered, failed } = (await answer).result;
    await settle();
    const after = memoryKiB(processTree(peer.pid));
    const beside = await others(run.rate, run.measureMs);
    const lost = quiet.failed + beside.failed;
    return {
      figures: {
        rssKiBPerConnection: (after.rssKiB - before.rssKiB) / answered,
        pssKiBPerConnection: (after.pssKiB - before.pssKiB) / answered,
        rssBeforeMiB: before.rssKiB / 1024,
        rssAfterMiB: after.rssKiB / 1024,
        p99BeforeMs: quiet.p99Ms,
        p99AfterMs: beside.p99Ms,
      },
      trouble:
        failed + lost === 0
          ? ''
          : `${failed} of ${answered + failed} connections failed, and ${lost} requests of others`,
    };
  } finally {
    await generator.stop();
    if (child !== null) await stopProcess(child);
  }
}

function settle(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
}
