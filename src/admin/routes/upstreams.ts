// GET and PATCH /api/v1/upstreams: how every upstream fares, and the operator's word on one of them.
import type { FastifyInstance, FastifyReply } from 'fastify';
import { nearest } from '../../config/nearest.ts';
import type { Logger } from '../../observe/logger.ts';
import { WANTED_NAMES } from '../../upstream/upstream-table.ts';
import { answer } from '../app.ts';
import type { AdminView, UpstreamChange, UpstreamView } from '../view.ts';

/** Names listed in an error; a pool may have more than anyone wants to read. */
const NAMES_MAX = 20;

/** As in the config. */
const WEIGHT_MAX = 1000;

const CHANGE_SCHEMA = {
  type: 'object',
  additionalProperties: false,
  minProperties: 1,
  properties: {
    wanted: { enum: WANTED_NAMES },
    weight: { type: 'integer', minimum: 0, maximum: WEIGHT_MAX },
  },
} as const;

interface UpstreamPath {
  Params: { pool: string; name: string };
  Body: UpstreamChange;
}

/** Adds both. Every change is logged with who made it. */
export function addUpstreamRoutes(app: FastifyInstance, view: AdminView, logger: Logger): void {
  app.get('/api/v1/upstreams', (_request, reply) => {
    reply.send(view.upstreams());
  });

  app.patch<UpstreamPath>(
    '/api/v1/upstreams/:pool/:name',
    { schema: { body: CHANGE_SCHEMA } },
    (request, reply) => {
      const { pool, name } = request.params;
      const before = view.upstreams().find((upstream) => upstream.pool === pool && upstream.name === name);
      const after = before === undefined ? null : view.patchUpstream(pool, name, request.body);
      if (before === undefined || after === null) {
        answerUnknown(reply, pool, name, view.upstreams());
        return;
      }
      const by = request.actor?.name ?? 'nobody';
      const was = { wanted: before.wanted, weight: before.weight };
      const now = { wanted: after.wanted, weight: after.weight };
      logger.info(
        { pool, upstream: name, by, address: request.ip, was, now },
        'admin: an upstream was changed',
      );
      reply.send(after);
    },
  );
}

function answerUnknown(reply: FastifyReply, pool: string, name: string, all: readonly UpstreamView[]): void {
  const ofPool = all.filter((upstream) => upstream.pool === pool).map((upstream) => upstream.name);
  if (ofPool.length > 0) {
    answer(reply, 404, 'upstream.unknown', unknown(`pool "${pool}" has no upstream`, name, ofPool));
    return;
  }
  const pools = [...new Set(all.map((upstream) => upstream.pool))];
  answer(reply, 404, 'pool.unknown', unknown('there is no pool', pool, pools));
}

/** `there is no pool "shpo"; did you mean "shop"? There are: admin, shop`. */
function unknown(what: string, asked: string, names: readonly string[]): string {
  const near = nearest(asked, names);
  const guess = near === null ? '' : `; did you mean "${near}"?`;
  const listed = names.slice(0, NAMES_MAX).join(', ');
  const rest = names.length > NAMES_MAX ? ` and ${names.length - NAMES_MAX} more` : '';
  return `${what} "${asked}"${guess}${near === null ? '; there' : ' There'} are: ${listed || 'none'}${rest}`;
}
