// POST /api/v1/explain: what would become of a request at this moment; nothing is forwarded.
import type { FastifyInstance } from 'fastify';
import { answer } from '../app.ts';
import { json, ref, route } from '../schema.ts';
import { type AskedRequest, EXPLANATION, QUESTION } from '../shapes/explanation-shape.ts';
import type { AdminView } from '../view.ts';

const ASK = route({
  id: 'explain',
  does: 'What would become of a request at this moment, step by step.',
  more: 'As the running proxy would decide, with the health, homes and revocations of now; stores of sessions are asked, nothing is forwarded and nothing is changed.',
  about: 'upstreams',
  access: 'read',
  body: QUESTION,
  answers: { 200: json(ref(EXPLANATION), 'The decision.') },
  refusals: { 400: ['explain.line'], 503: ['explain.busy'] },
});

export function addExplainRoute(app: FastifyInstance, view: AdminView): void {
  app.post<{ Body: AskedRequest }>('/api/v1/explain', ASK, async (request, reply) => {
    const { method, url, headers = {} } = request.body;
    const fields = Object.entries(headers).flatMap(([name, values]) =>
      [values].flat().map((value): readonly [string, string] => [name, value]),
    );
    // What would begin another line of the head, or end it.
    if ([method, url, ...fields.flat()].some((line) => /[\r\n]/.test(line)))
      return answer(reply, 400, 'explain.line', 'a line break would begin another field: one value each');
    const explanation = await view.explain({ method, url, headers: fields });
    if (explanation === null) {
      const message = 'others are being explained; ask again in a second';
      return answer(reply.header('Retry-After', 1), 503, 'explain.busy', message);
    }
    return reply.send(explanation);
  });
}
