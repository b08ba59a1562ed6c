// The statistics of a drill, kept within bounds however long it lasts: what failed, how long it took, who moved, which logins were lost.
import { Latencies } from './latencies.ts';
import type { Ended } from './open-loop.ts';
import { eventWindow, type Scenario } from './plan.ts';
import type { DrillResult, FailureGroup, FailureResult, PhaseResult, ToldApart } from './result.ts';

const GROUPS_MAX = 20;
/** Instances that are told apart; a place with more different values holds no name of an instance. */
export const INSTANCES_MAX = 1000;
/**
 * How long after an event was done a proxy may still have sent a write to the instance, and an answer of it still be on its way:
 * whoever reads the write in the same turn as the news of the closed connection cannot know. Generous, since machines are busy.
 */
export const UNKNOWING_MS = 250;

/** What happened to the users of one instance, before the event began and since. */
interface Count {
  before: number;
  since: number;
}

type ByInstance = Map<string, Count>;

interface Phase {
  readonly name: PhaseResult['phase'];
  requests: number;
  failed: number;
  readonly latencies: Latencies;
}

type Plan = Pick<Scenario, 'event' | 'atMs' | 'forMs' | 'users'>;

/** Takes every request that ended; gives the parts of the result. */
export class Tally {
  readonly #window: { readonly fromMs: number; readonly toMs: number };
  readonly #phases: readonly [Phase, Phase, Phase];
  readonly #groups = new Map<string, { -readonly [K in keyof FailureGroup]: FailureGroup[K] }>();
  readonly #answers = new Map<string, { answers: number; firstMs: number; during: number }>();
  /** By user: the instances that it was moved from. */
  readonly #moves: (ByInstance | null)[];
  readonly #lost: (ByInstance | null)[];
  /** Failed writes that may have been in their instance when it was harmed. */
  readonly #lostWrites = new Map<string, number>();
  readonly #twice = new Set<number>();
  #failed = 0;
  #firstFailureMs: number | null = null;
  #lastFailureMs: number | null = null;
  #moveCount = 0;
  #writes = 0;
  #saidTimes = 0;
  /** When the event began and was done, and when its undoing began, in ms since the load began; Infinity until then. */
  eventBeganMs = Infinity;
  eventDoneMs = Infinity;
  undoBeganMs = Infinity;

  constructor(plan: Plan) {
    this.#window = eventWindow(plan as Scenario); // it looks at the event and its times, which are here
    const phase = (name: Phase['name']): Phase => ({
      name,
      requests: 0,
      failed: 0,
      latencies: new Latencies(),
    });
    this.#phases = [phase('before'), phase('during'), phase('after')];
    this.#moves = new Array(plan.users).fill(null);
    this.#lost = new Array(plan.users).fill(null);
  }

  get failed(): number {
    return this.#failed;
  }

  get moves(): number {
    return this.#moveCount;
  }

  get writes(): number {
    return this.#writes;
  }

  /** How many answers said how often their write was handled. */
  get saidTimes(): number {
    return this.#saidTimes;
  }

  /** Numbers of the writes of which an answer said that they were handled more than once. */
  get twice(): ReadonlySet<number> {
    return this.#twice;
  }

  /** The p99 of a part so far; null before anything ended in it. */
  p99Ms(phase: PhaseResult['phase']): number | null {
    return this.#phases.find(({ name }) => name === phase)?.latencies.percentile(0.99) ?? null;
  }

  phaseAt(ms: number): PhaseResult['phase'] {
    return ms < this.#window.fromMs ? 'before' : ms < this.#window.toMs ? 'during' : 'after';
  }

  /** Takes one. */
  add(ended: Ended): void {
    const phase = this.#phases[['before', 'during', 'after'].indexOf(this.phaseAt(ended.dueMs))]!;
    phase.requests++;
    if (!ended.request.safe) this.#writes++;
    const latencyMs = ended.endedMs - ended.dueMs;
    if (ended.why !== null) {
      phase.failed++;
      this.#fail(ended, ended.why);
      // A refusal comes fast and would flatter the figures; what ran out of patience took at least that long.
      if (ended.why.includes('in time')) phase.latencies.record(latencyMs);
      return;
    }
    phase.latencies.record(latencyMs);
    if (ended.handled !== null) {
      this.#saidTimes++;
      if (ended.handled > 1) this.#twice.add(ended.index);
    }
    if (ended.lostLogin) this.#note(this.#lost, ended, ended.loginHome ?? ended.home ?? '');
    if (ended.instance === null) return;
    this.#answered(ended.instance, ended.endedMs);
    if (ended.home === null || ended.home === ended.instance) return;
    this.#moveCount++;
    this.#note(this.#moves, ended, ended.home);
  }

