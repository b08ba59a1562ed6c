// PATCH /api/v1/pools/:pool: all upstreams of a pool by one call, as for its maintenance.
import type { FastifyInstance } from 'fastify';
import type { Wanted } from '../../upstream/upstream-table.ts';
import { answer } from '../app.ts';
import type { Audit } from '../audit.ts';
import { json, list, ref, route } from '../schema.ts';
import { POOL_CHANGE, POOL_PARAMS } from '../shapes/route-shape.ts';
import { UPSTREAM } from '../shapes/upstream-shape.ts';
import { unknownName } from '../unknown-name.ts';
import type { AdminView } from '../view.ts';

interface PoolPath {
  Params: { readonly pool: string };
  Body: { readonly wanted: Wanted };
}

const PATCH = route({
  id: 'changePool',
  does: 'Takes a whole pool out for maintenance, drains it, or puts it back.',
  more: 'In maintenance the page `maintenance` of the pool is shown, or the plain answer with 503. In force at once, until the process ends.',
  about: 'upstreams',
  access: 'full',
  params: POOL_PARAMS,
  body: POOL_CHANGE,
  answers: { 200: json(list(ref(UPSTREAM)), 'Its upstreams after the change.') },
  refusals: { 404: ['pool.unknown'] },
});

/** Every change is told to `audit`. */
export function addPoolRoutes(app: FastifyInstance, view: AdminView, audit: Audit): void {
  app.patch<PoolPath>('/api/v1/pools/:pool', PATCH, (request, reply) => {
    const { pool } = request.params;
    const { wanted } = request.body;
    const before = view.upstreams().filter((upstream) => upstream.pool === pool);
    if (before.length === 0) {
      const names = [...new Set(view.upstreams().map((upstream) => upstream.pool))];
      return answer(reply, 404, 'pool.unknown', unknownName('there is no pool', pool, names));
    }
    for (const { name } of before) view.patchUpstream(pool, name, { wanted });
    const was = Object.fromEntries(before.map((upstream) => [upstream.name, upstream.wanted]));
    audit.changed(request, {
      action: 'pool.change',
      message: 'admin: all upstreams of a pool were changed',
      fields: { pool, was, now: wanted },
      event: { kind: 'pool', text: `pool ${pool}: all wanted ${wanted}`, fields: { pool, wanted } },
    });
    return reply.send(view.upstreams().filter((upstream) => upstream.pool === pool));
  });
}
