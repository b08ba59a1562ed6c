// The life of one request, from its head to the last byte of its answer: placed, sent, answered, or tried again.

import { Avoid } from '../balance/balancer.ts';
import { feedLatency, feedP99 } from '../balance/latency.ts';
import { type ByteWriter, latin1Bytes, latin1Text } from '../base/byte-writer.ts';
import type { Fault } from '../base/fault.ts';
import { inRanges, type RoutePlan } from '../plan/route-plan.ts';
import type { Pool } from '../pool/pool.ts';
import type { Waiter, WaitingLine } from '../pool/waiting-line.ts';
import type { ByteSocket } from '../socket/byte-socket.ts';
import { type ConnectionUser, UpstreamConnection } from '../upstream/connection.ts';
import { dialFault, UPSTREAM_FAULT } from '../upstream/faults.ts';
import type { Upstream } from '../upstream/upstream.ts';
import { PARSE } from '../wire/head-fields.ts';
import { CONTINUE } from '../wire/local-reply.ts';
import { FRAMING, type RequestHead } from '../wire/request-head.ts';
import { isIdempotent, METHOD } from '../wire/request-method.ts';
import { BODY, type ResponseHead } from '../wire/response-head.ts';
import { BodyRelay } from './body-relay.ts';
import type { ClientSide } from './client-side.ts';
import { PROXY_FAULT } from './faults.ts';
import { Homing } from './homing.ts';
import type { Plane } from './plane.ts';
import { layRequest, type RequestMark } from './request-writer.ts';
import { FRAME_OUT, layInterim, layResponse, laySwitch } from './response-writer.ts';

/** What an exchange needs of the client connection that it belongs to. */
export interface ExchangeClient {
  readonly socket: ByteSocket;
  readonly side: ClientSide;
  /** The answer is complete. `keep`: the connection may serve on; else it closes once all has left. */
  onAnswered(keep: boolean): void;
  /** The answer cannot be completed: the connection must end so that nobody takes it for complete. */
  cut(hard: boolean): void;
  /** Stop or go on reading the request's body. */
  pauseBody(): void;
  resumeBody(): void;
  /** 101 went out: both sides are bytes from now on. `rest` came behind the 101. */
  openTunnel(connection: UpstreamConnection, exchange: Exchange): void;
  /** Arms the client connection's deadline for this request's total time or its wait in line; 0 takes it away. */
  armRequest(atMs: number): void;
}

const CRLF = latin1Bytes('\r\n');
const MOVED = latin1Bytes('Limpet-Affinity: moved\r\n');
const INTERIM_MAX = 32;
/** Body bytes that ride along in the head's write; more go in a write of their own. */
const CARRIED_BYTES_MAX = 16 * 1024;
/** What is left of a request body behind its answer is dropped up to here, then the connection is closed (rule C4). */
const DISCARD_BYTES_MAX = 64 * 1024;
/** Placing a request tries this many full upstreams before it waits. */
const AVOID_MAX = 64;

const STATE = { idle: 0, waiting: 1, attempting: 2, relaying: 3, answered: 4 } as const;

/** Reused from request to request of one client connection, and from connection to connection. */
export class Exchange implements ConnectionUser, Waiter {
  readonly plane: Plane;
  client: ExchangeClient | null = null;
  readonly requestBody = new BodyRelay('request');
  readonly answerBody = new BodyRelay('response');
  readonly homing: Homing;
  readonly mark: RequestMark = { idStart: 0, idEnd: 0, targetEnd: 0, hostStart: 0, hostEnd: 0 };
  line: WaitingLine | null = null;
  ahead: Waiter | null = null;
  behind: Waiter | null = null;
  waitUntilMs = 0;

  plan: RoutePlan | null = null;
  pool: Pool | null = null;
  upstream: Upstream | null = null;
  status = 0;
  attempts = 0;
  startedMs = 0;
  upstreamMs = -1;
  fault: Fault | null = null;
  minor = 1;
  method = 0;
  bytesOut = 0;
  /** The client has asked for a tunnel and may get one. */
  wantsUpgrade = false;
  /** Bytes of the `Upgrade` that the client asked for, lower case latin1; for the check of a 101. */
  upgradeTo = '';
  json = false;

