// The data plane of one worker: what all its connections share, and nothing that belongs to one of them.

import type { ByteWriter } from '../base/byte-writer.ts';
import type { Clock } from '../base/clock.ts';
import type { Deadlines } from '../base/deadlines.ts';
import type { Fault } from '../base/fault.ts';
import type { Random, RandomBytes } from '../base/random.ts';
import type { WriterStock } from '../base/writer-stock.ts';
import type { HttpSwitches, LimitOptions, TimeoutOptions } from '../config/config.ts';
import type { AccessList } from '../limit/access-list.ts';
import type { RoutePlan } from '../plan/route-plan.ts';
import type { RouteTable } from '../plan/route-table.ts';
import type { TrustedProxies } from '../plan/trusted-proxies.ts';
import type { Pool } from '../pool/pool.ts';
import type { SocketMaker } from '../socket/handle-socket.ts';
import type { Upstream } from '../upstream/upstream.ts';
import type { UpstreamTable } from '../upstream/upstream-table.ts';
import type { RequestHead } from '../wire/request-head.ts';
import type { ResponseHead } from '../wire/response-head.ts';
import type { AccessDesk } from './access-desk.ts';
import type { Accountable } from './accountable.ts';
import type { ContinuityWatch } from './continuity.ts';
import type { DoorDesk } from './door.ts';
import type { GateKeeper } from './gate-keeper.ts';
import type { PlaneMetrics } from './plane-metrics.ts';
import type { Replies } from './replies.ts';
import type { Tracer } from './tracer.ts';

/** Kinds of failure that a worker tells the main thread of; it decides what they mean. */
export type FailureKind =
  | 'refused'
  | 'unreachable'
  | 'reset'
  | 'timeout'
  | 'protocol'
  | 'status'
  | 'unresolved';

/** What a worker tells the main thread about upstreams and users. */
export interface PlaneReports {
  failure(upstream: Upstream, kind: FailureKind): void;
  success(upstream: Upstream): void;
  suspect(upstream: Upstream): void;
  /** The store of a session block begins or ceases to tell of changes. */
  vouched(session: string, up: boolean, why: string | null): void;
  /** A user was given a new home. For the log; bounded by the receiver. */
  moved(poolName: string, from: string, to: string): void;
}

/** Everything of one generation of the config, compiled. */
export interface Generation {
  readonly number: number;
  /** Requests and tunnels that began under it and are not over. */
  underWay: number;
  readonly routes: RouteTable<RoutePlan>;
  readonly plans: readonly RoutePlan[];
  readonly pools: readonly Pool[];
  readonly trustedProxies: TrustedProxies;
  /** Who may connect at all; null: everybody. */
  readonly access: AccessList | null;
  /** Limits, timeouts and switches before a route is known. */
  readonly limits: LimitOptions;
  readonly timeouts: TimeoutOptions;
  readonly http: HttpSwitches;
}

/** What connections share. */
export interface Plane {
  readonly worker: number;
  readonly clock: Clock;
  readonly deadlines: Deadlines;
  readonly sockets: SocketMaker;
  readonly random: Random;
  readonly randomBytes: RandomBytes;
  readonly table: UpstreamTable;
  /** Upstreams of the largest pool: what a request may have to remember not to ask again. */
  readonly avoidSlots: number;
  readonly writers: WriterStock;
  /** The one writer that answers are laid out in; empty between calls. */
  readonly out: ByteWriter;
  readonly requestHead: RequestHead;
  readonly responseHead: ResponseHead;
  readonly replies: Replies;
  /** What sessions let in and what has not ended yet. */
  readonly doors: DoorDesk;
  /** The watch over sessions that apps lose. */
  readonly continuity: ContinuityWatch;
  /** Of the pools: `wake` is told where a place became free and somebody waits. */
  readonly pools: { wake(pool: Pool): void };
  /** What stands before the routes that have a gate. */
  readonly gates: GateKeeper;
  readonly metrics: PlaneMetrics;
  /** Null: there is no access log. */
  readonly access: AccessDesk | null;
  readonly reports: PlaneReports;
  /** Null: nothing is traced. */
  readonly tracer: Tracer | null;
  /** Closes every idle connection to upstreams, for want of descriptors. False: there was none. */
  freeIdle(): boolean;
  readonly generation: Generation;
  /** Nothing is under way any more under this generation. */
  isIdle(generation: Generation): void;
  /** A request is over: counted, and told in the access log. */
  account(exchange: Accountable): void;
  /** A client connection was refused or has ended for a fault before any route was known. */
  refused(fault: Fault): void;
  /**
   * Counts a request that was refused before anybody could look at it whole, and tells the access log of it. `head` and the `bytes` that it was read
   * from: as far as it got; null: nothing is known of it. `durationMs`: for how long it was waited for. Called when its answer has been
   * laid out.
   */
  tellUnread(
    client: string,
    listener: string,
    head: RequestHead | null,
    bytes: Uint8Array | null,
    fault: Fault,
    durationMs: number,
  ): void;
}
