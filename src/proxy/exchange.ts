// The life of one request, from its head to the last byte of its answer: placed, sent, answered, or tried again.

import { Avoid } from '../balance/balancer.ts';
import { feedLatency, feedP99 } from '../balance/latency.ts';
import { type ByteWriter, latin1Text } from '../base/byte-writer.ts';
import type { Fault } from '../base/fault.ts';
import { inRanges, type RoutePlan } from '../plan/route-plan.ts';
import type { Pool } from '../pool/pool.ts';
import type { Waiter, WaitingLine } from '../pool/waiting-line.ts';
import { type ConnectionUser, UpstreamConnection } from '../upstream/connection.ts';
import { dialFault, UPSTREAM_FAULT } from '../upstream/faults.ts';
import type { Upstream } from '../upstream/upstream.ts';
import { CONTINUE } from '../wire/local-reply.ts';
import type { RequestHead } from '../wire/request-head.ts';
import { isIdempotent, METHOD } from '../wire/request-method.ts';
import type { ResponseHead } from '../wire/response-head.ts';
import type { ExchangeClient } from './exchange-client.ts';
import { PROXY_FAULT } from './faults.ts';
import { Homing } from './homing.ts';
import { type AnswerReader, IncomingAnswer } from './incoming-answer.ts';
import { OutgoingRequest } from './outgoing-request.ts';
import type { FailureKind, Plane } from './plane.ts';
import type { RequestMark } from './request-writer.ts';
import { FRAME_OUT, layInterim, layResponse, laySwitch } from './response-writer.ts';
import { AGAIN, judgeRetry } from './retry-verdict.ts';
import type { TunnelExchange } from './tunnel.ts';
import { isOffered } from './upgrade-offer.ts';

/** What is left of a request body behind its answer is dropped up to here, then the connection is closed (rule C4). */
const DISCARD_BYTES_MAX = 64 * 1024;

/** `gathering`: a body is read to its end before an upstream of HTTP/1.0 is asked. `answered`: only the body's rest still comes. */
const STATE = { idle: 0, waiting: 1, gathering: 2, attempting: 3, relaying: 4, answered: 5 } as const;

/** Reused from request to request of one client connection, and from connection to connection. */
export class Exchange implements ConnectionUser, Waiter, AnswerReader, TunnelExchange {
  readonly plane: Plane;
  readonly request: OutgoingRequest;
  readonly answer: IncomingAnswer;
  readonly homing: Homing;
  client: ExchangeClient | null = null;
  line: WaitingLine | null = null;
  ahead: Waiter | null = null;
  behind: Waiter | null = null;
  waitUntilMs = 0;

  plan: RoutePlan | null = null;
  pool: Pool | null = null;
  /** Whom the request is at, or was at last. */
  upstream: Upstream | null = null;
  status = 0;
  attempts = 0;
  startedMs = 0;
  upstreamMs = -1;
  fault: Fault | null = null;
  minor = 1;
  method = 0;
  bytesOut = 0;
  json = false;

  #state: number = STATE.idle;
  /** A place at `upstream` is taken, and must be given back. */
  #reserved = false;
  #connection: UpstreamConnection | null = null;
  #keepAlive = false;
  readonly #avoid: Avoid;
  /** What the last attempt failed by; null before any failed. */
  #lastFault: Fault | null = null;
  /** The last look for a place found upstreams that were only full. */
  #full = false;
  /** When the waiting in line ends at the latest, ms; −1 while it has not waited. */
  #patientUntilMs = -1;
  /** The next attempt takes no kept connection (rule T2). */
  #dialsFresh = false;
  #clientBlocked = false;
  #discarded = 0;

  constructor(plane: Plane) {
    this.plane = plane;
    this.request = new OutgoingRequest(plane);
    this.answer = new IncomingAnswer(plane);
    this.homing = new Homing(plane);
    this.#avoid = new Avoid(plane.avoidSlots);
  }

  /** Whether the request's body has been read to its end. */
  get bodyDone(): boolean {
    return this.request.body.done;
  }

