// The board on which the main thread keeps every upstream's standing, and from which the shared table is written.
import { isDeepStrictEqual } from 'node:util';
import type { Clock } from '../base/clock.ts';
import type { Random } from '../base/random.ts';
import type { Timer, Timers } from '../base/timers.ts';
import {
  OBSERVED,
  type Observed,
  type UpstreamTable,
  WANTED,
  type Wanted,
} from '../upstream/upstream-table.ts';
import { mayEject, type PoolCount } from './ejection.ts';
import type { HealthOptions } from './options.ts';
import { type Prober, socketProber } from './prober.ts';
import { slowStartShare } from './slow-start.ts';
import { type Standing, standingOf } from './standing.ts';
import { ProbeAllowance } from './suspicion.ts';
import { type BoardUpstream, type FailureKind, UpstreamHealth } from './upstream-health.ts';

/** How often the weights of upstreams that warm up are looked at, ms. */
const RAMP_EVERY_MS = 250;
/** Suspicion's probes a second for a whole pool, and how many may come at once. */
const POOL_PROBES_PER_S = 20;

export interface BoardPool {
  /** Position among the pools; what `table.cursor` and `table.waiting` are read by. */
  readonly id: number;
  readonly name: string;
  readonly health: HealthOptions;
  /** Time over which one that came back gets its full weight, ms; 0: at once. */
  readonly slowStartMs: number;
  readonly upstreams: readonly BoardUpstream[];
}

/** A change of what health sees of one upstream. */
export interface HealthChange {
  readonly pool: string;
  readonly name: string;
  readonly slot: number;
  readonly from: Observed;
  readonly to: Observed;
  /** The reader's sentence. */
  readonly why: string;
}

/** The part of a logger that the board uses. */
export interface HealthLog {
  warn(fields: object, text: string): void;
}

export interface HealthBoardInput {
  readonly table: UpstreamTable;
  readonly clock: Clock;
  readonly random: Random;
  readonly timers: Timers;
  readonly pools: readonly BoardPool[];
  /** Told after the table was written. */
  readonly onChange: (change: HealthChange) => void;
  readonly log: HealthLog;
  /**
   * Told whenever an upstream could not be connected to by the board itself: its name may have another address by now. As often as it
   * is tried, so at most some times a second.
   */
  readonly onUnreachable?: (slot: number) => void;
  /** How upstreams are looked at; real sockets unless a test says otherwise. */
  readonly prober?: Prober;
}

/** What is shown of one upstream. */
export interface HealthDescription {
  readonly observed: Observed;
  readonly wanted: Wanted;
  readonly why: string;
  /** As wanted; slow start left out. */
  readonly weight: number;
  /** Since when it is so, wall-clock ms since 1970. */
  readonly sinceMs: number;
}

/** One upstream on the board. */
interface Entry {
  readonly pool: PoolEntry;
  upstream: BoardUpstream;
  health: UpstreamHealth;
  standing: Standing;
  wanted: Wanted;
  weight: number;
  sinceMs: number;
  /** When it came up again, ms; null: not warming up. */
  risenMs: number | null;
  /** Its standing is the one that it began with. */
  first: boolean;
  /** That the pool could not spare it was said already. */
  spared: boolean;
}

interface PoolEntry {
  /** As configured now. */
  pool: BoardPool;
  entries: readonly Entry[];
  allowance: ProbeAllowance;
}

/**
 * The health of one process. Main thread only. It alone writes the table's `observed`, `wanted` and `weight`, and raises the epoch
 * when one of them changed. Reports of workers are hints to look again: what was counted stands in the table's `failures`, so the
 * same failure told twice, or by many at once, counts once. Reports for slots that it does not know are dropped: they were late.
 */
export class HealthBoard {
  readonly #in: HealthBoardInput;
  readonly #prober: Prober;
  readonly #bySlot = new Map<number, Entry>();
  #pools = new Map<string, PoolEntry>();
  #rampTimer: Timer | null = null;
  #running = false;

