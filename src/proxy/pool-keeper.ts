// What time does to the pools of one worker: places for whoever waits in line, the end of waiting, upstreams that owe answers for too long.
import { estimateUsers } from '../affinity/users.ts';
import type { SuspicionOptions } from '../health/options.ts';
import { suspicionAfterMs } from '../health/suspicion.ts';
import type { Pool } from '../pool/pool.ts';
import type { Waiter } from '../pool/waiting-line.ts';
import type { UpstreamTable } from '../upstream/upstream-table.ts';
import type { TickedPool } from './living-generation.ts';
import { freePlaces } from './places.ts';
import type { PlaneReports } from './plane.ts';

/** A suspicion that goes on is told again this often, ms. */
const TELL_EVERY_MS = 100;

/** Who stands in the lines of a worker's pools. */
export interface PlaceSeeker extends Waiter {
  /** A place became free; he is out of the line, and may find it taken. */
  resumeFromLine(): void;
  /** His time is up; he is out of the line. */
  expireInLine(): void;
}

/** One a worker. */
export class PoolKeeper {
  readonly #table: UpstreamTable;
  readonly #reports: Pick<PlaneReports, 'suspect'>;
  #waking = false;

  constructor(table: UpstreamTable, reports: Pick<PlaneReports, 'suspect'>) {
    this.#table = table;
    this.#reports = reports;
  }

  /** A place became free: as many are let try again as there are places. */
  wake(pool: Pool): void {
    // One that is woken may fail at once and free its place: the loop that runs already, or the next tick, gives it on.
    if (this.#waking) return;
    this.#waking = true;
    for (let n = Math.min(pool.line.length, freePlaces(pool)); n > 0; n--) {
      // Because: lines know only how one stands in them, and nobody else stands in these.
      const waiter = pool.line.next() as PlaceSeeker | null;
      if (waiter === null) break;
      waiter.resumeFromLine();
    }
    this.#waking = false;
  }

  tick(ticked: readonly TickedPool[], nowMs: number): void {
    for (let i = 0; i < ticked.length; i++) {
      const { pool, suspicion } = ticked[i]!;
      this.#tickLine(pool, nowMs);
      if (suspicion !== null) this.#suspect(pool, suspicion, nowMs);
    }
  }

  /** Ends the waiting of those whose time is up; others may have been freed a place by another worker. */
  #tickLine(pool: Pool, nowMs: number): void {
    if (pool.line.length === 0) return;
    for (let w = pool.line.nextExpired(nowMs); w !== null; w = pool.line.nextExpired(nowMs)) {
      (w as PlaceSeeker).expireInLine(); // as in `wake`
    }
    if (pool.line.length > 0) this.wake(pool);
  }

  #suspect({ upstreams }: Pool, options: SuspicionOptions, nowMs: number): void {
    for (let i = 0; i < upstreams.length; i++) {
      const upstream = upstreams[i]!;
      if (upstream.owed === 0) continue;
      const silentMs = upstream.silentMs(nowMs);
      if (silentMs < suspicionAfterMs(options, this.#table.p99Ms[upstream.slot]!)) continue;
      if (nowMs - upstream.toldMs < TELL_EVERY_MS) continue;
      upstream.toldMs = nowMs;
      this.#reports.suspect(upstream);
    }
  }

  /** Counts who lives where, which affinity and overload go by. */
  everySecond(ticked: readonly TickedPool[], wallMs: number): void {
    const { userRegisters } = this.#table;
    for (const { pool } of ticked) {
      pool.spec.affinity?.tick(wallMs);
      pool.measure((slot) => estimateUsers(userRegisters, slot));
    }
  }
}
