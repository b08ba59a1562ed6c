// HTTPS of the admin side: the options of its server, and new files without a restart.
import type { SecureContextOptions, TlsOptions } from 'node:tls';
import type { FastifyInstance } from 'fastify';
import type { AdminTls } from '../config/config.ts';

/** A handshake that takes longer is none; Node's own bound is two minutes. */
const HANDSHAKE_TIMEOUT_MS = 10_000;

/** Options of `https.createServer`. */
export function secureOptions(tls: AdminTls): TlsOptions {
  return {
    ...contextOptions(tls),
    handshakeTimeout: HANDSHAKE_TIMEOUT_MS,
    requestCert: tls.ca !== null,
    rejectUnauthorized: tls.ca !== null,
  };
}

/** From the next handshake on `app` shows this certificate. Nothing happens to a server of plain HTTP. */
export function renewTls(app: FastifyInstance, tls: AdminTls): void {
  const { server } = app;
  if ('setSecureContext' in server && typeof server.setSecureContext === 'function')
    server.setSecureContext(contextOptions(tls));
}

function contextOptions({ cert, key, ca }: AdminTls): SecureContextOptions {
  return { cert, key, minVersion: 'TLSv1.2', ...(ca === null ? {} : { ca }) };
}
