// Failover drills: steady load through a proxy onto three real upstream processes, one of which is killed, stopped or slow meanwhile.
import type { ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { LoadFailure, LoadResult, LoadSpec } from './load-generator.ts';
import { NODE, nextMessage, startProcess, stopProcess } from './load-process.ts';
import { freePort } from './ports.ts';

const GENERATOR = fileURLToPath(new URL('load-generator.ts', import.meta.url));
const UPSTREAM = fileURLToPath(new URL('load-upstream.ts', import.meta.url));

/** The upstream that the drills harm. */
export const HARMED = 0;

/**
 * How long after a process was seen gone a POST may still have been written to it: a proxy that reads the POST in the same turn
 * as the news of the closed connection can't know. Generous, since the machine may be busy.
 */
const UNKNOWING_MS = 250;

/** A running upstream of a drill. */
export interface DrillUpstream {
  readonly port: number;
  readonly child: ChildProcess;
}

/** Starts upstream number `index` on `port` as a process; `delayMs` is how long it thinks about each answer. */
export async function startDrillUpstream(
  port: number,
  index: number,
  core: number | null,
  delayMs = 0,
): Promise<DrillUpstream> {
  const child = startProcess(NODE, [UPSTREAM, `${port}:${index}`, '--delay', String(delayMs)], {
    core,
    ipc: true,
  });
  await nextMessage(child);
  return { port, child };
}

/** A load generator that runs one LoadSpec after another. */
export class Generator {
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess) {
    this.#child = child;
  }

  static async start(core: number | null): Promise<Generator> {
    const child = startProcess(NODE, [GENERATOR], { core, ipc: true });
    await nextMessage(child);
    return new Generator(child);
  }

  async run(spec: LoadSpec): Promise<LoadResult> {
    const answer = nextMessage<{ result: LoadResult }>(this.#child);
    this.#child.send(spec);
    return (await answer).result;
  }

  /** Ends the run before its time; `run` resolves. */
  finish(): void {
    this.#child.send({ finish: true });
  }

  stop(): Promise<void> {
    return stopProcess(this.#child);
  }
}

export interface DrillSpec {
  readonly fault: 'kill' | 'hang' | 'slow';
  /** Where the proxy listens. */
  readonly port: number;
  readonly rate: number;
  readonly users: number;
  readonly seconds: number;
  /** One request in this many is a POST; 0: none. */
  readonly postEvery: number;
  /** The core of load and upstreams; null: any. */
  readonly core: number | null;
}

export interface DrillResult {
  readonly load: LoadResult;
  readonly failedGets: readonly LoadFailure[];
  readonly failedPosts: readonly LoadFailure[];
  /** Failed POSTs that can't have been running in the harmed process. */
  readonly needlessPosts: readonly LoadFailure[];
  /** Moves of users whose first home was not the harmed upstream: none of them had a reason to move. */
  readonly otherMoves: number;
  /** Moves of users whose first home was the harmed one: one each is right. */
  readonly harmedMoves: number;
}

/** Three upstreams for the drill `fault`; for `slow`, the harmed one thinks 2 s about each answer. */
export async function startDrillUpstreams(
  fault: DrillSpec['fault'],
  core: number | null,
): Promise<DrillUpstream[]> {
  const ports = [await freePort(), await freePort(), await freePort()];
  return Promise.all(
    ports.map((port, index) =>
      startDrillUpstream(port, index, core, fault === 'slow' && index === HARMED ? 2000 : 0),
    ),
  );
}

/** Ends them. */
export async function stopDrillUpstreams(upstreams: readonly DrillUpstream[]): Promise<void> {
  await Promise.all(upstreams.map((upstream) => stopProcess(upstream.child)));
}

/**
 * Runs one drill on a proxy that serves `upstreams`. At a quarter of the time the fault begins; at three quarters it ends (the
 * process is started again, and replaces the dead one in `upstreams`; or goes on), so that coming back is part of the drill.
 */
export async function runDrill(spec: DrillSpec, upstreams: DrillUpstream[]): Promise<DrillResult> {
  const generator = await Generator.start(spec.core);
  try {
    const running = generator.run({
      port: spec.port,
      users: spec.users,
      rate: spec.rate,
      warmupMs: 0,
      measureMs: spec.seconds * 1000,
      drainMs: 8000,
      postEvery: spec.postEvery,
      watchPid: 0,
    });
    // A drill that breaks off leaves this promise without a reader otherwise.
    running.catch(() => undefined);
    const goneMs = await harm(spec, upstreams);
    return judge(await running, goneMs);
  } finally {
    await generator.stop();
  }
}

/** Does the harm and undoes it. Resolves with the monotonic time at which the process was seen gone; Infinity if it never was. */
async function harm(spec: DrillSpec, upstreams: DrillUpstream[]): Promise<number> {
  if (spec.fault === 'slow') return Number.POSITIVE_INFINITY;
  const harmed = upstreams[HARMED]!;
  await elapsed(spec.seconds * 250);
  let goneMs = Number.POSITIVE_INFINITY;
  if (spec.fault === 'kill') {
    await stopProcess(harmed.child);
    goneMs = Number(process.hrtime.bigint()) / 1e6;
  } else harmed.child.kill('SIGSTOP');
  await elapsed(spec.seconds * 500);
  if (spec.fault === 'kill') upstreams[HARMED] = await startDrillUpstream(harmed.port, HARMED, spec.core);
  else harmed.child.kill('SIGCONT');
  return goneMs;
}

function judge(load: LoadResult, goneMs: number): DrillResult {
  const firstHome = new Map<number, number>();
  for (const move of load.moves) if (!firstHome.has(move.user)) firstHome.set(move.user, move.from);
  const harmedMoves = load.moves.filter((move) => firstHome.get(move.user) === HARMED).length;
  const failedPosts = load.failures.filter((failure) => failure.method === 'POST');
  return {
    load,
    failedGets: load.failures.filter((failure) => failure.method === 'GET'),
    failedPosts,
    needlessPosts: failedPosts.filter(
      (post) => (post.home !== HARMED && post.home !== -1) || post.sentMs > goneMs + UNKNOWING_MS,
    ),
    otherMoves: load.moves.length - harmedMoves,
    harmedMoves,
  };
}

function elapsed(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
