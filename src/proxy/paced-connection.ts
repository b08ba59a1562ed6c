// One client connection, as its pace is kept: what it holds of bytes, whether it is read, and what its time is up for.
import { type Deadlines, LOOSE, type Timed } from '../base/deadlines.ts';
import type { Fault } from '../base/fault.ts';
import type { ByteSocket } from '../socket/byte-socket.ts';
import type { ConnectionHome } from './connection-home.ts';
import type { Exchange } from './exchange.ts';
import { PROXY_FAULT } from './faults.ts';
import { HeldBytes } from './held-bytes.ts';
import { RequestTimes } from './request-times.ts';

/** What a client connection is at. */
export const PHASE = { idle: 0, head: 1, exchange: 2, linger: 3, tunnel: 4, gone: 5 } as const;

/** Of a client connection what does not read requests. `C`: the connection that it is. */
export abstract class PacedConnection<C> implements Timed {
  readonly home: ConnectionHome<C>;
  readonly socket: ByteSocket;
  deadlineMs = Number.POSITIVE_INFINITY;
  wheelSlot: number = LOOSE;
  wheelPrev: Timed | null = null;
  wheelNext: Timed | null = null;
  protected phase: number = PHASE.idle;
  protected exchange: Exchange | null = null;
  /** Bytes that came and are not used up. */
  protected readonly held = new HeldBytes();
  protected readingPaused = false;
  protected readonly times = new RequestTimes();

  constructor(home: ConnectionHome<C>, socket: ByteSocket) {
    this.home = home;
    this.socket = socket;
  }

  abstract onDeadline(nowMs: number): void;

  protected get deadlines(): Deadlines {
    return this.home.plane.deadlines;
  }

  /** What stands behind the request under way is held up to a bound, then left in the socket (rules C2, C8). */
  protected boundReadAhead(): void {
    if (this.held.length >= this.home.plane.generation.limits.bufferBytes) this.pause();
  }

  protected pause(): void {
    if (this.readingPaused) return;
    this.readingPaused = true;
    this.socket.pause();
    this.armExchange();
  }

  protected resume(): void {
    if (!this.readingPaused) return;
    this.readingPaused = false;
    this.socket.resume();
  }

  pauseBody(): void {
    this.times.pauseBody();
    this.pause();
  }

  resumeBody(): void {
    this.times.resumeBody(this.deadlines.nowMs);
    // What was read ahead keeps its bound, however the body gets on.
    if (this.held.length < this.home.plane.generation.limits.bufferBytes) this.resume();
  }

  /** Arms what comes first: the request's whole time, the next look at its body, or at a client that is not read. */
  protected armExchange(): void {
    const exchange = this.exchange;
    if (exchange === null || exchange.plan === null) return;
    const { nowMs } = this.deadlines;
    const at = this.times.nextMs(exchange.plan, nowMs, exchange.expects, this.readingPaused);
    if (at === Number.POSITIVE_INFINITY) this.deadlines.disarm(this);
    else this.deadlines.arm(this, at);
  }

  /** The request's body is complete: from now on only its total time counts. */
  protected bodyIn(): void {
    this.times.endBody();
    this.armExchange();
  }

  armRequest(atMs: number): void {
    this.times.totalAtMs = atMs;
    this.armExchange();
  }

  protected exchangeDeadline(nowMs: number): void {
    const exchange = this.exchange!;
    if (nowMs >= this.times.totalAtMs) {
      // With the answer out only the rest of the body is waited for: a fault would be a second answer.
      if (exchange.draining) this.socket.destroy();
      else exchange.fail(PROXY_FAULT.totalTimeout);
      return;
    }
    // A client that is not read is watched all the same (rule C8).
    if (this.readingPaused && this.socket.peerHasReset()) {
      this.abandon();
      return;
    }
    if (exchange.expects && this.times.continueIsDue(nowMs)) exchange.sendContinue();
    const fault = this.times.judgeBody(exchange.plan!, nowMs);
    if (fault === null) this.armExchange();
    else if (exchange.draining) this.socket.destroy();
    else exchange.fail(fault);
  }

  protected abandon(fault?: Fault): void {
    this.exchange?.abort(fault);
    this.dropExchange();
    this.phase = PHASE.linger;
    this.socket.destroy();
  }

  protected dropExchange(): void {
    const exchange = this.exchange;
    if (exchange === null) return;
    this.exchange = null;
    this.home.giveExchange(exchange);
  }
}
