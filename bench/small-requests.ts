// Scenarios of small keep-alive GETs: what a request costs the proxy, at full speed and at a fixed rate.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { makePair } from '../test/kit/certificates.ts';
import { Generator } from '../test/kit/load-drill.ts';
import type { LoadResult, LoadSpec } from '../test/kit/load-generator.ts';
import type { RequestShape } from '../test/kit/load-message.ts';
import { memoryKiB, processTree } from '../test/kit/load-usage.ts';
import { type BenchRun, interleave, scratchFolder, withPeers } from './bench-run.ts';
import type { Peer, PeerTask } from './peers.ts';
import { type Column, type Measurement, type Report, rowsOf } from './report.ts';

const CONNECTIONS = 64;
/** Shorter than this share of the asked rate, a peer did not keep up and its latencies mean nothing. */
const KEPT_UP = 0.98;

const COLUMNS: readonly Column[] = [
  { key: 'cpuMicros', head: 'CPU us/req', digits: 2 },
  { key: 'requestsPerSecond', head: 'req/s', digits: 0 },
  { key: 'p50Ms', head: 'p50 ms', digits: 2 },
  { key: 'p99Ms', head: 'p99 ms', digits: 2 },
  { key: 'corePercent', head: 'core %', digits: 0 },
  { key: 'loadPercent', head: 'load %', digits: 0 },
  { key: 'rssMiB', head: 'RSS MiB', digits: 1 },
  { key: 'pssMiB', head: 'PSS MiB', digits: 1 },
];

/** `rate` 0: every connection asks again as soon as it is answered. */
export async function smallRequests(
  run: BenchRun,
  name: string,
  title: string,
  options: {
    readonly accessLog: boolean;
    readonly rate: number;
    readonly shape?: RequestShape;
    readonly secure?: boolean;
  },
): Promise<Report> {
  const peers = options.accessLog ? run.peers.filter((peer) => peer.hasAccessLog) : run.peers;
  const spec = (port: number, pid: number, measureMs: number): LoadSpec => ({
    port,
    users: CONNECTIONS,
    rate: options.rate,
    warmupMs: 300,
    measureMs,
    drainMs: 2000,
    postEvery: 0,
    watchPid: pid,
    shape: options.shape ?? 'get',
    secure: options.secure ?? false,
  });
  const { dir, sweep } = scratchFolder();
  const measured = await withPeers(
    run,
    peers,
    {
      affinity: true,
      accessLog: options.accessLog,
      ...(options.secure ? { tls: certificateIn(dir) } : {}),
    },
    async (running) => {
      const generator = await Generator.start(run.loadCore);
      try {
        for (const peer of running)
          await generator.run({ ...spec(peer.port, peer.pid, run.warmMs), rate: 0 });
        return await interleave(running, run.rounds, async (peer) => {
          const load = await generator.run(spec(peer.port, peer.pid, run.measureMs));
          const kind = peers.find((each) => each.name === peer.name)!.affinity;
          run.progress(`${name} ${peer.name} ${load.requestsPerSecond.toFixed(0)} requests/s`);
          return { figures: figures(load, peer.pid), trouble: trouble(load, kind, options.rate) };
        });
      } finally {
        await generator.stop();
      }
    },
  );
  sweep();
  return { name, title, columns: COLUMNS, ratioOf: 'cpuMicros', rows: rowsOf(measured, 'cpuMicros') };
}

/** A certificate as most sites have: an EC key on P-256. */
function certificateIn(dir: string): NonNullable<PeerTask['tls']> {
  const { cert, key } = makePair({ names: ['shop.example.com'] });
  const files = { cert: join(dir, 'cert.pem'), key: join(dir, 'key.pem'), both: join(dir, 'both.pem') };
  writeFileSync(files.cert, cert);
  writeFileSync(files.key, key);
  writeFileSync(files.both, cert + key);
  return files;
}

function figures(load: LoadResult, pid: number): Measurement['figures'] {
  const memory = memoryKiB(processTree(pid));
  return {
    cpuMicros: load.cpuMicrosPerRequest,
    requestsPerSecond: load.requestsPerSecond,
    p50Ms: load.p50Ms,
    p99Ms: load.p99Ms,
    corePercent: load.coreShare * 100,
    loadPercent: load.ownCoreShare * 100,
    rssMiB: memory.rssKiB / 1024,
    pssMiB: memory.pssKiB / 1024,
  };
}

/** A proxy that answers wrongly, or loses the user's home, may be as fast as it likes. */
function trouble(load: LoadResult, affinity: Peer['affinity'], rate: number): string {
  if (load.failed > 0) return `${load.failed} failed, the first: ${load.failures[0]?.why}`;
  if (affinity !== 'none' && load.moveCount > 0) return `${load.moveCount} answers from another upstream`;
  if (affinity === 'cookie' && load.usersWithAffinity < CONNECTIONS)
    return `only ${load.usersWithAffinity} users were given a cookie`;
  if (rate > 0 && load.requestsPerSecond < rate * KEPT_UP)
    return `kept up with ${load.requestsPerSecond.toFixed(0)} requests a second only`;
  return '';
}
