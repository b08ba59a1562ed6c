// What can go wrong between Limpet and an upstream, each with who is to blame and whether another try may help.
import { type Fault, fault } from '../base/fault.ts';

export const UPSTREAM_FAULT = {
  refused: fault(
    'upstream.connect.refused',
    'upstream',
    502,
    'always',
    'The instance refused the connection.',
  ),
  connectTimeout: fault(
    'upstream.connect.timeout',
    'upstream',
    504,
    'always',
    'The instance did not accept the connection in time.',
  ),
  connectFailed: fault(
    'upstream.connect.failed',
    'upstream',
    502,
    'always',
    'The connection to the instance could not be made.',
  ),
  shortage: fault(
    'limpet.descriptors',
    'limpet',
    503,
    'never',
    'Limpet has no descriptor or port left to reach the instance with.',
  ),
  unresolved: fault(
    'upstream.connect.unresolved',
    'upstream',
    502,
    'always',
    'The name of the instance does not resolve to an address.',
  ),
  tls: fault(
    'upstream.connect.tls',
    'upstream',
    502,
    'always',
    'The TLS handshake with the instance failed, or its certificate is not trusted.',
  ),
  closedReused: fault(
    'upstream.closed.reused',
    'upstream',
    502,
    'reused',
    'The instance closed a kept connection before it answered.',
  ),
  closedUnanswered: fault(
    'upstream.closed.unanswered',
    'upstream',
    502,
    'idempotent',
    'The instance closed the connection before it answered.',
  ),
  closedMidHead: fault(
    'upstream.closed.head',
    'upstream',
    502,
    'never',
    'The instance closed the connection within the head of its answer.',
  ),
  closedMidBody: fault(
    'upstream.closed.body',
    'upstream',
    0,
    'never',
    'The instance closed the connection before its answer was complete.',
  ),
  responseTimeout: fault(
    'upstream.timeout.response',
    'upstream',
    504,
    'never',
    'The instance did not begin its answer in time.',
  ),
  streamTimeout: fault(
    'upstream.timeout.stream',
    'upstream',
    0,
    'never',
    'The answer stood still for too long.',
  ),
  hung: fault(
    'upstream.hung',
    'upstream',
    504,
    'idempotent',
    'The instance hangs: it answers neither the request nor a probe.',
  ),
  byStatus: fault(
    'upstream.status',
    'upstream',
    502,
    'idempotent',
    'The instance answered with a status that the route tries again elsewhere.',
  ),
} as const satisfies Record<string, Fault>;

/** Errors of a dial that are ours, not the upstream's: they must never put one out. */
const OWN_SHORTAGE: ReadonlySet<string> = new Set(['EMFILE', 'ENFILE', 'EADDRNOTAVAIL', 'ENOBUFS', 'ENOMEM']);

/** Whether the system's error code tells of a shortage of this machine's, which says nothing about the upstream. */
export function isOwnShortage(code: string): boolean {
  return OWN_SHORTAGE.has(code);
}

/** Which fault a failed dial was, by the system's error code. */
export function dialFault(code: string | null): Fault {
  if (code !== null && isOwnShortage(code)) return UPSTREAM_FAULT.shortage;
  switch (code) {
    case 'ECONNREFUSED':
    case 'ENOENT':
    case 'ECONNRESET':
      return UPSTREAM_FAULT.refused;
    case 'ETIMEDOUT':
      return UPSTREAM_FAULT.connectTimeout;
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return UPSTREAM_FAULT.unresolved;
    default:
      return code !== null && isTlsCode(code) ? UPSTREAM_FAULT.tls : UPSTREAM_FAULT.connectFailed;
  }
}

/** Node names TLS failures by OpenSSL's words: `ERR_TLS_…`, `ERR_SSL_…`, `CERT_…`, `SELF_SIGNED_…`, `UNABLE_TO_…`, `DEPTH_ZERO_…`. */
function isTlsCode(code: string): boolean {
  return (
    code.startsWith('ERR_TLS_') ||
    code.startsWith('ERR_SSL_') ||
    code.startsWith('CERT_') ||
    code.startsWith('SELF_SIGNED_') ||
    code.startsWith('UNABLE_TO_') ||
    code.startsWith('DEPTH_ZERO_') ||
    code.startsWith('HOSTNAME_') ||
    code === 'EPROTO'
  );
}
