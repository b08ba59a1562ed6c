// What the page at `/` and `limpet top` look at: the state of the house at one moment, what is wrong in it, and its last ten minutes.
import type { Observed, Wanted } from '../upstream/upstream-table.ts';
import type { ContinuityView, ListenerView, SessionView, SwitchView } from './view.ts';

/** Over the last seconds (`LiveSnapshot.windowS`), so that one slow second does not jump about. */
export interface LiveFigures {
  readonly requestsPerS: number;
  /** Answers with a status of 500 or more. */
  readonly errorsPerS: number;
  /** Median time from a request's last byte to the head of its answer, ms; null: there was no answer. */
  readonly p50Ms: number | null;
  readonly p99Ms: number | null;
  readonly inFlight: number;
}

export interface LiveUpstream extends LiveFigures {
  readonly name: string;
  readonly url: string;
  readonly wanted: Wanted;
  readonly observed: Observed;
  readonly why: string;
  /** Since when it is observed so; ISO 8601, UTC. */
  readonly since: string;
  /** When its drain ends and it goes into maintenance; null: no end is set. ISO 8601, UTC. */
  readonly drainUntil: string | null;
  readonly weight: number;
  /** Takes new users. */
  readonly eligible: boolean;
  /** Since start. */
  readonly requests: number;
  readonly errors: number;
  readonly users: number;
}

export interface LivePool extends LiveFigures {
  readonly name: string;
  readonly balance: string;
  /** How users are kept: `cookie`, `prefix`, `learned`, `session`; null: they are not. */
  readonly affinity: string | null;
  /** Requests in its waiting line. */
  readonly waiting: number;
  readonly upstreams: readonly LiveUpstream[];
}

export interface LiveSession extends SessionView {
  /** Checks a second, over the last seconds. */
  readonly checksPerS: number;
  /** Of those, such as came to `invalid` or `unknown`. */
  readonly refusedPerS: number;
}

/**
 * critical: users are being failed. warning: something is broken and users are spared for now, or it will hurt soon. notice: as it
 * was ordered, or worth a look by day.
 */
export type Severity = 'critical' | 'warning' | 'notice';

export interface Trouble {
  /** The same as long as it lasts, and the next time too: `upstream.out shop/blue`. */
  readonly id: string;
  readonly severity: Severity;
  /** What is wrong, in one sentence. */
  readonly what: string;
  /** Since when; ISO 8601, UTC. */
  readonly since: string;
  /** What to do, in one or two sentences. */
  readonly advice: string;
  readonly pool: string | null;
  readonly upstream: string | null;
  readonly session: string | null;
}

/** `GET /api/v1/troubles`. */
export interface TroubleReport {
  /** Nothing is wrong: there is neither a critical trouble nor a warning. */
  readonly ok: boolean;
  /** Since when it has been so; ISO 8601, UTC. */
  readonly since: string;
  /** The most urgent first, of equal ones the oldest. */
  readonly troubles: readonly Trouble[];
}

/**
 * `GET /api/v1/live`: this as JSON; with `Accept: text/event-stream` an event `hello` (`LiveHello`), then an event `live` with this
 * once a second.
 */
export interface LiveSnapshot extends TroubleReport {
  /** ISO 8601, UTC. */
  readonly at: string;
  /** What a rate or a quantile looks back over, s. */
  readonly windowS: number;
  readonly version: string;
  readonly generation: number;
  readonly uptimeS: number;
  readonly workers: { readonly listening: number; readonly wanted: number; readonly restarts: number };
  readonly listeners: readonly ListenerView[];
  readonly totals: LiveFigures & {
    /** Since start. */
    readonly requests: number;
    readonly errors: number;
    readonly connections: number;
    /** Client connections that all workers together hold at most. */
    readonly connectionsMax: number;
    readonly refusedPerS: number;
    readonly retriesPerS: number;
    /** Tunnels such as WebSockets, and answers that go on such as event streams, open now. */
    readonly tunnels: number;
    readonly streams: number;
  };
  /** In config order. */
  readonly pools: readonly LivePool[];
  readonly sessions: readonly LiveSession[];
  readonly continuity: readonly ContinuityView[];
  /** Null: no session is checked. */
  readonly revocations: SwitchView | null;
}

/** Who asks, so that the page need not offer what would be refused. */
export interface LiveHello {
  readonly name: string;
  readonly access: 'read' | 'full';
  readonly version: string;
  /** When this process began; ISO 8601, UTC. Ids of events begin anew with it. */
  readonly started: string;
}

/** One line of a chart: a value a point of time of `LiveHistory.times`; null where nothing is known. */
export interface LiveLine {
  readonly name: string;
  readonly requestsPerS: readonly (number | null)[];
  readonly errorsPerS: readonly (number | null)[];
  readonly p50Ms: readonly (number | null)[];
  readonly p99Ms: readonly (number | null)[];
  readonly inFlight: readonly (number | null)[];
}

/** `GET /api/v1/live/history`: `lines` are the whole (named ``) and the pools; `GET /api/v1/live/history/POOL`: its upstreams. */
export interface LiveHistory {
  /** Unix seconds, oldest first. */
  readonly times: readonly number[];
  readonly lines: readonly LiveLine[];
}

/** Answered from what the main thread keeps: nothing waits for a worker. */
export interface LiveFeed {
  snapshot(): LiveSnapshot;
  troubles(): TroubleReport;
  /** `pool`: null for the whole and the pools. Null: there is no such pool. */
  history(pool: string | null): LiveHistory | null;
  /** Calls `listener` with each snapshot, once a second; what is returned ends that. Snapshots are made for those who listen only. */
  watch(listener: (snapshot: LiveSnapshot) => void): () => void;
}
