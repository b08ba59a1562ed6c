// What `explain` is asked and what it tells.
import type { TimeoutOptions } from '../config/config.ts';
import type { Reason, Verdict } from '../session/verdict.ts';
import type { FieldChanges } from './field-changes.ts';
import type { HOMED_NAMES } from './plane-metrics.ts';

export type StepName =
  | 'listener'
  | 'request'
  | 'route'
  | 'session'
  | 'rewrite'
  | 'fields'
  | 'affinity'
  | 'pool'
  | 'choice'
  | 'limits'
  | 'answer';

/** One step of the decision. */
export interface ExplainStep {
  readonly step: StepName;
  readonly text: string;
}

/** What would become of a request. Holds no secret, no cookie, and of the fields only names and the addresses of host and client. */
export interface Explanation {
  /** It would be forwarded, or answered by a route's redirect or fixed text. */
  readonly ok: boolean;
  /** Status that Limpet itself would answer; null when the request goes to an upstream. */
  readonly status: number | null;
  /** Code of the fault, or null. */
  readonly code: string | null;
  readonly listener: string;
  readonly route: string | null;
  /** The route that would take the request if there were not `route`. */
  readonly nextBest: string | null;
  /** What the check of the session came to; null where nothing is checked. `name`: of the block that decided. */
  readonly session: {
    readonly name: string;
    readonly verdict: Verdict;
    readonly reason: Reason;
    readonly passed: boolean;
  } | null;
  readonly pool: string | null;
  /** The target that the upstream would see. */
  readonly target: string | null;
  readonly fields: FieldChanges | null;
  /** What becomes of the user's home; null where there is no affinity. */
  readonly affinity: (typeof HOMED_NAMES)[number] | 'lost' | null;
  /** Upstreams that may take a new user, by name. */
  readonly candidates: readonly string[];
  /** The one that would be asked, where that is certain. */
  readonly choice: string | null;
  readonly timeouts: TimeoutOptions | null;
  /** Tries after the first, where a retry is safe. */
  readonly retries: number | null;
  readonly steps: readonly ExplainStep[];
}

/** A request as it is typed: no part holds a line break. */
export interface Question {
  readonly method: string;
  /** Absolute (`http://host/path`) or a path. */
  readonly url: string;
  readonly headers: readonly (readonly [name: string, value: string])[];
}