  /** Writes the first standing of every upstream into the table; nothing is probed before `start`. */
  constructor(input: HealthBoardInput) {
    this.#in = input;
    this.#prober = input.prober ?? socketProber({ clock: input.clock, timers: input.timers });
    for (const pool of input.pools) this.#keepPool(pool, null);
    input.table.bumpEpoch();
  }

  /**
   * The pools are others from now on. An upstream in a row that is known keeps its standing; what was set of it at run time stays, unless the
   * config now says otherwise than it did. Where a pool is checked otherwise than before, what stands against its upstreams still does,
   * until the new checks have looked. An upstream that comes to others begins its slow start.
   */
  update(pools: readonly BoardPool[]): void {
    const before = this.#pools;
    this.#pools = new Map();
    const slots = new Set<number>();
    for (const pool of pools) {
      this.#keepPool(pool, before.get(pool.name) ?? null);
      for (const { slot } of pool.upstreams) slots.add(slot);
    }
    for (const [slot, entry] of this.#bySlot) {
      if (slots.has(slot)) continue;
      entry.health.stop();
      this.#bySlot.delete(slot);
    }
    this.#in.table.bumpEpoch();
    for (const pool of this.#pools.values()) this.#publish(pool);
  }

  start(): void {
    this.#running = true;
    for (const entry of this.#bySlot.values()) entry.health.start();
  }

  /** Ends every probe and timer. The table stays as it is. */
  stop(): void {
    this.#running = false;
    this.#rampTimer?.cancel();
    this.#rampTimer = null;
    for (const entry of this.#bySlot.values()) entry.health.stop();
  }

  /**
   * A worker saw a request fail, and has counted it in the table's `failures` before it told us. Resets, refusals and timeouts make
   * the board look at the door itself, at once.
   */
  reportFailure(slot: number, kind: FailureKind): void {
    const entry = this.#bySlot.get(slot);
    if (entry === undefined) return;
    const done = entry.health.failed(kind);
    if (done || entry.spared) return;
    entry.spared = true;
    this.#in.log.warn(
      { pool: entry.pool.pool.name, upstream: entry.upstream.name },
      'keeps failing, but the pool has too few others to eject it',
    );
  }

  /** A worker saw a request answered after failures, and has set the table's `failures` to 0. A hung upstream is not hung any more. */
  reportSuccess(slot: number): void {
    this.#bySlot.get(slot)?.health.answered();
  }

  /** A worker saw it owe answers and send nothing for `suspicionAfterMs`. */
  reportSuspect(slot: number): void {
    const entry = this.#bySlot.get(slot);
    if (entry !== undefined && entry.wanted !== 'maintenance') entry.health.suspect();
  }

  setWanted(slot: number, wanted: Wanted): void {
    const entry = this.#bySlot.get(slot);
    if (entry === undefined || entry.wanted === wanted) return;
    // Out of maintenance is out of the cold: it warms up like one that came back.
    if (entry.wanted === 'maintenance') this.#rise(entry);
    entry.wanted = wanted;
    this.#in.table.wanted[slot] = WANTED[wanted];
    this.#writeWeight(entry);
    this.#in.table.bumpEpoch();
    this.#publish(entry.pool);
  }

  /** `weight` ≥ 0; with 0 it takes no new users. */
  setWeight(slot: number, weight: number): void {
    const entry = this.#bySlot.get(slot);
    if (entry === undefined) return;
    entry.weight = weight;
    if (this.#writeWeight(entry)) this.#in.table.bumpEpoch();
  }

  /** Its address changed (`ok`), or its name has none (`why`). */
  setResolved(slot: number, ok: boolean, why: string): void {
    this.#bySlot.get(slot)?.health.resolved(ok, why);
  }

  /** What is known of it, or null for a slot that the board does not know. */
  describe(slot: number): HealthDescription | null {
    const entry = this.#bySlot.get(slot);
    if (entry === undefined) return null;
    const { standing, wanted, weight, sinceMs } = entry;
    return { observed: standing.observed, wanted, why: standing.why, weight, sinceMs };
  }

  #keepPool(pool: BoardPool, old: PoolEntry | null): void {
    const sameHealth = old !== null && isDeepStrictEqual(old.pool.health, pool.health);
    const grows = old !== null && old.entries.length > 0;
    const poolEntry: PoolEntry = old ?? { pool, entries: [], allowance: this.#allowanceOf(pool) };
    poolEntry.pool = pool;
    if (poolEntry.entries.length !== pool.upstreams.length) poolEntry.allowance = this.#allowanceOf(pool);
    this.#pools.set(pool.name, poolEntry);
    poolEntry.entries = pool.upstreams.map((upstream) => {
      const known = this.#bySlot.get(upstream.slot);
      if (known === undefined) return this.#add(poolEntry, upstream, grows);
      this.#keep(known, upstream, sameHealth);
      return known;
    });
  }

  #allowanceOf({ upstreams }: BoardPool): ProbeAllowance {
    const most = Math.max(POOL_PROBES_PER_S, upstreams.length);
    return new ProbeAllowance(POOL_PROBES_PER_S, most, this.#in.clock.nowMs());
  }

  /** One that is there already, as the config says it now. */
  #keep(entry: Entry, upstream: BoardUpstream, sameHealth: boolean): void {
    const was = entry.upstream;
    entry.upstream = upstream;
    if (was.weight !== upstream.weight) this.setWeight(upstream.slot, upstream.weight);
    if (was.wanted !== upstream.wanted) this.setWanted(upstream.slot, upstream.wanted);
    const probedBy = ({ authority, tls, greeting }: BoardUpstream): unknown => ({ authority, tls, greeting });
    const sameProbes = isDeepStrictEqual(probedBy(was), probedBy(upstream));
    if (sameHealth && sameProbes) return;
    const old = entry.health;
    entry.health = this.#healthOf(entry.pool, upstream, () => entry);
    entry.health.takeOver(old);
    old.stop();
    if (this.#running) entry.health.start();
  }

  #healthOf(pool: PoolEntry, upstream: BoardUpstream, entry: () => Entry): UpstreamHealth {
    const { table, clock, random, timers } = this.#in;
    const { slot } = upstream;
    return new UpstreamHealth({
      upstream,
      options: pool.pool.health,
      clock,
      timers,
      random,
      prober: this.#prober,
      failures: () => Atomics.load(table.failures, slot),
      forgive: () => Atomics.store(table.failures, slot, 0),
      mayEject: () => mayEject(this.#count(entry()), pool.pool.health.passive?.maxEjected ?? 0),
      allowProbe: () => pool.allowance.take(clock.nowMs()),
      onChange: () => this.#publish(pool),
      onUnreachable: () => this.#in.onUnreachable?.(slot),
    });
  }

  /** `joins`: others of its pool have users already. */
  #add(pool: PoolEntry, upstream: BoardUpstream, joins: boolean): Entry {
    const { table, clock } = this.#in;
    const { slot } = upstream;
    const health = this.#healthOf(pool, upstream, () => entry);
    const entry: Entry = {
      pool,
      upstream,
      health,
      standing: standingOf(health.signs(), false),
      wanted: upstream.wanted,
      weight: upstream.weight,
      sinceMs: clock.wallMs(),
      risenMs: null,
      first: !joins,
      spared: false,
    };
    this.#bySlot.set(slot, entry);
    table.wanted[slot] = WANTED[upstream.wanted];
    table.observed[slot] = OBSERVED[entry.standing.observed];
    if (joins && !isOut(entry.standing.observed)) this.#rise(entry);
    this.#writeWeight(entry);
    if (this.#running) health.start();
    return entry;
  }

  #count(entry: Entry): PoolCount {
    let ready = 0;
    let ejected = 0;
    let otherEligible = 0;
    for (const other of entry.pool.entries) {
      if (other.wanted !== 'ready') continue;
      ready++;
      if (other.standing.observed === 'ejected') ejected++;
      if (other !== entry && takesUsers(other.standing)) otherEligible++;
    }
    return { ready, ejected, otherEligible };
  }

  /** Works out the standings of a pool anew, writes what changed, then tells it. */
  #publish(pool: PoolEntry): void {
    const signs = pool.entries.map((entry) => entry.health.signs());
    // Two passes: who is company is judged as if nobody were lonely, so those that are hung are no company for each other.
    const companions = pool.entries.filter(
      (entry, i) => entry.wanted === 'ready' && takesUsers(standingOf(signs[i]!, false)),
    ).length;
    const alwaysOut = (pool.pool.health.passive?.maxEjected ?? 0) >= 1;
    const changes: HealthChange[] = [];
    for (let i = 0; i < pool.entries.length; i++) {
      const entry = pool.entries[i]!;
      const lonely = !alwaysOut && companions === 0;
      const change = this.#write(entry, standingOf(signs[i]!, lonely));
      if (change !== null) changes.push(change);
    }
    if (changes.length === 0) return;
    this.#in.table.bumpEpoch();
    for (const change of changes) this.#in.onChange(change);
  }

  #write(entry: Entry, standing: Standing): HealthChange | null {
    const from = entry.standing.observed;
    entry.standing = standing;
    if (from === standing.observed) return null;
    const { slot, name } = entry.upstream;
    entry.sinceMs = this.#in.clock.wallMs();
    entry.spared = false;
    if (isOut(standing.observed)) entry.risenMs = null;
    // One that only waited for its name's first look-up was never away.
    else if (isOut(from) && !entry.first) this.#rise(entry);
    entry.first = false;
    this.#in.table.observed[slot] = OBSERVED[standing.observed];
    this.#writeWeight(entry);
    return { pool: entry.pool.pool.name, name, slot, from, to: standing.observed, why: standing.why };
  }

