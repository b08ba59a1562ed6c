// GET /api/v1/sessions: what the checks of each session block come to, what is remembered, and how its store fares.
import type { FastifyInstance } from 'fastify';
import type { AdminView } from '../view.ts';

export function addSessionRoutes(app: FastifyInstance, view: AdminView): void {
  app.get('/api/v1/sessions', (_request, reply) => {
    reply.send(view.sessions());
  });
}
