// Every metric that Limpet tells, in one table: workers count by it, /metrics prints by it, the docs list it.

export type MetricKind = 'counter' | 'gauge' | 'histogram';

/** One row: what kind of number it is, which labels tell its series apart (all of them, always), and the HELP text. */
export interface MetricDefinition {
  readonly kind: MetricKind;
  readonly labels: readonly string[];
  readonly help: string;
  /**
   * `counted`: kept in metric books and summed over the threads. `read`: asked of the main thread when somebody looks, because
   * it is a state and not a sum.
   */
  readonly source: 'counted' | 'read';
}

export const METRICS = {
  limpet_requests_accepted_total: {
    kind: 'counter',
    labels: [],
    source: 'counted',
    help: 'Requests whose head was read, or refused while it was read. At rest it is the sum of limpet_requests_ended_total.',
  },
  limpet_requests_ended_total: {
    kind: 'counter',
    labels: ['outcome'],
    source: 'counted',
    help: 'Requests that are over: answered (whole, by an instance or a route), refused (a fault was the answer), aborted (the client left), or cut (the answer broke off).',
  },
  limpet_requests_total: {
    kind: 'counter',
    labels: ['route', 'pool', 'upstream', 'code'],
    source: 'counted',
    help: 'Requests that are over, by the status that the client was sent, 0 where he left before; route, pool and upstream are empty where there was none.',
  },
  limpet_request_seconds: {
    kind: 'histogram',
    labels: ['route'],
    source: 'counted',
    help: 'From the first byte of a request to the last byte of its answer, in seconds.',
  },
  limpet_upstream_seconds: {
    kind: 'histogram',
    labels: ['pool', 'upstream'],
    source: 'counted',
    help: "From the last byte of a request to the head of the upstream's answer, in seconds.",
  },
  limpet_affinity_total: {
    kind: 'counter',
    labels: ['pool', 'result'],
    source: 'counted',
    help: 'Requests by what became of their home: new, kept, moved, or forged (counted as none).',
  },
  limpet_session_checks_total: {
    kind: 'counter',
    labels: ['session', 'verdict', 'source'],
    source: 'counted',
    help: 'Requests checked for a session, by verdict and by where it came from: cache, store, or token (the cookie or token alone).',
  },
  limpet_session_remembered: {
    kind: 'gauge',
    labels: ['session'],
    source: 'counted',
    help: 'Verdicts that the workers remember now.',
  },
  limpet_session_stale_total: {
    kind: 'counter',
    labels: ['session'],
    source: 'counted',
    help: 'Requests that an old verdict stood for while the store was away.',
  },
  limpet_session_pushes_total: {
    kind: 'counter',
    labels: ['session', 'result'],
    source: 'counted',
    help: 'Changes that the store told of, by what became of the verdict: confirmed, ended, unneeded (nobody remembers or uses it here), dropped (too many at once), failed (it could not be read again), or garbled (no message of the store).',
  },
  limpet_session_push_up: {
    kind: 'gauge',
    labels: ['session'],
    source: 'counted',
    help: 'Workers that the store of the session block tells of changes.',
  },
  limpet_session_tokens_total: {
    kind: 'counter',
    labels: ['session'],
    source: 'counted',
    help: 'Tokens signed for apps, in place of sessions.',
  },
  limpet_session_store_up: {
    kind: 'gauge',
    labels: ['session'],
    source: 'counted',
    help: 'Workers that the store of the session block answers.',
  },
  limpet_sessions_seen_total: {
    kind: 'counter',
    labels: ['pool'],
    source: 'counted',
    help: "The app's sessions that clients came back with, where they are watched.",
  },
  limpet_session_instances_total: {
    kind: 'counter',
    labels: ['pool', 'result'],
    source: 'counted',
    help: "Requests with one of the app's sessions by who answered: the instance that had answered the session last (kept), another (changed), or not known (first).",
  },
  limpet_session_resets_total: {
    kind: 'counter',
    labels: ['pool', 'from', 'to', 'cause'],
    source: 'counted',
    help: 'Sessions that the app lost: a new one was given in place of a good one, or its user was sent to log in; after another instance had answered before (moved), or not (same).',
  },
  limpet_doors_open: {
    kind: 'gauge',
    labels: ['kind'],
    source: 'counted',
    help: 'What sessions let in and what goes on: tunnels such as WebSockets, and answers such as event streams and downloads, long polls included.',
  },
  limpet_doors_closed_total: {
    kind: 'counter',
    labels: ['session', 'reason'],
    source: 'counted',
    help: "Of those, such as were closed because their session was revoked, had expired, ended otherwise (a logout), or was another user's (user).",
  },
  limpet_revocations_total: {
    kind: 'counter',
    labels: ['kind'],
    source: 'counted',
    help: 'Revocations that were ordered of this process, by what they end: session, token, user, or before (what was issued before a time).',
  },
  limpet_revocations_dropped_total: {
    kind: 'counter',
    labels: ['why'],
    source: 'counted',
    help: 'Revocations that could not be put in force: full (the table has no room), or garbage (what the Redis holds is none).',
  },
  limpet_retries_total: {
    kind: 'counter',
    labels: ['pool', 'reason'],
    source: 'counted',
    help: 'Attempts after the first, by the code of the fault that caused them.',
  },
  limpet_refused_total: {
    kind: 'counter',
    labels: ['code'],
    source: 'counted',
    help: 'Requests that ended by a fault of the client or of Limpet, by its code; faults of instances are no refusals.',
  },
  limpet_rate_limited_total: {
    kind: 'counter',
    labels: ['route', 'limit'],
    source: 'counted',
    help: 'Requests that a rate limit refused.',
  },
  limpet_rate_limit_dry_runs_total: {
    kind: 'counter',
    labels: ['route', 'limit'],
    source: 'counted',
    help: 'Requests that a rate limit would have refused if it were no dry run.',
  },
  limpet_rate_limit_forgotten_total: {
    kind: 'counter',
    labels: [],
    source: 'counted',
    help: 'Clients whose use of a rate limit was forgotten for want of room: see limits.rateLimitKeys.',
  },
  limpet_rate_limit_shared_total: {
    kind: 'counter',
    labels: ['result'],
    source: 'counted',
    help: 'Requests that a shared rate limit was asked about: answered by its Redis, late (it did not answer in time), or local (it was away or busy, so that only this process counted).',
  },
  limpet_rate_limit_shared_up: {
    kind: 'gauge',
    labels: [],
    source: 'counted',
    help: 'Workers that a Redis of shared rate limits answers.',
  },
  limpet_connections_shed_total: {
    kind: 'counter',
    labels: ['reason'],
    source: 'counted',
    help: 'Client connections that were not served, or no longer, for a bound: full (limits.connections), address (limits.connectionsPerAddress), denied (allow and deny), or room (the longest idle gave way to a new one).',
  },
  limpet_connections: {
    kind: 'gauge',
    labels: ['listener'],
    source: 'counted',
    help: 'Client connections that are open now.',
  },
  limpet_proxy_protocol_total: {
    kind: 'counter',
    labels: ['listener', 'result'],
    source: 'counted',
    help: 'Connections to listeners with proxyProtocol, by what came of their header: proxied (it named the client), local (it named nobody); else the connection was closed: untrusted (from an address that is not believed), malformed (none, or not sound), late, or closed by the peer before it was complete.',
  },
  limpet_tls_handshakes_total: {
    kind: 'counter',
    labels: ['listener', 'result'],
    source: 'counted',
    help: 'TLS handshakes that are over: full, resumed (by a ticket), or why there was none: timeout, crowded (too many at once), closed (the client left), http (plain HTTP came), garbage, version, cipher, protocol (ALPN), certificate (of the client), refused (by the client, most often since it does not trust the certificate), unready (no certificate yet), or failed.',
  },
  limpet_ejections_total: {
    kind: 'counter',
    labels: ['pool', 'upstream', 'reason'],
    source: 'counted',
    help: 'Times that an upstream was taken out, by what was seen of it.',
  },
  limpet_moves_total: {
    kind: 'counter',
    labels: ['pool', 'upstream'],
    source: 'counted',
    help: 'Requests that were given a new home, by the upstream that was their home before; empty if it is no longer known.',
  },
  limpet_worker_restarts_total: {
    kind: 'counter',
    labels: [],
    source: 'counted',
    help: 'Workers that died and were replaced.',
  },
  limpet_spans_sent_total: {
    kind: 'counter',
    labels: [],
    source: 'counted',
    help: 'Spans of traced requests that the collector took.',
  },
  limpet_spans_dropped_total: {
    kind: 'counter',
    labels: ['why'],
    source: 'counted',
    help: 'Spans of traced requests that were given up: busy (the main thread did not keep up), full (too many waited for the collector), or unsent (it is away, or refused them).',
  },
  limpet_metrics_overflow_total: {
    kind: 'counter',
    labels: [],
    source: 'counted',
    help: 'Events that no series was left for; rises only when the labels in use outgrow the memory set aside for them.',
  },
  limpet_revocations_active: {
    kind: 'gauge',
    labels: [],
    source: 'read',
    help: 'Revocations in force.',
  },
  limpet_revocations_synced: {
    kind: 'gauge',
    labels: [],
    source: 'read',
    help: '1 while the Redis of revocations is in touch, or there is none; 0 while what other replicas revoke does not arrive.',
  },
  limpet_revocations_waiting: {
    kind: 'gauge',
    labels: [],
    source: 'read',
    help: 'Revocations that wait to be shared with the other replicas.',
  },
  limpet_revocations_clock_skew_seconds: {
    kind: 'gauge',
    labels: [],
    source: 'read',
    help: "How far the clock of the Redis of revocations is ahead of this machine's; negative: behind; 0 where there is none.",
  },
  limpet_logins_lost_total: {
    kind: 'counter',
    labels: [],
    source: 'read',
    help: 'Logins after a revocation that were forgotten for want of room, so that they are refused.',
  },
  limpet_upstream_up: {
    kind: 'gauge',
    labels: ['pool', 'upstream'],
    source: 'read',
    help: '1 if health lets the upstream serve, else 0.',
  },
  limpet_upstream_inflight: {
    kind: 'gauge',
    labels: ['pool', 'upstream'],
    source: 'read',
    help: 'Requests under way at the upstream, over all workers.',
  },
  limpet_pool_waiting: {
    kind: 'gauge',
    labels: ['pool'],
    source: 'read',
    help: 'Requests in the waiting line of the pool, over all workers.',
  },
  limpet_upstream_users: {
    kind: 'gauge',
    labels: ['pool', 'upstream'],
    source: 'read',
    help: 'Distinct users of the upstream in the last minutes, estimated.',
  },
  limpet_certificate_expiry_timestamp_seconds: {
    kind: 'gauge',
    labels: ['listener', 'name', 'fingerprint'],
    source: 'read',
    help: 'When a certificate of a listener ends, in Unix seconds; name is the first that it covers, fingerprint the first 16 digits of its SHA-256.',
  },
  limpet_acme_orders_total: {
    kind: 'counter',
    labels: ['certificate', 'result'],
    source: 'counted',
    help: 'Orders of certificates by ACME, by what came of them: issued or failed (also where their folder could not be used).',
  },
  limpet_acme_certificate_expiry_timestamp_seconds: {
    kind: 'gauge',
    labels: ['certificate'],
    source: 'read',
    help: 'When a certificate by ACME ends, in Unix seconds; certificate is its first name; 0: there is none yet.',
  },
  limpet_acme_failing_since_timestamp_seconds: {
    kind: 'gauge',
    labels: ['certificate'],
    source: 'read',
    help: 'Since when orders of a certificate by ACME fail, in Unix seconds; 0: the last one went well, or there was none.',
  },
  limpet_config_generation: {
    kind: 'gauge',
    labels: [],
    source: 'read',
    help: 'Number of the config in force; 1 at start, one more for each reload that took.',
  },
  limpet_connections_max: {
    kind: 'gauge',
    labels: [],
    source: 'read',
    help: 'Client connections that all workers together hold at most; whoever comes beyond is told 503.',
  },
  limpet_config_applied_timestamp_seconds: {
    kind: 'gauge',
    labels: [],
    source: 'read',
    help: 'When the config in force came into force, in seconds since 1970.',
  },
  limpet_config_reloads_total: {
    kind: 'counter',
    labels: ['result'],
    source: 'counted',
    help: 'Reloads by what came of them: applied, unchanged (the file said what was in force already), or refused (nothing was changed).',
  },
  limpet_log_dropped_total: {
    kind: 'counter',
    labels: [],
    source: 'read',
    help: 'Log lines dropped because whoever reads the log was slower than it grew.',
  },
} as const satisfies Readonly<Record<string, MetricDefinition>>;

