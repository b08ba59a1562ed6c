// Upstreams that fail requests they were sent: what retries add to the load of the living, and whether the pool recovers.
import { Avoid } from '../../src/balance/balancer.ts';
import type { Fault } from '../../src/base/fault.ts';
import { AGAIN, isOrphaned, judgeRetry } from '../../src/proxy/retry-verdict.ts';
import { UPSTREAM_FAULT } from '../../src/upstream/faults.ts';
import type { Upstream } from '../../src/upstream/upstream.ts';
import { Draws } from './draws.ts';
import { namesOf, Replica } from './replica.ts';
import type { Outcome, Row, Scenario, Size } from './scenario.ts';
import { Servers } from './servers.ts';
import { World } from './world.ts';

const SIZES = {
  ci: { upstreams: 20, replicas: 2 },
  full: { upstreams: 400, replicas: 8 },
} as const;
const SEED = 60;
const BUDGET = 0.2;
const ATTEMPTS = 3;
/** No budget to speak of: every request may be retried as often as `ATTEMPTS` says. */
const UNBOUNDED = ATTEMPTS;
/** What the floor gives a replica in one second at the most: that second's three, and those of three seconds that it has saved. */
const FLOOR_IN_A_SECOND = 3 + 9;
const WORK_MS = 10;
/** What it costs an upstream to say no. */
const REFUSAL_MS = 3;
const QUEUE_MAX = 20;
const LOAD = 0.75;
const BROWN_FROM_S = 20;
const BROWN_TO_S = 30;
const END_S = 70;
/** When a third is killed; and how long an app waits for others before it answers, in a pool whose answers take long. */
const KILL_S = 20.5;
const WAIT_MS = 2000;

interface Second {
  requests: number;
  tries: number;
  /** Tries at upstreams that answer. */
  atLiving: number;
  /** Requests that are tried again since their upstream died while it had them: load that was there before. */
  orphans: number;
  answered: number;
  failed: number;
}

interface Trouble {
  /** What becomes of a try that has just arrived: its fault, or null where it is answered. */
  readonly faultOf: (server: number, queue: number) => Fault | null;
  readonly perMs: number;
  readonly budget: number;
  readonly attempts: number;
  /** How long an answer takes beside the work for it. */
  readonly waitMs?: number;
  /** The first third is killed at `KILL_S`. */
  readonly kill?: boolean;
  /** Orphans are paid for as everything else: the contrast. */
  readonly orphansPay?: boolean;
  /** Told each second, so that it may change the world. */
  readonly onSecond?: (second: number, servers: Servers) => void;
}

/** One try that an upstream has not answered yet. */
interface Try {
  readonly server: number;
  readonly end: (fault: Fault | null) => void;
}

function simulate(size: Size, trouble: Trouble): Second[] {
  const { upstreams } = SIZES[size];
  const world = new World();
  const draws = new Draws(SEED);
  const servers = new Servers(upstreams);
  const names = namesOf(upstreams);
  const replicas = Array.from(
    { length: SIZES[size].replicas },
    (_, number) =>
      new Replica({ world, seed: SEED, number, names, kind: 'random', retryBudget: trouble.budget }),
  );
  const seconds: Second[] = Array.from({ length: END_S + 10 }, () => ({
    requests: 0,
    tries: 0,
    atLiving: 0,
    orphans: 0,
    answered: 0,
    failed: 0,
  }));
  const now = (): Second => seconds[Math.min(seconds.length - 1, Math.floor(world.nowMs() / 1000))]!;
  const underWay = new Set<Try>();
  const thirdEnds = Math.ceil(upstreams / 3);
  let killed = false;

  /** As the exchange does: GETs, sent in full, held in full. */
  const mayRetry = (
    replica: Replica,
    upstream: Upstream,
    fault: Fault,
    attempts: number,
    sentMs: number,
  ): boolean => {
    const again = judgeRetry(fault, attempts, trouble.attempts, true, true, true);
    if (again !== AGAIN.paid) return again === AGAIN.free;
    const nowMs = world.nowMs();
    if (isOrphaned(fault, upstream, sentMs, nowMs) && trouble.orphansPay !== true) {
      now().orphans++;
      return true;
    }
    return replica.pool.budget.take(nowMs);
  };
  const tryAt = (replica: Replica, avoid: Avoid, attempts: number): void => {
    const { pool } = replica;
    const chosen = pool.pick(0, avoid.count === 0 ? null : avoid);
    if (chosen === null) {
      now().failed++;
      return;
    }
    pool.reserve(chosen);
    const server = chosen.slot;
    const sentMs = world.nowMs();
    const dead = killed && server < thirdEnds;
    const fault = dead ? UPSTREAM_FAULT.refused : trouble.faultOf(server, servers.queue[server]!);
    now().tries++;
    if (!dead && fault !== UPSTREAM_FAULT.closedUnanswered) now().atLiving++;
    const attempt: Try = {
      server,
      end: (ended) => {
        // It was killed meanwhile.
        if (!underWay.delete(attempt)) return;
        servers.leave(server);
        pool.release(chosen);
        if (ended === null) {
          chosen.heardMs = world.nowMs();
          now().answered++;
        } else if (mayRetry(replica, chosen, ended, attempts, sentMs)) {
          avoid.add(server);
          tryAt(replica, avoid, attempts + 1);
        } else {
          now().failed++;
        }
      },
    };
    underWay.add(attempt);
    const work = fault === null ? draws.exponential(WORK_MS) : REFUSAL_MS;
    const waitMs = fault === null ? (trouble.waitMs ?? 0) : 0;
    world.at(servers.arrive(server, world.nowMs(), work) + waitMs, () => attempt.end(fault));
  };
  const kill = (): void => {
    killed = true;
    for (const attempt of [...underWay]) {
      if (attempt.server < thirdEnds) attempt.end(UPSTREAM_FAULT.closedUnanswered);
    }
  };
  const arrive = (): void => {
    const replica = replicas[draws.random.below(replicas.length)]!;
    now().requests++;
    replica.pool.refresh();
    replica.pool.budget.note(world.nowMs());
    tryAt(replica, new Avoid(ATTEMPTS + 1), 1);
    const atMs = world.nowMs() + draws.exponential(1 / trouble.perMs);
    if (atMs < END_S * 1000) world.at(atMs, arrive);
  };
  world.at(0, arrive);
  if (trouble.kill === true) world.at(KILL_S * 1000, kill);
  for (let second = 0; second < END_S; second++) {
    trouble.onSecond?.(second, servers);
    world.run((second + 1) * 1000);
  }
  world.run();
  return seconds;
}