  #state: number = STATE.idle;
  #connection: UpstreamConnection | null = null;
  /** The outgoing head, kept until no retry can want it. */
  #head: ByteWriter | null = null;
  #headLength = 0;
  /** The encoded body so far, while it may be sent again; null when there is none or it became too long. */
  #hold: ByteWriter | null = null;
  #holdSent = 0;
  /** Encoded body bytes on their way, once they are not held. */
  #pump: ByteWriter | null = null;
  #replayable = true;
  #requestSent = false;
  #keepAlive = false;
  #expects = false;
  readonly #avoid = new Avoid(AVOID_MAX);
  #partial: ByteWriter | null = null;
  #interims = 0;
  #reusable = false;
  #sentMs = 0;
  #answerFramingClose = false;
  #hostFromUpstream = false;
  #retriedFresh = false;
  #clientBlocked = false;
  #discarded = 0;

  constructor(plane: Plane) {
    this.plane = plane;
    this.homing = new Homing(plane);
  }

  /** Whether the request's body has been read to its end. */
  get bodyDone(): boolean {
    return this.requestBody.done;
  }

  get active(): boolean {
    return this.#state !== STATE.idle;
  }

  /** The answer went out, but the body still comes in and is dropped (rule C4). */
  get draining(): boolean {
    return this.#state === STATE.answered;
  }

  /** Bytes of the answer went to the client already. */
  get answerBegun(): boolean {
    return this.#state >= STATE.relaying;
  }

  /** Whether the client waits for a 100 that nobody has sent yet. */
  get expects(): boolean {
    return this.#expects;
  }

  get requestId(): string {
    const head = this.#head;
    return head === null ? '' : latin1Text(head.bytes, this.mark.idStart, this.mark.idEnd);
  }

  get bytesIn(): number {
    return this.requestBody.payload;
  }

  get homed(): number {
    return this.homing.result;
  }

  get clientAddress(): string {
    return this.homing.clientAddress;
  }

  get requestHead(): ByteWriter | null {
    return this.#head;
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
    this.wantsUpgrade = head.upgrade >= 0;
    if (this.wantsUpgrade) {
      const fields = head.fields;
      this.upgradeTo = latin1Text(
        fields.bytes,
        fields.valueStart[head.upgrade]!,
        fields.valueEnd[head.upgrade]!,
      );
    }
    this.json = plane.replies.prefersJson(head);
    this.#state = STATE.attempting;
    this.#keepAlive = head.keepAlive && !plane.stopping;
    this.#expects = head.expectContinue;
    this.#avoid.clear();
    this.#interims = 0;
    this.#replayable = true;
    this.#retriedFresh = false;
    this.#clientBlocked = false;
    this.homing.read(plan, pool, head, client.side);
    const out = plane.writers.take();
    this.#head = out;
    layRequest(out, head, plan, client.side, this.homing, plane.randomBytes, this.mark, this.wantsUpgrade);
    this.#headLength = out.length;
    this.#hostFromUpstream =
      plan.hostMode === 'upstream' ||
      (plan.hostMode === 'keep' && head.hostIsMissing && head.authorityEnd === 0);
    const chunked = head.framing === FRAMING.chunked;
    this.requestBody.begin(
      chunked ? BODY.chunked : head.framing === FRAMING.length ? BODY.length : BODY.none,
      head.contentLength,
      chunked,
    );
    this.#hold = this.requestBody.done ? null : plane.writers.take();
    this.#holdSent = 0;
    pool.budget.note(plane.deadlines.nowMs);
    if (plan.timeouts.totalMs > 0) client.armRequest(plane.deadlines.nowMs + plan.timeouts.totalMs);
    if (out.overflow) {
      this.fail(PROXY_FAULT.bodyTooLarge);
      return;
    }
    this.#place();
  }

