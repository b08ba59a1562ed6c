// The admin API: puts guards before the routes and builds the server on the main thread, where no worker waits for it.
import type { FastifyInstance } from 'fastify';
import type { AdminToken, Bind } from '../config/config.ts';
import type { Logger } from '../observe/logger.ts';
import { answer, makeApp } from './app.ts';
import { type Actor, TokenTable } from './auth.ts';
import { isForeignOrigin, isOwnHost } from './browser-guard.ts';
import type { LiveFeed } from './live-view.ts';
import { addContinuityRoute } from './routes/continuity.ts';
import { addEventsRoute } from './routes/events.ts';
import { addKeysRoute } from './routes/keys.ts';
import { addLiveRoutes } from './routes/live.ts';
import { addMetricsRoute } from './routes/metrics.ts';
import { addPointerRoute } from './routes/pointer.ts';
import { addProbeRoutes } from './routes/probes.ts';
import { addRevocationRoutes } from './routes/revocations.ts';
import { addSessionRoutes } from './routes/sessions.ts';
import { addStatusRoute } from './routes/status.ts';
import { addUpstreamRoutes } from './routes/upstreams.ts';
import type { AdminView } from './view.ts';

declare module 'fastify' {
  interface FastifyRequest {
    /** Who asks; null before the token was judged, and on routes that need none. */
    actor: Actor | null;
  }
}

export interface AdminOptions {
  readonly view: AdminView;
  /** The state of the house from second to second, and what is wrong in it. */
  readonly live: LiveFeed;
  /** Where it will listen: decides whether tokens are needed and which `Host` is ours. */
  readonly bind: Bind;
  readonly tokens: readonly AdminToken[];
  readonly logger: Logger;
  /** Monotonic milliseconds. */
  readonly nowMs: () => number;
}

/** Refused tokens are logged at most this often; the line says how many there were since the last. */
const REFUSAL_LOG_MS = 1000;

/**
 * Builds the admin server; `listenOn` starts it. `/livez` and `/readyz` need no token, so that a container's health check
 * has none to keep, nor do the public keys, which are no secret; everything else does, unless only this machine can reach it and no token is configured.
 */
export function buildAdmin(options: AdminOptions): FastifyInstance {
  const { view, live, bind, logger } = options;
  const tokens = new TokenTable(bind, options.tokens);
  const boundName = bind.kind === 'tcp' ? bind.host : null;
  const refusals = new RefusalLog(logger, options.nowMs);
  const app = makeApp(logger);
  app.decorateRequest('actor', null);

  app.addHook('onRequest', (request, reply, done) => {
    const { host, origin } = request.headers;
    if (isForeignOrigin(origin, host)) {
      answer(
        reply,
        403,
        'origin.foreign',
        'A page of another site sent this; the admin API answers its own pages only.',
      );
      return;
    }
    if (tokens.open && !isOwnHost(host, boundName)) {
      const message =
        'Without a token this is answered by IP address, as localhost, or by the name in admin.bind only.';
      answer(reply, 403, 'host.foreign', message);
      return;
    }
    done();
  });

  addProbeRoutes(app, view);
  addKeysRoute(app, view);
  app.register(async (guarded) => {
    guarded.addHook('onRequest', (request, reply, done) => {
      const verdict = tokens.judge(request.headers.authorization);
      if (!verdict.ok) {
        refusals.note(request.ip);
        reply.header('WWW-Authenticate', 'Bearer realm="limpet"');
        answer(reply, 401, 'token.refused', verdict.why);
        return;
      }
      if (verdict.actor.access === 'read' && request.method !== 'GET' && request.method !== 'HEAD') {
        const message = `The token "${verdict.actor.name}" may read only; a change needs one with access: full.`;
        answer(reply, 403, 'token.read', message);
        return;
      }
      request.actor = verdict.actor;
      done();
    });
    addPointerRoute(guarded);
    addMetricsRoute(guarded, view);
    addStatusRoute(guarded, view);
    addSessionRoutes(guarded, view);
    addRevocationRoutes(guarded, view, logger);
    addContinuityRoute(guarded, view);
    addUpstreamRoutes(guarded, view, logger);
    addEventsRoute(guarded, view);
    addLiveRoutes(guarded, live, view.status().version);
  });
  return app;
}

/** Tells of refused tokens without letting whoever guesses them fill the log. */
class RefusalLog {
  readonly #logger: Logger;
  readonly #nowMs: () => number;
  #untold = 0;
  #toldAtMs = Number.NEGATIVE_INFINITY;

  constructor(logger: Logger, nowMs: () => number) {
    this.#logger = logger;
    this.#nowMs = nowMs;
  }

  note(address: string): void {
    this.#untold++;
    const nowMs = this.#nowMs();
    if (nowMs - this.#toldAtMs < REFUSAL_LOG_MS) return;
    this.#logger.warn({ address, times: this.#untold }, 'admin: refused a request without a valid token');
    this.#toldAtMs = nowMs;
    this.#untold = 0;
  }
}
