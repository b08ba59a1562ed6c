// The life of one request, from its head to the last byte of its answer: placed, sent, answered, or tried again.

import type { Fault } from '../base/fault.ts';
import { STAGE } from '../observe/stages.ts';
import { inRanges, type RoutePlan } from '../plan/route-plan.ts';
import type { Pool } from '../pool/pool.ts';
import type { Standing } from '../session/standing.ts';
import { UPSTREAM_FAULT } from '../upstream/faults.ts';
import type { RequestHead } from '../wire/request-head.ts';
import type { ResponseHead } from '../wire/response-head.ts';
import { Attempt, type AttemptOwner } from './attempt.ts';
import { OPEN } from './door.ts';
import type { ExchangeClient } from './exchange-client.ts';
import { ExchangeEntry, STATE } from './exchange-entry.ts';
import { ExchangeTunnel, type TunnelOwner } from './exchange-tunnel.ts';
import { PROXY_FAULT } from './faults.ts';
import { LateLimits } from './late-limits.ts';
import type { FailureKind, Plane } from './plane.ts';
import { OUTCOME } from './plane-metrics.ts';
import { FRAME_OUT, laySwitch } from './response-writer.ts';
import { CHECK } from './session-check.ts';
import { isOffered } from './upgrade-offer.ts';

/** What is left of a request body behind its answer is dropped up to here, then the connection is closed (rule C4). */
const DISCARD_BYTES_MAX = 64 * 1024;
/** An answer that is waited for so long is a long poll's, ms: it is not given any more when the session ends. */
const LONG_POLL_MS = 2000;
/** An answer that has gone on for so long is no logout's, ms. */
const LONG_ANSWER_MS = 2000;

/** Reused from request to request of one client connection, and from connection to connection. */
export class Exchange extends ExchangeEntry implements AttemptOwner, TunnelOwner {
  readonly attempt: Attempt;
  readonly tunnel = new ExchangeTunnel(this);
  #discarded = 0;
  /** Since when an answer goes on that did not come whole, ms. */
  #goesOnMs = 0;

  constructor(plane: Plane) {
    super(plane);
    this.attempt = new Attempt(plane, this, this.request, this.answer);
  }

  /** The answer went out, but the body still comes in and is dropped (rule C4). */
  get draining(): boolean {
    return this.state === STATE.answered;
  }

  /** Begins: lays the request out, places it and sends it. */
  begin(client: ExchangeClient, head: RequestHead, plan: RoutePlan, pool: Pool, startedMs: number): void {
    const plane = this.plane;
    this.beginRecord(client, head, plan, pool, startedMs);
    this.state = STATE.attempting;
    this.patientUntilMs = -1;
    this.attempt.dialsFresh = false;
    this.placement.begin(pool);
    this.homing.read(plan, pool, head, client.side);
    const fits = this.request.begin(head, plan, client.side, this.homing, this.traced);
    pool.budget.note(plane.deadlines.nowMs);
    if (plan.timeouts.totalMs > 0) client.armRequest(plane.deadlines.nowMs + plan.timeouts.totalMs);
    if (plan.gate !== null && plan.gate.late.length > 0) {
      this.limits ??= new LateLimits(plane, this);
      this.limits.begin(plan.gate, plan, head, client.side);
    }
    if (!fits) this.fail(PROXY_FAULT.bodyTooLarge);
    else if (plan.session !== null) this.check(plan.session, head);
    else {
      this.watched.read(pool, head.fields, null);
      this.askLimits();
    }
  }

  /** What is open of it (OPEN): nothing before it is answered, unless it polls. */
  openAs(nowMs: number): number {
    if (this.state === STATE.relaying) {
      if (this.tunnel.isOpen) return OPEN.tunnel;
      return nowMs - this.#goesOnMs > LONG_ANSWER_MS ? OPEN.stream : OPEN.answer;
    }
    if (this.state !== STATE.attempting || !this.repeatable || !this.request.sent) return OPEN.shut;
    return nowMs - this.request.sentMs > LONG_POLL_MS ? OPEN.poll : OPEN.shut;
  }

  onSessionOver(standing: Standing): void {
    if (this.tunnel.isOpen) {
      this.tunnel.sessionOver(this.plane.doors.later);
      return;
    }
    this.session.over(standing);
    this.attempt.leave(this.plane.doors.later);
    this.fail(PROXY_FAULT.sessionEnded);
  }

  /** Body bytes of the request, as the client sends them. Returns the offset behind the last byte that is the body's. */
  feed(bytes: Uint8Array, start: number, end: number): number {
    if (this.state === STATE.answered) return this.#discard(bytes, start, end);
    const request = this.request;
    const { body } = request;
    const plan = this.plan!;
    request.expects = false;
    const at = request.take(bytes, start, end);
    if (body.fault !== null) {
      this.fail(body.fault);
      return end;
    }
    if (body.payload > plan.limits.bodyBytes) {
      this.fail(PROXY_FAULT.bodyTooLarge);
      return end;
    }
    if (this.state === STATE.gathering) {
      if (body.payload > plan.retries.bodyBufferBytes) {
        this.fail(PROXY_FAULT.lengthRequired);
        return end;
      }
      if (body.done) this.ask();
    } else if (request.sent) {
      this.attempt.flushBody();
    } else if (request.waitingBytes > plan.limits.bufferBytes) {
      this.client!.pauseBody();
    }
    return at;
  }

