// GET /api/v1/live, its history and /api/v1/troubles: the state of the house at this moment or once a second, and what is wrong in it.
import type { FastifyInstance } from 'fastify';
import { answer } from '../app.ts';
import { LiveStreams, WATCHERS_MAX } from '../live-streams.ts';
import type { LiveFeed } from '../live-view.ts';
import { json, ref, route } from '../schema.ts';
import { HISTORY, HISTORY_PARAMS, LIVE, TROUBLES } from '../shapes/live-shape.ts';

/** When a reader that found no room may ask again. */
const FULL_RETRY_S = 10;

interface HistoryPath {
  Params: { readonly pool: string };
}

const GET_TROUBLES = route({
  id: 'getTroubles',
  does: 'What is wrong, since when, and what to do.',
  about: 'process',
  access: 'read',
  answers: { 200: json(ref(TROUBLES), 'The most urgent first.') },
});

const GET_HISTORY = route({
  id: 'getHistory',
  does: 'Ten minutes of the whole and of every pool.',
  about: 'process',
  access: 'read',
  answers: { 200: json(ref(HISTORY), 'A line for the whole, named ``, and one a pool.') },
});

const GET_POOL_HISTORY = route({
  id: 'getPoolHistory',
  does: "Ten minutes of a pool's upstreams.",
  about: 'upstreams',
  access: 'read',
  params: HISTORY_PARAMS,
  answers: { 200: json(ref(HISTORY), 'A line an upstream.') },
  refusals: { 404: ['pool.unknown'] },
});

const GET_LIVE = route({
  id: 'getLive',
  does: 'The state of everything at this moment, or once a second.',
  more: 'With `Accept: text/event-stream` it is a stream: an event `hello` that says who asks (`name`, `access`, `version`, `started`), then at once and once a second an event `live` whose data is the same object.',
  about: 'process',
  access: 'read',
  answers: { 200: json(ref(LIVE), 'As it stands now.') },
  refusals: { 503: ['live.full'] },
});

/**
 * `GET /api/v1/live` is a `LiveSnapshot`; with `Accept: text/event-stream` it is an event `hello` (`LiveHello`), then at once and once
 * a second an event `live` (`LiveSnapshot`). `GET /api/v1/live/history` and `…/history/POOL` are a `LiveHistory`: ten minutes in steps
 * of two seconds. `GET /api/v1/troubles` is a `TroubleReport`. `version`: told to who watches, so that a page knows when it is old.
 */
export function addLiveRoutes(app: FastifyInstance, live: LiveFeed, version: string): void {
  const started = new Date(performance.timeOrigin).toISOString();
  const streams = new LiveStreams(live);
  // Before connections are cut, so that readers see an end and not a failure.
  app.addHook('preClose', (done) => {
    streams.close();
    done();
  });

  app.get('/api/v1/troubles', GET_TROUBLES, (_request, reply) => {
    reply.send(live.troubles());
  });

  app.get('/api/v1/live/history', GET_HISTORY, (_request, reply) => {
    reply.send(live.history(null));
  });

  app.get<HistoryPath>('/api/v1/live/history/:pool', GET_POOL_HISTORY, (request, reply) => {
    const history = live.history(request.params.pool);
    if (history === null) answer(reply, 404, 'pool.unknown', 'there is no pool of this name');
    else reply.send(history);
  });

  app.get('/api/v1/live', { ...GET_LIVE, exposeHeadRoute: false }, (request, reply) => {
    if (!/\btext\/event-stream\b/.test(request.headers.accept ?? '')) {
      reply.send(live.snapshot());
      return;
    }
    if (streams.full) {
      const message = `${WATCHERS_MAX} readers watch already; close one, or ask again`;
      answer(reply.header('Retry-After', FULL_RETRY_S), 503, 'live.full', message);
      return;
    }
    const { name, access } = request.actor ?? { name: 'nobody', access: 'read' };
    reply.hijack();
    reply.release();
    streams.add(reply.raw, { name, access, version, started });
  });
}
