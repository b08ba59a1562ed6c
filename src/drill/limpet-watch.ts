// Watches a Limpet's upstreams through its admin API during a drill, so that the report can say what it saw and when.

import type { AdminClient, SeenUpstream } from '../admin/client.ts';
import type { Timer, Timers } from '../base/timers.ts';

const EVERY_MS = 100;
const CHANGES_MAX = 50;

export interface SeenChange {
  /** Ms since the load began, up to `EVERY_MS` late. */
  readonly atMs: number;
  /** `pool/name`. */
  readonly upstream: string;
  readonly from: string;
  readonly to: string;
}

/** Begins when it is made; `stop` ends it. */
export class LimpetWatch {
  readonly changes: SeenChange[] = [];
  readonly #admin: AdminClient;
  readonly #timers: Timers;
  readonly #nowMs: () => number;
  readonly #last = new Map<string, string>();
  #timer: Timer | null = null;
  #stopped = false;

  constructor(admin: AdminClient, timers: Timers, nowMs: () => number) {
    this.#admin = admin;
    this.#timers = timers;
    this.#nowMs = nowMs;
    void this.#look();
  }

  stop(): void {
    this.#stopped = true;
    this.#timer?.cancel();
  }

  async #look(): Promise<void> {
    try {
      this.#note(await this.#admin.upstreams());
    } catch {
      // A Limpet that is restarting answers the next time.
    }
    if (!this.#stopped) this.#timer = this.#timers.after(EVERY_MS, () => void this.#look());
  }

  #note(all: readonly SeenUpstream[]): void {
    if (this.#stopped) return;
    for (const { pool, name, wanted, observed } of all) {
      const upstream = `${pool}/${name}`;
      const to = wanted === 'ready' ? observed : `${observed}, wanted ${wanted}`;
      const from = this.#last.get(upstream);
      this.#last.set(upstream, to);
      if (from === undefined || from === to || this.changes.length >= CHANGES_MAX) continue;
      this.changes.push({ atMs: Math.round(this.#nowMs()), upstream, from, to });
    }
  }
}