  /** The answer is out; what is left of the body is dropped, up to a bound (rule C4). */
  #discard(bytes: Uint8Array, start: number, end: number): number {
    const { body } = this.request;
    const at = this.request.drop(bytes, start, end);
    this.#discarded += at - start;
    if (body.fault !== null || this.#discarded > DISCARD_BYTES_MAX) {
      this.#leave(false);
      return end;
    }
    if (body.done) this.#leave(this.keepAlive);
    return at;
  }

  /** Asks the upstream where the request was placed. */
  protected override ask(): void {
    const stands = this.session.stillStands(this.client!, this.homing.clientAddress);
    if (stands === CHECK.waits) {
      this.awaitVerdict();
      return;
    }
    if (stands === CHECK.refused) {
      this.stage = STAGE.session;
      this.fail(this.session.fault);
      return;
    }
    this.request.token = this.session.token;
    this.request.tellSession(this.session);
    if (this.session.renewsToken(this.attempts)) {
      this.awaitVerdict();
      return;
    }
    const upstream = this.placement.upstream!;
    if (this.request.mustGather(upstream.speaksOld)) {
      this.state = STATE.gathering;
      this.enter(STAGE.body);
      this.sendContinue();
      this.client!.resumeBody();
      return;
    }
    this.state = STATE.attempting;
    this.stage = STAGE.connect;
    this.attempts++;
    if (this.traced !== null) this.request.tellSpan(this.traced.asking(upstream));
    this.attempt.start(upstream);
  }

  /** Everything that has been read from the upstream has left: it may go on. */
  onClientDrain(): void {
    this.attempt.clientDrained();
  }

  onBadAnswer(fault: Fault): void {
    this.onAttemptFailed(fault, 'protocol');
  }

  onAnswer(head: ResponseHead, bytes: Uint8Array, end: number): void {
    const plane = this.plane;
    const plan = this.plan!;
    const upstream = this.placement.upstream!;
    this.noteAnswer(upstream, head);
    const { statuses } = plan.retries;
    if (statuses.length > 0 && inRanges(statuses, head.status) && this.#moveOn(UPSTREAM_FAULT.byStatus))
      return;
    const { answer } = this;
    answer.begin(head, this.minor, plan.responseEdits.trailerNames);
    this.attempt.noteKeepAlive(head);
    // A client that waits for a 100 will not send its body now, or will: its next bytes would be ambiguous.
    if (answer.frame === FRAME_OUT.close || this.request.expects || this.client!.stopping)
      this.keepAlive = false;
    const out = plane.out;
    this.layAnswer(upstream, head);
    const headLength = out.length;
    const at = answer.body.feed(out, bytes, head.end, end);
    if (answer.body.fault !== null) {
      // Nothing of it went out: the client can still be told (rule A5).
      out.reset();
      this.stage = STAGE.wait;
      this.onAttemptFailed(answer.body.fault, 'protocol');
      return;
    }
    this.status = head.status;
    this.state = STATE.relaying;
    this.traced?.relaying();
    this.attempt.relaying = true;
    if (!answer.body.done) this.#goesOnMs = plane.deadlines.nowMs;
    this.bytesOut = out.length - headLength;
    this.#relay(at, end);
  }

  onBodyBytes(bytes: Uint8Array, start: number, end: number): void {
    const { out } = this.plane;
    const at = this.answer.body.feed(out, bytes, start, end);
    this.bytesOut += out.length;
    if (this.answer.body.fault === null) {
      this.#relay(at, end);
      return;
    }
    out.reset();
    this.onBrokenOff(this.answer.body.fault, 'protocol');
  }

  /** Writes what was laid out, and ends the exchange when that was the last of it. `at`: behind the answer's last byte. */
  #relay(at: number, end: number): void {
    const { out } = this.plane;
    const { answer } = this;
    const flushed = out.length === 0 || this.client!.socket.write(out);
    if (!answer.body.done) {
      this.attempt.relayed(flushed);
      return;
    }
    // Bytes that nobody asked for: the connection is not to be trusted any more (rule A6).
    if (at !== end) answer.reusable = false;
    this.#finish();
  }

  onBodyEnd(): void {
    const { out } = this.plane;
    this.answer.body.finish(out);
    if (out.length > 0) this.client!.socket.write(out);
    this.answer.reusable = false;
    this.#finish();
  }

  /** The answer cannot be completed (rule A5). */
  onBrokenOff(fault: Fault, kind: FailureKind | null): void {
    if (kind !== null) this.plane.reports.failure(this.placement.upstream!, kind);
    this.#cut(fault);
  }

  /** 101: both sides become a tunnel (rule C7). */
  onSwitch(head: ResponseHead, bytes: Uint8Array, end: number): void {
    if (!isOffered(head, this.request.upgradeTo)) {
      this.onAttemptFailed(PROXY_FAULT.switchUnasked, 'protocol');
      return;
    }
    this.status = 101;
    this.state = STATE.relaying;
    this.traced?.relaying();
    const upstream = this.placement.upstream!;
    this.noteAnswer(upstream, head);
    this.enter(STAGE.tunnel);
    this.plane.continuity.answered(this.watched, upstream, head, this);
    this.tunnel.prepare(head);
    const { out } = this.plane;
    const client = this.client!;
    const start = head.end;
    const editor = this.answerEditor(upstream, head);
    laySwitch(out, head, this.plan!.responseEdits, editor, client.side.answerLines);
    client.socket.write(out);
    this.tunnel.open(client, this.attempt.handOver(), bytes, start, end);
  }

  onHung(): void {
    this.#moveOn(UPSTREAM_FAULT.hung);
  }

  onAttemptFailed(fault: Fault, kind: FailureKind | null): void {
    if (kind !== null) this.plane.reports.failure(this.placement.upstream!, kind);
    if (!this.mayRetry(fault)) {
      this.fail(fault);
      return;
    }
    // On a kept connection that had died the upstream itself is not to blame: once more there, freshly dialled (T2).
    const reused = fault.retry === 'reused';
    this.attempt.dialsFresh = reused;
    this.#letGo(fault, reused);
    this.place();
  }

  /** An attempt that still stands goes to another upstream. False: nobody else takes it, and it goes on where it is. */
  #moveOn(fault: Fault): boolean {
    if (!this.mayRetry(fault)) return false;
    const next = this.placement.findElsewhere();
    if (next === null) return false;
    this.#letGo(fault, false);
    this.placement.settle(next);
    this.ask();
    return true;
  }

  /** Drops an attempt that another follows. `mayStay`: at the same upstream, if need be. */
  #letGo(fault: Fault, mayStay: boolean): void {
    this.plane.metrics.retry(this.pool!, fault.code);
    this.traced?.failed(fault);
    this.placement.failed(fault, mayStay);
    this.enter(STAGE.connect);
    this.#dropAttempt();
    this.request.rewind();
  }

  /** Lets go of the upstream and its connection; nothing on it is used again. */
  #dropAttempt(): void {
    this.attempt.drop();
    this.placement.giveBack();
  }

  /** Answers with the fault's status, or cuts the client off where an answer has begun. */
  fail(fault: Fault): void {
    if (this.state === STATE.relaying) {
      this.#cut(fault);
      return;
    }
    if (this.line !== null) this.line.leave(this);
    this.layFailure(fault);
    const { keep } = this;
    // Before the place is given back: whoever gets it may use the one writer.
    this.client!.socket.write(this.plane.out);
    this.#dropAttempt();
    this.#leaveAccounted(keep);
  }

  /** The answer cannot be completed (rule A5). */
  #cut(fault: Fault): void {
    const client = this.client!;
    this.fault = fault;
    this.outcome = OUTCOME.cut;
    const hard = this.answer.frame === FRAME_OUT.close;
    this.#dropAttempt();
    this.plane.account(this);
    this.#reset();
    client.cut(hard);
  }

  /** The client is gone, or is let go of by the end of the worker: whatever was done for it stops (rules C8, F9). */
  abort(fault: Fault = PROXY_FAULT.clientGone): void {
    if (this.state === STATE.idle) return;
    if (this.line !== null) this.line.leave(this);
    this.#dropAttempt();
    if (this.state !== STATE.answered) {
      this.fault = fault;
      this.outcome = fault.side === 'client' ? OUTCOME.aborted : OUTCOME.cut;
      this.plane.account(this);
    }
    this.#reset();
  }

  /** The whole answer is with the client. */
  #finish(): void {
    const bodyDone = this.request.body.done;
    this.attempt.finish();
    this.placement.giveBack();
    if (bodyDone || !this.keepAlive) {
      this.#leaveAccounted(bodyDone && this.keepAlive);
      return;
    }
    this.plane.account(this);
    this.state = STATE.answered;
    this.#discarded = 0;
    this.client!.resumeBody();
  }

  #leaveAccounted(keep: boolean): void {
    this.plane.account(this);
    this.#leave(keep);
  }

  #leave(keep: boolean): void {
    const client = this.client!;
    this.#reset();
    client.onAnswered(keep);
  }

  onTunnelEnd(): void {
    this.placement.giveBack();
    this.plane.account(this);
    this.#reset();
  }

  /** Forgets everything of this request. */
  #reset(): void {
    this.state = STATE.idle;
    this.tunnel.reset();
    this.forget();
  }
}