  /** The answer went out, but the body still comes in and is dropped (rule C4). */
  get draining(): boolean {
    return this.#state === STATE.answered;
  }

  /** Whether the client waits for a 100 that nobody has sent yet. */
  get expects(): boolean {
    return this.request.expects;
  }

  get requestId(): string {
    const { head, mark } = this.request;
    return head === null ? '' : latin1Text(head.bytes, mark.idStart, mark.idEnd);
  }

  get bytesIn(): number {
    return this.request.body.payload;
  }

  get homed(): number {
    return this.homing.result;
  }

  get clientAddress(): string {
    return this.homing.clientAddress;
  }

  get requestHead(): ByteWriter | null {
    return this.request.head;
  }

  get mark(): RequestMark {
    return this.request.mark;
  }

  /** Begins: lays the request out, places it and sends it. */
  begin(client: ExchangeClient, head: RequestHead, plan: RoutePlan, pool: Pool, startedMs: number): void {
    const plane = this.plane;
    this.client = client;
    this.plan = plan;
    this.pool = pool;
    this.upstream = null;
    this.status = 0;
    this.attempts = 0;
    this.startedMs = startedMs;
    this.upstreamMs = -1;
    this.fault = null;
    this.minor = head.minor;
    this.method = head.method;
    this.bytesOut = 0;
    this.json = plane.replies.prefersJson(head);
    this.#state = STATE.attempting;
    this.#keepAlive = head.keepAlive && !plane.stopping;
    this.#avoid.clear();
    this.#lastFault = null;
    this.#patientUntilMs = -1;
    this.#dialsFresh = false;
    this.#clientBlocked = false;
    this.homing.read(plan, pool, head, client.side);
    const fits = this.request.begin(head, plan, client.side, this.homing);
    pool.budget.note(plane.deadlines.nowMs);
    if (plan.timeouts.totalMs > 0) client.armRequest(plane.deadlines.nowMs + plan.timeouts.totalMs);
    if (fits) this.#place();
    else this.fail(PROXY_FAULT.bodyTooLarge);
  }

  /** Body bytes of the request, as the client sends them. Returns the offset behind the last byte that is the body's. */
  feed(bytes: Uint8Array, start: number, end: number): number {
    if (this.#state === STATE.answered) return this.#discard(bytes, start, end);
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
    if (this.#state === STATE.gathering) {
      if (body.payload > plan.retries.bodyBufferBytes) {
        this.fail(PROXY_FAULT.lengthRequired);
        return end;
      }
      if (body.done) this.#ask(this.upstream!);
    } else if (request.sent) {
      this.#flushBody();
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
    if (body.done) this.#leave(this.#keepAlive);
    return at;
  }

  /** Finds an upstream and asks it, or waits in line, or gives up. */
  #place(): void {
    const upstream = this.#reserve();
    if (upstream !== null) this.#ask(upstream);
    else if (this.#full) this.#wait();
    else this.#giveUp(this.#noneFault());
  }

  /** An upstream that can take the request, with a place taken there; null: see `#full`. */
  #reserve(): Upstream | null {
    const pool = this.pool!;
    const avoid = this.#avoid;
    pool.refresh();
    this.#full = false;
    const mark = avoid.count;
    let chosen = this.homing.place(avoid);
    while (chosen !== null && !pool.reserve(chosen)) {
      this.#full = true;
      avoid.add(chosen.slot);
      chosen = this.homing.bound ? null : this.homing.place(avoid);
    }
    // Those that were only full may be asked again later.
    avoid.count = mark;
    return chosen;
  }

  #noneFault(): Fault {
    if (this.homing.lost && this.homing.failsWhenLost) return PROXY_FAULT.homeLost;
    return this.pool!.emptyReason() === 'all maintenance' ? PROXY_FAULT.maintenance : PROXY_FAULT.noUpstream;
  }

