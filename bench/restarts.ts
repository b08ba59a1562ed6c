// Scenario of restarts: another process of the same program takes over, again and again, under steady traffic of four kinds.
import { RestartTraffic, startTrafficUpstreams } from '../test/kit/restart-traffic.ts';
import { type BenchRun, scratchFolder } from './bench-run.ts';
import { roundAt } from './house.ts';
import type { Peer, PeerTask } from './peers.ts';
import { type Measurement, type Report, rowsOf } from './report.ts';
import {
  END_MS,
  OVER_MS,
  pause,
  RESTART_COLUMNS,
  restartFigures,
  restartTask,
  trafficSpec,
  trafficWords,
} from './restart-load.ts';

/** A takeover that has not come by then never will, ms. */
const FORCE_MS = 60_000;

/** Each peer that can, once and alone. */
export async function restarts(run: BenchRun): Promise<Report> {
  const measured = new Map<string, Measurement[]>();
  for (const peer of run.peers) {
    if (peer.startLive !== undefined) measured.set(peer.name, [await measure(run, peer)]);
  }
  return {
    name: 'restarts',
    title: `${run.restarts} times another process takes over, under ${trafficWords(run.liveRate)}; the old process has ${END_MS / 1000} s to end; nothing is pinned`,
    columns: RESTART_COLUMNS,
    ratioOf: '',
    rows: rowsOf(measured, ''),
  };
}

async function measure(run: BenchRun, peer: Peer): Promise<Measurement> {
  const { dir, sweep } = scratchFolder();
  const upstreams = await startTrafficUpstreams();
  const taskOf = (round: number): PeerTask => restartTask(dir, upstreams, { round });
  const running = await peer.startLive!(taskOf(0), 'restarts');
  const traffic = new RestartTraffic(trafficSpec(run.liveRate), () => running.port);
  try {
    traffic.start();
    await pause(2000);
    for (let round = 1; round <= run.restarts; round++) {
      run.progress(`restarts ${peer.name} ${round}`);
      const old = new Set(running.pids());
      const orderedMs = performance.now();
      await running.restart(taskOf(round));
      while ((await roundAt(running.port)) !== String(round)) {
        if (performance.now() > orderedMs + FORCE_MS)
          throw new Error(`${peer.name}: restart ${round} was none`);
      }
      const endMs = performance.now() + END_MS + OVER_MS;
      // Until nobody of before is there, or will not go.
      while (running.pids().some((pid) => old.has(pid)) && performance.now() < endMs) await pause(50);
    }
    await pause(500);
    return { figures: restartFigures(await traffic.stop()), trouble: '' };
  } finally {
    await traffic.stop();
    await running.stop();
    upstreams.stop();
    sweep();
  }
}
