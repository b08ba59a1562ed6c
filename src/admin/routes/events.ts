// GET /api/v1/events: what happens in this process, as server-sent events.
import type { FastifyInstance } from 'fastify';
import { answer } from '../app.ts';
import { EventStreams, STREAMS_MAX } from '../event-streams.ts';
import type { AdminView } from '../view.ts';

/** When a reader that found no room may ask again. */
const FULL_RETRY_S = 10;

interface EventsPath {
  Querystring: { readonly after?: string };
}

/**
 * Adds it. From where is said by `Last-Event-ID`, as browsers do when they come back, or by `?after=`; 0 asks for all that is kept,
 * and without either the stream begins with what happens next.
 */
export function addEventsRoute(app: FastifyInstance, view: AdminView): void {
  const streams = new EventStreams(view.events);
  // Before connections are cut, so that readers see an end and not a failure.
  app.addHook('preClose', (done) => {
    streams.close();
    done();
  });
  app.get<EventsPath>('/api/v1/events', { exposeHeadRoute: false }, (request, reply) => {
    const written = request.headers['last-event-id'] ?? request.query.after ?? null;
    if (written !== null && !/^\d{1,15}$/.test(String(written))) {
      answer(reply, 400, 'events.after', 'Last-Event-ID (or ?after=) must be the id of an event, or 0');
      return;
    }
    if (streams.full) {
      const message = `${STREAMS_MAX} readers have the events open already; close one, or ask again`;
      answer(reply.header('Retry-After', FULL_RETRY_S), 503, 'events.full', message);
      return;
    }
    reply.hijack();
    streams.add(reply.raw, written === null ? null : Number(written));
  });
}