  /** Nobody takes the request (`fault`). One that was tried fails by what became of its last attempt. */
  #giveUp(fault: Fault): void {
    // A home that cannot be reached is gone, and that is what a pool that moves nobody says (`onLost: fail`).
    const gone = fault === PROXY_FAULT.homeLost && this.#lastFault?.retry === 'always';
    this.fail(gone ? fault : (this.#lastFault ?? fault));
  }

  #wait(): void {
    if (!this.pool!.line.enter(this, this.plane.deadlines.nowMs)) {
      this.#giveUp(PROXY_FAULT.full);
      return;
    }
    this.#state = STATE.waiting;
    // Back in line after a place that was not his, he has no more patience than before.
    if (this.#patientUntilMs < 0) this.#patientUntilMs = this.waitUntilMs;
    else this.waitUntilMs = this.#patientUntilMs;
  }

  /** A place became free: taken out of the line by the pool's keeper. */
  resumeFromLine(): void {
    this.#state = STATE.attempting;
    if (this.plane.deadlines.nowMs >= this.#patientUntilMs) this.expireInLine();
    else this.#place();
  }

  /** The time in line is up. */
  expireInLine(): void {
    this.#giveUp(PROXY_FAULT.waitTimeout);
  }

  /** Asks `upstream`, where a place is taken. */
  #ask(upstream: Upstream): void {
    this.upstream = upstream;
    this.#reserved = true;
    if (this.request.mustGather(upstream.speaksOld)) {
      this.#state = STATE.gathering;
      this.sendContinue();
      this.client!.resumeBody();
      return;
    }
    this.#state = STATE.attempting;
    this.attempts++;
    const idle = this.#dialsFresh ? null : upstream.takeIdle();
    this.#dialsFresh = false;
    if (idle !== null) {
      this.#connection = idle;
      idle.use(this);
      this.#send(idle);
      return;
    }
    const address = upstream.address;
    if (address === null) {
      this.#attemptFailed(UPSTREAM_FAULT.unresolved, 'unresolved');
      return;
    }
    const connection = UpstreamConnection.dial(this.plane, upstream, address, this);
    this.#connection = connection;
    this.plane.deadlines.arm(connection, this.plane.deadlines.nowMs + this.plan!.timeouts.connectMs);
  }

  onConnected(connection: UpstreamConnection): void {
    this.#send(connection);
  }

  #send(connection: UpstreamConnection): void {
    connection.owe(this.plane.deadlines.nowMs);
    const flushed = this.request.send(connection, this.homing.movedTo(connection.upstream));
    if (flushed && this.request.hasBody) this.#flushBody();
    this.#armAnswer(connection);
  }

