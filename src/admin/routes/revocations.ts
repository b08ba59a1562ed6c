// POST, GET and DELETE /api/v1/revocations: ends sessions, tokens and all that a user holds, everywhere; lists and lifts that again.
import type { FastifyInstance, FastifyReply } from 'fastify';
import { isWrong, parseDuration } from '../../config/units.ts';
import { RevocationFault, readPlace } from '../../session/revocation/keeper.ts';
import type { Order } from '../../session/revocation/order.ts';
import { isId, type Revocation } from '../../session/revocation/record.ts';
import type { Revoked } from '../../session/revocation/registry.ts';
import { answer } from '../app.ts';
import { type Audit, byOf } from '../audit.ts';
import { empty, json, ref, route } from '../schema.ts';
import {
  LIFT_PARAMS,
  LIST_QUERY,
  ORDER,
  PAGE,
  PAGE_MAX,
  REVOCATION_PAGE,
  REVOKED,
  type RevocationOrder,
  type RevocationTold,
} from '../shapes/revocation-shape.ts';
import type { AdminView, RevocationView } from '../view.ts';

const TTL_BOUNDS = { min: 1000, max: 4000 * 86_400_000 };

const ADD = route({
  id: 'revoke',
  does: 'Ends a session, a token, all that a user holds, or what was issued before a time.',
  more: 'In force in all workers before it is answered; `shared` says whether other replicas have it.',
  about: 'sessions',
  access: 'full',
  body: ORDER,
  answers: { 201: json(ref(REVOKED), 'It is in force.') },
  refusals: {
    400: [
      'revocation.what',
      'revocation.block',
      'revocation.user',
      'revocation.before',
      'revocation.reason',
      'revocation.ttl',
    ],
    409: ['revocation.nothing'],
    503: ['revocation.away', 'revocation.busy'],
    507: ['revocation.full'],
  },
});

const LIST = route({
  id: 'listRevocations',
  does: 'What is revoked.',
  about: 'sessions',
  access: 'read',
  query: LIST_QUERY,
  answers: { 200: json(REVOCATION_PAGE, 'A page of them.') },
  refusals: {
    400: ['query.limit', 'query.after'],
    409: ['revocation.nothing'],
    503: ['revocation.away', 'revocation.busy'],
  },
});

const LIFT = route({
  id: 'liftRevocation',
  does: 'Takes a revocation back.',
  about: 'sessions',
  access: 'full',
  params: LIFT_PARAMS,
  answers: { 204: empty('It is in force no more.') },
  refusals: {
    404: ['revocation.unknown'],
    409: ['revocation.nothing'],
    503: ['revocation.away', 'revocation.busy'],
  },
});

interface ListPath {
  Querystring: { readonly limit?: string; readonly after?: string };
}
interface LiftPath {
  Params: { readonly id: string };
}

/** What a request should have said, by the code of the error. */
class Refusal {
  readonly code: string;
  readonly message: string;

  constructor(code: string, message: string) {
    this.code = code;
    this.message = message;
  }
}

/** Adds all three. Every change is told to `audit`. */
export function addRevocationRoutes(app: FastifyInstance, view: AdminView, audit: Audit): void {
  app.post<{ Body: RevocationOrder }>('/api/v1/revocations', ADD, async (request, reply) => {
    const desk = view.revocations;
    if (desk === null) return answerNothing(reply);
    const read = readBody(request.body);
    if (read instanceof Refusal) return answer(reply, 400, read.code, read.message);
    try {
      const revoked = await desk.revoke({ ...read, by: byOf(request).by });
      const told = viewOf(revoked.record);
      const { id, kind, user, block, before, until, reason } = told;
      const { renewed, shared } = revoked;
      audit.changed(request, {
        action: 'revocation.add',
        message: 'admin: revoked',
        fields: { revocation: id, kind, user, block, before, until, reason, renewed, shared },
        event: {
          kind: 'revocation',
          text: `revoked: ${inWords(told)}${reason === '' ? '' : `, ${reason}`}`,
          fields: { revocation: id, kind, user, block, before, until, shared },
        },
      });
      return reply
        .code(201)
        .send({ ...told, ...toldOf(revoked, view.status().revocations?.kept === 'process') });
    } catch (error) {
      return answerFault(reply, error);
    }
  });

  app.get<ListPath>('/api/v1/revocations', LIST, async (request, reply) => {
    const desk = view.revocations;
    if (desk === null) return answerNothing(reply);
    const { limit = String(PAGE), after } = request.query;
    if (!/^\d{1,4}$/.test(limit) || Number(limit) < 1 || Number(limit) > PAGE_MAX)
      return answer(reply, 400, 'query.limit', `"limit" must be a whole number from 1 to ${PAGE_MAX}`);
    if (after !== undefined && (typeof after !== 'string' || readPlace(after) === null))
      return answer(reply, 400, 'query.after', '"after" must be what the page before gave as `next`');
    try {
      const { records, next } = await desk.page(Number(limit), after ?? null);
      return reply.send({ revocations: records.map(viewOf), next });
    } catch (error) {
      return answerFault(reply, error);
    }
  });

  app.delete<LiftPath>('/api/v1/revocations/:id', LIFT, async (request, reply) => {
    const desk = view.revocations;
    if (desk === null) return answerNothing(reply);
    const { id } = request.params;
    try {
      const record = isId(id) ? await desk.lift(id) : null;
      if (record === null)
        return answer(
          reply,
          404,
          'revocation.unknown',
          'There is no revocation of this id; it may have run out.',
        );
      const told = viewOf(record);
      const { kind, user } = told;
      audit.changed(request, {
        action: 'revocation.lift',
        message: 'admin: a revocation was lifted',
        fields: { revocation: id, kind, user },
        event: {
          kind: 'revocation',
          text: `lifted: ${inWords(told)}`,
          fields: { revocation: id, kind, user },
        },
      });
      return reply.code(204).send();
    } catch (error) {
      return answerFault(reply, error);
    }
  });
}

