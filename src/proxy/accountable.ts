// A request that is over, as the books and the access log see it.
import type { ByteWriter } from '../base/byte-writer.ts';
import type { Fault } from '../base/fault.ts';
import type { StageClock } from '../observe/stages.ts';
import type { RoutePlan } from '../plan/route-plan.ts';
import type { Pool } from '../pool/pool.ts';
import type { Standing } from '../session/standing.ts';
import type { Upstream } from '../upstream/upstream.ts';
import type { ClientSide } from './client-side.ts';
import type { RequestNotes } from './request-notes.ts';
import type { RequestTrace } from './request-trace.ts';
import type { RequestMark } from './request-writer.ts';

/** What the books and the log want to know of a request that is over. */
export interface Accountable {
  readonly plan: RoutePlan | null;
  readonly pool: Pool | null;
  readonly upstream: Upstream | null;
  readonly status: number;
  readonly attempts: number;
  readonly startedMs: number;
  /** −1 without an answer from an upstream. */
  readonly upstreamMs: number;
  readonly fault: Fault | null;
  /** OUTCOME of plane-metrics. */
  readonly outcome: number;
  /** Where it was last (STAGE). */
  readonly stage: number;
  /** The time of its stages; null: nobody asked for it. */
  readonly clock: StageClock | null;
  /** What the access log wants to know of its messages; null: nothing. */
  readonly notes: RequestNotes | null;
  readonly session: { readonly standing: Standing | null };
  /** Null once it is over. */
  readonly client: { readonly listener: string; readonly side: ClientSide } | null;
  readonly minor: number;
  /** WHO broke off the tunnel that it became. */
  readonly brokenBy: number;
  readonly method: number;
  readonly bytesOut: number;
  readonly bytesIn: number;
  /** HOMED of plane-metrics. */
  readonly homed: number;
  readonly clientAddress: string;
  /** The outgoing head with its marks, for the request's own words; null when none was laid out. */
  readonly requestHead: ByteWriter | null;
  readonly mark: RequestMark;
  /** 32 hex digits; empty where no head was laid out. */
  readonly traceId: string;
  /** Null: it is not traced. */
  readonly traced: RequestTrace | null;
}
