// GET /metrics: what Prometheus scrapes.
import type { FastifyInstance } from 'fastify';
import { CONTENT_TYPES, preferredFormat } from '../../observe/exposition-format.ts';
import { plain, route } from '../schema.ts';
import type { AdminView } from '../view.ts';

const GET = route({
  id: 'getMetrics',
  does: 'What Prometheus scrapes.',
  about: 'metrics',
  access: 'read',
  answers: {
    200: plain('text/plain', 'Exposition format 0.0.4, or OpenMetrics 1.0 where `Accept` prefers it.'),
  },
});

export function addMetricsRoute(app: FastifyInstance, view: AdminView): void {
  app.get('/metrics', GET, async (request, reply) => {
    const format = preferredFormat(request.headers.accept);
    const text = await view.metrics(format);
    return reply.header('vary', 'Accept').type(CONTENT_TYPES[format]).send(text);
  });
}