function readBody(body: RevocationOrder): { order: Order; ttlMs: number | null; reason: string } | Refusal {
  const order = readOrder(body);
  if (order instanceof Refusal) return order;
  const { reason = '', ttl } = body;
  if (!isLine(reason))
    return new Refusal('revocation.reason', '"reason" must be one line, without control characters');
  if (ttl === undefined) return { order, ttlMs: null, reason };
  const ttlMs = parseDuration(ttl, TTL_BOUNDS);
  if (isWrong(ttlMs))
    return new Refusal('revocation.ttl', `"ttl": ${ttlMs.wrong}; right would be ${ttlMs.right}`);
  return { order, ttlMs: ttlMs.value, reason };
}

function readOrder(body: RevocationOrder): Order | Refusal {
  const { session, token, user, block, before } = body;
  const what = [session, token, before ?? user].filter((one) => one !== undefined);
  if (what.length !== 1) {
    const message =
      'say what to end by one of "session", "token", "user", or "before" with or without "user"';
    return new Refusal('revocation.what', message);
  }
  if (block !== undefined && (user === undefined || before !== undefined))
    return new Refusal('revocation.block', '"block" keeps a user out, so it goes with "user" alone');
  if (typeof user === 'number' && !Number.isSafeInteger(user))
    return new Refusal('revocation.user', '"user" is a number that is not exact any more: write it as text');
  if (user !== undefined && !isLine(String(user)))
    return new Refusal('revocation.user', '"user" must be one line, without control characters');
  if (session !== undefined) return { kind: 'session', session };
  if (token !== undefined) return { kind: 'token', token };
  if (before === undefined) return { kind: 'user', user: String(user), block: block ?? false };
  const beforeMs = readTime(before);
  if (beforeMs === null)
    return new Refusal('revocation.before', '"before" must be a time with its zone: 2026-01-31T12:00:00Z');
  return { kind: 'before', beforeMs, user: user === undefined ? null : String(user) };
}

/** RFC 3339 section 5.6; unix ms, or null. */
function readTime(text: string): number | null {
  if (!/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)$/i.test(text)) return null;
  const timeMs = Date.parse(text.toUpperCase());
  return Number.isNaN(timeMs) || timeMs < 0 || !isDay(text.slice(0, 10)) ? null : timeMs;
}

/** Whether there is such a day: `Date.parse` takes the 30th of February for the 2nd of March. */
function isDay(text: string): boolean {
  return new Date(`${text}T00:00:00Z`).toISOString().startsWith(text);
}

/** One line of whole characters: half of a surrogate pair stands for nobody, and in no line of text. */
function isLine(text: string): boolean {
  return !/[\p{Cc}\p{Cs}]/u.test(text);
}

const KINDS = { s: 'session', t: 'token', u: 'user', b: 'user', p: 'before', a: 'before' } as const;

function viewOf({ id, letter, timeMs, untilS, atMs, by, user, reason }: Revocation): RevocationView {
  return {
    id,
    kind: KINDS[letter],
    user: user === '' ? null : user,
    block: letter === 'b',
    before: letter === 'p' || letter === 'a' ? new Date(timeMs).toISOString() : null,
    at: new Date(atMs).toISOString(),
    until: new Date(untilS * 1000).toISOString(),
    by,
    reason,
  };
}

/** `user ann, who is kept out`, for the stream of events. */
function inWords({ kind, user, block, before }: RevocationView): string {
  if (kind === 'user') return `user ${user}${block ? ', who is kept out' : ''}`;
  if (kind === 'before') return `what ${user === null ? 'everybody' : user} held before ${before}`;
  return `a ${kind}`;
}

/**
 * What goes with a new one: whether it renewed an old one, who has it, how a token was understood, and what to know about it.
 * `alone`: it is kept in this process only.
 */
function toldOf(
  { record: { letter }, renewed, shared, understood }: Revoked,
  alone: boolean,
): RevocationTold {
  const notes: string[] = [];
  if (letter === 's' || letter === 't')
    notes.push('It ends what bears this, now or later; whether there is such a one was not looked up.');
  else if (letter === 'b') notes.push('The user is kept out until this is lifted or runs out.');
  else
    notes.push(
      'A session that does not say when it was issued is ended too, unless its login went through a Limpet after this.',
    );
  if (!shared)
    notes.push('Redis is away: other Limpets have this only when it is back, and a restart forgets it.');
  if (alone)
    notes.push(
      'It is kept in this Limpet alone: a restart forgets it, and others do not know it; see `revocation`.',
    );
  return { renewed, shared, understood, note: notes.join(' ') };
}

const FAULTS = {
  full: { status: 507, code: 'revocation.full' },
  away: { status: 503, code: 'revocation.away' },
  busy: { status: 503, code: 'revocation.busy' },
  future: { status: 400, code: 'revocation.before' },
} as const;

function answerFault(reply: FastifyReply, error: unknown): FastifyReply {
  if (!(error instanceof RevocationFault)) throw error;
  const { status, code } = FAULTS[error.kind];
  return answer(reply, status, code, error.message);
}

function answerNothing(reply: FastifyReply): FastifyReply {
  return answer(
    reply,
    409,
    'revocation.nothing',
    'The config has no session block, so nothing can be revoked.',
  );
}
