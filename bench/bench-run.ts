// What every scenario works with: who takes part, for how long, on which cores, over which upstreams.
import type { ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { NODE, nextMessage, startProcess, stopProcess } from '../test/kit/load-process.ts';
import { freePort } from '../test/kit/ports.ts';
import type { Peer, PeerTask, RunningPeer } from './peers.ts';
import type { Measurement } from './report.ts';

const UPSTREAM = fileURLToPath(new URL('../test/kit/load-upstream.ts', import.meta.url));

export interface BenchRun {
  readonly peers: readonly Peer[];
  readonly rounds: number;
  /** How long one measurement takes. */
  readonly measureMs: number;
  /** How long each proxy is warmed before its first one: time for a JIT compiler to finish. */
  readonly warmMs: number;
  /** Requests a second of the scenario with a fixed rate. */
  readonly rate: number;
  /** Bytes of a large body. */
  readonly bodyBytes: number;
  readonly idleConnections: number;
  /** How many reloads and restarts, and under how many requests a second. */
  readonly reloads: number;
  readonly restarts: number;
  readonly liveRate: number;
  readonly proxyCore: number | null;
  readonly loadCore: number | null;
  /** Tells the person who waits. */
  readonly progress: (text: string) => void;
}

/** `count` upstream ports of one process: one event loop costs the load's core less than several. Answers name the port by its last digit. */
export async function startUpstreams(
  run: BenchRun,
  count = 3,
): Promise<{ ports: number[]; child: ChildProcess }> {
  const ports: number[] = [];
  while (ports.length < count) ports.push(await freePort());
  const listening = ports.map((port, index) => `${port}:${index % 10}`).join(',');
  const child = startProcess(NODE, [UPSTREAM, listening], { core: run.loadCore, ipc: true });
  await nextMessage(child);
  return { ports, child };
}

/** A folder for configs and logs, and what removes it; gone with the process too. */
export function scratchFolder(): { readonly dir: string; readonly sweep: () => void } {
  const dir = mkdtempSync(join(tmpdir(), 'limpet-bench-'));
  const sweep = (): void => {
    process.off('exit', sweep);
    rmSync(dir, { recursive: true, force: true });
  };
  // Ctrl-C ends the process without any `finally`.
  process.once('exit', sweep);
  return { dir, sweep };
}

/** Runs `work` with all `peers` started for the same task, and stops them whatever happens. */
export async function withPeers<T>(
  run: BenchRun,
  peers: readonly Peer[],
  task: Pick<PeerTask, 'affinity' | 'accessLog'> & Partial<PeerTask>,
  work: (running: readonly RunningPeer[]) => Promise<T>,
): Promise<T> {
  const { dir, sweep } = scratchFolder();
  const upstreams = task.upstreamPorts === undefined ? await startUpstreams(run) : null;
  const running: RunningPeer[] = [];
  try {
    for (const peer of peers) {
      running.push(
        await peer.start({
          upstreamPorts: upstreams?.ports ?? [],
          dir,
          core: run.proxyCore,
          responseMs: 60_000,
          byLatency: false,
          workers: 1,
          routes: 1,
          checkMs: 2000,
          ...task,
        }),
      );
    }
    return await work(running);
  } finally {
    await Promise.all(running.map((peer) => peer.stop()));
    if (upstreams !== null) await stopProcess(upstreams.child);
    sweep();
  }
}

/**
 * Measures each peer in turn, round after round: a machine that grows slower for a while does so for all of them, and the
 * ratio within a round stays.
 */
export async function interleave(
  running: readonly RunningPeer[],
  rounds: number,
  measure: (peer: RunningPeer) => Promise<Measurement>,
): Promise<Map<string, Measurement[]>> {
  const measured = new Map<string, Measurement[]>(running.map((peer) => [peer.name, []]));
  for (let round = 0; round < rounds; round++) {
    for (const peer of running) measured.get(peer.name)!.push(await measure(peer));
  }
  return measured;
}
