// Scenario of restarts: another process of the same program takes over, again and again, under steady traffic of four kinds.
import { RestartTraffic, startTrafficUpstreams, type TrafficSpec } from '../test/kit/restart-traffic.ts';
import { type BenchRun, scratchFolder } from './bench-run.ts';
import { roundAt } from './house.ts';
import type { Peer, PeerTask } from './peers.ts';
import { type Column, type Measurement, type Report, rowsOf } from './report.ts';

/** What an old process is given to end, ms. */
const END_MS = 3000;
const EVERY_MS = 100;
const WEB_SOCKETS = 20;
const EVENT_STREAMS = 10;
/** A takeover that has not come by then never will, ms. */
const FORCE_MS = 60_000;
/** How long one waits for the old process beyond what it was given, ms. */
const OVER_MS = 5000;

const COLUMNS: readonly Column[] = [
  { key: 'failedRequests', head: 'failed requests', digits: 0 },
  { key: 'lostConnections', head: 'of them by a lost connection', digits: 0 },
  { key: 'toldToLeave', head: 'WebSockets told to leave', digits: 0 },
  { key: 'tunnelsClosed', head: 'cut', digits: 0 },
  { key: 'streamsBroken', head: 'streams broken', digits: 0 },
  { key: 'answered', head: 'answered', digits: 0 },
  { key: 'worstMs', head: 'worst ms', digits: 0 },
  { key: 'stalledMs', head: 'load stood still ms', digits: 0 },
];

/** Each peer that can, once and alone. */
export async function restarts(run: BenchRun): Promise<Report> {
  const measured = new Map<string, Measurement[]>();
  for (const peer of run.peers) {
    if (peer.startLive !== undefined) measured.set(peer.name, [await measure(run, peer)]);
  }
  const { restarts: times, liveRate } = run;
  return {
    name: 'restarts',
    title: `${times} times another process takes over, under ${liveRate} requests/s (a third on connections of their own), ${WEB_SOCKETS} WebSockets and ${EVENT_STREAMS} event streams of a third of a second; the old process has ${END_MS / 1000} s to end; nothing is pinned`,
    columns: COLUMNS,
    ratioOf: '',
    rows: rowsOf(measured, ''),
  };
}

async function measure(run: BenchRun, peer: Peer): Promise<Measurement> {
  const { dir, sweep } = scratchFolder();
  const upstreams = await startTrafficUpstreams();
  const taskOf = (round: number): PeerTask => ({
    upstreamPorts: [upstreams.plainPort],
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
    live: { longPort: upstreams.longPort, round, endMs: END_MS },
  });
  const running = await peer.startLive!(taskOf(0), 'restarts');
  const users = (run.liveRate * EVERY_MS) / 1000;
  const spec: TrafficSpec = {
    keepAlive: Math.ceil((users * 2) / 3),
    fresh: Math.ceil(users / 3),
    webSockets: WEB_SOCKETS,
    eventStreams: EVENT_STREAMS,
    everyMs: EVERY_MS,
  };
  const traffic = new RestartTraffic(spec, () => running.port);
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
    const { failures, answered, toldToLeave, worstMs, stalledMs } = await traffic.stop();
    const sum = (matches: (key: string) => boolean): number =>
      [...failures].reduce((total, [key, count]) => total + (matches(key) ? count : 0), 0);
    const isRequest = (key: string): boolean => /^(keep-alive|new connection): /.test(key);
    return {
      figures: {
        failedRequests: sum(isRequest),
        lostConnections: sum((key) => isRequest(key) && /: (closed|connect .*)$/.test(key)),
        toldToLeave,
        tunnelsClosed: sum((key) => key.startsWith('websocket: closed')),
        streamsBroken: sum((key) => key.startsWith('event stream: ')),
        answered,
        worstMs,
        stalledMs,
      },
      trouble: '',
    };
  } finally {
    await traffic.stop();
    await running.stop();
    upstreams.stop();
    sweep();
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
