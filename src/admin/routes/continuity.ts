// GET /api/v1/sessions/continuity: which pools lose sessions when another instance answers, and which could do without affinity.
import type { FastifyInstance } from 'fastify';
import { json, route } from '../schema.ts';
import { CONTINUITIES } from '../shapes/session-shape.ts';
import type { AdminView } from '../view.ts';

const GET = route({
  id: 'listContinuity',
  does: 'Which pools lose sessions when another instance answers, and which could do without affinity.',
  about: 'sessions',
  access: 'read',
  answers: { 200: json(CONTINUITIES, 'The pools whose sessions are watched.') },
});

export function addContinuityRoute(app: FastifyInstance, view: AdminView): void {
  app.get('/api/v1/sessions/continuity', GET, (_request, reply) => {
    reply.send(view.continuity());
  });
}