  #armAnswer(connection: UpstreamConnection): void {
    const timeouts = this.plan!.timeouts;
    const ms = this.request.body.done ? timeouts.responseMs : timeouts.streamMs;
    this.plane.deadlines.arm(connection, this.plane.deadlines.nowMs + ms);
  }

  /** Sends body bytes that have not been sent. Pauses the client while the upstream is slow. */
  #flushBody(): void {
    const connection = this.#connection;
    if (connection === null || !this.request.sent) return;
    if (connection.socket.pendingBytes > 0) {
      this.client!.pauseBody();
      return;
    }
    if (this.request.flush(connection)) this.client!.resumeBody();
    else this.client!.pauseBody();
    this.#armAnswer(connection);
  }

  onUpstreamDrain(_connection: UpstreamConnection): void {
    this.#flushBody();
  }

  /** Everything that has been read from the upstream has left: it may go on. */
  onClientDrain(): void {
    if (!this.#clientBlocked) return;
    this.#clientBlocked = false;
    this.#connection?.socket.resume();
  }

  onUpstreamBytes(connection: UpstreamConnection, bytes: Uint8Array, start: number, end: number): void {
    if (this.#state === STATE.relaying) {
      const out = this.plane.out;
      const at = this.answer.body.feed(out, bytes, start, end);
      this.bytesOut += out.length;
      this.#relayed(connection, at, end);
      return;
    }
    connection.settle();
    const headBytesMax = this.plan!.limits.responseHeadBytes;
    this.answer.read(this, bytes, start, end, this.method === METHOD.HEAD, headBytesMax);
  }

  onInterim(head: ResponseHead): void {
    if (this.minor === 0) return;
    if (head.status === 100) this.request.expects = false;
    const out = this.plane.out;
    layInterim(out, head, this.plan!.responseEdits);
    this.client!.socket.write(out);
  }

  onBadAnswer(fault: Fault): void {
    this.#attemptFailed(fault, 'protocol');
  }

  onAnswer(head: ResponseHead, bytes: Uint8Array, end: number): void {
    const plane = this.plane;
    const plan = this.plan!;
    const connection = this.#connection!;
    const { upstream } = connection;
    this.#noteAnswer(upstream, head);
    const { statuses } = plan.retries;
    if (statuses.length > 0 && inRanges(statuses, head.status) && this.#moveOn(UPSTREAM_FAULT.byStatus))
      return;
    const { answer } = this;
    answer.begin(head, this.minor);
    // A client that waits for a 100 will not send its body now, or will: its next bytes would be ambiguous.
    if (answer.frame === FRAME_OUT.close || this.request.expects || plane.stopping) this.#keepAlive = false;
    const out = plane.out;
    const editor = this.homing.answerEditor(upstream, head);
    layResponse(out, head, plan.responseEdits, editor, answer.frame, this.#keepAlive, this.minor, plan.via);
    const headLength = out.length;
    const at = answer.body.feed(out, bytes, head.end, end);
    if (answer.body.fault !== null) {
      // Nothing of it went out: the client can still be told (rule A5).
      out.reset();
      this.#attemptFailed(answer.body.fault, 'protocol');
      return;
    }
    this.status = head.status;
    this.#state = STATE.relaying;
    this.bytesOut = out.length - headLength;
    this.#relayed(connection, at, end);
  }

  /** What an answer's head tells of its upstream. */
  #noteAnswer(upstream: Upstream, head: ResponseHead): void {
    const plane = this.plane;
    const nowMs = performance.now();
    const tookMs = nowMs - this.request.sentMs;
    this.upstreamMs = tookMs;
    upstream.speaksOld = head.minor === 0;
    plane.metrics.answered(upstream, tookMs / 1000);
    if (head.status !== 101) {
      feedLatency(plane.table, upstream.slot, tookMs, nowMs);
      feedP99(plane.table.p99Ms, upstream.slot, tookMs);
    }
    if (inRanges(this.pool!.spec.failureStatuses, head.status)) plane.reports.failure(upstream, 'status');
    else if (upstream.failing) plane.reports.success(upstream);
  }

  /** Writes what was laid out, and ends the exchange when that was the last of it. */
  #relayed(connection: UpstreamConnection, at: number, end: number): void {
    const plane = this.plane;
    const { body } = this.answer;
    if (body.fault !== null) {
      plane.out.reset();
      plane.reports.failure(connection.upstream, 'protocol');
      this.#cut(body.fault);
      return;
    }
    const flushed = plane.out.length === 0 || this.client!.socket.write(plane.out);
    if (body.done) {
      // Bytes that nobody asked for: the connection is not to be trusted any more (rule A6).
      if (at !== end) this.answer.reusable = false;
      this.#finish(connection);
      return;
    }
    plane.deadlines.arm(connection, plane.deadlines.nowMs + this.plan!.timeouts.streamMs);
    if (!flushed) {
      this.#clientBlocked = true;
      connection.socket.pause();
    }
  }

  /** 101: both sides become a tunnel (rule C7). */
  onSwitch(head: ResponseHead, bytes: Uint8Array, end: number): void {
    const connection = this.#connection!;
    if (!isOffered(head, this.request.upgradeTo)) {
      this.#attemptFailed(PROXY_FAULT.switchUnasked, 'protocol');
      return;
    }
    this.status = 101;
    this.#state = STATE.relaying;
    this.#noteAnswer(connection.upstream, head);
    const out = this.plane.out;
    laySwitch(out, head, this.plan!.responseEdits, this.homing.answerEditor(connection.upstream, head));
    out.copy(bytes, head.end, end);
    const client = this.client!;
    client.socket.write(out);
    this.#connection = null;
    client.openTunnel(connection, this);
  }

  onUpstreamEnd(connection: UpstreamConnection): void {
    const { answer } = this;
    if (this.#state === STATE.relaying && answer.body.endsWithConnection) {
      const out = this.plane.out;
      answer.body.finish(out);
      if (out.length > 0) this.client!.socket.write(out);
      answer.reusable = false;
      this.#finish(connection);
      return;
    }
    this.#connectionLost(connection, null);
    connection.destroy();
  }

  onUpstreamClosed(connection: UpstreamConnection, code: string | null): void {
    this.#connectionLost(connection, code);
  }

  /** The connection is gone, or of no use any more, before the answer was complete. */
  #connectionLost(connection: UpstreamConnection, code: string | null): void {
    if (!connection.connected) {
      const fault = dialFault(code);
      const timedOut = fault === UPSTREAM_FAULT.connectTimeout;
      this.#attemptFailed(
        fault,
        fault === UPSTREAM_FAULT.refused ? 'refused' : timedOut ? 'timeout' : 'reset',
      );
    } else if (this.#state === STATE.relaying) {
      this.plane.reports.failure(connection.upstream, 'reset');
      this.#cut(UPSTREAM_FAULT.closedMidBody);
    } else if (this.answer.begun) {
      this.#attemptFailed(UPSTREAM_FAULT.closedMidHead, 'reset');
    } else if (connection.reused) {
      this.#attemptFailed(UPSTREAM_FAULT.closedReused, null);
    } else {
      this.#attemptFailed(UPSTREAM_FAULT.closedUnanswered, 'reset');
    }
  }

  onUpstreamDeadline(connection: UpstreamConnection): void {
    if (!connection.connected) {
      this.#attemptFailed(UPSTREAM_FAULT.connectTimeout, 'timeout');
    } else if (this.#state === STATE.relaying) {
      this.#cut(this.#clientBlocked ? PROXY_FAULT.clientStalled : UPSTREAM_FAULT.streamTimeout);
    } else {
      this.#attemptFailed(UPSTREAM_FAULT.responseTimeout, 'timeout');
    }
  }

  onUpstreamHung(_connection: UpstreamConnection): void {
    if (this.#state === STATE.attempting && !this.answer.begun) this.#moveOn(UPSTREAM_FAULT.hung);
  }

  /** The attempt has failed; `kind`: what the upstream is blamed for, null for nothing. */
  #attemptFailed(fault: Fault, kind: FailureKind | null): void {
    const upstream = this.upstream!;
    if (kind !== null) this.plane.reports.failure(upstream, kind);
    if (!this.#mayRetry(fault)) {
      this.fail(fault);
      return;
    }
    // On a kept connection that had died the upstream itself is not to blame: once more there, freshly dialled (T2).
    this.#dialsFresh = fault.retry === 'reused';
    if (!this.#dialsFresh) this.#avoid.add(upstream.slot);
    this.#letGo(fault);
    this.#place();
  }

  /** An attempt that still stands goes to another upstream. False: nobody else takes it, and it goes on where it is. */
  #moveOn(fault: Fault): boolean {
    if (!this.#mayRetry(fault)) return false;
    const avoid = this.#avoid;
    const mark = avoid.count;
    avoid.add(this.upstream!.slot);
    const next = this.#reserve();
    if (next === null) {
      avoid.count = mark;
      return false;
    }
    this.#letGo(fault);
    this.#ask(next);
    return true;
  }

  /** Whether `fault` allows another try (rules T1–T6). */
  #mayRetry(fault: Fault): boolean {
    const { request } = this;
    const again = judgeRetry(
      fault,
      this.attempts,
      this.plan!.retries.attempts,
      request.sent,
      isIdempotent(this.method),
      request.replayable,
    );
    return again === AGAIN.paid ? this.pool!.budget.take(this.plane.deadlines.nowMs) : again === AGAIN.free;
  }

  /** Drops an attempt that another follows. */
  #letGo(fault: Fault): void {
    this.#lastFault = fault;
    this.plane.metrics.retry(this.pool!, fault.code);
    this.homing.failedAt(this.upstream!, fault);
    this.#dropAttempt();
    this.request.rewind();
  }

  /** Lets go of the upstream and its connection; nothing on it is used again. */
  #dropAttempt(): void {
    const connection = this.#connection;
    this.#connection = null;
    this.answer.reset();
    if (connection !== null && !connection.gone) connection.destroy();
    this.#giveBack();
  }

  /** Gives the place at the upstream back; who waits in line may have it. */
  #giveBack(): void {
    if (!this.#reserved) return;
    this.#reserved = false;
    const pool = this.pool!;
    pool.release(this.upstream!);
    if (pool.line.length > 0) this.plane.wakeLine(pool);
  }

  /** Answers with the fault's status, or cuts the client off where an answer has begun. */
  fail(fault: Fault): void {
    if (this.#state === STATE.relaying) {
      this.#cut(fault);
      return;
    }
    if (this.line !== null) this.line.leave(this);
    this.fault = fault;
    this.status = fault.status;
    const client = this.client!;
    const keep = this.#keepAlive && this.request.body.done && fault.side !== 'client';
    const out = this.plane.out;
    out.reset();
    this.plane.replies.fault(out, fault, {
      requestId: this.requestId,
      json: this.json,
      toHead: this.method === METHOD.HEAD,
      keep,
      minor: this.minor,
      pool: this.pool,
      allow: '',
    });
    // Before the place is given back: whoever gets it may use the one writer.
    client.socket.write(out);
    this.#dropAttempt();
    this.#leaveAccounted(keep);
  }

  /** The answer cannot be completed (rule A5). */
  #cut(fault: Fault): void {
    const client = this.client!;
    this.fault = fault;
    const hard = this.answer.frame === FRAME_OUT.close;
    this.#dropAttempt();
    this.plane.account(this);
    this.#reset();
    client.cut(hard);
  }

  /** The client is gone: whatever was done for it stops (rules C8, F9). */
  abort(): void {
    if (this.#state === STATE.idle) return;
    if (this.line !== null) this.line.leave(this);
    this.#dropAttempt();
    if (this.#state !== STATE.answered) {
      this.fault = PROXY_FAULT.clientGone;
      this.plane.account(this);
    }
    this.#reset();
  }

  /** The whole answer is with the client. */
  #finish(connection: UpstreamConnection): void {
    const bodyDone = this.request.body.done;
    this.#connection = null;
    if (this.answer.reusable && bodyDone && connection.socket.pendingBytes === 0) connection.release();
    else connection.destroy();
    this.#clientBlocked = false;
    this.#giveBack();
    if (bodyDone || !this.#keepAlive) {
      this.#leaveAccounted(bodyDone && this.#keepAlive);
      return;
    }
    this.plane.account(this);
    this.#state = STATE.answered;
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

  /** The tunnel that grew out of this exchange has ended. */
  tunnelOver(bytesUp: number, bytesDown: number): void {
    this.request.body.payload = bytesUp;
    this.bytesOut = bytesDown;
    this.#giveBack();
    this.plane.account(this);
    this.#reset();
  }

  /** Says 100 in the upstream's place: it said nothing for a while, or is not to be asked yet (rule C5). */
  sendContinue(): void {
    if (!this.request.expects) return;
    this.request.expects = false;
    const out = this.plane.out;
    out.block(CONTINUE);
    this.client!.socket.write(out);
  }

  /** Forgets everything of this request. */
  #reset(): void {
    this.#state = STATE.idle;
    this.client = null;
    this.request.reset();
    this.answer.reset();
    this.#connection = null;
    this.upstream = null;
    this.plan = null;
    this.pool = null;
    this.fault = null;
    this.homing.reset();
  }
}
