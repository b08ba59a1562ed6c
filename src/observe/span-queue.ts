// Spans that wait for the collector: a bounded line, one post at a time, and a count of what was given up.
import type { Timer, Timers } from '../base/timers.ts';

/** Spans that wait; what comes beyond is dropped. A span takes about a kibibyte. */
const WAITING_MAX = 4096;
/** Spans of one post. */
const BATCH_MAX = 512;
/** How long spans wait for company, ms. */
const PAUSE_MS = 1000;
/** A post that took longer than this is broken off, ms: twice what the exporter itself gives it. */
const POST_MS = 10_000;

/** What takes spans to the collector. */
export interface SpanExporter<S> {
  /** Calls back once, with null when the collector has taken them, else with why it has not. Never throws. */
  export(spans: S[], done: (why: string | null) => void): void;
  /** Breaks off what is under way, so that it calls back. */
  abort(): void;
}

export interface SpanQueueInput<S> {
  readonly exporter: SpanExporter<S>;
  readonly timers: Timers;
  /** Spans that the collector took. */
  readonly onSent: (spans: number) => void;
  /** `full`: too many waited; `unsent`: the collector did not take them. */
  readonly onDropped: (why: 'full' | 'unsent', spans: number) => void;
  /** The collector takes spans again, or no longer: told once each. */
  readonly onState: (up: boolean, why: string | null) => void;
}

/** Main thread. Holds no more than its bound, however slow or hung the collector is. */
export class SpanQueue<S> {
  readonly #in: SpanQueueInput<S>;
  #waiting: S[] = [];
  #underWay = 0;
  #up = true;
  #closed = false;
  #timer: Timer | null = null;
  #onIdle: (() => void) | null = null;

  constructor(input: SpanQueueInput<S>) {
    this.#in = input;
  }

  /** Spans that wait or are under way. */
  get length(): number {
    return this.#waiting.length + this.#underWay;
  }

  /** Takes spans, as far as there is room. Never blocks, never throws. */
  put(spans: readonly S[]): void {
    const room = this.#closed ? 0 : WAITING_MAX - this.#waiting.length;
    if (spans.length > room) this.#in.onDropped('full', spans.length - room);
    for (let i = 0; i < Math.min(room, spans.length); i++) this.#waiting.push(spans[i]!);
    // While the collector is away full batches wait for the pause, too: it is asked once a while, not as fast as it refuses.
    if (this.#up && this.#waiting.length >= BATCH_MAX) this.#post();
    else this.#later();
  }

  #later(): void {
    if (this.#timer !== null || this.#waiting.length === 0) return;
    this.#timer = this.#in.timers.after(PAUSE_MS, () => {
      this.#timer = null;
      this.#post();
    });
  }

  #post(): void {
    if (this.#underWay > 0 || this.#waiting.length === 0) return;
    this.#timer?.cancel();
    this.#timer = null;
    const batch = this.#waiting.splice(0, BATCH_MAX);
    this.#underWay = batch.length;
    const overdue = this.#in.timers.after(POST_MS, () => this.#in.exporter.abort());
    this.#in.exporter.export(batch, (why) => {
      overdue.cancel();
      this.#underWay = 0;
      if (why === null) this.#in.onSent(batch.length);
      else this.#in.onDropped('unsent', batch.length);
      if (this.#up !== (why === null)) {
        this.#up = why === null;
        this.#in.onState(this.#up, why);
      }
      this.#next();
    });
  }

  #next(): void {
    const full = this.#waiting.length >= BATCH_MAX;
    if (this.#up && (full || this.#onIdle !== null)) this.#post();
    else this.#later();
    if (this.#onIdle === null || this.#underWay > 0 || (this.#up && this.#waiting.length > 0)) return;
    this.#onIdle();
  }

  /** Sends what waits, but no longer than `deadlineMs`; nothing is taken after it. What is left is dropped. Never rejects. */
  async close(deadlineMs: number): Promise<void> {
    if (this.length > 0) {
      await new Promise<void>((resolve) => {
        const timer = this.#in.timers.after(deadlineMs, resolve);
        this.#onIdle = () => {
          timer.cancel();
          resolve();
        };
        this.#post();
      });
    }
    this.#closed = true;
    this.#onIdle = null;
    this.#timer?.cancel();
    if (this.#waiting.length > 0) this.#in.onDropped('unsent', this.#waiting.length);
    this.#waiting = [];
    this.#in.exporter.abort();
  }
}
