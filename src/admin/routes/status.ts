// GET /api/v1/status: which Limpet this is, what it runs and how much it has done.
import type { FastifyInstance } from 'fastify';
import { json, ref, route } from '../schema.ts';
import { STATUS } from '../shapes/status-shape.ts';
import type { AdminView } from '../view.ts';

const GET = route({
  id: 'getStatus',
  does: 'Which Limpet this is, what it runs and how much it has done.',
  about: 'process',
  access: 'read',
  answers: { 200: json(ref(STATUS), 'As it stands now.') },
});

export function addStatusRoute(app: FastifyInstance, view: AdminView): void {
  app.get('/api/v1/status', GET, (_request, reply) => {
    reply.send(view.status());
  });
}
