// Scenario of reloads: an upstream comes and goes by the config, again and again, under steady traffic of four kinds.

import { median } from '../test/kit/load-latencies.ts';
import { stopProcess } from '../test/kit/load-process.ts';
import { memoryKiB } from '../test/kit/load-usage.ts';
import { SteadyTraffic } from '../test/kit/steady-traffic.ts';
import { startStreamsApp } from '../test/kit/streams-app.ts';
import { type BenchRun, scratchFolder, startUpstreams } from './bench-run.ts';
import { roundAt } from './house.ts';
import type { Peer, PeerTask } from './peers.ts';
import { type Column, type Measurement, type Report, rowsOf } from './report.ts';

const USERS = 100;
const STREAMS = 20;
/** Between two reloads, ms. */
const EVERY_MS = 250;
/** A JIT-compiled proxy's first second is no part of it. */
const WARM_MS = 2000;
/** A reload that is not in force by then never will be, ms. */
const FORCE_MS = 30_000;

/** An order of which nothing was seen for so long is given again, ms: a master that is busy with itself may miss a signal. */
const AGAIN_MS = 4000;

const COLUMNS: readonly Column[] = [
  { key: 'failedRequests', head: 'failed requests', digits: 0 },
  { key: 'lostConnections', head: 'of them by a lost connection', digits: 0 },
  { key: 'tunnelsClosed', head: 'tunnels closed', digits: 0 },
  { key: 'streamsBroken', head: 'streams broken', digits: 0 },
  { key: 'answered', head: 'answered', digits: 0 },
  { key: 'p50Ms', head: 'p50 ms', digits: 1 },
  { key: 'p99Ms', head: 'p99 ms', digits: 1 },
  { key: 'worstMs', head: 'worst ms', digits: 0 },
  { key: 'stalledMs', head: 'load stood still ms', digits: 0 },
  { key: 'forceMs', head: 'in force after ms', digits: 0 },
  { key: 'repeated', head: 'ordered again', digits: 0 },
  { key: 'processes', head: 'processes at the end', digits: 0 },
  { key: 'pssMiB', head: 'their PSS MiB', digits: 0 },
];

/** Each peer that can, once and alone. */
export async function reloads(run: BenchRun): Promise<Report> {
  const measured = new Map<string, Measurement[]>();
  for (const peer of run.peers) {
    if (peer.startLive !== undefined) measured.set(peer.name, [await measure(run, peer)]);
  }
  const { reloads: times, liveRate } = run;
  return {
    name: 'reloads',
    title: `${times} reloads, each with an upstream more or less, under ${liveRate} requests/s (a fifth on connections of their own), ${STREAMS} WebSockets and ${STREAMS} event streams; nothing is pinned`,
    columns: COLUMNS,
    ratioOf: '',
    rows: rowsOf(measured, ''),
  };
}

async function measure(run: BenchRun, peer: Peer): Promise<Measurement> {
  const { dir, sweep } = scratchFolder();
  const upstreams = await startUpstreams({ ...run, loadCore: null });
  const app = await startStreamsApp();
  const taskOf = (round: number): PeerTask => ({
    // The third one comes and goes.
    upstreamPorts: round % 2 === 0 ? upstreams.ports.slice(0, 2) : upstreams.ports,
    dir,
    // Nothing is pinned: what counts is who is kept waiting, and a proxy that makes its next config ready, or its successor, has more than one thread at work.
    core: null,
    affinity: true,
    accessLog: false,
    responseMs: 60_000,
    byLatency: false,
    workers: 1,
    routes: 1,
    checkMs: 2000,
    live: { longPort: app.port, round, endMs: null },
  });
  const running = await peer.startLive!(taskOf(0), 'reloads');
  try {
    const traffic = await SteadyTraffic.start({
      port: running.port,
      rate: run.liveRate * 0.8,
      freshRate: run.liveRate * 0.2,
      users: USERS,
      streams: STREAMS,
      core: null,
    });
    try {
      await pause(WARM_MS);
      const forceMs: number[] = [];
      let repeated = 0;
      for (let round = 1; round <= run.reloads; round++) {
        run.progress(`reloads ${peer.name} ${round}`);
        const orderedMs = performance.now();
        await running.reload(taskOf(round));
        let askedMs = orderedMs;
        while ((await roundAt(running.port)) !== String(round)) {
          const nowMs = performance.now();
          if (nowMs > orderedMs + FORCE_MS) throw new Error(`${peer.name}: reload ${round} was none`);
          if (nowMs < askedMs + AGAIN_MS) continue;
          askedMs = nowMs;
          repeated++;
          await running.reload(taskOf(round));
        }
        forceMs.push(performance.now() - orderedMs);
        await pause(EVERY_MS);
      }
      const pids = running.pids();
      const memory = memoryKiB(pids);
      const told = await traffic.end();
      return {
        figures: {
          failedRequests: told.failedRequests,
          lostConnections: told.lostConnections,
          tunnelsClosed: told.tunnelsClosed,
          streamsBroken: told.streamsBroken,
          answered: told.answered + told.freshAnswered,
          p50Ms: told.p50Ms,
          p99Ms: told.p99Ms,
          worstMs: told.worstMs,
          stalledMs: told.stalledMs,
          forceMs: median(forceMs),
          repeated,
          processes: pids.length,
          pssMiB: memory.pssKiB / 1024,
        },
        trouble: '',
      };
    } finally {
      await traffic.kill();
    }
  } finally {
    await running.stop();
    app.stop();
    await stopProcess(upstreams.child);
    sweep();
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