  /** Body bytes of the request, as the client sends them. Returns the offset behind the last byte that is the body's. */
  feed(bytes: Uint8Array, start: number, end: number): number {
    const body = this.requestBody;
    if (this.#state === STATE.answered) return this.#discard(bytes, start, end);
    this.#expects = false;
    const hold = this.#hold;
    let out = hold;
    if (out === null) {
      this.#pump ??= this.plane.writers.take();
      out = this.#pump;
    }
    const at = body.feed(out, bytes, start, end);
    if (body.fault !== null) {
      this.fail(body.fault);
      return end;
    }
    if (body.payload > this.plan!.limits.bodyBytes) {
      this.fail(PROXY_FAULT.bodyTooLarge);
      return end;
    }
    if (this.#requestSent) this.#flushBody();
    else if (out.length > this.plan!.limits.bufferBytes) this.client!.pauseBody();
    return at;
  }

  /** The answer is out; what is left of the body is dropped, up to a bound (rule C4). */
  #discard(bytes: Uint8Array, start: number, end: number): number {
    const body = this.requestBody;
    const scrap = this.plane.writers.take();
    const at = body.feed(scrap, bytes, start, end);
    this.#discarded += at - start;
    this.plane.writers.give(scrap);
    if (body.fault !== null || this.#discarded > DISCARD_BYTES_MAX) {
      this.#leave(false);
      return end;
    }
    if (body.done) this.#leave(this.#keepAlive);
    return at;
  }

  /** Finds an upstream and asks it, or waits in line, or answers 503. */
  #place(): void {
    const pool = this.pool!;
    pool.refresh();
    const mark = this.#avoid.count;
    for (;;) {
      const upstream = this.homing.place(this.#avoid);
      if (upstream === null) break;
      if (pool.reserve(upstream)) {
        // Those that were only full may be asked again later.
        this.#avoid.count = mark;
        this.#ask(upstream);
        return;
      }
      if (this.homing.bound || this.#avoid.count >= AVOID_MAX) {
        this.#wait(mark);
        return;
      }
      this.#avoid.add(upstream.slot);
    }
    if (this.#avoid.count > mark) this.#wait(mark);
    else this.fail(this.#noneFault());
  }

  #noneFault(): Fault {
    if (this.homing.lost && this.homing.failsWhenLost) return PROXY_FAULT.homeLost;
    return this.pool!.emptyReason() === 'all maintenance' ? PROXY_FAULT.maintenance : PROXY_FAULT.noUpstream;
  }

  #wait(avoidCount: number): void {
    this.#avoid.count = avoidCount;
    const pool = this.pool!;
    if (!pool.line.enter(this, this.plane.deadlines.nowMs)) {
      this.fail(PROXY_FAULT.full);
      return;
    }
    this.#state = STATE.waiting;
  }

  /** A place became free: taken out of the line by the pool's keeper. */
  resumeFromLine(): void {
    this.#state = STATE.attempting;
    this.#place();
  }

  /** The time in line is up. */
  expireInLine(): void {
    this.fail(PROXY_FAULT.waitTimeout);
  }

  #ask(upstream: Upstream): void {
    this.upstream = upstream;
    this.attempts++;
    const idle = this.#retriedFresh ? null : upstream.takeIdle();
    this.#retriedFresh = false;
    if (idle !== null) {
      this.#connection = idle;
      idle.use(this);
      this.#send(idle);
      return;
    }
    const address = upstream.address;
    if (address === null) {
      this.plane.reports.failure(upstream, 'unresolved');
      this.#attemptFailed(UPSTREAM_FAULT.unresolved);
      return;
    }
    const connection = UpstreamConnection.dial(this.plane, upstream, address, this);
    this.#connection = connection;
    this.plane.deadlines.arm(connection, this.plane.deadlines.nowMs + this.plan!.timeouts.connectMs);
  }

  onConnected(connection: UpstreamConnection): void {
    this.#send(connection);
  }

  /** Lays out the end of the head and writes it, with what there is of the body. */
  #send(connection: UpstreamConnection): void {
    const out = this.#head!;
    out.truncate(this.#headLength);
    if (this.#hostFromUpstream) out.block(connection.upstream.hostLine);
    if (this.homing.movedTo(connection.upstream)) out.block(MOVED);
    out.block(CRLF);
    const hold = this.#hold;
    // Body bytes that wait go out in the same write.
    const carried = hold !== null && hold.length > 0 && hold.length <= CARRIED_BYTES_MAX;
    if (carried) out.copy(hold.bytes, 0, hold.length);
    this.#requestSent = true;
    this.#sentMs = performance.now();
    connection.owe(this.plane.deadlines.nowMs);
    const flushed = this.#writeHead(connection, out);
    if (hold !== null) {
      this.#holdSent = carried ? hold.length : 0;
      if (flushed) this.#flushBody();
    }
    this.#armAnswer(connection);
  }

  /** Writes the head without losing it: a retry writes it again. */
  #writeHead(connection: UpstreamConnection, out: ByteWriter): boolean {
    const length = out.length;
    const bytes = out.bytes;
    const flushed = connection.socket.write(out);
    if (out.bytes !== bytes) {
      // The kernel still reads the old memory; it is only read from here on, so the head may be copied from it.
      out.reset();
      out.copy(bytes, 0, this.#headLength);
    } else {
      out.length = length;
    }
    return flushed;
  }

  #armAnswer(connection: UpstreamConnection): void {
    const timeouts = this.plan!.timeouts;
    const ms = this.requestBody.done ? timeouts.responseMs : timeouts.streamMs;
    this.plane.deadlines.arm(connection, this.plane.deadlines.nowMs + ms);
  }

