// GET /: the dashboard for a browser; whoever comes by curl is told what there is to ask.
import type { FastifyInstance } from 'fastify';
import type { PageFile } from '../page-files.ts';
import { plain, route } from '../schema.ts';
import { sendPageFile, wantsPage } from './page.ts';

const TEXT = `Limpet's admin API. A browser gets the dashboard here.

GET   /livez                           200 while the process lives
GET   /readyz                          200 while it serves, else 503 and why
GET   /metrics                         Prometheus
GET   /.well-known/jwks.json           public keys of the tokens that apps are given
GET   /api/v1/status                   version, generation, workers, listeners, totals
GET   /api/v1/sessions                 every session block: verdicts, cache, store
POST  /api/v1/revocations              {"session": ID}, {"token": TOKEN}, {"user": ID, "block": BOOL} or {"before": TIME, "user": ID};
                                       "reason" and "ttl" go with each. GET lists, DELETE /api/v1/revocations/ID lifts
GET   /api/v1/sessions/continuity      which pools lose sessions when another instance answers
GET   /api/v1/upstreams                every upstream: wanted, observed, why, load, users
PATCH /api/v1/upstreams/POOL/NAME      {"wanted": "ready" | "drain" | "maintenance", "weight": NUMBER, "deadline": DURATION}
GET   /api/v1/config                   the config in force, its secrets masked
POST  /api/v1/config/check             what is wrong with a config, or what it would change; YAML, or {"text": YAML}
POST  /api/v1/reload                   reads the config's file anew, and puts it in force
GET   /api/v1/events                   what happens, as it happens (server-sent events); Last-Event-ID says from where
GET   /api/v1/troubles                 what is wrong, since when, and what to do, the most urgent first
GET   /api/v1/live                     the state of everything; with Accept: text/event-stream once a second
GET   /api/v1/live/history             ten minutes of the whole and of every pool; /POOL: of its upstreams
GET   /openapi.json                    all of this as OpenAPI 3.1

Names in a path are percent-encoded.
`;

const GET = route({
  id: 'getPointer',
  does: 'What there is to ask, in words.',
  more: 'A browser, which says `Accept: text/html`, is given the dashboard, and needs no token for that.',
  about: 'process',
  access: 'read',
  answers: { 200: plain('text/plain', 'A list of calls.') },
});

/** `page`: what a browser is given in its place. */
export function addPointerRoute(app: FastifyInstance, page: PageFile): void {
  app.get('/', { ...GET, config: { ...GET.config, page: true } }, (request, reply) => {
    if (wantsPage(request)) sendPageFile(request, reply, page);
    else reply.type('text/plain; charset=utf-8').header('Vary', 'Accept').send(TEXT);
  });
}
