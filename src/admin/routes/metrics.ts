// GET /metrics: what Prometheus scrapes.
import type { FastifyInstance } from 'fastify';
import { plain, route } from '../schema.ts';
import type { AdminView } from '../view.ts';

/** Exposition format 0.0.4, which every Prometheus reads. */
const CONTENT_TYPE = 'text/plain; version=0.0.4; charset=utf-8';

const GET = route({
  id: 'getMetrics',
  does: 'What Prometheus scrapes.',
  about: 'metrics',
  access: 'read',
  answers: { 200: plain('text/plain', 'Exposition format 0.0.4.') },
});

export function addMetricsRoute(app: FastifyInstance, view: AdminView): void {
  app.get('/metrics', GET, async (_request, reply) => {
    const text = await view.metrics();
    return reply.type(CONTENT_TYPE).send(text);
  });
}
