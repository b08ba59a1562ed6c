// The board on which the main thread keeps every upstream's standing, and from which the shared table is written.
import { isDeepStrictEqual } from 'node:util';
import { OBSERVED, type Observed, WANTED, type Wanted } from '../upstream/upstream-table.ts';
import type { BoardPool, HealthBoardInput, HealthChange, HealthDescription } from './board-input.ts';
import { BoardWeights, type Weighted } from './board-weights.ts';
import { mayEject, type PoolCount } from './ejection.ts';
import { type Prober, socketProber } from './prober.ts';
import { type Standing, standingOf } from './standing.ts';
import { ProbeAllowance } from './suspicion.ts';
import { type BoardUpstream, type FailureKind, UpstreamHealth } from './upstream-health.ts';

/** Suspicion's probes a second for a whole pool, and how many may come at once. */
const POOL_PROBES_PER_S = 20;

/** One upstream on the board. */
interface Entry extends Weighted {
  readonly pool: PoolEntry;
  upstream: BoardUpstream;
  health: UpstreamHealth;
  standing: Standing;
  wanted: Wanted;
  weight: number;
  sinceMs: number;
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
  readonly #weights: BoardWeights;
  readonly #bySlot = new Map<number, Entry>();
  #pools = new Map<string, PoolEntry>();
  #running = false;

  /** Writes the first standing of every upstream into the table; nothing is probed before `start`. */
  constructor(input: HealthBoardInput) {
    this.#in = input;
    this.#weights = new BoardWeights(input.table, input.clock, input.timers);
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
      this.#weights.fall(entry);
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
    this.#weights.stop();
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
    if (entry.wanted === 'maintenance') this.#weights.rise(entry);
    entry.wanted = wanted;
    this.#in.table.wanted[slot] = WANTED[wanted];
    this.#weights.write(entry);
    this.#in.table.bumpEpoch();
    this.#publish(entry.pool);
  }

  /** `weight` ≥ 0; with 0 it takes no new users. */
  setWeight(slot: number, weight: number): void {
    const entry = this.#bySlot.get(slot);
    if (entry === undefined) return;
    entry.weight = weight;
    if (this.#weights.write(entry)) this.#in.table.bumpEpoch();
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
    if (joins && !isOut(entry.standing.observed)) this.#weights.rise(entry);
    this.#weights.write(entry);
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
    if (isOut(standing.observed)) this.#weights.fall(entry);
    // One that only waited for its name's first look-up was never away.
    else if (isOut(from) && !entry.first) this.#weights.rise(entry);
    entry.first = false;
    this.#in.table.observed[slot] = OBSERVED[standing.observed];
    this.#weights.write(entry);
    return { pool: entry.pool.pool.name, name, slot, from, to: standing.observed, why: standing.why };
  }
}

function isOut(observed: Observed): boolean {
  return observed === 'down' || observed === 'ejected';
}

function takesUsers(standing: Standing): boolean {
  return standing.observed === 'up' || standing.observed === 'starting';
}
