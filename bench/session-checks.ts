// What checking a session costs: remembered and not, beside nginx that asks a service, and HAProxy that verifies tokens.
import { Generator } from '../test/kit/load-drill.ts';
import { type BenchRun, interleave, scratchFolder, withPeers } from './bench-run.ts';
import type { RunningPeer } from './peers.ts';
import { type Column, type Measurement, type Report, rowsOf } from './report.ts';
import {
  NGINX_STACK,
  type SessionPeer,
  type Sessions,
  sessionPeers,
  startSessions,
} from './session-peers.ts';

const CONNECTIONS = 64;
/**
 * Rounds that one set of processes is measured for; the next ones are started anew. Two processes of one build differ by more than a check costs: by
 * what the JIT compiler made of each, and where its memory lies. Rounds of one pair would repeat that difference.
 */
const ROUNDS_OF_A_SET = 3;
/** Turns that a round is cut into, so that two who are compared are measured within seconds of each other: the machine's own pace drifts by more. */
const TURNS = 6;
/** Before each turn, ms: the connections are opened, and what was measured before is forgotten. */
const TURN_WARM_MS = 250;

/** Where nobody else takes part. */
export const OWN_COLUMNS: readonly Column[] = [
  { key: 'cpuMicros', head: 'CPU us/req', digits: 2 },
  { key: 'addedMicros', head: 'added us', digits: 2 },
  { key: 'requestsPerSecond', head: 'req/s', digits: 0 },
  { key: 'p50Ms', head: 'p50 ms', digits: 2 },
  { key: 'p99Ms', head: 'p99 ms', digits: 2 },
];

/** What part others need: microseconds are of one machine on one day. */
const OF_OTHERS: readonly Column[] = [
  { key: 'addedOfHaproxy', head: 'added, x haproxy', digits: 3 },
  { key: 'addedOfNginx', head: 'added, x nginx stack', digits: 4 },
  { key: 'shareOfNginx', head: 'x nginx stack', digits: 2 },
];

/** What is compared in one scenario. */
export interface CheckScenario {
  readonly name: string;
  readonly title: string;
  readonly columns: readonly Column[];
  readonly peers: (redis: Sessions) => readonly SessionPeer[];
  /** By name of a row, the one without a check that it is compared with: its requests are as long. */
  readonly without: Readonly<Record<string, string>>;
  /** How often each is warmed before its first round: what runs well after some seconds runs better after some more. */
  readonly warmings: number;
  /** Done before anything is measured. */
  readonly prepare?: (redis: Sessions, core: number | null) => Promise<Beside>;
}

/** What goes on beside the requests of a scenario, whoever is measured. */
export interface Beside {
  /** Begins to count; what it gives tells how much CPU of Redis a second went into it since, µs, which no request is charged. */
  begin(): Promise<() => Promise<number>>;
  end(): Promise<void>;
}

const CHECKS: CheckScenario = {
  name: 'session',
  title:
    'small GETs with a session checked before they are forwarded, 64 users; CPU of all that takes part, Redis too',
  columns: OWN_COLUMNS.toSpliced(2, 0, ...OF_OTHERS),
  peers: sessionPeers,
  // Its compiler goes on for some ten seconds at full load.
  warmings: 5,
  without: {
    'express-session': 'limpet',
    'express, unwatched': 'limpet',
    'express uncached': 'limpet',
    'cookie-session': 'limpet',
    jwt: 'no session, tokens',
  },
};

export function sessionChecks(run: BenchRun): Promise<Report> {
  return compareChecks(run, CHECKS);
}

export async function compareChecks(run: BenchRun, scenario: CheckScenario): Promise<Report> {
  const { dir, sweep } = scratchFolder();
  const redis = await startSessions(run.loadCore, dir);
  const beside = (await scenario.prepare?.(redis, run.loadCore)) ?? null;
  try {
    const peers = scenario.peers(redis);
    const measured = new Map<string, Measurement[]>(peers.map(({ name }) => [name, []]));
    for (let done = 0; done < run.rounds; done += ROUNDS_OF_A_SET) {
      const rounds = Math.min(ROUNDS_OF_A_SET, run.rounds - done);
      for (const [name, more] of await measureSet(run, scenario, peers, redis.pid, beside, rounds))
        measured.get(name)!.push(...more);
    }
    return {
      name: scenario.name,
      title: scenario.title,
      columns: scenario.columns,
      ratioOf: '',
      rows: rowsOf(withDifferences(measured, scenario.without), ''),
    };
  } finally {
    await beside?.end();
    await redis.stop();
    sweep();
  }
}

