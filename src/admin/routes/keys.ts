// GET /.well-known/jwks.json: the public keys that apps verify their tokens with.
import type { FastifyInstance } from 'fastify';
import { answer } from '../app.ts';
import type { AdminView } from '../view.ts';

/** Public keys are for everybody: no token is asked for. */
export function addKeysRoute(app: FastifyInstance, view: AdminView): void {
  app.get('/.well-known/jwks.json', (_request, reply) => {
    const keys = view.keys();
    if (keys === null) {
      answer(reply, 404, 'keys.none', 'No session block makes tokens (pass.token), so there are no keys.');
      return;
    }
    reply
      .header('Cache-Control', `public, max-age=${keys.maxAgeS}`)
      .type('application/json; charset=utf-8')
      .send(keys.text);
  });
}
