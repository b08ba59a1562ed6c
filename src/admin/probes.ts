// The second listener, for Kubernetes and Prometheus: it only tells whether Limpet lives and how it fares, so it asks for no token.
import type { FastifyInstance } from 'fastify';
import type { Logger } from '../observe/logger.ts';
import { makeApp } from './app.ts';
import { addKeysRoute } from './routes/keys.ts';
import { addMetricsRoute } from './routes/metrics.ts';
import { addProbeRoutes } from './routes/probes.ts';
import type { AdminView } from './view.ts';

/** Builds the probes server: `/livez`, `/readyz`, `/metrics`, the public keys of tokens and nothing else. `listenOn` starts it. */
export function buildProbes(options: { readonly view: AdminView; readonly logger: Logger }): FastifyInstance {
  const app = makeApp(options.logger);
  addProbeRoutes(app, options.view);
  addMetricsRoute(app, options.view);
  addKeysRoute(app, options.view);
  return app;
}