  /** Sends body bytes that have not been sent. Pauses the client while the upstream is slow. */
  #flushBody(): void {
    const connection = this.#connection;
    if (connection === null || !this.#requestSent) return;
    if (connection.socket.pendingBytes > 0) {
      this.client!.pauseBody();
      return;
    }
    const hold = this.#hold;
    let pump = this.#pump;
    if (hold !== null) {
      if (hold.length > this.#holdSent) {
        pump ??= this.#pump = this.plane.writers.take();
        pump.copy(hold.bytes, this.#holdSent, hold.length);
        this.#holdSent = hold.length;
      }
      if (hold.length > this.plan!.retries.bodyBufferBytes) {
        this.#hold = null;
        this.#replayable = false;
        this.plane.writers.give(hold);
      }
    }
    if (pump !== null && pump.length > 0) {
      if (this.#hold === null) this.#replayable = false;
      this.#sentMs = performance.now();
      if (!connection.socket.write(pump)) {
        this.client!.pauseBody();
        this.#armAnswer(connection);
        return;
      }
    }
    this.client!.resumeBody();
    this.#armAnswer(connection);
  }

  onUpstreamDrain(_connection: UpstreamConnection): void {
    this.#flushBody();
  }

  /** Everything that has been read from the client has drained: the upstream may go on. */
  onClientDrain(): void {
    if (!this.#clientBlocked) return;
    this.#clientBlocked = false;
    this.#connection?.socket.resume();
  }

  onUpstreamBytes(connection: UpstreamConnection, bytes: Uint8Array, start: number, end: number): void {
    if (this.#state === STATE.relaying) {
      this.#relay(connection, bytes, start, end);
      return;
    }
    connection.settle();
    const partial = this.#partial;
    if (partial === null) {
      this.#readHead(connection, bytes, start, end);
      return;
    }
    // Only a new line end, or too many bytes, can change what the parser says.
    const before = partial.length;
    partial.copy(bytes, start, end);
    if (partial.length <= this.plan!.limits.responseHeadBytes && bytes.subarray(start, end).indexOf(10) < 0)
      return;
    this.#partial = null;
    this.#readHead(connection, partial.bytes, 0, before + (end - start));
    this.plane.writers.give(partial);
  }

  #readHead(connection: UpstreamConnection, bytes: Uint8Array, start: number, end: number): void {
    const head = this.plane.responseHead;
    let at = start;
    for (;;) {
      const state = head.parse(bytes, at, end, this.method === METHOD.HEAD);
      if (state === PARSE.more) {
        this.#keepPartial(bytes, at, end);
        return;
      }
      if (state === PARSE.refused) {
        this.plane.reports.failure(connection.upstream, 'protocol');
        this.#attemptFailed(head.fault!);
        return;
      }
      if (head.status >= 200) break;
      if (head.status === 101) {
        this.#switch(connection, head, bytes, end);
        return;
      }
      if (++this.#interims > INTERIM_MAX) {
        this.#attemptFailed(PROXY_FAULT.interimMany);
        return;
      }
      if (this.minor === 1) {
        if (head.status === 100) this.#expects = false;
        const out = this.plane.out;
        layInterim(out, head, this.plan!.responseEdits);
        this.client!.socket.write(out);
      }
      at = head.end;
      if (at === end) return;
    }
    this.#answer(connection, head, bytes, end);
  }

  #keepPartial(bytes: Uint8Array, start: number, end: number): void {
    const partial = this.plane.writers.take();
    partial.copy(bytes, start, end);
    this.#partial = partial;
  }

  /** The final head is there. */
  #answer(connection: UpstreamConnection, head: ResponseHead, bytes: Uint8Array, end: number): void {
    const plane = this.plane;
    const plan = this.plan!;
    const upstream = connection.upstream;
    const nowMs = performance.now();
    const tookMs = nowMs - this.#sentMs;
    this.upstreamMs = tookMs;
    feedLatency(plane.table, upstream.slot, tookMs, nowMs);
    feedP99(plane.table.p99Ms, upstream.slot, tookMs);
    plane.metrics.answered(upstream, tookMs / 1000);
    if (inRanges(this.pool!.spec.failureStatuses, head.status)) plane.reports.failure(upstream, 'status');
    else if (upstream.failing) plane.reports.success(upstream);
    if (
      plan.retries.statuses.length > 0 &&
      inRanges(plan.retries.statuses, head.status) &&
      this.#mayRetry(UPSTREAM_FAULT.byStatus)
    ) {
      this.#again(UPSTREAM_FAULT.byStatus);
      return;
    }
    this.status = head.status;
    this.#state = STATE.relaying;
    this.#reusable = head.keepAlive;
    const body = this.answerBody;
    const isOld = this.minor === 0;
    const unsized = head.framing === BODY.chunked || head.framing === BODY.close;
    const frame = !unsized ? FRAME_OUT.asIs : isOld ? FRAME_OUT.close : FRAME_OUT.chunked;
    body.begin(head.framing, Math.max(0, head.contentLength), frame === FRAME_OUT.chunked);
    this.#answerFramingClose = frame === FRAME_OUT.close;
    // A client that waits for a 100 will not send its body now, or will: its next bytes would be ambiguous.
    if (frame === FRAME_OUT.close || this.#expects || plane.stopping) this.#keepAlive = false;
    const out = plane.out;
    const editor = this.homing.answerEditor(upstream, head);
    layResponse(out, head, plan.responseEdits, editor, frame, this.#keepAlive, this.minor, plan.via);
    const headLength = out.length;
    const at = body.feed(out, bytes, head.end, end);
    this.bytesOut = out.length - headLength;
    this.#relayed(connection, at, end);
  }

  #relay(connection: UpstreamConnection, bytes: Uint8Array, start: number, end: number): void {
    const out = this.plane.out;
    const at = this.answerBody.feed(out, bytes, start, end);
    this.bytesOut += out.length;
    this.#relayed(connection, at, end);
  }

  /** Writes what was laid out, and ends the exchange when that was the last of it. */
  #relayed(connection: UpstreamConnection, at: number, end: number): void {
    const plane = this.plane;
    const body = this.answerBody;
    if (body.fault !== null) {
      plane.out.reset();
      plane.reports.failure(connection.upstream, 'protocol');
      this.#cut(body.fault);
      return;
    }
    const flushed = plane.out.length === 0 || this.client!.socket.write(plane.out);
    if (body.done) {
      // Bytes that nobody asked for: the connection is not to be trusted any more (rule A6).
      if (at !== end) this.#reusable = false;
      this.#finish(connection);
      return;
    }
    plane.deadlines.arm(connection, plane.deadlines.nowMs + this.plan!.timeouts.streamMs);
    if (!flushed) {
      this.#clientBlocked = true;
      connection.socket.pause();
    }
  }

