// The load generator as a process of its own: users that ask as fast as they are answered, or at a fixed rate whatever the answers do.
//
// Told by messages: a LoadSpec starts a run, `{ finish: true }` ends it early; it answers with one LoadResult.
import { pathToFileURL } from 'node:url';
import { Latencies } from './load-latencies.ts';
import type { RequestShape } from './load-message.ts';
import { cpuMicros, processTree } from './load-usage.ts';
import { type Credential, LoadUser, type UserReport } from './load-user.ts';

export interface LoadSpec {
  readonly port: number;
  readonly users: number;
  /** Requests a second over all users; 0: each user asks again as soon as it is answered. */
  readonly rate: number;
  readonly warmupMs: number;
  readonly measureMs: number;
  /** How long after the end answers are waited for. */
  readonly drainMs: number;
  /** One request in this many is a POST; 0: none. */
  readonly postEvery: number;
  /** How users ask; default: by GETs on one connection each. */
  readonly shape?: RequestShape;
  /** By TLS; default: not. */
  readonly secure?: boolean;
  /** What users show, in turn; default: nothing. */
  readonly credentials?: readonly Credential[];
  /** The proxy whose CPU time is read at both ends of the measured time; 0: none. */
  readonly watchPid: number;
  /** Another process whose CPU counts as the proxy's; 0 or left out: none. */
  readonly alsoWatchPid?: number;
}

/** A request that went wrong. Times are ms of the machine's monotonic clock, the same in all processes. */
export interface LoadFailure {
  readonly user: number;
  readonly method: 'GET' | 'POST';
  readonly sentMs: number;
  readonly endedMs: number;
  /** The upstream that had answered this user before, or -1. */
  readonly home: number;
  readonly why: string;
}

export interface LoadMove {
  readonly user: number;
  readonly from: number;
  readonly to: number;
  readonly atMs: number;
}

export interface LoadResult {
  /** Answers within the measured time; in an open loop: all. */
  readonly answered: number;
  readonly failed: number;
  /** The first 10,000. */
  readonly failures: readonly LoadFailure[];
  /** The first 10,000. */
  readonly moves: readonly LoadMove[];
  readonly moveCount: number;
  readonly requestsPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
  /** Longest time that any GET took from its sending (not from when it was due). */
  readonly maxGetMs: number;
  readonly perUpstream: readonly number[];
  /** Users that hold a cookie of the proxy's at the end. */
  readonly usersWithAffinity: number;
  /** CPU of the watched processes, µs a request, and how much of one core they used. */
  readonly cpuMicrosPerRequest: number;
  readonly coreShare: number;
  /** How much of one core this generator used itself. */
  readonly ownCoreShare: number;
  /** Open loop: the longest time that this generator itself stood still. Latencies up to it say nothing of the proxy. */
  readonly stalledMs: number;
}

const KEPT_MAX = 10_000;
/** Requests that may wait for their user in an open loop: 60 s of them at 1,000 a second. Beyond it they fail as `not sent`. */
const WAITING_MAX = 60_000;
const TICK_MS = 1;

/** `performance.now()` plus this is the machine's monotonic clock in ms. */
const monotonicOffsetMs = Number(process.hrtime.bigint()) / 1e6 - performance.now();

/** The machine's monotonic clock in milliseconds: comparable between processes. */
export function monotonicMs(): number {
  return performance.now() + monotonicOffsetMs;
}

/** One run. Reuse of an object is not meant: `run` once. */
class LoadRun implements UserReport {
  readonly #spec: LoadSpec;
  readonly #users: LoadUser[] = [];
  /** Open loop: what waits for each user, as pairs of due time and method. */
  readonly #waiting: { dueMs: number; posting: boolean }[][] = [];
  #waitingCount = 0;
  readonly #latencies = new Latencies();
  readonly #failures: LoadFailure[] = [];
  readonly #moves: LoadMove[] = [];
  readonly #perUpstream: number[] = new Array(10).fill(0);
  #answered = 0;
  #failed = 0;
  #moveCount = 0;
  #maxGetMs = 0;
  #asked = 0;
  #measuring = false;
  #stopped = false;
  #busy = 0;
  #startMs = 0;
  #pids: number[] = [];
  #cpuAtStart = 0;
  #ownAtStart = 0;
  #elapsedMs = 0;
  #cpu = 0;
  #own = 0;
  #finished: (() => void) | null = null;
  #ticker: NodeJS.Timeout | null = null;
  #stalledMs = 0;

  constructor(spec: LoadSpec) {
    this.#spec = spec;
    for (let i = 0; i < spec.users; i++) {
      const all = spec.credentials ?? [];
      this.#users.push(new LoadUser(i, spec.port, this, all[i % all.length], spec.shape, spec.secure));
      this.#waiting.push([]);
    }
  }

