// What counts as wrong: every rule by which a look at the house finds a trouble, with what an operator is to do about it.
import type { SessionView, SwitchView } from '../admin/view.ts';
import { EXPIRY_WARNING_MS, expiryWarning } from '../certificates/certificate.ts';
import type { Observed, Wanted } from '../upstream/upstream-table.ts';
import type { AcmeView } from './acme-desk.ts';
import type { CertificateView } from './certificates.ts';
import type { Finding } from './trouble-book.ts';

export interface UpstreamFacts {
  readonly name: string;
  readonly wanted: Wanted;
  readonly observed: Observed;
  readonly why: string;
  /** Wall-clock ms since when it is observed so. */
  readonly sinceMs: number;
  readonly eligible: boolean;
  readonly serving: boolean;
}

export interface PoolFacts {
  readonly name: string;
  readonly waiting: number;
  /** Requests and errors of the last seconds. */
  readonly recent: number;
  readonly recentErrors: number;
  readonly p99Ms: number | null;
  /** The usual 99th percentile of the last minutes, ms; null: too little was seen. Asked for only where `p99Ms` is long. */
  readonly usualP99Ms: () => number | null;
  /** Pools that take its users in, as the other side of a canary does; empty: none. Asked for only where it has nobody for them. */
  readonly standIns: () => readonly string[];
  readonly upstreams: readonly UpstreamFacts[];
}

/** What one look saw. */
export interface HouseFacts {
  readonly pools: readonly PoolFacts[];
  readonly sessions: readonly Pick<SessionView, 'name' | 'store' | 'push'>[];
  readonly revocations: SwitchView | null;
  readonly certificates: readonly CertificateView[];
  readonly acme: readonly AcmeView[];
  /** Wall-clock ms. */
  readonly nowMs: number;
  readonly workers: { readonly listening: number; readonly wanted: number };
  /** Workers that died in the last ten minutes. */
  readonly restarts: number;
  readonly connections: number;
  readonly connectionsMax: number;
  /** Log lines dropped in the last seconds. */
  readonly logDropped: number;
  readonly stopping: boolean;
}

/** A share of errors from which on a pool is in trouble, and how many requests must have been seen to say so. */
const ERROR_SHARE = 0.05;
const ERROR_SHARE_CRITICAL = 0.5;
const ERROR_REQUESTS_MIN = 20;
/** A 99th percentile is long when it is so many times the usual one, and long for a person too. */
const P99_TIMES = 4;
const P99_LONG_MS = 250;
const P99_REQUESTS_MIN = 50;
const CONNECTIONS_NEAR = 0.9;
/** What comes and goes with every second must last, and stays told for a while. */
const UNSTEADY = { holdMs: 3000, lingerMs: 15_000 } as const;
/** Workers, stores and pushes take a moment at a start. */
const SETTLING_MS = 5000;

/** All that is wrong, in no order. */
export function findTroubles(facts: HouseFacts): Finding[] {
  return [
    ...facts.pools.flatMap(ofPool),
    ...facts.sessions.flatMap(ofSession),
    ...ofRevocations(facts.revocations),
    ...facts.certificates.flatMap((certificate) => ofCertificate(certificate, facts.nowMs)),
    ...facts.acme.flatMap((certificate) => ofAcme(certificate, facts.nowMs)),
    ...ofProcess(facts),
  ];
}

function ofPool(pool: PoolFacts): Finding[] {
  const found: Finding[] = [];
  const at = { pool: pool.name };
  const { upstreams, name } = pool;
  const serving = upstreams.filter((upstream) => upstream.serving).length;
  const asked = upstreams.filter(({ wanted }) => wanted !== 'maintenance');
  if (asked.length === 0 && upstreams.length > 0) {
    const others = pool.standIns();
    const instead =
      others.length === 0
        ? 'every request to it is answered with its maintenance page or 503'
        : `its users are served by ${others.join(' and ')}`;
    found.push({
      ...at,
      id: `pool.maintenance ${name}`,
      severity: 'notice',
      what: `Pool ${name} is in maintenance: ${instead}`,
      advice: 'It was ordered so. Enable the pool when the work is done.',
    });
  } else if (serving === 0 && upstreams.length > 0) {
    const others = pool.standIns();
    const spared = others.length > 0;
    const instead = spared ? `its users are served by ${others.join(' and ')}` : 'its requests get 503';
    found.push({
      ...at,
      id: `pool.down ${name}`,
      severity: spared ? 'warning' : 'critical',
      what: `Pool ${name} has no upstream that answers: ${instead}`,
      advice:
        'Bring one instance back: start it, or see below why each is out. One in maintenance that is well can be enabled.',
      event: 'pool',
    });
  } else if (!upstreams.some(({ eligible }) => eligible)) {
    found.push({
      ...at,
      id: `pool.closed ${name}`,
      severity: 'warning',
      what: `Pool ${name} takes no new users: what still serves is drained or suspected`,
      advice: 'Enable a drained upstream, or start another. Who has a home keeps it meanwhile.',
      holdMs: UNSTEADY.holdMs,
      event: 'pool',
    });
  }
  for (const upstream of upstreams) found.push(...ofUpstream(name, upstream, asked.length, serving));
  found.push(...ofTraffic(pool));
  return found;
}

