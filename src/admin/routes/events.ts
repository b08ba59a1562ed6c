// GET /api/v1/events: what happens in this process, as server-sent events.
import type { FastifyInstance } from 'fastify';
import { answer } from '../app.ts';
import { EventStreams, STREAMS_MAX } from '../event-streams.ts';
import { body, plain, route, text } from '../schema.ts';
import type { AdminView } from '../view.ts';

/** When a reader that found no room may ask again. */
const FULL_RETRY_S = 10;

interface EventsPath {
  Querystring: { readonly after?: string };
}

const GET = route({
  id: 'streamEvents',
  does: 'What happens, as it happens, as server-sent events.',
  more: 'Each event has its `id`, its kind as `event`, and as `data` a JSON object: `id`, `at`, `kind`, `level`, `text`, `fields`. The last 500 are kept; `gap` says how many were lost to who came back too late.',
  about: 'process',
  access: 'read',
  headers: {
    type: 'object',
    properties: {
      'last-event-id': text('The last event that the reader knows; all that came after it are told first.'),
    },
  },
  query: body<{ after: string }>('', {
    after: text('The same, for clients that cannot send the field. 0: all that are kept.'),
  }),
  answers: { 200: plain('text/event-stream', 'A stream without an end.') },
  refusals: { 400: ['events.after'], 503: ['events.full'] },
});

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
  app.get<EventsPath>('/api/v1/events', { ...GET, exposeHeadRoute: false }, (request, reply) => {
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
    reply.release();
    streams.add(reply.raw, written === null ? null : Number(written));
  });
}
