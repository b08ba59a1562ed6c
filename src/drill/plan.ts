// What a drill is to do, with every unit a number and every text taken apart: the scenario before it meets its target, and after.
import type { StatusRange } from '../health/options.ts';
import type { Condition, Extractor } from './extract.ts';
import type { RequestText } from './request-text.ts';
import type { EventKind } from './scenario-keys.ts';

/** What an event is done to. */
export type Victim =
  | { readonly by: 'pid'; readonly pid: number }
  | { readonly by: 'port'; readonly port: number }
  | { readonly by: 'container'; readonly name: string }
  /** An app of `limpet demo`. */
  | { readonly by: 'demo'; readonly app: string }
  | { readonly by: 'run'; readonly command: string }
  | { readonly by: 'upstream'; readonly pool: string; readonly name: string }
  | { readonly by: 'admin' };

export interface EventPlan {
  readonly kind: EventKind;
  readonly victim: Victim;
  /** As it was written: `kill pid:123`. */
  readonly text: string;
  /** A command that undoes it, or null. */
  readonly undo: string | null;
}

/** Bounds of the verdict; null: not judged. */
export interface Limits {
  readonly failed: number;
  readonly p99Ms: number | null;
  /** Users moved needlessly. */
  readonly moved: number | null;
  readonly lost: number | null;
  /** Null: 0 where it can be known. */
  readonly twice: number | null;
}

/** Where the ids of handled writes are written down. */
export type Ledger = { readonly file: string } | { readonly url: URL };

/** What somebody asked for. Null is what they left open, and the target may fill in. */
export interface Scenario {
  readonly target: URL;
  /** Requests a second. */
  readonly rate: number;
  readonly users: number;
  readonly durationMs: number;
  readonly timeoutMs: number;
  readonly requests: readonly RequestText[] | null;
  /** Share of writes, 0 … 1; means nothing where no request is one. */
  readonly writeShare: number;
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly ok: readonly StatusRange[];
  readonly login: RequestText | null;
  readonly loggedOut: readonly Condition[] | null;
  readonly instance: Extractor | null;
  readonly handled: Extractor | null;
  readonly ledgers: readonly Ledger[] | null;
  readonly event: EventPlan | null;
  readonly atMs: number;
  readonly forMs: number;
  /** Names of the harmed instances; empty: none is. */
  readonly harmed: readonly string[] | null;
  readonly admin: URL | null;
  readonly limits: Limits;
}

/** A scenario whose gaps are filled. */
export interface DrillPlan extends Scenario {
  readonly requests: readonly RequestText[];
  readonly loggedOut: readonly Condition[];
  readonly ledgers: readonly Ledger[];
  /** What was found out or assumed, in sentences for the report. */
  readonly notes: readonly string[];
}

/** When the event begins and is undone, in ms from the start of the load; without an event all of it is before. */
export function eventWindow(plan: Scenario): { readonly fromMs: number; readonly toMs: number } {
  if (plan.event === null) return { fromMs: Infinity, toMs: Infinity };
  return { fromMs: plan.atMs, toMs: plan.atMs + plan.forMs };
}
