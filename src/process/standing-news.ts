// Events that stay true until another takes them back: a reload that failed, a certificate that is about to run out.
import type { EventHub, EventKind, HouseEvent } from '../observe/event-hub.ts';
import type { Finding } from './trouble-book.ts';

/** For each kind: which of its events are about the same thing, and what is to be done about a bad one. */
const STANDING: Partial<Record<EventKind, { readonly about: readonly string[]; readonly advice: string }>> = {
  reload: {
    about: [],
    advice: 'The config before it is in force. Mend the file (`limpet check` says where) and reload again.',
  },
  certificate: {
    about: ['certificate', 'file', 'listener', 'name'],
    advice: 'Renew the certificate, or see why its renewal fails; new files are taken up without a restart.',
  },
};
/** Certificates in trouble that are told of; the rest is in the log. */
const STANDING_MAX = 100;

/** Main thread. A warning or an error stands until an event of level info about the same thing. */
export class StandingNews {
  readonly #bad = new Map<string, HouseEvent>();
  /** Ends the listening. */
  readonly close: () => void;

  constructor(events: EventHub) {
    this.close = events.listen((event) => this.#hear(event));
  }

  findings(): Finding[] {
    return [...this.#bad].map(([id, { kind, level, text, at }]) => ({
      id,
      severity: level === 'error' && kind !== 'reload' ? 'critical' : 'warning',
      what: text,
      advice: STANDING[kind]?.advice ?? '',
      sinceMs: Date.parse(at),
    }));
  }

  #hear(event: HouseEvent): void {
    const standing = STANDING[event.kind];
    if (standing === undefined) return;
    const about = standing.about.map((field) => event.fields[field]).find((value) => value !== undefined);
    const id = `${event.kind} ${about ?? ''}`.trim();
    const before = this.#bad.get(id);
    if (event.level === 'info') this.#bad.delete(id);
    // The newest words, and the time of the first.
    else if (before !== undefined) this.#bad.set(id, { ...event, at: before.at });
    else if (this.#bad.size < STANDING_MAX) this.#bad.set(id, event);
  }
}
