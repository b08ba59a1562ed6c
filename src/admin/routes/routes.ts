// GET and PATCH /api/v1/routes: where requests are led, and how the users of a split are shared out.
import type { FastifyInstance } from 'fastify';
import { answer } from '../app.ts';
import { type Audit, byOf } from '../audit.ts';
import { json, list, ref, route } from '../schema.ts';
import { ROUTE, ROUTE_PARAMS, WEIGHTS } from '../shapes/route-shape.ts';
import { unknownName } from '../unknown-name.ts';
import type { AdminView, RouteView } from '../view.ts';

interface RoutePath {
  Params: { readonly route: string };
  Body: { readonly weights: Readonly<Record<string, number>> };
}

const LIST = route({
  id: 'listRoutes',
  does: 'Every route, and of a split what became of each side.',
  about: 'config',
  access: 'read',
  answers: { 200: json(list(ref(ROUTE)), 'In config order.') },
});

const PATCH = route({
  id: 'splitRoute',
  does: 'Shares the users of a route out otherwise, as a canary grows.',
  more: 'In force in all workers when it is answered, and over reloads, until the file says something else of this split or the process ends. A user changes sides only as far as the weights ask for it.',
  about: 'config',
  access: 'full',
  params: ROUTE_PARAMS,
  body: WEIGHTS,
  answers: { 200: json(ref(ROUTE), 'The route after the change.') },
  refusals: { 400: ['route.weights'], 404: ['route.unknown'], 409: ['route.whole', 'config.refused'] },
});

/** Adds both. Every change is told to `audit`. */
export function addRouteRoutes(app: FastifyInstance, view: AdminView, audit: Audit): void {
  app.get('/api/v1/routes', LIST, (_request, reply) => {
    reply.send(view.routes());
  });

  app.patch<RoutePath>('/api/v1/routes/:route', PATCH, async (request, reply) => {
    const name = request.params.route;
    const before = view.routes().find((known) => known.name === name);
    if (before === undefined) {
      const names = view.routes().map((known) => known.name);
      return answer(reply, 404, 'route.unknown', unknownName('there is no route', name, names));
    }
    if (before.does !== 'split')
      return answer(reply, 409, 'route.whole', `The route "${name}" is not shared out between pools.`);
    const was = weightsIn(before);
    const weights = { ...was, ...request.body.weights };
    const strange = Object.keys(weights).find((pool) => !Object.hasOwn(was, pool));
    if (strange !== undefined)
      return answer(
        reply,
        400,
        'route.weights',
        unknownName('the split has no pool', strange, Object.keys(was)),
      );
    if (Object.values(weights).every((weight) => weight === 0))
      return answer(reply, 400, 'route.weights', 'No side would have any weight; one must be above 0.');
    const { by } = byOf(request);
    const why = await view.splitRoute(name, weights, by);
    if (why !== null) return answer(reply, 409, 'config.refused', `The weights are as they were: ${why}`);
    audit.changed(request, {
      action: 'route.split',
      message: 'admin: the users of a route were shared out otherwise',
      fields: { route: name, was, now: weights },
      event: {
        kind: 'route',
        text: `${name}: ${inWords(was, weights)}`,
        fields: { route: name, ...weights },
      },
    });
    return reply.send(view.routes().find((known) => known.name === name));
  });
}

function weightsIn({ pools }: RouteView): Record<string, number> {
  return Object.fromEntries(pools.map(({ pool, weight }) => [pool, weight ?? 0]));
}

function inWords(was: Readonly<Record<string, number>>, now: Readonly<Record<string, number>>): string {
  const words = Object.entries(now).map(([pool, weight]) =>
    was[pool] === weight ? `${pool} ${weight}` : `${pool} ${weight}, was ${was[pool]}`,
  );
  return words.join('; ');
}