  onUpstreamEnd(connection: UpstreamConnection): void {
    if (this.#state === STATE.relaying && this.answerBody.endsWithConnection) {
      const out = this.plane.out;
      this.answerBody.finish(out);
      if (out.length > 0) this.client!.socket.write(out);
      this.#reusable = false;
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
    const upstream = connection.upstream;
    const reports = this.plane.reports;
    if (!connection.connected) {
      const fault = dialFault(code);
      reports.failure(
        upstream,
        fault === UPSTREAM_FAULT.refused
          ? 'refused'
          : fault === UPSTREAM_FAULT.connectTimeout
            ? 'timeout'
            : 'reset',
      );
      this.#attemptFailed(fault);
      return;
    }
    if (this.#state === STATE.relaying) {
      reports.failure(upstream, 'reset');
      this.#cut(UPSTREAM_FAULT.closedMidBody);
      return;
    }
    if (this.#partial !== null || this.#interims > 0) {
      reports.failure(upstream, 'reset');
      this.#attemptFailed(UPSTREAM_FAULT.closedMidHead);
      return;
    }
    if (connection.reused) {
      this.#attemptFailed(UPSTREAM_FAULT.closedReused);
      return;
    }
    reports.failure(upstream, 'reset');
    this.#attemptFailed(UPSTREAM_FAULT.closedUnanswered);
  }

  onUpstreamDeadline(connection: UpstreamConnection): void {
    const reports = this.plane.reports;
    if (!connection.connected) {
      reports.failure(connection.upstream, 'timeout');
      this.#attemptFailed(UPSTREAM_FAULT.connectTimeout);
    } else if (this.#state === STATE.relaying) {
      this.#cut(this.#clientBlocked ? PROXY_FAULT.clientStalled : UPSTREAM_FAULT.streamTimeout);
    } else {
      reports.failure(connection.upstream, 'timeout');
      this.#attemptFailed(UPSTREAM_FAULT.responseTimeout);
    }
  }

  onUpstreamHung(_connection: UpstreamConnection): void {
    if (this.#state !== STATE.attempting || this.#partial !== null || this.#interims > 0) return;
    if (this.#mayRetry(UPSTREAM_FAULT.hung)) this.#again(UPSTREAM_FAULT.hung);
  }

  #attemptFailed(fault: Fault): void {
    if (this.#mayRetry(fault)) this.#again(fault);
    else this.fail(fault);
  }

  /** Whether `fault` allows another try (rules T1–T6). */
  #mayRetry(fault: Fault): boolean {
    if (fault.retry === 'never' || this.attempts > this.plan!.retries.attempts) return false;
    if (!this.#replayable || this.#head === null) return false;
    if (this.#requestSent && fault.retry !== 'always') {
      if (!isIdempotent(this.method)) return false;
    }
    // The retries of suspicion have a bounded allowance of their own: one a request, since the hung one is ejected.
    if (fault.retry === 'always' || fault === UPSTREAM_FAULT.hung) return true;
    return this.pool!.budget.take(this.plane.deadlines.nowMs);
  }

  #again(fault: Fault): void {
    const upstream = this.upstream!;
    this.plane.metrics.retry(this.pool!, fault.code);
    // On a kept connection that had died the upstream itself is not to blame: once more there, freshly dialled (T2).
    this.#retriedFresh = fault.retry === 'reused';
    if (!this.#retriedFresh) {
      this.#avoid.add(upstream.slot);
      this.homing.failedAt(upstream, fault);
    }
    this.#dropAttempt();
    this.#holdSent = 0;
    this.#place();
  }

  /** Lets go of the upstream and its connection; nothing on it is used again. */
  #dropAttempt(): void {
    const connection = this.#connection;
    const upstream = this.upstream;
    this.#connection = null;
    this.#requestSent = false;
    if (this.#partial !== null) {
      this.plane.writers.give(this.#partial);
      this.#partial = null;
    }
    this.#pump?.reset();
    if (connection !== null && !connection.gone) connection.destroy();
    if (upstream !== null) {
      this.upstream = null;
      this.#freed(upstream);
    }
  }

  #freed(upstream: Upstream): void {
    const pool = this.pool!;
    pool.release(upstream);
    if (pool.line.length > 0) this.plane.wakeLine(pool);
  }

  /** Answers with the fault's status, or cuts the client off where an answer has begun. */
  fail(fault: Fault): void {
    if (this.#state === STATE.relaying) {
      this.#cut(fault);
      return;
    }
    const lastUpstream = this.upstream;
    if (this.line !== null) this.line.leave(this);
    this.fault = fault;
    this.status = fault.status;
    const client = this.client!;
    const keep = this.#keepAlive && this.requestBody.done && fault.side !== 'client';
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
    this.#dropAttempt();
    this.upstream = lastUpstream;
    client.socket.write(out);
    this.#account();
    this.#reset();
    client.onAnswered(keep);
  }

  /** The answer cannot be completed (rule A5). */
  #cut(fault: Fault): void {
    const client = this.client!;
    this.fault = fault;
    const lastUpstream = this.upstream;
    const hard = this.#answerFramingClose;
    this.#dropAttempt();
    this.upstream = lastUpstream;
    this.#account();
    this.#reset();
    client.cut(hard);
  }

