// Which troubles there are and since when: a finding must last before it is told, and be gone for a while before it is forgotten.
import type { Severity, Trouble, TroubleReport } from '../admin/live-view.ts';
import type { EventHub, EventKind } from '../observe/event-hub.ts';

/** What one look found wrong. */
export interface Finding {
  readonly id: string;
  readonly severity: Severity;
  readonly what: string;
  readonly advice: string;
  /** Wall-clock ms since when, where the house knows it better than by looking; else the first look that found it counts. */
  readonly sinceMs?: number;
  /** It must have been found for so long before it is told, ms; default: at once. */
  readonly holdMs?: number;
  /** It is told for so long after it was found last, ms; default: not at all. For what comes and goes. */
  readonly lingerMs?: number;
  readonly pool?: string;
  readonly upstream?: string;
  readonly session?: string;
  /** Told as an event of this kind when it comes and when it goes; left out: somebody else publishes it. */
  readonly event?: EventKind;
}

interface Entry {
  finding: Finding;
  readonly firstMs: number;
  /** What is told of it: never later than it was told before, though one sign gave way to another. */
  sinceMs: number;
  lastMs: number;
  told: boolean;
}

const URGENCY: Readonly<Record<Severity, number>> = { critical: 0, warning: 1, notice: 2 };

/** Main thread. Holds as many entries as the last looks found, which the number of upstreams, pools and session blocks bounds. */
export class TroubleBook {
  readonly #wallMs: () => number;
  readonly #events: EventHub;
  readonly #entries = new Map<string, Entry>();
  #ok = true;
  #sinceMs: number;
  #report: TroubleReport | null = null;

  constructor(wallMs: () => number, events: EventHub) {
    this.#wallMs = wallMs;
    this.#events = events;
    this.#sinceMs = wallMs();
  }

  /** Takes what a look found. An id stands for one finding of a look. */
  note(findings: readonly Finding[]): void {
    const nowMs = this.#wallMs();
    for (const finding of findings) {
      const known = this.#entries.get(finding.id);
      if (known === undefined)
        this.#entries.set(finding.id, {
          finding,
          firstMs: nowMs,
          sinceMs: finding.sinceMs ?? nowMs,
          lastMs: nowMs,
          told: false,
        });
      else {
        known.finding = finding;
        known.sinceMs = Math.min(known.sinceMs, finding.sinceMs ?? nowMs);
        known.lastMs = nowMs;
      }
    }
    for (const [id, entry] of this.#entries) {
      const { finding, firstMs, lastMs, told } = entry;
      if (lastMs < nowMs - (told ? (finding.lingerMs ?? 0) : 0)) {
        this.#entries.delete(id);
        if (told) this.#publish(finding, false);
      } else if (!told && nowMs - firstMs >= (finding.holdMs ?? 0)) {
        entry.told = true;
        this.#publish(finding, true);
      }
    }
    const ok = !this.#told().some(({ finding }) => finding.severity !== 'notice');
    if (ok !== this.#ok) this.#sinceMs = ok ? nowMs : this.#oldestMs(nowMs);
    this.#ok = ok;
    this.#report = null;
  }

  report(): TroubleReport {
    this.#report ??= {
      ok: this.#ok,
      since: new Date(this.#sinceMs).toISOString(),
      troubles: this.#told()
        .sort(
          (a, b) =>
            URGENCY[a.finding.severity] - URGENCY[b.finding.severity] ||
            a.sinceMs - b.sinceMs ||
            (a.finding.id < b.finding.id ? -1 : 1),
        )
        .map(troubleOf),
    };
    return this.#report;
  }

  #told(): Entry[] {
    return [...this.#entries.values()].filter(({ told }) => told);
  }

  #oldestMs(nowMs: number): number {
    const since = this.#told()
      .filter(({ finding }) => finding.severity !== 'notice')
      .map(({ sinceMs }) => sinceMs);
    return Math.min(nowMs, ...since);
  }

  #publish({ event, severity, what, id, pool, upstream, session }: Finding, came: boolean): void {
    if (event === undefined) return;
    const level = severity === 'critical' ? 'error' : severity === 'warning' ? 'warn' : 'info';
    const fields = {
      trouble: id,
      ...(pool === undefined ? {} : { pool }),
      ...(upstream === undefined ? {} : { upstream }),
      ...(session === undefined ? {} : { session }),
    };
    this.#events.publish(event, came ? level : 'info', came ? what : `over: ${what}`, fields);
  }
}

function troubleOf(entry: Entry): Trouble {
  const { id, severity, what, advice, pool = null, upstream = null, session = null } = entry.finding;
  return {
    id,
    severity,
    what,
    since: new Date(entry.sinceMs).toISOString(),
    advice,
    pool,
    upstream,
    session,
  };
}