  phases(hasEvent: boolean): PhaseResult[] {
    const all = this.#phases.map(({ name, requests, failed, latencies }): PhaseResult => {
      const at = (p: number): number | null => rounded(latencies.percentile(p));
      const maxMs = latencies.count === 0 ? null : rounded(latencies.maxMs);
      return { phase: name, requests, failed, p50Ms: at(0.5), p99Ms: at(0.99), p999Ms: at(0.999), maxMs };
    });
    return hasEvent ? all : all.slice(0, 1);
  }

  failures(harmed: readonly string[] | null): FailureResult {
    const unavoidable = (harmed ?? []).reduce((sum, name) => sum + (this.#lostWrites.get(name) ?? 0), 0);
    return {
      count: this.#failed,
      unavoidable,
      firstMs: this.#firstFailureMs,
      lastMs: this.#lastFailureMs,
      groups: [...this.#groups.values()],
    };
  }

  /** By name; null when no answer said which instance gave it, or so many did that these are no instances. */
  instances(): DrillResult['instances'] {
    if (this.#answers.size === 0 || this.#answers.size > INSTANCES_MAX) return null;
    const names = [...this.#answers].map(([name, { answers }]) => ({ name, answers }));
    return names.sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  /**
   * The instances that answered until the event and then not once until it was undone, while others did; null where none or all
   * fell silent, or there was too little time to tell.
   */
  silenced(): string[] | null {
    if (this.undoBeganMs - this.eventDoneMs < 2 * UNKNOWING_MS) return null;
    const known = [...this.#answers].filter(([, seen]) => seen.firstMs < this.eventDoneMs);
    const silent = known.filter(([, seen]) => seen.during === 0).map(([name]) => name);
    return silent.length === 0 || silent.length === this.#answers.size ? null : silent;
  }

  /** Users that moved, told apart by whether the instance that they left was harmed by then. */
  moved(harmed: readonly string[] | null): ToldApart & { readonly moves: number } {
    return { ...toldApart(this.#moves, harmed), moves: this.#moveCount };
  }

  lost(harmed: readonly string[] | null): ToldApart {
    return toldApart(this.#lost, harmed);
  }

  #fail(ended: Ended, why: string): void {
    const { endedMs, request, home } = ended;
    this.#failed++;
    this.#firstFailureMs ??= rounded(endedMs);
    this.#lastFailureMs = rounded(endedMs);
    const inHarm =
      ended.sentMs !== null &&
      ended.sentMs <= this.eventDoneMs + UNKNOWING_MS &&
      endedMs >= this.eventBeganMs;
    if (!request.safe && home !== null && inHarm) {
      this.#lostWrites.set(home, (this.#lostWrites.get(home) ?? 0) + 1);
    }
    const key = `${request.method} ${why}`;
    const group = this.#groups.get(key);
    if (group !== undefined) {
      group.count++;
      group.lastMs = rounded(endedMs);
      if (group.detail === '') group.detail = ended.detail;
    } else if (this.#groups.size < GROUPS_MAX) {
      const at = rounded(endedMs);
      this.#groups.set(key, {
        method: request.method,
        why,
        detail: ended.detail,
        count: 1,
        firstMs: at,
        lastMs: at,
      });
    }
  }

  #answered(name: string, endedMs: number): void {
    let seen = this.#answers.get(name);
    if (seen === undefined) {
      // One more than the bound, by which `instances` knows that it was passed.
      if (this.#answers.size > INSTANCES_MAX) return;
      seen = { answers: 0, firstMs: endedMs, during: 0 };
      this.#answers.set(name, seen);
    }
    seen.answers++;
    if (endedMs > this.eventDoneMs + UNKNOWING_MS && endedMs < this.undoBeganMs) seen.during++;
  }

  #note(by: (ByInstance | null)[], ended: Ended, from: string): void {
    let counts = by[ended.user];
    if (!counts) {
      counts = new Map();
      by[ended.user] = counts;
    }
    let count = counts.get(from);
    if (count === undefined) {
      // Each user's map is bounded too: with names that are none, `instances` says so, and nobody reads these.
      if (counts.size > INSTANCES_MAX) return;
      count = { before: 0, since: 0 };
      counts.set(from, count);
    }
    if (ended.endedMs >= this.eventBeganMs) count.since++;
    else count.before++;
  }
}

function toldApart(users: readonly (ByInstance | null)[], harmed: readonly string[] | null): ToldApart {
  let count = 0;
  let needed = 0;
  let needlessly = 0;
  for (const counts of users) {
    if (counts === null) continue;
    count++;
    let needless = false;
    for (const [from, { before, since }] of counts) {
      if (before > 0 || (since > 0 && !(harmed ?? []).includes(from))) needless = true;
    }
    if (needless) needlessly++;
    else needed++;
  }
  // Nobody moved: then nobody did so needlessly, whoever was harmed.
  const known = harmed !== null || count === 0;
  return { count, needed: known ? needed : null, needlessly: known ? needlessly : null };
}

function rounded(ms: number): number;
function rounded(ms: number | null): number | null;
function rounded(ms: number | null): number | null {
  return ms === null ? null : Math.round(ms * 100) / 100;
}
