// GET /.well-known/jwks.json: the public keys that apps verify their tokens with.
import type { FastifyInstance } from 'fastify';
import { answer } from '../app.ts';
import { json, route } from '../schema.ts';
import { KEYS } from '../shapes/key-shape.ts';
import type { AdminView } from '../view.ts';

const GET = route({
  id: 'getKeys',
  does: 'The public keys of the tokens that apps are given.',
  about: 'sessions',
  access: 'none',
  answers: { 200: json(KEYS, 'May be kept as long as `Cache-Control` says.') },
  refusals: { 404: ['keys.none'] },
});

/** Public keys are for everybody: no token is asked for. */
export function addKeysRoute(app: FastifyInstance, view: AdminView): void {
  app.get('/.well-known/jwks.json', GET, (_request, reply) => {
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
