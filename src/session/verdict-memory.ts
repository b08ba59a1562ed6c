// The verdicts that one session block remembers in one worker: how long each holds, and what ends it before.
import { LRUCache } from 'lru-cache';
import { ENDED_MS, isTracked, type Standing, type TrackedStanding } from './standing.ts';
import type { StoreWatch, WatchedMemory } from './store-watch.ts';
import { earlier } from './tracked.ts';

/** Longest that a verdict stands whose store tells of every change, ms: what might have been missed is found by then. */
export const VOUCHED_MS = 3_600_000;

/** How long a verdict stands whose value was read again without its end, which may have been brought forward, ms. */
const BRIEFLY_MS = 2000;

export interface VerdictMemoryOptions {
  readonly ttlMs: number;
  readonly entries: number;
  readonly nowMs: () => number;
  /** Wall clock, ms. */
  readonly wallMs: () => number;
}

export class VerdictMemory implements WatchedMemory {
  readonly #options: VerdictMemoryOptions;
  readonly #cache: LRUCache<string, Standing>;
  #watch: StoreWatch | null = null;

  constructor(options: VerdictMemoryOptions) {
    this.#options = options;
    this.#cache = new LRUCache({
      max: options.entries,
      dispose: (standing) => this.#letGo(standing),
    });
  }

  get size(): number {
    return this.#cache.size;
  }

  /** Set once, before anything is remembered. */
  set watch(watch: StoreWatch) {
    this.#watch = watch;
  }

  get(key: string): Standing | undefined {
    return this.#cache.get(key);
  }

  set(key: string, standing: Standing): void {
    this.#cache.set(key, standing);
    if (isTracked(standing)) this.#watch?.keep(standing);
  }

  delete(key: string): void {
    this.#cache.delete(key);
  }

  /** Connections may hold it still, and nobody would tell them of a change any more. */
  #letGo(standing: Standing): void {
    if (!isTracked(standing)) return;
    if (standing.untilMs > 0) standing.untilMs = 0;
    this.#watch?.forget(standing);
  }

  /** Until when a verdict may be used that is true now, monotonic ms. `vouched`: its store tells of every change. */
  untilMs(endsAtS: number | null, vouched: boolean): number {
    const { ttlMs, nowMs, wallMs } = this.#options;
    const endsInMs = endsAtS === null ? Number.POSITIVE_INFINITY : endsAtS * 1000 - wallMs();
    return Math.floor(nowMs() + Math.min(vouched ? Math.max(VOUCHED_MS, ttlMs) : ttlMs, endsInMs));
  }

  confirm(standing: TrackedStanding, endsAtS: number | null, vouched: boolean): void {
    const { tracked } = standing;
    const ends = earlier(tracked.ownEndS, endsAtS);
    standing.untilMs = this.untilMs(ends, vouched);
    standing.heldS = Math.floor(this.#options.nowMs() / 1000);
    tracked.endReadS = standing.heldS;
    standing.endsS = ends === null ? -1 : Math.floor(ends);
  }

  confirmBriefly(standing: Standing): void {
    const nowMs = Math.floor(this.#options.nowMs());
    const ends = standing.endsS < 0 ? null : standing.endsS;
    standing.untilMs = Math.min(this.untilMs(ends, false), nowMs + BRIEFLY_MS);
    standing.heldS = Math.floor(nowMs / 1000);
  }

  end(standing: TrackedStanding): void {
    standing.untilMs = ENDED_MS;
    standing.heldS = -1;
    this.drop(standing);
  }

  /** What is remembered under `key` was found not to be true any more. */
  refute(key: string, standing: Standing): void {
    standing.untilMs = ENDED_MS;
    standing.heldS = -1;
    if (this.#cache.peek(key) === standing) this.#cache.delete(key);
  }

  drop(standing: TrackedStanding): void {
    const { remembered } = standing.tracked;
    if (this.#cache.peek(remembered) === standing) this.#cache.delete(remembered);
    else this.#letGo(standing);
  }

  endAll(): void {
    for (const standing of this.#cache.values()) {
      standing.untilMs = ENDED_MS;
      standing.heldS = -1;
    }
    this.#cache.clear();
  }

  shorten(standing: Standing, fromMs: number): void {
    const lastMs = Math.floor(fromMs + this.#options.ttlMs);
    // What stood for less was not vouched for, or ends by itself.
    if (standing.untilMs <= lastMs) return;
    standing.untilMs = lastMs;
    if (standing.heldS >= 0) standing.heldS = Math.floor(fromMs / 1000);
  }
}
