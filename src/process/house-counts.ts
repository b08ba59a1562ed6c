// The counters of the whole house, every pool and every upstream, gathered from the metric shelf in one pass a look.
import type { MetricShelf } from '../observe/metric-shelf.ts';
import { cellsOf } from '../observe/names.ts';
import type { SlottedUpstream } from '../plan/slots.ts';
import type { UpstreamTable } from '../upstream/upstream-table.ts';
import { type Looks, RollingCounts, RollingRow } from './rolling-counts.ts';

/** Cells of a histogram, the sum left out. */
const CELLS = cellsOf('histogram') - 1;

/** One pool's counts, and those of its upstreams by name. */
export interface PoolCounts {
  readonly counts: RollingCounts;
  readonly upstreams: Map<string, RollingCounts>;
}

/** Main thread. Holds what the config names: whoever leaves it is forgotten with its history. */
export class HouseCounts {
  readonly all = new RollingCounts(CELLS);
  readonly pools = new Map<string, PoolCounts>();
  /** Of the whole: refused, retried. */
  readonly rates = new RollingRow(2);
  /** By session block: checks, and those that came to invalid or unknown. */
  readonly sessions = new Map<string, RollingRow>();

  /** `sessions`: names of the session blocks. */
  look(
    looks: Looks,
    shelf: MetricShelf,
    table: UpstreamTable,
    slots: readonly SlottedUpstream[],
    sessions: readonly string[],
  ): void {
    this.#keep(slots, sessions);
    this.#clear();
    for (const { labels, cells } of shelf.sums('limpet_requests_total')) {
      const { code = '', pool = '', upstream = '' } = labels;
      const requests = cells[0]!;
      const errors = code >= '500' ? requests : 0;
      this.all.add(requests, errors);
      const ofPool = this.pools.get(pool);
      ofPool?.counts.add(requests, errors);
      ofPool?.upstreams.get(upstream)?.add(requests, errors);
    }
    for (const { labels, cells } of shelf.sums('limpet_upstream_seconds')) {
      const { pool = '', upstream = '' } = labels;
      this.all.addCells(cells);
      const ofPool = this.pools.get(pool);
      ofPool?.counts.addCells(cells);
      ofPool?.upstreams.get(upstream)?.addCells(cells);
    }
    this.rates.now[0] = shelf.total('limpet_refused_total');
    this.rates.now[1] = shelf.total('limpet_retries_total');
    this.#countChecks(shelf);
    this.#close(looks, table, slots);
  }

  #countChecks(shelf: MetricShelf): void {
    if (this.sessions.size === 0) return;
    for (const { labels, cells } of shelf.sums('limpet_session_checks_total')) {
      const row = this.sessions.get(labels.session ?? '');
      if (row === undefined) continue;
      row.now[0]! += cells[0]!;
      if (labels.verdict === 'invalid' || labels.verdict === 'unknown') row.now[1]! += cells[0]!;
    }
  }

  #keep(slots: readonly SlottedUpstream[], sessions: readonly string[]): void {
    const named = new Map<string, Set<string>>();
    for (const { pool, upstream } of slots) {
      let names = named.get(pool.name);
      if (names === undefined) {
        names = new Set();
        named.set(pool.name, names);
      }
      names.add(upstream.name);
    }
    for (const name of this.pools.keys()) if (!named.has(name)) this.pools.delete(name);
    for (const [pool, names] of named) {
      let known = this.pools.get(pool);
      if (known === undefined) {
        known = { counts: new RollingCounts(CELLS), upstreams: new Map() };
        this.pools.set(pool, known);
      }
      for (const name of known.upstreams.keys()) if (!names.has(name)) known.upstreams.delete(name);
      for (const name of names)
        if (!known.upstreams.has(name)) known.upstreams.set(name, new RollingCounts(CELLS));
    }
    for (const name of this.sessions.keys()) if (!sessions.includes(name)) this.sessions.delete(name);
    for (const name of sessions) if (!this.sessions.has(name)) this.sessions.set(name, new RollingRow(2));
  }

  #clear(): void {
    this.all.clear();
    for (const { counts, upstreams } of this.pools.values()) {
      counts.clear();
      for (const upstream of upstreams.values()) upstream.clear();
    }
    for (const row of this.sessions.values()) row.now.fill(0);
  }

  #close(looks: Looks, table: UpstreamTable, slots: readonly SlottedUpstream[]): void {
    const inFlight = new Map<string, number>();
    let total = 0;
    for (const { slot, pool, upstream } of slots) {
      const own = table.inFlight[slot]!;
      total += own;
      inFlight.set(pool.name, (inFlight.get(pool.name) ?? 0) + own);
      this.pools.get(pool.name)?.upstreams.get(upstream.name)?.close(looks, own);
    }
    for (const [name, { counts }] of this.pools) counts.close(looks, inFlight.get(name) ?? 0);
    this.all.close(looks, total);
    this.rates.close(looks);
    for (const row of this.sessions.values()) row.close(looks);
  }
}
