// GET /openapi.json: every call of the admin API, what it takes and what it answers, as its routes are checked and written.
import fastifySwagger from '@fastify/swagger';
import type { FastifyInstance } from 'fastify';
import { json, route } from '../schema.ts';

const GET = route({
  id: 'getOpenApi',
  does: 'This document.',
  about: 'process',
  access: 'read',
  answers: { 200: json({ type: 'object', additionalProperties: true }, 'OpenAPI 3.1.') },
});

/** Gathers the calls of all routes that are registered after it and were made by `route`. */
export function gatherCalls(app: FastifyInstance, version: string): void {
  app.register(fastifySwagger, {
    hideUntagged: true,
    openapi: {
      openapi: '3.1.0',
      info: {
        title: "Limpet's admin API",
        description:
          'How a running Limpet is watched and steered. Every refusal is an `Error`, whose `code` is stable. On loopback and unix sockets no token is asked for unless some are configured.',
        version,
        license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
      },
      tags: [
        { name: 'process', description: 'The process as a whole.' },
        { name: 'upstreams', description: 'Instances and what the operator wants of them.' },
        { name: 'sessions', description: 'Sessions that are checked at the edge.' },
        { name: 'config', description: 'The config in force.' },
        { name: 'metrics', description: 'For monitoring.' },
      ],
      servers: [{ url: '/' }],
      components: {
        securitySchemes: {
          token: { type: 'http', scheme: 'bearer', description: 'One of `admin.tokens`.' },
        },
      },
      security: [{ token: [] }],
    },
    refResolver: {
      buildLocalReference: (schema, _base, _fragment, i) =>
        typeof schema.$id === 'string' ? schema.$id : `part-${i}`,
    },
  });
}

export function addOpenApiRoute(app: FastifyInstance): void {
  app.get('/openapi.json', GET, (_request, reply) => {
    reply.send(app.swagger());
  });
}
