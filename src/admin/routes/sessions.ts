// GET /api/v1/sessions: what the checks of each session block come to, what is remembered, and how its store fares.
import type { FastifyInstance } from 'fastify';
import { json, route } from '../schema.ts';
import { SESSIONS } from '../shapes/session-shape.ts';
import type { AdminView } from '../view.ts';

const GET = route({
  id: 'listSessions',
  does: 'Every session block: what its checks came to, what is remembered, and how its store fares.',
  about: 'sessions',
  access: 'read',
  answers: { 200: json(SESSIONS, 'Session blocks in config order.') },
});

export function addSessionRoutes(app: FastifyInstance, view: AdminView): void {
  app.get('/api/v1/sessions', GET, (_request, reply) => {
    reply.send(view.sessions());
  });
}
