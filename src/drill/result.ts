// What a drill found out: plain data, which `--json` prints as it is and the report puts into words. Names and order are contract.

/** Requests that were due in one part of the drill. Latencies count from when a request was due, and are null where none ended. */
export interface PhaseResult {
  readonly phase: 'before' | 'during' | 'after';
  readonly requests: number;
  readonly failed: number;
  readonly p50Ms: number | null;
  readonly p99Ms: number | null;
  readonly p999Ms: number | null;
  readonly maxMs: number | null;
}

/** Failures of one kind. Times are ms since the load began. */
export interface FailureGroup {
  readonly method: string;
  readonly why: string;
  /** The beginning of what one of the failing answers said. */
  readonly detail: string;
  readonly count: number;
  readonly firstMs: number;
  readonly lastMs: number;
}

export interface FailureResult {
  readonly count: number;
  /** Of those: writes that were in the harmed instance when it was harmed, which nobody may send again. */
  readonly unavoidable: number;
  /** Null without any. */
  readonly firstMs: number | null;
  readonly lastMs: number | null;
  /** The first twenty kinds. */
  readonly groups: readonly FailureGroup[];
}

/** Users, and of those the ones whose instance was harmed and the others; null where that cannot be known. */
export interface ToldApart {
  readonly count: number;
  readonly needed: number | null;
  readonly needlessly: number | null;
}

export interface DrillResult {
  readonly target: string;
  /** True for a verdict that was passed by a whole drill. */
  readonly passed: boolean;
  /** What ended it early, or null. */
  readonly interrupted: string | null;
  readonly rate: number;
  readonly users: number;
  readonly durationMs: number;
  /** Null for load alone. */
  readonly event: {
    readonly what: string;
    /** When it was done, and when undone or left as it is, in ms since the load began; null where that did not come about. */
    readonly fromMs: number | null;
    readonly toMs: number | null;
    /** What was undone; empty where there was nothing to undo. */
    readonly undone: string;
    /** Why it was not done, or not undone; null where all went well. */
    readonly trouble: string | null;
    /** Names of the instances that were harmed; null where they are not known. */
    readonly harmed: readonly string[] | null;
    /** How that is known, or why not. */
    readonly harmedBy: string;
  } | null;
  readonly phases: readonly PhaseResult[];
  readonly failures: FailureResult;
  /** By name; null where no answer says which instance gave it. */
  readonly instances: readonly { readonly name: string; readonly answers: number }[] | null;
  /** Users that were answered by another instance than before. Null where no answer says which instance gave it. */
  readonly moved: (ToldApart & { readonly moves: number }) | null;
  /** Null where nobody logged in. */
  readonly logins: (ToldApart & { readonly made: number }) | null;
  readonly twice: {
    readonly writes: number;
    /** Writes that were handled more than once; null where nobody can tell. */
    readonly count: number | null;
    /** Ids of the first ten. */
    readonly ids: readonly string[];
  };
  /** What a Limpet saw of its upstreams, at most fifty changes; null without its admin API. */
  readonly limpetSaw:
    | readonly {
        readonly atMs: number;
        readonly upstream: string;
        readonly from: string;
        readonly to: string;
      }[]
    | null;
  /** The longest time that the drill itself stood still: latencies up to it say nothing of the proxy. */
  readonly stalledMs: number;
  readonly notes: readonly string[];
  readonly verdict: readonly Judged[];
}

/** One limit. `was` is null where it cannot be known, which is never good enough for a limit that was asked for. */
export interface Judged {
  readonly limit: 'maxFailed' | 'maxP99' | 'maxMoved' | 'maxLost' | 'maxTwice' | 'event';
  readonly allowed: number;
  readonly was: number | null;
  readonly ok: boolean;
}
