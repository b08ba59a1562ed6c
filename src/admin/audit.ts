// Who changed what, from where, and what it was before: one line in the log and one event for each change, and a line for each that was refused.
import type { FastifyRequest } from 'fastify';
import type { EventFields, EventHub, EventKind } from '../observe/event-hub.ts';
import type { Logger } from '../observe/logger.ts';

export interface Change {
  /** What was done, for programs: `upstream.change`, `revocation.add`. */
  readonly action: string;
  /** For the log. */
  readonly message: string;
  /** What was changed, from what to what. */
  readonly fields: object;
  readonly event: { readonly kind: EventKind; readonly text: string; readonly fields: EventFields };
}

export class Audit {
  readonly #logger: Logger;
  readonly #events: Pick<EventHub, 'publish'>;

  constructor(logger: Logger, events: Pick<EventHub, 'publish'>) {
    this.#logger = logger;
    this.#events = events;
  }

  changed(request: FastifyRequest, { action, message, fields, event }: Change): void {
    const who = byOf(request);
    this.#logger.info({ audit: action, ...who, ...fields }, message);
    this.#events.publish(event.kind, 'info', `${event.text} (by ${who.by})`, { ...event.fields, by: who.by });
  }

  /** A change that was asked for by somebody who was let in, and not made. */
  refused(request: FastifyRequest, status: number, code: string): void {
    const { method } = request;
    const path = request.url.split('?', 1)[0]!.slice(0, PATH_CHARS_MAX);
    this.#logger.warn(
      { audit: 'refused', ...byOf(request), method, path, status, code },
      'admin: a change was refused',
    );
  }
}

/** Of a path that is no good, so much is told. */
const PATH_CHARS_MAX = 200;

/** Name of the token, or `local`; and the address, `unix` for a unix socket. */
export function byOf(request: FastifyRequest): { by: string; address: string } {
  return { by: request.actor?.name ?? 'nobody', address: request.ip ?? 'unix' };
}