/** `asked`, `serving`: how many of its pool are not in maintenance, and how many answer. */
function ofUpstream(pool: string, upstream: UpstreamFacts, asked: number, serving: number): Finding[] {
  const { name, observed, why, sinceMs, wanted } = upstream;
  // Whoever took it out need not be told that it is out.
  if (wanted === 'maintenance') return [];
  const at = { pool, upstream: name, sinceMs };
  const rest =
    asked === 1
      ? 'It is the only one of its pool that is wanted.'
      : serving > 0
        ? 'Others of its pool serve in its place.'
        : 'No other of its pool serves in its place.';
  switch (observed) {
    case 'down':
      return [
        {
          ...at,
          id: `upstream.out ${pool}/${name}`,
          severity: 'warning',
          what: `${pool}/${name} is down: ${why}`,
          advice: `${rest} Look at the instance itself, its log, and whether its health check tells the truth.`,
        },
      ];
    case 'ejected':
      return [
        {
          ...at,
          id: `upstream.out ${pool}/${name}`,
          severity: 'warning',
          what: `${pool}/${name} is ejected: ${why}`,
          advice: `${rest} It is tried again by itself; start it anew if it does not come back.`,
        },
      ];
    case 'suspected':
      return [
        {
          ...at,
          id: `upstream.out ${pool}/${name}`,
          severity: 'warning',
          what: `${pool}/${name} is suspected to hang: ${why}`,
          advice:
            'It accepts requests and does not answer. If it stays so, restart it: what waits on it then goes elsewhere.',
          holdMs: UNSTEADY.holdMs,
        },
      ];
    default:
      return [];
  }
}

function ofTraffic(pool: PoolFacts): Finding[] {
  const found: Finding[] = [];
  const { name, recent, recentErrors, p99Ms, waiting } = pool;
  const at = { pool: name, ...UNSTEADY, event: 'pool' } as const;
  const share = recent === 0 ? 0 : recentErrors / recent;
  if (recent >= ERROR_REQUESTS_MIN && share >= ERROR_SHARE) {
    found.push({
      ...at,
      id: `pool.errors ${name}`,
      severity: share >= ERROR_SHARE_CRITICAL ? 'critical' : 'warning',
      what: `Pool ${name} answers ${percent(share)} of its requests with an error (status 500 or more)`,
      advice:
        'If one upstream has most of the errors, drain it or take it out. If all have them, look at what they share: a database, a release.',
    });
  }
  if (recent >= P99_REQUESTS_MIN && p99Ms !== null && p99Ms >= P99_LONG_MS) {
    const usual = pool.usualP99Ms();
    if (usual !== null && p99Ms >= P99_TIMES * usual) {
      found.push({
        ...at,
        id: `pool.slow ${name}`,
        severity: 'warning',
        what: `Pool ${name} is slow: one answer in a hundred takes over ${milliseconds(p99Ms)}; ${milliseconds(usual)} is usual`,
        advice: 'See which upstream is slow. If all are, look at what they share, or add an instance.',
      });
    }
  }
  if (waiting > 0) {
    found.push({
      ...at,
      id: `pool.waiting ${name}`,
      severity: 'warning',
      what: `Requests wait in line in pool ${name}: its upstreams have as many as maxConnections lets them`,
      advice: 'Add an instance, or raise maxConnections if the instances have room.',
    });
  }
  return found;
}

function ofSession({ name, store, push }: HouseFacts['sessions'][number]): Finding[] {
  const found: Finding[] = [];
  if (store !== null && !store.up) {
    found.push({
      id: `store.away ${name}`,
      severity: 'critical',
      what: `The ${store.kind} store of the sessions ${name} is away: ${store.why}`,
      advice:
        'Bring the store back. Verdicts of the last minutes stand; who is not remembered is treated by outage.then of the session block.',
      session: name,
    });
  }
  if (push !== null && !push.up && store?.up !== false) {
    found.push({
      id: `push.away ${name}`,
      severity: 'warning',
      what: `The store does not tell of changes to the sessions ${name}${push.why === '' ? '' : `: ${push.why}`}`,
      advice: 'A logout in the app counts only after cache.ttl until it does. See docs/sessions/push.md.',
      session: name,
      holdMs: SETTLING_MS,
    });
  }
  return found;
}