/** The most that `count` is in any second, over the requests of that second and those that the dead left behind in it. */
function worst(seconds: readonly Second[], count: 'tries' | 'atLiving'): number {
  return Math.max(...seconds.slice(0, END_S).map((s) => s[count] / (s.requests + s.orphans)));
}

/** Share of the requests answered from second `from` to before `to`. */
function answered(seconds: readonly Second[], from: number, to: number): number {
  const window = seconds.slice(from, to);
  return window.reduce((sum, s) => sum + s.answered, 0) / window.reduce((sum, s) => sum + s.requests, 0);
}

const failed = (seconds: readonly Second[]): number => seconds.reduce((sum, s) => sum + s.failed, 0);

/** A third closes the connection on every request that it is sent, and nobody ejects it. */
function failingThird(size: Size, budget: number, perMs: number, share = 1 / 3): Second[] {
  const failing = Math.ceil(SIZES[size].upstreams * share);
  return simulate(size, {
    faultOf: (server) => (server < failing ? UPSTREAM_FAULT.closedUnanswered : null),
    perMs,
    budget,
    attempts: ATTEMPTS,
  });
}

/** A third is killed while each holds the requests of two seconds: far more than the budget of one. */
function killedThird(size: Size, perMs: number, orphansPay: boolean): Second[] {
  return simulate(size, {
    faultOf: () => null,
    perMs,
    budget: BUDGET,
    // Of dead ones it may meet several, until the main thread has put them down.
    attempts: SIZES[size].upstreams,
    waitMs: WAIT_MS,
    kill: true,
    orphansPay,
  });
}

/** Half turn slow for a while; upstreams whose queue is long answer 503 at once, and the route retries on 503. */
function overload(size: Size, budget: number): Second[] {
  const { upstreams } = SIZES[size];
  return simulate(size, {
    faultOf: (_, queue) => (queue >= QUEUE_MAX ? UPSTREAM_FAULT.byStatus : null),
    perMs: (upstreams * LOAD) / WORK_MS,
    budget,
    attempts: ATTEMPTS,
    onSecond: (second, servers) => {
      if (second === BROWN_FROM_S) servers.speed.fill(1 / 4, 0, upstreams / 2);
      if (second === BROWN_TO_S) servers.speed.fill(1);
    },
  });
}

