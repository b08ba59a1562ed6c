// GET /api/v1/config, POST /api/v1/config/check and POST /api/v1/reload: the config in force, one that might be, and the file read anew.
import type { FastifyInstance } from 'fastify';
import { CONFIG_BYTES_MAX } from '../../config/source.ts';
import { byOf } from '../audit.ts';
import type { ConfigDesk, RefusedConfig } from '../config-desk.ts';
import type { ReloadResult } from '../reload-result.ts';
import { json, ref, route } from '../schema.ts';
import { CHECK, CHECKED, CONFIG_REFUSED, RELOADED, SHOWN_CONFIG } from '../shapes/config-shape.ts';

const SHOW = route({
  id: 'getConfig',
  does: 'The config in force.',
  about: 'config',
  access: 'read',
  answers: { 200: json(ref(SHOWN_CONFIG), 'Its secrets are masked.') },
});

const TRY = route({
  id: 'checkConfig',
  does: 'Says what is wrong with a config, or what a reload with it would change. Changes nothing.',
  about: 'config',
  access: 'full',
  body: CHECK,
  answers: {
    200: json(ref(CHECKED), 'It is sound.'),
    422: json(ref(CONFIG_REFUSED), 'It is not.'),
  },
});

const RELOAD = route({
  id: 'reload',
  does: 'Reads the file of the config anew, and puts it in force in all workers, or in none.',
  more: 'What is under way ends under the config that it began with. Answered when it is in force.',
  about: 'config',
  access: 'full',
  answers: {
    200: json(ref(RELOADED), 'It is in force.'),
    422: json(ref(CONFIG_REFUSED), 'It is not; nothing has changed.'),
  },
});

/** As a JSON text, in which each character may be an escape of six. */
const BODY_BYTES_MAX = 6 * CONFIG_BYTES_MAX + 1024;

/** Adds all three. What came of a reload is told in the log by whoever does it. */
export function addConfigRoutes(app: FastifyInstance, desk: ConfigDesk): void {
  app.addContentTypeParser(
    ['application/yaml', 'text/yaml'],
    { parseAs: 'string', bodyLimit: CONFIG_BYTES_MAX },
    (_request, text, done) => done(null, { text }),
  );

  app.get('/api/v1/config', SHOW, (_request, reply) => {
    reply.send(desk.shown());
  });

  app.post<{ Body: { readonly text: string } }>(
    '/api/v1/config/check',
    { ...TRY, bodyLimit: BODY_BYTES_MAX },
    (request, reply) => {
      const checked = desk.check(request.body.text);
      reply.code('error' in checked ? 422 : 200).send(checked);
    },
  );

  app.post('/api/v1/reload', RELOAD, async (request, reply) => {
    const result = await desk.reload(byOf(request).by);
    if (result.result === 'refused') return reply.code(422).send(refusedOf(result));
    return reply.send(result);
  });
}

function refusedOf({ error, problems }: Extract<ReloadResult, { result: 'refused' }>): RefusedConfig {
  return {
    error: { code: problems.length > 0 ? 'config.wrong' : 'reload.refused', message: error },
    problems,
  };
}