  /** The client is gone: whatever was done for it stops (rules C8, F9). */
  abort(): void {
    if (this.#state === STATE.idle) return;
    if (this.line !== null) this.line.leave(this);
    const wasAnswered = this.#state === STATE.answered;
    const lastUpstream = this.upstream;
    if (!wasAnswered) this.fault = PROXY_FAULT.clientGone;
    this.#dropAttempt();
    this.upstream = lastUpstream;
    if (!wasAnswered) this.#account();
    this.#reset();
  }

  /** The whole answer is with the client. */
  #finish(connection: UpstreamConnection): void {
    const bodyDone = this.requestBody.done;
    const upstream = this.upstream!;
    this.#connection = null;
    if (this.#reusable && bodyDone && connection.socket.pendingBytes === 0) connection.release();
    else connection.destroy();
    if (this.#clientBlocked) this.#clientBlocked = false;
    this.#freed(upstream);
    this.#account();
    if (bodyDone) {
      this.#leave(this.#keepAlive);
    } else if (!this.#keepAlive) {
      this.#leave(false);
    } else {
      this.#state = STATE.answered;
      this.#discarded = 0;
      this.client!.resumeBody();
    }
  }

  #leave(keep: boolean): void {
    const client = this.client!;
    this.#reset();
    client.onAnswered(keep);
  }

  /** 101: both sides become a tunnel (rule C7). */
  #switch(connection: UpstreamConnection, head: ResponseHead, bytes: Uint8Array, end: number): void {
    const fields = head.fields;
    const asked =
      this.wantsUpgrade &&
      this.minor === 1 &&
      head.upgrade >= 0 &&
      isOffered(
        latin1Text(fields.bytes, fields.valueStart[head.upgrade]!, fields.valueEnd[head.upgrade]!),
        this.upgradeTo,
      );
    if (!asked) {
      this.plane.reports.failure(connection.upstream, 'protocol');
      this.#attemptFailed(PROXY_FAULT.switchUnasked);
      return;
    }
    this.status = 101;
    this.#state = STATE.relaying;
    const tookMs = performance.now() - this.#sentMs;
    this.upstreamMs = tookMs;
    this.plane.metrics.answered(connection.upstream, tookMs / 1000);
    if (connection.upstream.failing) this.plane.reports.success(connection.upstream);
    const out = this.plane.out;
    laySwitch(out, head, this.plan!.responseEdits, this.homing.answerEditor(connection.upstream, head));
    out.copy(bytes, head.end, end);
    const client = this.client!;
    client.socket.write(out);
    this.#connection = null;
    client.openTunnel(connection, this);
  }

