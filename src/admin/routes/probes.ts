// /livez and /readyz: is the process alive, and should it be sent traffic.
import type { FastifyInstance } from 'fastify';
import { plain, route } from '../schema.ts';
import type { AdminView } from '../view.ts';

const LIVEZ = route({
  id: 'getLivez',
  does: 'Whether the process lives.',
  about: 'process',
  access: 'none',
  answers: { 200: plain('text/plain', 'It does.') },
});

const READYZ = route({
  id: 'getReadyz',
  does: 'Whether it should be sent traffic.',
  about: 'process',
  access: 'none',
  answers: {
    200: plain('text/plain', 'It should.'),
    503: plain('text/plain', 'Not yet, or no more: the text says why.'),
  },
});

/** `/livez` is 200 whenever it is answered. `/readyz` is 503 with the reason until workers serve and from shutdown on. */
export function addProbeRoutes(app: FastifyInstance, view: AdminView): void {
  app.get('/livez', LIVEZ, (_request, reply) => {
    reply.type('text/plain; charset=utf-8').send('alive\n');
  });
  app.get('/readyz', READYZ, (_request, reply) => {
    const { ok, why } = view.ready();
    reply
      .code(ok ? 200 : 503)
      .type('text/plain; charset=utf-8')
      .send(ok ? 'ready\n' : `not ready: ${why}\n`);
  });
}
