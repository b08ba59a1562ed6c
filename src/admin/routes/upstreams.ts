// GET and PATCH /api/v1/upstreams: how every upstream fares, and the operator's word on one of them.
import type { FastifyInstance, FastifyReply } from 'fastify';
import { isWrong, parseDuration } from '../../config/units.ts';
import type { Wanted } from '../../upstream/upstream-table.ts';
import { answer } from '../app.ts';
import type { Audit } from '../audit.ts';
import { json, list, ref, route } from '../schema.ts';
import { CHANGE, UPSTREAM, UPSTREAM_PARAMS } from '../shapes/upstream-shape.ts';
import { unknownName } from '../unknown-name.ts';
import type { AdminView, UpstreamView } from '../view.ts';

const DEADLINE_BOUNDS = { min: 1000, max: 7 * 86_400_000 };

interface UpstreamPath {
  Params: { readonly pool: string; readonly name: string };
  Body: { readonly wanted?: Wanted; readonly weight?: number; readonly deadline?: string };
}

const LIST = route({
  id: 'listUpstreams',
  does: 'Every upstream, as it stands now.',
  about: 'upstreams',
  access: 'read',
  answers: { 200: json(list(ref(UPSTREAM)), 'Pools in config order, upstreams in config order in each.') },
});

const PATCH = route({
  id: 'changeUpstream',
  does: 'Drains an upstream, takes it out, puts it back, or gives it another weight.',
  more: 'It is in force at once, in all workers, until the process ends.',
  about: 'upstreams',
  access: 'full',
  params: UPSTREAM_PARAMS,
  body: CHANGE,
  answers: { 200: json(ref(UPSTREAM), 'The upstream after the change.') },
  refusals: { 400: ['upstream.deadline'], 404: ['pool.unknown', 'upstream.unknown'] },
});

/** Adds both. Every change is told to `audit`. */
export function addUpstreamRoutes(app: FastifyInstance, view: AdminView, audit: Audit): void {
  app.get('/api/v1/upstreams', LIST, (_request, reply) => {
    reply.send(view.upstreams());
  });

  app.patch<UpstreamPath>('/api/v1/upstreams/:pool/:name', PATCH, (request, reply) => {
    const { pool, name } = request.params;
    const { wanted, weight, deadline } = request.body;
    const before = view.upstreams().find((upstream) => upstream.pool === pool && upstream.name === name);
    if (before === undefined) return answerUnknown(reply, pool, name, view.upstreams());
    const deadlineMs = deadline === undefined ? null : parseDuration(deadline, DEADLINE_BOUNDS);
    if (deadlineMs !== null && isWrong(deadlineMs)) {
      const message = `"deadline": ${deadlineMs.wrong}; right would be ${deadlineMs.right}`;
      return answer(reply, 400, 'upstream.deadline', message);
    }
    if (deadlineMs !== null && (wanted ?? before.wanted) !== 'drain') {
      const message = '"deadline" ends a drain, so it goes with "wanted": "drain"';
      return answer(reply, 400, 'upstream.deadline', message);
    }
    const after = view.patchUpstream(pool, name, {
      ...(wanted === undefined ? {} : { wanted }),
      ...(weight === undefined ? {} : { weight }),
      ...(deadlineMs === null ? {} : { deadlineMs: deadlineMs.value }),
    });
    if (after === null) return answerUnknown(reply, pool, name, view.upstreams());
    const was = wordOf(before);
    const now = wordOf(after);
    audit.changed(request, {
      action: 'upstream.change',
      message: 'admin: an upstream was changed',
      fields: { pool, upstream: name, was, now },
      event: {
        kind: 'upstream',
        text: `${pool}/${name}: ${inWords(before, after)}`,
        fields: { pool, upstream: name, ...now },
      },
    });
    return reply.send(after);
  });
}

/** What an operator can change of it. */
function wordOf({ wanted, weight, drainUntil }: UpstreamView) {
  return { wanted, weight, drainUntil };
}

function inWords(before: UpstreamView, after: UpstreamView): string {
  const words: string[] = [];
  if (before.wanted !== after.wanted) words.push(`wanted ${after.wanted}, was ${before.wanted}`);
  if (before.weight !== after.weight) words.push(`weight ${after.weight}, was ${before.weight}`);
  if (after.drainUntil !== null && before.drainUntil !== after.drainUntil)
    words.push(`the drain ends at ${after.drainUntil}`);
  return words.length === 0 ? 'as it was' : words.join('; ');
}

function answerUnknown(
  reply: FastifyReply,
  pool: string,
  name: string,
  all: readonly UpstreamView[],
): FastifyReply {
  const ofPool = all.filter((upstream) => upstream.pool === pool).map((upstream) => upstream.name);
  if (ofPool.length > 0)
    return answer(
      reply,
      404,
      'upstream.unknown',
      unknownName(`pool "${pool}" has no upstream`, name, ofPool),
    );
  const pools = [...new Set(all.map((upstream) => upstream.pool))];
  return answer(reply, 404, 'pool.unknown', unknownName('there is no pool', pool, pools));
}
