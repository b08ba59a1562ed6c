// GET /api/v1/status: which Limpet this is, what it runs and how much it has done.
import type { FastifyInstance } from 'fastify';
import type { AdminView } from '../view.ts';

export function addStatusRoute(app: FastifyInstance, view: AdminView): void {
  app.get('/api/v1/status', (_request, reply) => {
    reply.send(view.status());
  });
}
