// Scenarios of growth: what a request costs with few and with many upstreams, routes or workers in the config.
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { Generator } from '../test/kit/load-drill.ts';
import type { LoadSpec } from '../test/kit/load-generator.ts';
import { stopProcess } from '../test/kit/load-process.ts';
import { type BenchRun, interleave, startUpstreams, withPeers } from './bench-run.ts';
import type { Peer, PeerTask } from './peers.ts';
import { type Column, type Measurement, type Report, rowsOf } from './report.ts';

/*
 * Of two workers: a request makes the same two reads and two writes there (strace -c), waits for events no more often than in one worker with
 * as many connections as each of two has (0.11 to 0.12 a request), and adding to shared cells from two cores costs nothing that could be
 * measured (350 ns for three beside a little work, whether others write them or not). What is left above 1.0 comes of four busy processes on two cores: they
 * take turns there, and each finds its caches used; nginx and HAProxy pay as much.
 */

/** What grows, and how far. */
const SIZES = {
  upstreams: [2, 50, 500],
  routes: [1, 100, 1000],
  workers: [1, 2],
} as const;
export type Growing = keyof typeof SIZES;

const TITLES: Readonly<Record<Growing, string>> = {
  upstreams: 'small keep-alive GETs on 64 connections with 2 to 500 upstreams',
  routes: 'small keep-alive GETs on 64 connections with 1 to 1,000 routes',
  workers: 'small keep-alive GETs on 64 connections with 1 and 2 workers; nothing is pinned',
};
const CONNECTIONS = 64;
/** Rarely, so that the checks of 500 upstreams are no part of what a request costs. */
const CHECK_MS = 60_000;

const COLUMNS: readonly Column[] = [
  { key: 'cpuMicros', head: 'CPU us/req', digits: 2 },
  { key: 'requestsPerSecond', head: 'req/s', digits: 0 },
  { key: 'p99Ms', head: 'p99 ms', digits: 2 },
  { key: 'corePercent', head: 'core %', digits: 0 },
];

/** A peer with a given number of what grows. */
function sized(peer: Peer, growing: Growing, size: number): Peer {
  const name = `${peer.name} ${size}`;
  return {
    ...peer,
    name,
    start: async (task) => {
      const { upstreamPorts } = task;
      const dir = join(task.dir, String(size));
      mkdirSync(dir);
      const own: PeerTask = {
        ...task,
        dir,
        upstreamPorts: growing === 'upstreams' ? upstreamPorts.slice(0, size) : upstreamPorts,
        routes: growing === 'routes' ? size : 1,
        workers: growing === 'workers' ? size : 1,
      };
      return { ...(await peer.start(own)), name };
    },
  };
}

/** The ratios are to the same peer with the fewest. */
export async function many(run: BenchRun, growing: Growing): Promise<Report> {
  const sizes = SIZES[growing];
  const unpinned = growing === 'workers';
  const cores = unpinned ? { proxyCore: null, loadCore: null } : {};
  const own: BenchRun = { ...run, ...cores };
  const able = run.peers.filter((peer) => peer.scales);
  const upstreams = await startUpstreams(own, growing === 'upstreams' ? Math.max(...sizes) : 3);
  const generator = await Generator.start(own.loadCore);
  const measured = new Map<string, Measurement[]>();
  try {
    // A peer at a time: more than a few proxies at once would wait for each other's timers.
    for (const peer of able) {
      const peers = sizes.map((size) => sized(peer, growing, size));
      const task = {
        affinity: true,
        accessLog: false,
        checkMs: CHECK_MS,
        upstreamPorts: upstreams.ports,
      };
      const figures = await withPeers(own, peers, task, async (running) => {
        const spec = (port: number, watchPid: number, measureMs: number): LoadSpec => ({
          port,
          users: CONNECTIONS,
          rate: 0,
          warmupMs: 300,
          measureMs,
          drainMs: 2000,
          postEvery: 0,
          watchPid,
        });
        for (const each of running) await generator.run(spec(each.port, each.pid, run.warmMs));
        return interleave(running, run.rounds, async (each) => {
          const load = await generator.run(spec(each.port, each.pid, run.measureMs));
          run.progress(`${growing} ${each.name} ${load.requestsPerSecond.toFixed(0)} requests/s`);
          return {
            figures: {
              cpuMicros: load.cpuMicrosPerRequest,
              requestsPerSecond: load.requestsPerSecond,
              p99Ms: load.p99Ms,
              corePercent: load.coreShare * 100,
            },
            trouble: load.failed > 0 ? `${load.failed} failed, the first: ${load.failures[0]?.why}` : '',
          };
        });
      });
      for (const [name, rounds] of figures) measured.set(name, rounds);
    }
  } finally {
    await generator.stop();
    await stopProcess(upstreams.child);
  }
  const bases = new Map([['fewest', (name: string): string => name.replace(/ \d+$/, ` ${sizes[0]}`)]]);
  return {
    name: growing,
    title: TITLES[growing],
    columns: COLUMNS,
    ratioOf: 'cpuMicros',
    rows: rowsOf(measured, 'cpuMicros', bases),
  };
}
