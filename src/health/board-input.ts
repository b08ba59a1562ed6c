// What the board is given, and what it tells: pools as it sees them, changes of health, and the parts of the house that it uses.
import type { Clock } from '../base/clock.ts';
import type { Random } from '../base/random.ts';
import type { Timers } from '../base/timers.ts';
import type { Observed, UpstreamTable, Wanted } from '../upstream/upstream-table.ts';
import type { HealthOptions } from './options.ts';
import type { Prober } from './prober.ts';
import type { BoardUpstream } from './upstream-health.ts';

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
