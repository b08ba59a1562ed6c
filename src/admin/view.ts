// What the admin side may see and change: the main thread implements it, the routes know nothing else of the house.
import type { EventHub } from '../observe/event-hub.ts';
import type { ExpositionFormat } from '../observe/exposition-format.ts';
import type { Explanation, Question } from '../proxy/explanation.ts';
import type { PublishedKeys } from '../session/phantom/signing-keys.ts';
import type { RevocationRegistry } from '../session/revocation/registry.ts';
import type { Observed, Wanted } from '../upstream/upstream-table.ts';
import type { ConfigDesk } from './config-desk.ts';

/** One upstream as `GET /api/v1/upstreams` tells it; fields and their order are contract. */
export interface UpstreamView {
  readonly pool: string;
  readonly name: string;
  /** As written in the config; the user part of a URL is not shown. */
  readonly url: string;
  readonly wanted: Wanted;
  readonly observed: Observed;
  /** One sentence: what health saw last, or why it is wanted so. Empty if there is nothing to say. */
  readonly why: string;
  readonly weight: number;
  readonly inFlight: number;
  /** Average time to an answer's head in ms; 0 until known. */
  readonly latencyMs: number;
  /** Requests sent to it since start. */
  readonly requests: number;
  /** Of those, how many failed by its doing. */
  readonly failures: number;
  /** Distinct users over the last `admin.userWindow`, estimated. */
  readonly users: number;
  /** When what health sees changed last. */
  readonly since: string;
  /** When its drain ends and it goes into maintenance; null: no end is set. */
  readonly drainUntil: string | null;
}

/** A route as `GET /api/v1/routes` tells it. */
export interface RouteView {
  readonly name: string;
  /** Null: any. */
  readonly host: string | null;
  /** `= /path` for that path alone. */
  readonly path: string;
  /** Null: all. */
  readonly methods: readonly string[] | null;
  readonly does: 'pool' | 'split' | 'redirect' | 'respond' | 'jwks';
  readonly sessions: readonly string[];
  readonly pools: readonly RouteSideView[];
}

export interface RouteSideView {
  readonly pool: string;
  /** Null: it has no others beside it. */
  readonly weight: number | null;
  /** Since start, of this route. */
  readonly requests: number;
  readonly failures: number;
}

export interface ListenerView {
  readonly name: string;
  /** `http://127.0.0.1:8080` or `unix:/path`. */
  readonly url: string;
  /** Client connections open now. */
  readonly connections: number;
}

export interface StatusView {
  readonly version: string;
  /** Number of the config in force. */
  readonly generation: number;
  readonly workers: number;
  readonly uptimeS: number;
  readonly listeners: readonly ListenerView[];
  readonly totals: {
    /** Requests answered since start. */
    readonly requests: number;
    /** Of those, with a status of 500 or more. */
    readonly failures: number;
    readonly refused: number;
    readonly retries: number;
    readonly inFlight: number;
    readonly connections: number;
  };
  /** Null: no session is checked. */
  readonly revocations: SwitchView | null;
}

/** One session block as `GET /api/v1/sessions` tells it. */
export interface SessionView {
  readonly name: string;
  /** The format: `express-session`, `jwt` … */
  readonly verify: string;
  readonly require: string;
  /** Requests by verdict since start. */
  readonly checks: {
    readonly valid: number;
    readonly anonymous: number;
    readonly invalid: number;
    readonly unknown: number;
  };
  readonly cache: {
    /** Checks answered from it. */
    readonly hits: number;
    /** Verdicts that all workers remember now. */
    readonly entries: number;
  } | null;
  readonly store: {
    readonly kind: string;
    /** It answers every worker. */
    readonly up: boolean;
    /** Why it does not, in one sentence; empty while it does. Names no key, no value and no password. */
    readonly why: string;
  } | null;
  /** Whether the store tells every worker of changes; null: it is not asked to, or cannot. */
  readonly push: {
    readonly up: boolean;
    /** Why it does not, in one sentence; empty while it does, or where nothing is known yet. */
    readonly why: string;
  } | null;
  /** Where revocations of all blocks are kept, and whether other replicas are told and tell. */
  readonly revocations: Pick<SwitchView, 'kept' | 'synced'> | null;
}

