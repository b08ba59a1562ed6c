// What the proxies that are measured have in common: what they are asked to do, and how one is started and named.
import { type ChildProcess, execFileSync } from 'node:child_process';
import { existsSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { accepts, startProcess, stopProcess } from '../test/kit/load-process.ts';

/** What a proxy is asked to do. */
export interface PeerTask {
  readonly upstreamPorts: readonly number[];
  /** A directory of its own for configs and logs. */
  readonly dir: string;
  readonly core: number | null;
  /** Keep each user on one upstream. */
  readonly affinity: boolean;
  readonly accessLog: boolean;
  /** Time for an answer's head. */
  readonly responseMs: number;
  /** Choose by latency, where the peer can. */
  readonly byLatency: boolean;
  /** Threads that take requests. */
  readonly workers: number;
  /** Routes in its config; the one that the load asks for is looked for among them. */
  readonly routes: number;
  /** It speaks TLS with this certificate: PEM files of it, of its key, and of both; left out: plain HTTP. */
  readonly tls?: { readonly cert: string; readonly key: string; readonly both: string };
  /** Between two active checks of an upstream. */
  readonly checkMs: number;
  /** Clients that may be connected at once; left out: ten thousand, and a few. */
  readonly connections?: number;
  /** Of Limpet: spans of so many requests are sent there; left out: none. */
  readonly tracing?: { readonly endpoint: string; readonly sample: string };
  /** The name of its files, where the same peer runs more than once. */
  readonly configName?: string;
  /** What is asked of a peer whose config is changed while it runs; left out: nothing. */
  readonly live?: LiveTask;
}

/** What a config tells of itself, and what stays open. */
export interface LiveTask {
  /** The upstream of everything below /long/, which is not checked. */
  readonly longPort: number;
  /** GET /round is answered with this number by the proxy itself, so that one sees which config is in force. */
  readonly round: number;
  /** How long after its end was ordered a process may live, ms; null: as long as anybody is connected. */
  readonly endMs: number | null;
  /** It is one of several replicas, and where it can it serves on so long after the order to end, ms; left out: it is no replica. */
  readonly delayMs?: number;
}

export interface RunningPeer {
  readonly name: string;
  readonly port: number;
  readonly pid: number;
  /** Where its admin side is asked; left out: it has none that the bench knows of. */
  readonly adminPort?: number;
  stop(): Promise<void>;
}

/** A peer whose config changes, and which is replaced, under the eyes of its clients. */
export interface LivePeer extends RunningPeer {
  /** Writes the config of `task`, and has the running process follow it as its manual says. It may be in force a little later. */
  reload(task: PeerTask): Promise<void>;
  /** Writes the config of `task`, and puts another process in the place of the one that runs, as its manual says. */
  restart(task: PeerTask): Promise<void>;
  /** All its processes that are alive now, old ones among them. */
  pids(): number[];
}

/** How a live peer is to run: as one that is reloaded, or as one that is replaced. */
export type Living = 'reloads' | 'restarts';

/** How a replica's program is run, told to end, and asked whether it is ready. */
export interface ReplicaProgram {
  readonly port: number;
  readonly command: string;
  readonly args: readonly string[];
  /** Ends it in order: the STOPSIGNAL of its image. */
  readonly signal: NodeJS.Signals;
  /** Whether it takes new connections, asked as what stands in front would; never rejects. */
  isReady(): Promise<boolean>;
}

/** A way in which a peer can be one of several replicas. */
export interface ReplicaWay {
  /** Of its row. */
  readonly name: string;
  /** The platform sends nobody new to it for the delay of its task before it is told to end. */
  readonly takenOut: boolean;
  /** Writes its config. `task.live` is there. */
  prepare(task: PeerTask): Promise<ReplicaProgram>;
}

export interface Peer {
  readonly name: string;
  /** What it does for affinity: a cookie of its own, a hash over the app's, or nothing. */
  readonly affinity: 'cookie' | 'hash' | 'none';
  readonly hasAccessLog: boolean;
  /** Its admin side is measured. */
  readonly hasAdmin?: boolean;
  /** It can be given routes and workers. */
  readonly scales: boolean;
  /** Why it can't take part here, or null. */
  missing(): string | null;
  start(task: PeerTask): Promise<RunningPeer>;
  /** Starts it to be reloaded or replaced; left out: it can't be, or is not compared in that. `task.live` is there. */
  readonly startLive?: (task: PeerTask, living: Living) => Promise<LivePeer>;
  /** Left out: it is not compared in that. */
  readonly replicas?: readonly ReplicaWay[];
}

/** A route that the load never asks for. */
export interface OtherRoute {
  readonly host: string;
  readonly path: string;
}

/** The routes beside the one that is asked for: half on the load's own host, half on ten others, none a prefix of what it asks. */
export function otherRoutes(routes: number): OtherRoute[] {
  return Array.from({ length: routes - 1 }, (_, i) => ({
    host: i % 2 === 0 ? 'shop.example.com' : `shop-${i % 20}.example.com`,
    path: `/area-${i}/items`,
  }));
}

/** Null when `path` is there, or could be installed from Debian's package `name` (root only); else why not. */
export function missingPackage(name: string, path: string): string | null {
  if (existsSync(path)) return null;
  if (process.getuid?.() !== 0) return `no ${path}; install the package ${name}`;
  try {
    process.stderr.write(`${name} is missing: apt-get install ${name}\n`);
    execFileSync('apt-get', ['install', '-y', '--no-install-recommends', name], {
      stdio: 'ignore',
      // Runlevel 1 keeps the package from starting its service.
      env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' },
    });
  } catch {
    return `no ${path}, and apt-get could not install it`;
  }
  return existsSync(path) ? null : `the package ${name} has no ${path}`;
}

/** A peer that runs as `child`. */
export function running(name: string, port: number, child: ChildProcess): RunningPeer {
  return { name, port, pid: child.pid!, stop: () => stopProcess(child) };
}

/** Starts a program that says nothing when it is ready: it is when it accepts. */
export async function startQuiet(
  name: string,
  port: number,
  task: PeerTask,
  command: string,
  args: readonly string[],
): Promise<RunningPeer> {
  const child = startProcess(command, args, {
    core: task.core,
    cwd: task.dir,
    stdout: openSync(join(task.dir, `${name}.out`), 'w'),
  });
  await accepts(port, child);
  return running(name, port, child);
}