function run(size: Size): Outcome {
  const { upstreams, replicas } = SIZES[size];
  const perMs = (upstreams * 0.25) / WORK_MS;
  const boundAt = (requestsPerMs: number): number =>
    1 + BUDGET + (replicas * FLOOR_IN_A_SECOND) / (requestsPerMs * 1000);
  const bound = boundAt(perMs);
  const third = failingThird(size, BUDGET, perMs);
  const all = failingThird(size, BUDGET, perMs, 1);
  const lone = failingThird(size, BUDGET, 0.001);
  const killed = killedThird(size, perMs, false);
  const killedAndPaid = killedThird(size, perMs, true);
  const bounded = overload(size, BUDGET);
  const unbounded = overload(size, UNBOUNDED);
  const whence = `1 + budget, and the floor: ${FLOOR_IN_A_SECOND} in one second and replica`;
  const overBound = boundAt((upstreams * LOAD) / WORK_MS);
  const rows: Row[] = [
    {
      what: 'a third fails: load on the living over the requests, worst second',
      measured: worst(third, 'atLiving'),
      atMost: bound,
      whence,
    },
    {
      what: 'a third fails: all tries over the requests, worst second',
      measured: worst(third, 'tries'),
      atMost: bound,
      whence,
    },
    {
      what: 'all fail: tries over the requests, worst second',
      measured: worst(all, 'tries'),
      atLeast: 1 + BUDGET / 2,
      atMost: bound,
      whence,
    },
    {
      what: 'a third fails, one request a second: share answered',
      measured: answered(lone, 0, END_S),
      atLeast: 1 - (1 / 3) ** ATTEMPTS,
      whence: 'the floor: a lone visitor’s request is tried again as often as it may be',
    },
    {
      what: 'a third is killed, answers take 2 s: requests that fail',
      measured: failed(killed),
      atMost: 0,
      whence: 'the promise: a kill costs nobody an answer',
    },
    {
      what: 'the same: load on the living over the requests and those that the dead left behind, worst second',
      measured: worst(killed, 'atLiving'),
      atMost: bound,
      whence: 'what the dead had is not new load: the living take it over, once',
    },
    {
      what: 'the same, were those paid for: requests that fail',
      measured: failed(killedAndPaid),
      atLeast: 1,
      whence: 'the contrast: a kill needs more at once than any share of one second',
    },
    {
      what: 'overload: load over the requests, worst second',
      measured: worst(bounded, 'atLiving'),
      atMost: overBound,
      whence,
    },
    {
      what: 'overload: share answered, from 5 s after its cause has gone',
      measured: answered(bounded, BROWN_TO_S + 5, END_S),
      atLeast: 0.999,
      whence: 'with a budget it ends with its cause',
    },
    {
      what: 'overload without a budget: load over the requests, worst second',
      measured: worst(unbounded, 'atLiving'),
      atLeast: 2,
      whence: 'the contrast',
    },
    {
      what: 'overload without a budget: share answered, from 5 s after its cause has gone',
      measured: answered(unbounded, BROWN_TO_S + 5, END_S),
      atMost: 0.9,
      whence:
        'the contrast: it goes on by itself (Bronson et al., "Metastable failures in distributed systems", 2021)',
    },
  ];
  const course = (seconds: readonly Second[], of: 'tries' | 'answered'): [number, number][] =>
    seconds.slice(0, END_S).map((s, i) => [i, s[of] / s.requests]);
  return {
    rows,
    charts: [
      {
        name: 'overload',
        title: `Half the pool slow from ${BROWN_FROM_S} s to ${BROWN_TO_S} s: tries and answers a request`,
        x: { label: 'seconds' },
        y: { label: 'a request', from: 0 },
        lines: [
          { label: 'tries, budget 20 %', points: course(bounded, 'tries') },
          { label: 'tries, no budget', points: course(unbounded, 'tries') },
          { label: 'answers, budget 20 %', points: course(bounded, 'answered') },
          { label: 'answers, no budget', points: course(unbounded, 'answered') },
          {
            label: '1 + budget',
            dashed: true,
            points: [
              [0, overBound],
              [END_S, overBound],
            ],
          },
        ],
      },
    ],
  };
}

export const brownOut: Scenario = {
  name: 'brown-out',
  title: 'The retry budget in a brown-out',
  text: `GETs that fail after they were sent, so that each retry is paid for from the budget (${BUDGET * 100} % here; up to ${ATTEMPTS} more tries). The law is about each single second: tries ≤ (1 + budget) ×
requests, and a floor of three a second and replica, saved up for three seconds. Requests that an instance had when it died are on top, since their load was there before: each goes to a living one
once more. Quiet times save nothing. First a third, then all upstreams close every connection, and nobody ejects them: the worst case. Then a third is killed while each holds the requests of two
seconds, which is more than any share of one second: with the rule for the dead none fails, without it those above the budget do. Then half of the pool turns four times slower for ten seconds; an upstream with ${QUEUE_MAX} requests in line answers 503, which costs
it ${REFUSAL_MS} ms, and the route retries on 503. Without a budget the retries alone keep the pool overloaded after the cause has gone.`,
  setting: (size) => {
    const { upstreams, replicas } = SIZES[size];
    return `${upstreams} upstreams, ${replicas} replicas, \`random\`, exponential work of ${WORK_MS} ms, ${END_S} s, seed ${SEED}; overload at ${LOAD * 100} % load.`;
  },
  run,
};
