// Events that stay true until another takes them back: a reload that failed, files of certificates that are no good.
import type { EventHub, EventKind, HouseEvent } from '../observe/event-hub.ts';
import type { Finding } from './trouble-book.ts';

/** For each kind: the field that tells what its events are about (null: they are all about one thing), and what is to be done about a bad one. */
const STANDING: Partial<Record<EventKind, { readonly about: string | null; readonly advice: string }>> = {
  reload: {
    about: null,
    advice: 'The config before it is in force. Mend the file (`limpet check` says where) and reload again.',
  },
  certificate: {
    about: 'listener',
    advice: 'Mend the files: those that were read before are in force until then.',
  },
};
/** Listeners in trouble that are told of; the rest is in the log. */
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
    return [...this.#bad].map(([id, { kind, text, at }]) => ({
      id,
      severity: 'warning',
      what: text,
      advice: STANDING[kind]?.advice ?? '',
      sinceMs: Date.parse(at),
    }));
  }

  #hear(event: HouseEvent): void {
    const standing = STANDING[event.kind];
    if (standing === undefined) return;
    // A certificate that ends soon is found by looking at it, as long as it is in force.
    if (event.kind === 'certificate' && event.level !== 'info' && event.fields.file === undefined) return;
    const about = standing.about === null ? '' : ` ${event.fields[standing.about] ?? ''}`;
    const id = `${event.kind}.refused${about}`;
    const before = this.#bad.get(id);
    if (event.level === 'info') this.#bad.delete(id);
    // The newest words, and the time of the first.
    else if (before !== undefined) this.#bad.set(id, { ...event, at: before.at });
    else if (this.#bad.size < STANDING_MAX) this.#bad.set(id, event);
  }
}
