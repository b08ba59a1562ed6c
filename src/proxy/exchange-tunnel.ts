// The tunnel that an exchange becomes behind a 101, and what the books are told of its end.
import type { Fault } from '../base/fault.ts';
import type { LaterWork } from '../base/later-work.ts';
import type { RoutePlan } from '../plan/route-plan.ts';
import type { UpstreamConnection } from '../upstream/connection.ts';
import type { ResponseHead } from '../wire/response-head.ts';
import type { ExchangeClient } from './exchange-client.ts';
import { PROXY_FAULT } from './faults.ts';
import type { Plane } from './plane.ts';
import { OUTCOME } from './plane-metrics.ts';
import { SESSION_OVER, TIME_OVER, type Tunnel, type TunnelExchange } from './tunnel.ts';
import { isWebSocket } from './upgrade-offer.ts';

/** The exchange, as its tunnel sees it. */
export interface TunnelOwner {
  readonly plan: RoutePlan | null;
  readonly plane: Plane;
  readonly request: { readonly body: { payload: number } };
  fault: Fault | null;
  outcome: number;
  brokenBy: number;
  bytesOut: number;
  /** All is told: it is accounted and forgotten. */
  onTunnelEnd(): void;
}

/** Part of an exchange, and reused with it. */
export class ExchangeTunnel implements TunnelExchange {
  framed = false;
  readonly #owner: TunnelOwner;
  #tunnel: Tunnel | null = null;

  constructor(owner: TunnelOwner) {
    this.#owner = owner;
  }

  get plan(): RoutePlan | null {
    return this.#owner.plan;
  }

  get plane(): Plane {
    return this.#owner.plane;
  }

  get isOpen(): boolean {
    return this.#tunnel !== null;
  }

  /** Before its bytes pass: whether its frames are followed, so that it can be told that this process ends. */
  prepare(head: ResponseHead): void {
    this.framed = isWebSocket(head);
  }

  /** Opens it; `bytes[start, end)` came behind the head. */
  open(
    client: ExchangeClient,
    connection: UpstreamConnection,
    bytes: Uint8Array,
    start: number,
    end: number,
  ): void {
    const tunnel = client.openTunnel(connection, this);
    // What the client had sent already may have ended it.
    if (tunnel.isOver) return;
    this.#tunnel = tunnel;
    if (start < end) tunnel.onUpstreamBytes(connection, bytes, start, end);
  }

  /** Its session is over: the client is told now, the app when `later` comes to it. */
  sessionOver(later: LaterWork): void {
    this.#note(PROXY_FAULT.sessionEnded);
    this.#tunnel!.close(SESSION_OVER, later);
  }

  onTunnelTime(): void {
    this.#note(PROXY_FAULT.tunnelTime);
    this.#tunnel!.close(TIME_OVER);
  }

  #note(fault: Fault): void {
    this.#owner.fault = fault;
    this.#owner.outcome = OUTCOME.cut;
  }

  /** The worker ends soon: a tunnel that can be told so is. */
  leave(): void {
    if (!this.framed) return;
    this.stop();
    this.#tunnel!.leave();
  }

  /** The worker ends, and the tunnel with it. */
  stop(): void {
    this.#owner.fault ??= PROXY_FAULT.shutdown;
    this.#owner.outcome = OUTCOME.cut;
  }

  tunnelOver(bytesUp: number, bytesDown: number, brokenBy: number): void {
    const owner = this.#owner;
    owner.brokenBy = brokenBy;
    owner.request.body.payload = bytesUp;
    owner.bytesOut = bytesDown;
    owner.onTunnelEnd();
  }

  reset(): void {
    this.#tunnel = null;
    this.framed = false;
  }
}
