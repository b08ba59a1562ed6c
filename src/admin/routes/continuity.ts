// GET /api/v1/sessions/continuity: which pools lose sessions when another instance answers, and which could do without affinity.
import type { FastifyInstance } from 'fastify';
import type { AdminView } from '../view.ts';

export function addContinuityRoute(app: FastifyInstance, view: AdminView): void {
  app.get('/api/v1/sessions/continuity', (_request, reply) => {
    reply.send(view.continuity());
  });
}
