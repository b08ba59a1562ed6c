// What happens, as it happens, for whoever watches: the admin side's stream and page. The last ones are kept for who comes late.

/** What an event is about. */
export type EventKind =
  | 'health'
  | 'moved'
  | 'upstream'
  | 'pool'
  | 'route'
  | 'revocation'
  | 'reload'
  | 'store'
  | 'certificate'
  | 'list'
  | 'worker'
  | 'process';

/** What is said of an event; nothing in it is a secret, or from a request's head. */
export interface EventFields {
  readonly [field: string]: string | number | boolean | null;
}

/** One thing that happened. */
export interface HouseEvent {
  /** Rises by one from event to event of this process; the first is 1. */
  readonly id: number;
  /** ISO 8601, UTC. */
  readonly at: string;
  readonly kind: EventKind;
  readonly level: 'info' | 'warn' | 'error';
  /** One sentence for a reader. */
  readonly text: string;
  readonly fields: EventFields;
}

/** Events that are kept. */
const KEPT_MAX = 500;

/** Main thread. Publishing costs a push and a call for each listener; listeners must not throw and must bound what they hold back. */
export class EventHub {
  readonly #wallMs: () => number;
  readonly #kept: HouseEvent[] = [];
  readonly #listeners = new Set<(event: HouseEvent) => void>();
  #last = 0;

  constructor(wallMs: () => number) {
    this.#wallMs = wallMs;
  }

  publish(kind: EventKind, level: HouseEvent['level'], text: string, fields: EventFields = {}): void {
    const at = new Date(this.#wallMs()).toISOString();
    const event: HouseEvent = { id: ++this.#last, at, kind, level, text, fields };
    this.#kept.push(event);
    if (this.#kept.length > KEPT_MAX) this.#kept.shift();
    for (const listener of this.#listeners) listener(event);
  }

  /** Id of the newest; 0: nothing has happened yet. */
  get last(): number {
    return this.#last;
  }

  /** Those after `id` that are still kept, oldest first; 0: all of them. */
  since(id: number): readonly HouseEvent[] {
    return this.#kept.filter((event) => event.id > id);
  }

  /** Calls `listener` with each event from now on; what is returned ends that. */
  listen(listener: (event: HouseEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}
