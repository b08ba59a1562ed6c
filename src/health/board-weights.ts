// The weights that the board writes: as wanted, and of an upstream that has come back a share that grows.
import type { Clock } from '../base/clock.ts';
import type { Timer, Timers } from '../base/timers.ts';
import type { UpstreamTable } from '../upstream/upstream-table.ts';
import { slowStartShare } from './slow-start.ts';

/** How often the weights of upstreams that warm up are looked at, ms. */
const RAMP_EVERY_MS = 250;

/** The weight of one upstream. */
export interface Weighted {
  readonly upstream: { readonly slot: number };
  readonly pool: { readonly pool: { readonly slowStartMs: number } };
  /** As wanted; slow start left out. */
  readonly weight: number;
  /** When it came up again, ms; null: not warming up. */
  risenMs: number | null;
}

/** One a board. It alone writes the table's `weight`, and raises the epoch for what it does by its own timer. */
export class BoardWeights {
  readonly #table: UpstreamTable;
  readonly #clock: Clock;
  readonly #timers: Timers;
  readonly #warming = new Set<Weighted>();
  #timer: Timer | null = null;

  constructor(table: UpstreamTable, clock: Clock, timers: Timers) {
    this.#table = table;
    this.#clock = clock;
    this.#timers = timers;
  }

  /**
   * It came back: its weight grows from here, and its latency is unknown. Because: the average fades while nobody feeds it, so one
   * that was away for a minute would seem faster than all others, and every pick that met it would be its own.
   */
  rise(one: Weighted): void {
    this.#table.forgetLatency(one.upstream.slot);
    if (one.pool.pool.slowStartMs <= 0) return;
    one.risenMs = this.#clock.nowMs();
    this.#warming.add(one);
    this.#timer ??= this.#timers.after(RAMP_EVERY_MS, () => this.#ramp());
  }

  /** It warms up no more: it is away again, or is no longer on the board. */
  fall(one: Weighted): void {
    one.risenMs = null;
    this.#warming.delete(one);
  }

  /** Writes the effective weight. True when it is another than before. */
  write(one: Weighted): boolean {
    const { risenMs } = one;
    const share =
      risenMs === null ? 1 : slowStartShare(this.#clock.nowMs() - risenMs, one.pool.pool.slowStartMs);
    // A weight that is wanted at all is never rounded to nothing.
    const weight = one.weight <= 0 ? 0 : Math.max(1, Math.round(one.weight * 256 * share));
    const { slot } = one.upstream;
    if (this.#table.weight[slot] === weight) return false;
    this.#table.weight[slot] = weight;
    return true;
  }

  stop(): void {
    this.#timer?.cancel();
    this.#timer = null;
  }

  #ramp(): void {
    this.#timer = null;
    let changed = false;
    for (const one of this.#warming) {
      if (this.write(one)) changed = true;
      if (one.risenMs === null || this.#clock.nowMs() - one.risenMs >= one.pool.pool.slowStartMs)
        this.fall(one);
    }
    if (changed) this.#table.bumpEpoch();
    if (this.#warming.size > 0) this.#timer = this.#timers.after(RAMP_EVERY_MS, () => this.#ramp());
  }
}