  async run(): Promise<LoadResult> {
    const { rate, warmupMs, measureMs, drainMs } = this.#spec;
    if (rate > 0) this.#openLoop();
    else for (const user of this.#users) this.#ask(user, performance.now());
    await elapsed(warmupMs);
    this.#begin();
    await new Promise<void>((resolve) => {
      this.#finished = resolve;
      setTimeout(resolve, measureMs);
    });
    this.#endMeasure();
    this.#stopped = true;
    if (this.#ticker !== null) clearInterval(this.#ticker);
    // In a closed loop the answers after the end are not counted, but they must not be wrong either.
    const endMs = performance.now() + drainMs;
    while (this.#busy + this.#waitingCount > 0 && performance.now() < endMs) await elapsed(5);
    this.#measuring = false;
    for (const user of this.#users) user.close('no answer');
    return this.#result();
  }

  finish(): void {
    this.#finished?.();
  }

  #begin(): void {
    const { watchPid, alsoWatchPid = 0 } = this.#spec;
    this.#pids = [watchPid, alsoWatchPid].filter((pid) => pid > 0).flatMap(processTree);
    this.#cpuAtStart = cpuMicros(this.#pids);
    this.#ownAtStart = ownCpuMicros();
    this.#startMs = performance.now();
    this.#measuring = true;
  }

  #endMeasure(): void {
    this.#elapsedMs = performance.now() - this.#startMs;
    this.#cpu = cpuMicros(this.#pids) - this.#cpuAtStart;
    this.#own = ownCpuMicros() - this.#ownAtStart;
    if (this.#spec.rate === 0) this.#measuring = false;
  }

  /**
   * Request number i is due at i / rate and belongs to user i mod users, whatever became of those before it: latency is counted
   * from when it was due, so that a stalled proxy is charged for the requests that could not be sent meanwhile.
   */
  #openLoop(): void {
    const { rate, users, postEvery } = this.#spec;
    const startMs = performance.now();
    let tickedMs = startMs;
    this.#ticker = setInterval(() => {
      const nowMs = performance.now();
      this.#stalledMs = Math.max(this.#stalledMs, nowMs - tickedMs);
      tickedMs = nowMs;
      const due = Math.floor(((nowMs - startMs) * rate) / 1000);
      while (this.#asked < due) {
        const i = this.#asked++;
        const dueMs = startMs + (i * 1000) / rate;
        // The round number is added, so that the POSTs go round the users.
        const posting = postEvery > 0 && (i + Math.floor(i / users)) % postEvery === 0;
        const user = this.#users[i % users]!;
        if (!user.busy) this.#send(user, posting, dueMs, nowMs);
        else if (this.#waitingCount < WAITING_MAX) {
          this.#waiting[user.id]!.push({ dueMs, posting });
          this.#waitingCount++;
        } else this.#note(user, posting, 'not sent');
      }
    }, TICK_MS);
  }

  #send(user: LoadUser, posting: boolean, dueMs: number, nowMs: number): void {
    this.#busy++;
    user.send(posting, dueMs, nowMs);
  }

  /** Closed loop: the next request of a user. */
  #ask(user: LoadUser, nowMs: number): void {
    const { postEvery } = this.#spec;
    this.#send(user, postEvery > 0 && this.#asked++ % postEvery === 0, nowMs, nowMs);
  }

  answered(user: LoadUser, home: number): void {
    const nowMs = performance.now();
    this.#busy--;
    if (this.#measuring) {
      this.#answered++;
      this.#latencies.record(nowMs - user.dueMs);
      this.#perUpstream[home]!++;
      if (!user.posting && nowMs - user.sentMs > this.#maxGetMs) this.#maxGetMs = nowMs - user.sentMs;
    }
    if (user.movedFrom >= 0) {
      this.#moveCount++;
      if (this.#moves.length < KEPT_MAX)
        this.#moves.push({
          user: user.id,
          from: user.movedFrom,
          to: home,
          atMs: nowMs + monotonicOffsetMs,
        });
      user.movedFrom = -1;
    }
    this.#next(user, nowMs);
  }

  failed(user: LoadUser, why: string): void {
    const nowMs = performance.now();
    this.#busy--;
    this.#latencies.record(nowMs - user.dueMs);
    this.#note(user, user.posting, why);
    // A closed loop on a refused connection would spin: it waits a little instead.
    if (this.#spec.rate === 0) setTimeout(() => this.#next(user, performance.now()), 10);
    else this.#next(user, nowMs);
  }

  #note(user: LoadUser, posting: boolean, why: string): void {
    this.#failed++;
    if (this.#failures.length >= KEPT_MAX) return;
    this.#failures.push({
      user: user.id,
      method: posting ? 'POST' : 'GET',
      sentMs: user.sentMs + monotonicOffsetMs,
      endedMs: monotonicMs(),
      home: user.home,
      why,
    });
  }

  #next(user: LoadUser, nowMs: number): void {
    if (this.#spec.rate > 0) {
      const waiting = this.#waiting[user.id]!.shift();
      if (waiting === undefined) return;
      this.#waitingCount--;
      this.#send(user, waiting.posting, waiting.dueMs, nowMs);
    } else if (!this.#stopped) this.#ask(user, nowMs);
  }

  #result(): LoadResult {
    const answered = this.#answered;
    return {
      answered,
      failed: this.#failed,
      failures: this.#failures,
      moves: this.#moves,
      moveCount: this.#moveCount,
      requestsPerSecond: (answered * 1000) / this.#elapsedMs,
      p50Ms: this.#latencies.percentile(0.5),
      p99Ms: this.#latencies.percentile(0.99),
      maxMs: this.#latencies.maxMs,
      maxGetMs: this.#maxGetMs,
      perUpstream: this.#perUpstream,
      usersWithAffinity: this.#users.filter((user) => user.hasAffinity).length,
      cpuMicrosPerRequest: this.#cpu / answered,
      coreShare: this.#cpu / 1000 / this.#elapsedMs,
      ownCoreShare: this.#own / 1000 / this.#elapsedMs,
      stalledMs: this.#stalledMs,
    };
  }
}

function ownCpuMicros(): number {
  const { user, system } = process.cpuUsage();
  return user + system;
}

function elapsed(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  let run: LoadRun | null = null;
  process.on('disconnect', () => process.exit(0));
  process.on('message', (message: LoadSpec | { finish: true }) => {
    if ('finish' in message) run?.finish();
    else {
      run = new LoadRun(message);
      void run.run().then((result) => process.send?.({ result }));
    }
  });
  process.send?.({ ready: true });
}