/** Starts every peer anew and measures it for some rounds. `redis`: pid of what they share. */
async function measureSet(
  run: BenchRun,
  { name: scenario, warmings }: CheckScenario,
  peers: readonly SessionPeer[],
  redis: number,
  beside: Beside | null,
  rounds: number,
): Promise<Map<string, Measurement[]>> {
  return withPeers(run, peers, { affinity: false, accessLog: false }, async (running) => {
    const generator = await Generator.start(run.loadCore);
    const of = (name: string): SessionPeer => peers.find((peer) => peer.name === name)!;
    const load = ({ name, port, pid }: RunningPeer, measureMs: number) =>
      generator.run({
        port,
        users: CONNECTIONS,
        rate: 0,
        warmupMs: TURN_WARM_MS,
        measureMs,
        drainMs: 2000,
        postEvery: 0,
        watchPid: pid,
        alsoWatchPid: redis,
        credentials: of(name).credentials,
      });
    try {
      for (let i = 0; i < warmings; i++) for (const peer of running) await load(peer, run.warmMs);
      const turns = await interleave(running, rounds * TURNS, async (peer): Promise<Measurement> => {
        const besideSince = await beside?.begin();
        const result = await load(peer, run.measureMs / TURNS);
        const besideMicros = (await besideSince?.()) ?? 0;
        return {
          figures: {
            cpuMicros: result.cpuMicrosPerRequest - besideMicros / result.requestsPerSecond,
            requestsPerSecond: result.requestsPerSecond,
            p50Ms: result.p50Ms,
            p99Ms: result.p99Ms,
          },
          trouble: result.failed > 0 ? `${result.failed} failed, the first: ${result.failures[0]?.why}` : '',
        };
      });
      const whole = Array.from(turns, ([name, each]) => [name, roundsOf(each)] as const);
      for (const [name, each] of whole)
        for (const { figures } of each)
          run.progress(`${scenario} ${name} ${figures.cpuMicros!.toFixed(2)} us`);
      return new Map(whole);
    } finally {
      await generator.stop();
    }
  });
}

/** Rounds out of their turns: the means. */
function roundsOf(turns: readonly Measurement[]): Measurement[] {
  return Array.from({ length: turns.length / TURNS }, (_, round) => {
    const own = turns.slice(round * TURNS, (round + 1) * TURNS);
    const keys = Object.keys(own[0]!.figures);
    const mean = (key: string): number =>
      own.reduce((sum, { figures }) => sum + figures[key]!, 0) / own.length;
    return {
      figures: Object.fromEntries(keys.map((key) => [key, mean(key)])),
      trouble: own.find(({ trouble }) => trouble !== '')?.trouble ?? '',
    };
  });
}

/** Adds what a check costs beside the same requests without one, and what part that and the whole are of what others need, round by round. */
function withDifferences(
  measured: ReadonlyMap<string, readonly Measurement[]>,
  without: Readonly<Record<string, string>>,
): ReadonlyMap<string, readonly Measurement[]> {
  const micros = (name: string, round: number): number =>
    measured.get(name)?.[round]?.figures.cpuMicros ?? Number.NaN;
  const rows = Array.from(measured, ([name, rounds]) => {
    const compared = rounds.map(({ figures, trouble }, round) => {
      const addedMicros = figures.cpuMicros! - micros(without[name] ?? '', round);
      const ofNginx = micros(NGINX_STACK, round);
      return {
        trouble,
        figures: {
          ...figures,
          addedMicros,
          addedOfHaproxy: addedMicros / micros('haproxy', round),
          addedOfNginx: addedMicros / ofNginx,
          shareOfNginx: figures.cpuMicros! / ofNginx,
        },
      };
    });
    return [name, compared] as const;
  });
  return new Map(rows);
}