/**
 * What the continuity monitor makes of a pool. depends: sessions are lost when another instance answers; free: none is; unrelated: they are
 * lost, and not for that; unclear: too little was seen.
 */
export type ContinuityFinding = 'depends' | 'free' | 'unrelated' | 'unclear';

/** A pool whose sessions are watched, as `GET /api/v1/sessions/continuity` tells it. Counts are since start. */
export interface ContinuityView {
  readonly pool: string;
  /** The app's session cookie. */
  readonly cookie: string;
  /** Sessions that clients came back with. */
  readonly sessions: number;
  /** Their requests, by who answered: not known to have been answered before, the same instance as the last, or another. */
  readonly requests: { readonly first: number; readonly kept: number; readonly changed: number };
  /** Sessions that were lost: by an instance that had not answered them before, or where they had been. */
  readonly resets: { readonly moved: number; readonly same: number };
  /** Of the changes of instance, how many cost the session, 0 … 1; null: there was none. */
  readonly share: number | null;
  readonly finding: ContinuityFinding;
  /** The finding in words. */
  readonly sentence: string;
}

/** One revocation as `GET /api/v1/revocations` tells it. What names a session or token is not told: it would be a key to it. */
export interface RevocationView {
  /** What it is lifted by. */
  readonly id: string;
  readonly kind: 'session' | 'token' | 'user' | 'before';
  readonly user: string | null;
  readonly block: boolean;
  /** What was issued before is ended; null: this is not about times. */
  readonly before: string | null;
  readonly at: string;
  /** When it runs out. */
  readonly until: string;
  /** Name of the admin token that ordered it. */
  readonly by: string;
  readonly reason: string;
}

/** How the switch fares, as `GET /api/v1/status` tells it. */
export interface SwitchView {
  /** Entries in force: one a revocation, more for a token that can be understood in several ways. */
  readonly entries: number;
  readonly kept: 'process' | 'redis';
  /** Other replicas are told, and tell; true where there is nobody to tell. */
  readonly synced: boolean;
  /** Why not, in one sentence; empty while they are. */
  readonly why: string;
  /** Revocations that wait to be shared. */
  readonly waiting: number;
}

/** What `PATCH /api/v1/upstreams/:pool/:name` may change; at least one is given. */
export interface UpstreamChange {
  readonly wanted?: Wanted;
  /** As in the config: a whole number, 0 to 1000; 0 takes no new users. */
  readonly weight?: number;
  /** Goes with a drain: after so long it goes into maintenance. Any `wanted` without it takes an earlier one back. */
  readonly deadlineMs?: number;
}

export interface Readiness {
  readonly ok: boolean;
  /** Why not, in one sentence; empty when ok. */
  readonly why: string;
}

/** Everything is answered from what the main thread already holds: no call waits for a worker. */
export interface AdminView {
  status(): StatusView;
  /** Pools in config order, upstreams in config order in each. */
  upstreams(): readonly UpstreamView[];
  /** Makes the change at once, for every worker, and returns the upstream after it; null if there is no such upstream. */
  patchUpstream(pool: string, name: string, change: UpstreamChange): UpstreamView | null;
  /** In config order. */
  routes(): readonly RouteView[];
  /**
   * Gives the sides of a split their weights, in all workers by the time that it resolves: to null, or to why nothing has changed. `weights`: of each
   * of its pools. `by`: who orders it.
   */
  splitRoute(route: string, weights: Readonly<Record<string, number>>, by: string): Promise<string | null>;
  /** Session blocks in config order. */
  sessions(): readonly SessionView[];
  /** Pools whose sessions are watched, in config order. */
  continuity(): readonly ContinuityView[];
  /** Ends sessions, and lifts that again; null: no session is checked. */
  readonly revocations: Pick<RevocationRegistry, 'revoke' | 'lift' | 'page'> | null;
  /** What happens, as it happens. */
  readonly events: Pick<EventHub, 'last' | 'since' | 'listen' | 'publish'>;
  /** The config in force, and its reload. */
  readonly config: ConfigDesk;
  /** What would become of a request at this moment; null: too many are being explained. */
  explain(question: Question): Promise<Explanation | null>;
  ready(): Readiness;
  /** The public keys of tokens; null: no session has any. */
  keys(): PublishedKeys | null;
  /** The text of /metrics, in the form that is asked for. */
  metrics(format: ExpositionFormat): Promise<string>;
}
