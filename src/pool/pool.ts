// A named set of upstreams as one worker uses it: who may be asked, who is chosen, and how many at once.

import type { LearnedMemory } from '../affinity/learned.ts';
import type { Avoid, Balancer, Candidate } from '../balance/balancer.ts';
import { BALANCER_KINDS } from '../balance/kinds.ts';
import type { BalanceOptions } from '../balance/options.ts';
import { rendezvous } from '../balance/rendezvous.ts';
import type { Random } from '../base/random.ts';
import type { StatusRange } from '../health/options.ts';
import type { Upstream } from '../upstream/upstream.ts';
import { type UpstreamTable, WANTED } from '../upstream/upstream-table.ts';
import { EligibleSet, type EmptyReason } from './eligible-set.ts';
import type { PoolOptions } from './options.ts';
import type { PoolAffinity } from './pool-affinity.ts';
import { RetryBudget } from './retry-budget.ts';
import type { SessionTrails } from './session-trails.ts';
import { WaitingLine } from './waiting-line.ts';

/** What a pool is made from. */
export interface PoolSpec {
  readonly id: number;
  readonly name: string;
  readonly upstreams: readonly Upstream[];
  readonly balance: BalanceOptions;
  readonly options: PoolOptions;
  readonly retryBudget: number;
  readonly panic: number;
  /** Statuses that count as failures of the upstream; empty: none. */
  readonly failureStatuses: readonly StatusRange[];
  readonly affinity: PoolAffinity | null;
  /** What is known of the app's sessions, to see which it loses; null: they are not watched. */
  readonly trails: SessionTrails | null;
  /** What `affinity` and `trails` remember in: a reload keeps the pool only with the same. */
  readonly memories: { readonly learned: LearnedMemory | null; readonly trails: LearnedMemory | null };
  readonly table: UpstreamTable;
  readonly random: Random;
  readonly worker: number;
  readonly workers: number;
  readonly nowMs: () => number;
}

/** One pool of one worker. Balancers are built when the set of candidates changes; `pick` only reads. */
export class Pool {
  readonly spec: PoolSpec;
  readonly name: string;
  readonly upstreams: readonly Upstream[];
  readonly table: UpstreamTable;
  readonly budget: RetryBudget;
  readonly line: WaitingLine;
  /** Whether balancing needs the hash of something in the request. */
  readonly usesKey: boolean;
  readonly #set: EligibleSet;
  /** The pool's upstreams by their row in the table. */
  readonly #bySlot = new Map<number, Upstream>();
  /** Position among the candidates of what `pick` chose last. */
  #pickedAt = -1;
  #candidateUpstreams: readonly Upstream[] = [];
  /** Users of an upstream, by its row in the table; none until the first `measure`. */
  #users: (slot: number) => number = () => 0;
  #balancer: Balancer | null = null;

