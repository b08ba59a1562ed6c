// Scenarios of failure: an upstream is killed, stopped or slow while users at a steady rate go on asking.
import {
  type DrillSpec,
  Generator,
  runDrill,
  startDrillUpstreams,
  stopDrillUpstreams,
} from '../test/kit/load-drill.ts';
import { type BenchRun, withPeers } from './bench-run.ts';
import type { Peer } from './peers.ts';
import { type Column, type Measurement, type Report, rowsOf } from './report.ts';

const RATE = 1000;
const USERS = 200;
/** With a slow upstream more, since each of its users waits 2 s: with too few of them the load would be theirs to bound. */
const SLOW_USERS = 1000;
const SECONDS = 8;
/** A load generator that stood still for longer measured the machine, not the proxy. */
const STALL_MAX_MS = 100;
/** What the proxies wait for an answer's head. */
const RESPONSE_MS = 3000;

const COLUMNS: readonly Column[] = [
  { key: 'failedGets', head: 'failed GETs', digits: 0 },
  { key: 'failedPosts', head: 'failed POSTs', digits: 0 },
  { key: 'needlessPosts', head: 'needless', digits: 0 },
  { key: 'otherMoves', head: "others' moves", digits: 0 },
  { key: 'harmedMoves', head: 'its moves', digits: 0 },
  { key: 'p50Ms', head: 'p50 ms', digits: 1 },
  { key: 'p99Ms', head: 'p99 ms', digits: 0 },
  { key: 'maxMs', head: 'max ms', digits: 0 },
  { key: 'answered', head: 'answered', digits: 0 },
];

const TITLES: Readonly<Record<DrillSpec['fault'], string>> = {
  kill: 'one of three upstreams killed (SIGKILL) at 2 s, started again at 6 s',
  hang: `one of three upstreams stopped (SIGSTOP) at 2 s, continued at 6 s; response timeout ${RESPONSE_MS / 1000} s`,
  slow: 'one of three upstreams takes 2 s an answer; chosen by latency where the proxy can, no affinity',
};

/** Each peer once for each fault, alone, so that one's troubles are not another's. */
export async function failover(run: BenchRun, fault: DrillSpec['fault']): Promise<Report> {
  const measured = new Map<string, Measurement[]>();
  for (const peer of run.peers) {
    run.progress(`${fault} ${peer.name}`);
    measured.set(peer.name, [await drill(run, peer, fault)]);
  }
  return {
    name: `failover-${fault}`,
    title: `${TITLES[fault]}; ${RATE} requests/s, ${fault === 'slow' ? SLOW_USERS : USERS} users`,
    columns: COLUMNS,
    ratioOf: '',
    rows: rowsOf(measured, ''),
  };
}

async function drill(run: BenchRun, peer: Peer, fault: DrillSpec['fault']): Promise<Measurement> {
  const upstreams = await startDrillUpstreams(fault, run.loadCore);
  const task = {
    upstreamPorts: upstreams.map((upstream) => upstream.port),
    affinity: fault !== 'slow',
    accessLog: false,
    responseMs: RESPONSE_MS,
    byLatency: fault === 'slow',
  };
  try {
    return await withPeers(run, [peer], task, async ([running]) => {
      if (fault !== 'slow') await warm(run, running!.port);
      const result = await runDrill(
        {
          fault,
          port: running!.port,
          rate: RATE,
          users: fault === 'slow' ? SLOW_USERS : USERS,
          seconds: SECONDS,
          // A POST in a hung process can't be tried elsewhere: it would only make its user's GETs wait behind it.
          postEvery: fault === 'kill' ? 10 : 0,
          core: run.loadCore,
        },
        upstreams,
      );
      const { load } = result;
      return {
        figures: {
          failedGets: result.failedGets.length,
          failedPosts: result.failedPosts.length,
          needlessPosts: result.needlessPosts.length,
          // Without affinity there is nothing to move from.
          otherMoves: task.affinity && peer.affinity !== 'none' ? result.otherMoves : Number.NaN,
          harmedMoves: task.affinity && peer.affinity !== 'none' ? result.harmedMoves : Number.NaN,
          p50Ms: load.p50Ms,
          p99Ms: load.p99Ms,
          maxMs: load.maxMs,
          answered: load.answered,
        },
        trouble:
          load.stalledMs > STALL_MAX_MS
            ? `the load generator itself stood still for ${load.stalledMs.toFixed(0)} ms`
            : '',
      };
    });
  } finally {
    await stopDrillUpstreams(upstreams);
  }
}

/** A JIT-compiled proxy's first second is no part of a drill. */
async function warm(run: BenchRun, port: number): Promise<void> {
  const generator = await Generator.start(run.loadCore);
  await generator.run({
    port,
    users: USERS,
    rate: RATE,
    warmupMs: 0,
    measureMs: 1500,
    drainMs: 1000,
    postEvery: 0,
    watchPid: 0,
  });
  await generator.stop();
}
