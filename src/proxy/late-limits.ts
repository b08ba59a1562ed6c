// The limits of one request that wait for something: for its user to be known, or for a Redis that other processes count on, too.
import { type Deadlines, LOOSE, type Timed } from '../base/deadlines.ts';
import type { SharedAnswer, SharedBuckets, SharedQuestion, SharedWaiter } from '../limit/shared-buckets.ts';
import type { GateLimit, RouteGate } from '../plan/route-gate.ts';
import type { RoutePlan } from '../plan/route-plan.ts';
import type { Standing } from '../session/standing.ts';
import type { RequestHead } from '../wire/request-head.ts';
import { clientWordsOf } from './client-address.ts';
import type { ClientSide } from './client-side.ts';
import { findClient, findUser, sharedKeyOf, sharedKeyOfUser } from './limit-key.ts';
import type { Plane } from './plane.ts';
import { CHECK } from './session-check.ts';

/** Limits of a route. */
const LIMITS_MAX = 8;

/** The exchange, as its limits see it. */
export interface LimitsOwner {
  /** All limits have been asked. */
  onLimited(passed: boolean): void;
}

/** Part of an exchange from the first request on that has such limits. */
export class LateLimits implements SharedWaiter, Timed {
  waitsFor: object | null = null;
  /** After a refusal: when it may be tried again, s, rounded up. */
  retryAfterS = 0;
  deadlineMs = Number.POSITIVE_INFINITY;
  wheelSlot: number = LOOSE;
  wheelPrev: Timed | null = null;
  wheelNext: Timed | null = null;
  readonly #plane: Plane;
  readonly #owner: LimitsOwner;
  #plan: RoutePlan | null = null;
  #gate: RouteGate | null = null;
  /** By limit: what stands for the client here, and elsewhere. */
  readonly #hi = new Int32Array(LIMITS_MAX);
  readonly #lo = new Int32Array(LIMITS_MAX);
  readonly #keys: string[] = [];
  /** Limits that the Redis is asked for, and when it was. */
  #asked: GateLimit[] = [];
  #askedAt: number[] = [];
  #askedMs = 0;

  constructor(plane: Plane, owner: LimitsOwner) {
    this.#plane = plane;
    this.#owner = owner;
  }

  get #deadlines(): Deadlines {
    return this.#plane.deadlines;
  }

  /** A request begins: notes who it is by what is in `head`, which is gone when its limits are asked. */
  begin(gate: RouteGate, plan: RoutePlan, head: RequestHead, side: ClientSide): void {
    this.#gate = gate;
    this.#plan = plan;
    this.retryAfterS = 0;
    const address = clientWordsOf(head.fields, side, this.#plane.generation.trustedProxies);
    gate.late.forEach((late, i) => {
      const { limit } = late;
      // Who turns out to have no session counts by address.
      if (limit.by === 'session-user') limit.byAddress(address);
      else findClient(late, head.fields, address);
      this.#note(i, late);
      if (limit.options.shared < 0) return;
      this.#keys[i] =
        limit.by === 'session-user'
          ? limit.sharedByAddress(address)
          : sharedKeyOf(late, head.fields, address);
    });
  }

  #note(i: number, { limit }: GateLimit): void {
    this.#hi[i] = limit.hi;
    this.#lo[i] = limit.lo;
  }

  /** Asks them (CHECK). `standing`: what the check of the session came to; null: nothing was checked. */
  ask(standing: Standing | null, nowMs: number): number {
    const { late, shared } = this.#gate!;
    this.#asked = [];
    this.#askedAt = [];
    for (let i = 0; i < late.length; i++) {
      const each = late[i]!;
      if (each.limit.by === 'session-user') this.#findUser(i, each, standing);
      if (!this.#take(i, each, nowMs)) {
        for (let before = 0; before < i; before++)
          late[before]!.limit.giveBackTo(this.#hi[before]!, this.#lo[before]!);
        return CHECK.refused;
      }
    }
    if (shared === null || this.#asked.length === 0) return CHECK.passed;
    return this.#askOthers(shared, nowMs);
  }

  #findUser(i: number, late: GateLimit, standing: Standing | null): void {
    if (findUser(late, standing)) this.#note(i, late);
    if (late.limit.options.shared < 0) return;
    this.#keys[i] = sharedKeyOfUser(late, standing) ?? this.#keys[i]!;
  }

  /** Counts the request here. Who has used up here what all may together need not be asked about elsewhere: a flood stops here. */
  #take(i: number, each: GateLimit, nowMs: number): boolean {
    const { limit } = each;
    if (limit.takeOf(this.#hi[i]!, this.#lo[i]!, nowMs)) {
      if (limit.options.shared >= 0) {
        this.#asked.push(each);
        this.#askedAt.push(i);
      }
      return true;
    }
    this.#plane.gates.count(this.#plan!, limit.name, limit.dryRun);
    this.retryAfterS = Math.ceil(limit.waitMs / 1000);
    return limit.dryRun;
  }

  #askOthers(buckets: SharedBuckets, nowMs: number): number {
    const questions = this.#asked.map(({ limit }, n): SharedQuestion => {
      const { count, perMs, burst } = limit.options;
      const intervalUs = (perMs * 1000) / count;
      return {
        key: this.#keys[this.#askedAt[n]!]!,
        intervalUs,
        toleranceUs: intervalUs * (burst - 1),
        dryRun: limit.dryRun,
      };
    });
    this.#askedMs = nowMs;
    if (!buckets.ask(questions, this)) return CHECK.passed;
    this.#deadlines.arm(this, this.#deadlines.nowMs + buckets.deadlineMs);
    return CHECK.waits;
  }

  onShared(answer: SharedAnswer | null): void {
    this.#deadlines.drop(this);
    this.#owner.onLimited(answer === null || this.#learn(answer));
  }

  /** What others have counted counts here from now on, so that the next request of the client may be refused without asking. */
  #learn({ waitMs, debtMs, over }: SharedAnswer): boolean {
    const passed = waitMs === 0;
    this.#asked.forEach(({ limit }, n) => {
      const i = this.#askedAt[n]!;
      if (!passed || over[n]) limit.giveBackTo(this.#hi[i]!, this.#lo[i]!);
      limit.raise(this.#hi[i]!, this.#lo[i]!, debtMs[n]!, this.#askedMs);
      if (over[n]) this.#plane.gates.count(this.#plan!, limit.name, limit.dryRun);
    });
    if (!passed) this.#giveBackUnshared();
    this.retryAfterS = Math.ceil(waitMs / 1000);
    return passed;
  }

  #giveBackUnshared(): void {
    this.#gate!.late.forEach(({ limit }, i) => {
      if (limit.options.shared < 0) limit.giveBackTo(this.#hi[i]!, this.#lo[i]!);
    });
  }

  /** Nobody has answered in time: what was counted here stands. */
  onDeadline(): void {
    this.waitsFor = null;
    this.#gate!.shared?.late();
    this.#owner.onLimited(true);
  }

  /** The request is over. */
  reset(): void {
    this.waitsFor = null;
    this.#deadlines.drop(this);
    this.#plan = null;
    this.#gate = null;
  }
}
