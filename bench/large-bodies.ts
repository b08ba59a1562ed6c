// Scenarios of large bodies: how fast one transfer goes through, and what CPU a GiB of it costs the proxy.
import { fileURLToPath } from 'node:url';
import { NODE, nextMessage, startProcess, stopProcess } from '../test/kit/load-process.ts';
import type { StreamResult, StreamSpec } from '../test/kit/load-streams.ts';
import { memoryKiB, processTree } from '../test/kit/load-usage.ts';
import { type BenchRun, interleave, withPeers } from './bench-run.ts';
import { type Column, type Report, rowsOf } from './report.ts';

const STREAMS = fileURLToPath(new URL('../test/kit/load-streams.ts', import.meta.url));
const GIB = 1024 ** 3;

const COLUMNS: readonly Column[] = [
  { key: 'megabytesPerSecond', head: 'MB/s', digits: 0 },
  { key: 'cpuSecondsPerGiB', head: 'CPU s/GiB', digits: 2 },
  { key: 'rssMiB', head: 'RSS MiB after', digits: 1 },
];

/** One body of `run.bodyBytes` after another; the ratios are of the throughput. */
export async function largeBodies(run: BenchRun, kind: StreamSpec['kind']): Promise<Report> {
  const measured = await withPeers(run, run.peers, { affinity: false, accessLog: false }, async (running) => {
    const child = startProcess(NODE, [STREAMS], { core: run.loadCore, ipc: true });
    await nextMessage(child);
    const transfer = async (port: number, watchPid: number, bytes: number): Promise<StreamResult> => {
      const answer = nextMessage<{ result: StreamResult }>(child);
      child.send({ kind, port, bytes, watchPid } satisfies StreamSpec);
      return (await answer).result;
    };
    try {
      for (const peer of running) await transfer(peer.port, peer.pid, run.bodyBytes / 8);
      return await interleave(running, run.rounds, async (peer) => {
        const result = await transfer(peer.port, peer.pid, run.bodyBytes);
        run.progress(`${kind} ${peer.name} ${(run.bodyBytes / 1e6 / result.seconds).toFixed(0)} MB/s`);
        return {
          figures: {
            megabytesPerSecond: run.bodyBytes / 1e6 / result.seconds,
            cpuSecondsPerGiB: (result.cpuSeconds * GIB) / run.bodyBytes,
            rssMiB: memoryKiB(processTree(peer.pid)).rssKiB / 1024,
          },
          trouble: result.trouble,
        };
      });
    } finally {
      await stopProcess(child);
    }
  });
  return {
    name: kind,
    title: `one ${kind} of ${run.bodyBytes / 1024 ** 2} MiB on one connection; ratios of MB/s (more is better)`,
    columns: COLUMNS,
    ratioOf: 'megabytesPerSecond',
    rows: rowsOf(measured, 'megabytesPerSecond'),
  };
}