  /**
   * It came back: its weight grows from here, and its latency is unknown. Because: the average fades while nobody feeds it, so one
   * that was away for a minute would seem faster than all others, and every pick that met it would be its own.
   */
  #rise(entry: Entry): void {
    this.#in.table.forgetLatency(entry.upstream.slot);
    if (entry.pool.pool.slowStartMs <= 0) return;
    entry.risenMs = this.#in.clock.nowMs();
    this.#rampTimer ??= this.#in.timers.after(RAMP_EVERY_MS, () => this.#ramp());
  }

  #ramp(): void {
    this.#rampTimer = null;
    let changed = false;
    let warming = false;
    for (const entry of this.#bySlot.values()) {
      if (entry.risenMs === null) continue;
      if (this.#writeWeight(entry)) changed = true;
      if (this.#in.clock.nowMs() - entry.risenMs >= entry.pool.pool.slowStartMs) entry.risenMs = null;
      else warming = true;
    }
    if (changed) this.#in.table.bumpEpoch();
    if (warming) this.#rampTimer = this.#in.timers.after(RAMP_EVERY_MS, () => this.#ramp());
  }

  /** Writes the effective weight. True when it is another than before. */
  #writeWeight(entry: Entry): boolean {
    const share =
      entry.risenMs === null
        ? 1
        : slowStartShare(this.#in.clock.nowMs() - entry.risenMs, entry.pool.pool.slowStartMs);
    // A weight that is wanted at all is never rounded to nothing.
    const weight = entry.weight <= 0 ? 0 : Math.max(1, Math.round(entry.weight * 256 * share));
    const { slot } = entry.upstream;
    if (this.#in.table.weight[slot] === weight) return false;
    this.#in.table.weight[slot] = weight;
    return true;
  }
}

function isOut(observed: Observed): boolean {
  return observed === 'down' || observed === 'ejected';
}

function takesUsers(standing: Standing): boolean {
  return standing.observed === 'up' || standing.observed === 'starting';
}