function ofRevocations(revocations: SwitchView | null): Finding[] {
  if (revocations === null || revocations.synced) return [];
  const { why, waiting } = revocations;
  const waits = waiting === 0 ? '' : `; ${waiting} wait to be shared`;
  return [
    {
      id: 'revocations.unshared',
      severity: 'warning',
      what: `Revocations are not shared with other replicas: ${why}${waits}`,
      advice:
        'Bring the Redis of revocations back. What this process knows stays in force; until then order on every replica.',
      holdMs: SETTLING_MS,
      event: 'revocation',
    },
  ];
}

function ofCertificate(
  { listener, names, notAfterMs, fingerprint, renewed }: CertificateView,
  nowMs: number,
): Finding[] {
  const warning = renewed ? null : expiryWarning(notAfterMs, nowMs);
  if (warning === null) return [];
  return [
    {
      id: `certificate ${listener} ${fingerprint.slice(0, 16)}`,
      severity: notAfterMs <= nowMs ? 'critical' : 'warning',
      what: `${names[0] ?? listener}, listener ${listener}: ${warning}`,
      advice:
        'Renew the certificate, or see why its renewal fails; new files are taken up without a restart.',
      sinceMs: notAfterMs <= nowMs ? notAfterMs : notAfterMs - EXPIRY_WARNING_MS,
    },
  ];
}

/** A renewal begins weeks before the end, and so does this. */
function ofAcme({ certificate, notAfterMs, failingSinceMs, why }: AcmeView, nowMs: number): Finding[] {
  if (failingSinceMs === null) return [];
  const served = notAfterMs !== null && notAfterMs > nowMs;
  const left = served
    ? `the one in force ends ${new Date(notAfterMs).toISOString().slice(0, 10)}`
    : notAfterMs === null
      ? 'there is none yet'
      : 'the last one has ended: clients refuse it';
  return [
    {
      id: `acme ${certificate}`,
      severity: served ? 'warning' : 'critical',
      what: `The certificate for ${certificate} cannot be had from its authority: ${why}; ${left}`,
      advice:
        'It is tried again by itself, at least every six hours. Most often the name leads elsewhere, or port 80 does not reach Limpet; `limpet reload` tries at once.',
      sinceMs: failingSinceMs,
    },
  ];
}

function ofProcess(facts: HouseFacts): Finding[] {
  const { workers, restarts, connections, connectionsMax, logDropped, stopping } = facts;
  const found: Finding[] = [];
  if (stopping) {
    found.push({
      id: 'process.stopping',
      severity: 'notice',
      what: 'This Limpet is stopping: it finishes what is under way and ends',
      advice: 'Nothing is to be done if it was told to.',
      event: 'process',
    });
  } else if (workers.listening < workers.wanted) {
    found.push({
      id: 'workers.missing',
      severity: workers.listening === 0 ? 'critical' : 'warning',
      what: `${workers.listening} of ${workers.wanted} workers serve`,
      advice: 'A worker that died is replaced within a second. If this stays, the log says why it dies.',
      holdMs: SETTLING_MS,
      event: 'worker',
    });
  }
  if (restarts > 0) {
    found.push({
      id: 'workers.restarted',
      severity: 'warning',
      what: `${restarts === 1 ? 'A worker' : `${restarts} workers`} died and was replaced in the last ten minutes`,
      advice:
        'What it had under way was lost. That is a fault of Limpet: report it with the lines of the log.',
    });
  }
  if (connectionsMax > 0 && connections >= CONNECTIONS_NEAR * connectionsMax) {
    found.push({
      id: 'connections.near',
      severity: connections >= connectionsMax ? 'critical' : 'warning',
      what: `${connections} of at most ${connectionsMax} client connections are open`,
      advice: 'Beyond the bound clients get 503. Raise limits.connections and the limit of open files.',
      ...UNSTEADY,
      event: 'process',
    });
  }
  if (logDropped > 0) {
    found.push({
      id: 'log.dropped',
      severity: 'notice',
      what: 'Log lines are dropped: whoever reads the log is slower than it grows',
      advice: 'Let log.sample take fewer access lines, or see to the disk or the pipe that the log goes to.',
      lingerMs: 60_000,
      event: 'process',
    });
  }
  return found;
}

function percent(share: number): string {
  return `${Math.round(share * 100)} %`;
}

function milliseconds(ms: number): string {
  return ms >= 1000 ? `${(ms / 1000).toFixed(1)} s` : `${Math.round(ms)} ms`;
}
