// The admin API: puts guards before the routes and builds the server on the main thread, where no worker waits for it.
import type { FastifyInstance } from 'fastify';
import { invariant } from '../base/invariant.ts';
import type { AdminTls, Bind } from '../config/config.ts';
import type { Logger } from '../observe/logger.ts';
import { makeApp } from './app.ts';
import { Audit } from './audit.ts';
import type { TokenTable } from './auth.ts';
import { Guard } from './guard.ts';
import type { LiveFeed } from './live-view.ts';
import { readPage } from './page-files.ts';
import { addConfigRoutes } from './routes/config.ts';
import { addContinuityRoute } from './routes/continuity.ts';
import { addEventsRoute } from './routes/events.ts';
import { addExplainRoute } from './routes/explain.ts';
import { addKeysRoute } from './routes/keys.ts';
import { addLiveRoutes } from './routes/live.ts';
import { addMetricsRoute } from './routes/metrics.ts';
import { addOpenApiRoute, gatherCalls } from './routes/openapi.ts';
import { addPageRoutes } from './routes/page.ts';
import { addPointerRoute } from './routes/pointer.ts';
import { addPoolRoutes } from './routes/pools.ts';
import { addProbeRoutes } from './routes/probes.ts';
import { addRevocationRoutes } from './routes/revocations.ts';
import { addRouteRoutes } from './routes/routes.ts';
import { addSessionRoutes } from './routes/sessions.ts';
import { addStatusRoute } from './routes/status.ts';
import { addUpstreamRoutes } from './routes/upstreams.ts';
import {
  CHECKED,
  CONFIG_CHANGE,
  CONFIG_REFUSED,
  PROBLEM,
  RELOADED,
  SHOWN_CONFIG,
} from './shapes/config-shape.ts';
import { EXPLANATION } from './shapes/explanation-shape.ts';
import { HISTORY, LIVE, TROUBLES } from './shapes/live-shape.ts';
import { REVOCATION, REVOKED } from './shapes/revocation-shape.ts';
import { ROUTE } from './shapes/route-shape.ts';
import { CONTINUITY, SESSION } from './shapes/session-shape.ts';
import { LISTENER, STATUS, SWITCH } from './shapes/status-shape.ts';
import { UPSTREAM } from './shapes/upstream-shape.ts';
import type { AdminView } from './view.ts';

export interface AdminOptions {
  readonly view: AdminView;
  /** The state of the house from second to second, and what is wrong in it. */
  readonly live: LiveFeed;
  /** Where it will listen: decides which `Host` is ours. */
  readonly bind: Bind;
  /** Who is let in. */
  readonly tokens: TokenTable;
  /** Null or left out: plain HTTP. */
  readonly tls?: AdminTls | null;
  readonly logger: Logger;
  /** Monotonic milliseconds. */
  readonly nowMs: () => number;
}

/** Shapes that routes refer to by name. */
const SHARED = [
  UPSTREAM,
  ROUTE,
  LISTENER,
  SWITCH,
  STATUS,
  SESSION,
  CONTINUITY,
  REVOCATION,
  REVOKED,
  LIVE,
  TROUBLES,
  HISTORY,
  PROBLEM,
  CONFIG_CHANGE,
  RELOADED,
  CONFIG_REFUSED,
  CHECKED,
  SHOWN_CONFIG,
  EXPLANATION,
];

/**
 * Builds the admin server; `listenOn` starts it. `/livez` and `/readyz` need no token, so that a container's health check
 * has none to keep, nor do the public keys and the page's own files, which are no secret; everything else does, unless only this machine can reach it and no token is configured.
 */
export function buildAdmin(options: AdminOptions): FastifyInstance {
  const { view, live, logger } = options;
  const audit = new Audit(logger, view.events);
  const guard = new Guard({ ...options, audit });
  const app = makeApp(logger, options.tls ?? null);
  for (const shape of SHARED) app.addSchema(shape);
  gatherCalls(app, view.status().version);
  guard.atDoor(app);
  const files = readPage();
  const page = files.get('index.html');
  invariant(page !== undefined, 'the dashboard has no index.html');
  app.register(async (open) => {
    addProbeRoutes(open, view);
    addKeysRoute(open, view);
    addPageRoutes(open, files);
  });
  app.register(async (guarded) => {
    guard.atDesk(guarded);
    addPointerRoute(guarded, page);
    addOpenApiRoute(guarded);
    addMetricsRoute(guarded, view);
    addStatusRoute(guarded, view);
    addSessionRoutes(guarded, view);
    addRevocationRoutes(guarded, view, audit);
    addContinuityRoute(guarded, view);
    addUpstreamRoutes(guarded, view, audit);
    // In a scope of its own, since it takes YAML too.
    guarded.register(async (scope) => addConfigRoutes(scope, view.config));
    addPoolRoutes(guarded, view, audit);
    addRouteRoutes(guarded, view, audit);
    addExplainRoute(guarded, view);
    addEventsRoute(guarded, view);
    addLiveRoutes(guarded, live, view.status().version);
  });
  return app;
}
