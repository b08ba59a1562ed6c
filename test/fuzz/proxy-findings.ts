// What an end-to-end run has found, with the bytes that did it.

export interface ProxyFinding {
  /** `stream`: a client's bytes; `answer`: an upstream's; `limpet`: Limpet itself, or no one case. */
  readonly side: 'stream' | 'answer' | 'limpet';
  readonly what: string;
  /** What was sent by the hostile side, Latin-1; empty where no one case is to blame. */
  readonly bytes: string;
  /** Number of the case in its run. */
  readonly number: number;
}

/** Findings kept at most. */
const KEPT_MAX = 20;

/** Counts and findings of one run. */
export class ProxyFindings {
  readonly list: ProxyFinding[] = [];
  readonly counts = new Map<string, number>();

  count(what: string): void {
    this.counts.set(what, (this.counts.get(what) ?? 0) + 1);
  }

  add(side: ProxyFinding['side'], what: string, number: number, bytes = ''): void {
    if (this.list.length < KEPT_MAX) this.list.push({ side, what, bytes, number });
  }
}