  /** The tunnel that grew out of this exchange has ended. */
  tunnelOver(bytesUp: number, bytesDown: number): void {
    this.requestBody.payload = bytesUp;
    this.bytesOut = bytesDown;
    this.#freed(this.upstream!);
    this.#account();
    this.#reset();
  }

  /** The upstream said nothing to `Expect: 100-continue` for a while: say it ourselves (rule C5). */
  sendContinue(): void {
    if (!this.#expects) return;
    this.#expects = false;
    const out = this.plane.out;
    out.block(CONTINUE);
    this.client!.socket.write(out);
  }

  #account(): void {
    this.plane.account(this);
  }

  /** Forgets everything of this request. */
  #reset(): void {
    const writers = this.plane.writers;
    this.#state = STATE.idle;
    this.client = null;
    if (this.#head !== null) writers.give(this.#head);
    if (this.#hold !== null) writers.give(this.#hold);
    if (this.#pump !== null) writers.give(this.#pump);
    if (this.#partial !== null) writers.give(this.#partial);
    this.#head = null;
    this.#hold = null;
    this.#pump = null;
    this.#partial = null;
    this.#connection = null;
    this.#requestSent = false;
    this.upstream = null;
    this.plan = null;
    this.pool = null;
    this.fault = null;
    this.homing.reset();
  }
}

/** Whether the protocol of a 101 is one that the client named, in any case (RFC 9110 section 7.8). */
function isOffered(chosen: string, offered: string): boolean {
  const wanted = chosen.toLowerCase();
  return offered
    .toLowerCase()
    .split(',')
    .some((name) => name.trim() === wanted);
}