  constructor(spec: PoolSpec) {
    this.spec = spec;
    this.name = spec.name;
    this.upstreams = spec.upstreams;
    this.table = spec.table;
    this.budget = new RetryBudget(spec.retryBudget, spec.workers);
    const { max, timeoutMs } = spec.options.queue;
    this.line = new WaitingLine(spec.table, spec.id, spec.worker, max, timeoutMs);
    this.usesKey = BALANCER_KINDS[spec.balance.kind].usesKey;
    for (const upstream of spec.upstreams) this.#bySlot.set(upstream.slot, upstream);
    this.#set = new EligibleSet(
      spec.table,
      spec.upstreams.map((u) => ({ slot: u.slot, name: u.name, backup: u.spec.backup })),
      spec.panic,
    );
    this.#build();
  }

  /** Brings candidates and balancer up to date. One read of shared memory while nothing changes. True when they changed. */
  refresh(): boolean {
    if (!this.#set.refresh()) return false;
    this.#build();
    return true;
  }

  /** Position of the upstream with this row in the table, or −1 (a row of another pool). */
  positionOf(slot: number): number {
    return this.#bySlot.get(slot)?.spec.position ?? -1;
  }

  /** Who may take a new user now. */
  get candidates(): readonly Candidate[] {
    return this.#set.candidates;
  }

  get panicking(): boolean {
    return this.#set.panicking;
  }

  emptyReason(): EmptyReason {
    return this.#set.emptyReason();
  }

  /** The balancer's choice, or null when there is none that is not avoided. Call `refresh` first. */
  pick(key: number, avoid: Avoid | null): Upstream | null {
    const balancer = this.#balancer;
    if (balancer === null) return null;
    const at = balancer.pick(key, avoid);
    this.#pickedAt = at;
    return at < 0 ? null : this.#candidateUpstreams[at]!;
  }

  /** The balancer's choice for a user who will live there: none that has more than its share already, while others have less. */
  pickHome(key: number, avoid: Avoid): Upstream | null {
    const rule = this.spec.affinity?.overload;
    if (rule === undefined) return this.pick(key, avoid);
    const mark = avoid.count;
    let chosen = this.pick(key, avoid.count === 0 ? null : avoid);
    while (chosen !== null && rule.overloaded(this.#pickedAt) && avoid.count < avoid.slots.length) {
      avoid.add(chosen.slot);
      const next = this.pick(key, avoid);
      if (next === null) break;
      chosen = next;
    }
    avoid.count = mark;
    return chosen;
  }

  /**
   * The home of a user whom nobody remembers, by his key alone, so that whoever is asked says the same; unless that one has clearly more than its
   * share. Null: all are avoided.
   */
  pickHomeFor(keyHi: number, keyLo: number, avoid: Avoid): Upstream | null {
    const rule = this.spec.affinity?.overload;
    const { candidates } = this.#set;
    const mark = avoid.count;
    let chosen = rendezvous(keyHi, keyLo, candidates, avoid);
    while (rule !== undefined && chosen >= 0 && rule.crowded(chosen) && avoid.count < avoid.slots.length) {
      avoid.add(candidates[chosen]!.slot);
      const next = rendezvous(keyHi, keyLo, candidates, avoid);
      if (next < 0) break;
      chosen = next;
    }
    avoid.count = mark;
    return chosen < 0 ? null : this.#candidateUpstreams[chosen]!;
  }

  /** A new user lives at `upstream` from now on: counted until loads are measured again. */
  noteNewUser(upstream: Upstream): void {
    const { candidates } = this.#set;
    for (let i = 0; i < candidates.length; i++) {
      if (candidates[i]!.slot === upstream.slot) this.spec.affinity?.overload.assigned(i);
    }
  }

  /** The new home of a user whose home is lost: the same for all of that user's requests, whoever asks. */
  pickFor(keyHi: number, keyLo: number, avoid: Avoid | null): Upstream | null {
    const at = rendezvous(keyHi, keyLo, this.#set.candidates, avoid);
    return at < 0 ? null : this.#candidateUpstreams[at]!;
  }

  /**
   * For a request that every candidate has failed: a backup that is up, before health has noticed that no primary is; else one
   * that is only suspected. The least busy of them, or null.
   */
  pickSpare(avoid: Avoid): Upstream | null {
    let best: Upstream | null = null;
    for (const upstream of this.upstreams) {
      if (avoid.has(upstream.slot) || !upstream.serving || !this.#mayTakeNew(upstream)) continue;
      if (best === null || this.#isSpareBefore(upstream, best)) best = upstream;
    }
    return best;
  }

  #mayTakeNew(upstream: Upstream): boolean {
    return this.table.wanted[upstream.slot] === WANTED.ready && this.table.weight[upstream.slot]! > 0;
  }

  #isSpareBefore(a: Upstream, b: Upstream): boolean {
    if (a.eligible !== b.eligible) return a.eligible;
    return this.table.inFlight[a.slot]! < this.table.inFlight[b.slot]!;
  }

  /** Counts a request under way at `upstream`; false, and not counted, when the upstream or the pool is at its bound. */
  reserve(upstream: Upstream): boolean {
    const { table, spec } = this;
    const bound = upstream.spec.maxConnections;
    const poolBound = spec.options.maxConnections;
    // Counted before it is looked at: had each worker looked first, two could take the last place.
    const before = table.begin(upstream.slot, spec.worker);
    if ((bound === 0 || before < bound) && (poolBound === 0 || this.inFlight() <= poolBound)) return true;
    table.end(upstream.slot, spec.worker);
    return false;
  }

  /** The request that `reserve` counted is over. */
  release(upstream: Upstream): void {
    this.table.end(upstream.slot, this.spec.worker);
  }

  /** Requests under way at all upstreams, over all workers. */
  inFlight(): number {
    let sum = 0;
    for (let i = 0; i < this.upstreams.length; i++) sum += this.table.inFlight[this.upstreams[i]!.slot]!;
    return sum;
  }

  /** Measures the loads that `pickHome` goes by. About once a second; done by itself when the candidates change. */
  measure(users: (slot: number) => number): void {
    this.#users = users;
    this.#weigh();
  }

  #build(): void {
    const candidates = this.#set.candidates;
    this.#candidateUpstreams = candidates.map((c) => this.#bySlot.get(c.slot)!);
    const { table, balance, random, id, nowMs } = this.spec;
    this.#balancer =
      candidates.length === 0
        ? null
        : BALANCER_KINDS[balance.kind].build(
            { candidates, load: table, random, cursor: table.cursor, cursorAt: id, nowMs },
            balance,
          );
    this.#weigh();
  }

  /** Gives the overload rule the loads of the candidates: their users, or what is in flight where that is more. */
  #weigh(): void {
    const affinity = this.spec.affinity;
    if (affinity === null) return;
    const loads: Record<number, number> = {};
    for (const { slot } of this.#set.candidates) {
      loads[slot] = Math.max(this.#users(slot), this.table.inFlight[slot]!);
    }
    affinity.overload.measure(this.#set.candidates, loads);
  }
}
