// What checking a session costs: remembered and not, beside nginx that asks a service, and HAProxy that verifies tokens.
import { Generator } from '../test/kit/load-drill.ts';
import { type BenchRun, interleave, scratchFolder, withPeers } from './bench-run.ts';
import { type Column, type Measurement, type Report, rowsOf } from './report.ts';
import { type SessionPeer, sessionPeers, startSessions } from './session-peers.ts';

const CONNECTIONS = 64;

const COLUMNS: readonly Column[] = [
  { key: 'cpuMicros', head: 'CPU us/req', digits: 2 },
  { key: 'addedMicros', head: 'added us', digits: 2 },
  { key: 'shareOfNginx', head: 'x nginx stack', digits: 2 },
  { key: 'requestsPerSecond', head: 'req/s', digits: 0 },
  { key: 'p50Ms', head: 'p50 ms', digits: 2 },
  { key: 'p99Ms', head: 'p99 ms', digits: 2 },
];

/** The row without a check that each is compared with: its requests are as long. */
const WITHOUT: Readonly<Record<string, string>> = {
  'express-session': 'limpet',
  'express uncached': 'limpet',
  'cookie-session': 'limpet',
  jwt: 'no session, tokens',
};

export async function sessionChecks(run: BenchRun): Promise<Report> {
  const { dir, sweep } = scratchFolder();
  const redis = await startSessions(run.loadCore, dir);
  try {
    const peers = sessionPeers(redis);
    const measured = await withPeers(run, peers, { affinity: false, accessLog: false }, async (running) => {
      const generator = await Generator.start(run.loadCore);
      const load = (peer: SessionPeer, port: number, pid: number, measureMs: number) =>
        generator.run({
          port,
          users: CONNECTIONS,
          rate: 0,
          warmupMs: 300,
          measureMs,
          drainMs: 2000,
          postEvery: 0,
          watchPid: pid,
          alsoWatchPid: redis.pid,
          credentials: peer.credentials,
        });
      const of = (name: string): SessionPeer => peers.find((peer) => peer.name === name)!;
      try {
        for (const { name, port, pid } of running) await load(of(name), port, pid, run.warmMs);
        return await interleave(running, run.rounds, async ({ name, port, pid }): Promise<Measurement> => {
          const result = await load(of(name), port, pid, run.measureMs);
          run.progress(`session ${name} ${result.cpuMicrosPerRequest.toFixed(2)} us`);
          return {
            figures: {
              cpuMicros: result.cpuMicrosPerRequest,
              requestsPerSecond: result.requestsPerSecond,
              p50Ms: result.p50Ms,
              p99Ms: result.p99Ms,
            },
            trouble:
              result.failed > 0 ? `${result.failed} failed, the first: ${result.failures[0]?.why}` : '',
          };
        });
      } finally {
        await generator.stop();
      }
    });
    return {
      name: 'session',
      title:
        'small GETs with a session checked before they are forwarded, 64 users; CPU of all that takes part, Redis too',
      columns: COLUMNS,
      ratioOf: '',
      rows: rowsOf(withDifferences(measured), ''),
    };
  } finally {
    await redis.stop();
    sweep();
  }
}

/** Adds what a check costs beside the same requests without one, and the share of what nginx with its service needs, round by round. */
function withDifferences(
  measured: ReadonlyMap<string, readonly Measurement[]>,
): ReadonlyMap<string, readonly Measurement[]> {
  const micros = (name: string, round: number): number =>
    measured.get(name)?.[round]?.figures.cpuMicros ?? Number.NaN;
  const rows = Array.from(measured, ([name, rounds]) => {
    const added = rounds.map(({ figures, trouble }, round) => ({
      trouble,
      figures: {
        ...figures,
        addedMicros: figures.cpuMicros! - micros(WITHOUT[name] ?? '', round),
        shareOfNginx: figures.cpuMicros! / micros('nginx + service', round),
      },
    }));
    return [name, added] as const;
  });
  return new Map(rows);
}