export type MetricName = keyof typeof METRICS;

type NamesOf<K extends MetricKind> = {
  [N in MetricName]: (typeof METRICS)[N] extends { readonly kind: K; readonly source: 'counted' } ? N : never;
}[MetricName];

export type CounterName = NamesOf<'counter'>;
export type GaugeName = NamesOf<'gauge'>;
export type HistogramName = NamesOf<'histogram'>;
export type CountedName = CounterName | GaugeName | HistogramName;

/**
 * Upper bounds of the histogram buckets in seconds, each inclusive (Prometheus `le`); one more bucket takes what is longer.
 * Steps of about 2.5 from the fastest loopback answer to the default response timeout, so that a quantile read from them is
 * within that factor.
 */
export const BUCKET_BOUNDS_S: readonly number[] = [
  0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60,
];

/** Cells that a series of a kind takes: one number, or for a histogram its buckets, the one above them, and the sum. */
export function cellsOf(kind: MetricKind): number {
  return kind === 'histogram' ? BUCKET_BOUNDS_S.length + 2 : 1;
}

/** One string for one set of labels, in the table's order, so that equal sets are equal strings whatever their order was. */
export function labelKey(name: CountedName, labels: Readonly<Record<string, string>>): string {
  let key = name as string;
  for (const label of METRICS[name].labels) key += `\u0000${labels[label] ?? ''}`;
  return key;
}
