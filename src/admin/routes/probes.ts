// /livez and /readyz: is the process alive, and should it be sent traffic.
import type { FastifyInstance } from 'fastify';
import type { AdminView } from '../view.ts';

/** `/livez` is 200 whenever it is answered. `/readyz` is 503 with the reason until workers serve and from shutdown on. */
export function addProbeRoutes(app: FastifyInstance, view: AdminView): void {
  app.get('/livez', (_request, reply) => {
    reply.type('text/plain; charset=utf-8').send('alive\n');
  });
  app.get('/readyz', (_request, reply) => {
    const { ok, why } = view.ready();
    reply
      .code(ok ? 200 : 503)
      .type('text/plain; charset=utf-8')
      .send(ok ? 'ready\n' : `not ready: ${why}\n`);
  });
}
