// What is known of a request under way, for the books, the access log and our own answers; and the parts that know it.
import { performance } from 'node:perf_hooks';
import { feedLatency, feedP99 } from '../balance/latency.ts';
import { type ByteWriter, latin1Bytes, latin1Text } from '../base/byte-writer.ts';
import type { Fault } from '../base/fault.ts';
import { STAGE, StageClock } from '../observe/stages.ts';
import { inRanges, type RoutePlan } from '../plan/route-plan.ts';
import type { Pool } from '../pool/pool.ts';
import type { Standing, VerdictWaiter } from '../session/standing.ts';
import type { Upstream } from '../upstream/upstream.ts';
import { FIELD } from '../wire/fields.ts';
import { CONTINUE } from '../wire/local-reply.ts';
import { isWord } from '../wire/octets.ts';
import type { RequestHead } from '../wire/request-head.ts';
import { isIdempotent, METHOD } from '../wire/request-method.ts';
import type { ResponseHead } from '../wire/response-head.ts';
import type { Accountable } from './accountable.ts';
import { Door, type DoorOwner } from './door.ts';
import { WHO } from './end-code.ts';
import type { ExchangeClient } from './exchange-client.ts';
import { Homing } from './homing.ts';
import { IncomingAnswer } from './incoming-answer.ts';
import type { LateLimits, LimitsOwner } from './late-limits.ts';
import { watchLogins } from './login-watch.ts';
import { OutgoingRequest } from './outgoing-request.ts';
import { Placement } from './placement.ts';
import type { Generation, Plane } from './plane.ts';
import { OUTCOME } from './plane-metrics.ts';
import type { ReplyTo } from './replies.ts';
import { RequestNotes } from './request-notes.ts';
import type { RequestTrace } from './request-trace.ts';
import type { RequestMark } from './request-writer.ts';
import { type AnswerEditor, layInterim, layResponse } from './response-writer.ts';
import { AGAIN, isOrphaned, judgeRetry } from './retry-verdict.ts';
import { type CheckOwner, SessionCheck } from './session-check.ts';
import { WatchedSession } from './watched-session.ts';

/** Hex digits of a trace's id. */
const TRACE_ID_LENGTH = 32;
const EVENT_STREAM = latin1Bytes('text/event-stream');

/** Whether an answer is one that lasts as long as somebody listens (HTML standard, server-sent events). */
function isEventStream(head: ResponseHead): boolean {
  const { bytes, first, valueStart, valueEnd } = head.fields;
  const at = first[FIELD.contentType]!;
  if (at < 0) return false;
  const end = valueStart[at]! + EVENT_STREAM.length;
  return end <= valueEnd[at]! && isWord(bytes, valueStart[at]!, end, EVENT_STREAM);
}

/** The record of one exchange at a time; Exchange is what acts on it. */
export abstract class ExchangeRecord implements Accountable, ReplyTo, CheckOwner, DoorOwner, LimitsOwner {
  readonly plane: Plane;
  readonly session: SessionCheck;
  readonly door: Door;
  readonly request: OutgoingRequest;
  readonly answer: IncomingAnswer;
  readonly homing: Homing;
  readonly placement: Placement;
  readonly watched = new WatchedSession();
  client: ExchangeClient | null = null;
  plan: RoutePlan | null = null;
  pool: Pool | null = null;
  /** What the config was when it began: it ends under it, whatever is reloaded meanwhile. */
  generation: Generation | null = null;
  status = 0;
  attempts = 0;
  startedMs = 0;
  upstreamMs = -1;
  fault: Fault | null = null;
  /** How it ends, as far as is known yet. */
  outcome: number = OUTCOME.answered;
  /** Where it is, or was last (STAGE). */
  stage: number = STAGE.head;
  /** Keeps the time of its stages; null: nobody asks. */
  clock: StageClock | null = null;
  /** What the access log wants to know of its messages; null: nothing. */
  notes: RequestNotes | null = null;
  /** Who broke off the tunnel that it became (WHO). */
  brokenBy: number = WHO.nobody;
  minor = 1;
  method = 0;
  bytesOut = 0;
  json = false;
  ownLines: Uint8Array | null = null;
  traced: RequestTrace | null = null;
  /** The client's connection may serve on behind this answer. */
  keepAlive = false;
  readonly allow = '';
  #ownClock: StageClock | null = null;
  #ownNotes: RequestNotes | null = null;
  retryAfterS = 0;
  /** Null until a request has limits that wait. */
  limits: LateLimits | null = null;

  constructor(plane: Plane) {
    this.plane = plane;
    this.session = new SessionCheck(plane, this);
    this.door = new Door(plane.doors, this);
    this.request = new OutgoingRequest(plane);
    this.answer = new IncomingAnswer(plane);
    this.homing = new Homing(plane);
    this.placement = new Placement(plane, this.homing);
  }

  abstract onChecked(passed: boolean): void;
  abstract onLimited(passed: boolean): void;
  /** For its door (DoorOwner). */
  abstract openAs(nowMs: number): number;
  abstract onSessionOver(standing: Standing): void;

  checkAgain(waiter: VerdictWaiter): Standing | null {
    return this.session.again(this.client!, this.homing.clientAddress, waiter);
  }

  compared(standing: Standing): Standing | null {
    return this.session.compared(standing, this.client!, this.homing.clientAddress);
  }

  /** Whom the request is at, or was at last. */
  get upstream(): Upstream | null {
    return this.placement.upstream;
  }

  get repeatable(): boolean {
    return this.method === METHOD.GET || this.method === METHOD.HEAD;
  }

  get toHead(): boolean {
    return this.method === METHOD.HEAD;
  }

  /** The app is told that this user comes from elsewhere. */
  get movedHere(): boolean {
    return this.homing.movedTo(this.placement.upstream!);
  }

  get requestId(): string {
    const { head, mark } = this.request;
    return head === null ? '' : latin1Text(head.bytes, mark.idStart, mark.idEnd);
  }

  get traceId(): string {
    const { head, mark } = this.request;
    return head === null ? '' : latin1Text(head.bytes, mark.traceStart, mark.traceStart + TRACE_ID_LENGTH);
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

  /** Whether the request's body has been read to its end. */
  get bodyDone(): boolean {
    return this.request.body.done;
  }

  /** Whether the client waits for a 100 that nobody has sent yet. */
  get expects(): boolean {
    return this.request.expects;
  }

  /** Whether the connection stays open behind an answer of our own: not with bytes of a body still to come. */
  get keep(): boolean {
    return this.keepAlive && this.request.body.done;
  }

  /** A request begins; `head` is good during the call. */
  protected beginRecord(
    client: ExchangeClient,
    head: RequestHead,
    plan: RoutePlan,
    pool: Pool,
    startedMs: number,
  ): void {
    const { generation } = this.plane;
    generation.underWay++;
    this.generation = generation;
    this.client = client;
    this.plan = plan;
    this.pool = pool;
    this.status = 0;
    this.attempts = 0;
    this.startedMs = startedMs;
    this.upstreamMs = -1;
    this.fault = null;
    this.outcome = OUTCOME.answered;
    this.stage = STAGE.head;
    this.clock = this.#clockOf(startedMs);
    this.brokenBy = WHO.nobody;
    this.notes = this.#notesOf(head, plan);
    this.minor = head.minor;
    this.method = head.method;
    this.bytesOut = 0;
    this.retryAfterS = 0;
    this.ownLines = client.side.ownLines(plan.cors === null ? null : plan.cors.answerLines(head.fields));
    this.json = this.plane.replies.prefersJson(head);
    this.keepAlive = head.keepAlive && !client.stopping;
    const { tracer } = this.plane;
    this.traced = tracer === null ? null : tracer.begin(head, client.side, startedMs);
  }

  /** Taken up where the log asks for it, which a reload may change. */
  #clockOf(startedMs: number): StageClock | null {
    const { access } = this.plane;
    if (access === null || !access.timesStages) return null;
    this.#ownClock ??= new StageClock();
    this.#ownClock.begin(startedMs);
    return this.#ownClock;
  }

  #notesOf(head: RequestHead, plan: RoutePlan): RequestNotes | null {
    const { access } = this.plane;
    if (access === null || (!access.notes.carries && plan.rewrite === null)) return null;
    this.#ownNotes ??= new RequestNotes();
    access.notes.begin(this.#ownNotes, head, plan.rewrite !== null);
    return this.#ownNotes;
  }

  enter(stage: number): void {
    this.stage = stage;
    if (this.clock !== null) this.clock.enter(stage, performance.now());
  }

  enterAt(stage: number, nowMs: number): void {
    this.stage = stage;
    if (this.clock !== null) this.clock.enter(stage, nowMs);
  }

  noteBody(blocked: boolean): void {
    // Behind an answer that came early the rest of the body matters no more.
    if (this.stage !== STAGE.body && this.stage !== STAGE.wait) return;
    const stage = blocked || this.request.body.done ? STAGE.wait : STAGE.body;
    if (stage !== this.stage) this.enter(stage);
  }

  /** What an answer's head tells of its upstream. */
  protected noteAnswer(upstream: Upstream, head: ResponseHead): void {
    const plane = this.plane;
    const nowMs = performance.now();
    const tookMs = nowMs - this.request.sentMs;
    this.enterAt(STAGE.answer, nowMs);
    if (this.clock !== null) this.clock.endless = isEventStream(head);
    if (this.notes !== null) this.notes.taker?.answered(this.notes, head.fields);
    this.upstreamMs = tookMs;
    this.traced?.answered(head.status);
    upstream.speaksOld = head.minor === 0;
    plane.metrics.answered(upstream, tookMs / 1000);
    if (head.status !== 101) {
      feedLatency(plane.table, upstream.slot, tookMs, nowMs);
      feedP99(plane.table.p99Ms, upstream.slot, tookMs);
    }
    if (inRanges(this.pool!.spec.failureStatuses, head.status)) plane.reports.failure(upstream, 'status');
    else if (upstream.failing) plane.reports.success(upstream);
  }

  /** Lays out the head of an answer as it goes on, with the user's home and what pages of other origins are told. */
  protected layAnswer(upstream: Upstream, head: ResponseHead): void {
    const plan = this.plan!;
    this.plane.continuity.answered(this.watched, upstream, head, this);
    layResponse(
      this.plane.out,
      head,
      plan.responseEdits,
      this.answerEditor(upstream, head),
      this.answer.frame,
      this.keepAlive,
      this.minor,
      plan.via,
      this.ownLines,
      this.plane.replies.date,
    );
  }

  /** What edits the head of the answer: affinity, and what a revocation does to a session that was given out meanwhile. */
  protected answerEditor(upstream: Upstream, head: ResponseHead): AnswerEditor | null {
    const editor = this.homing.answerEditor(upstream, head);
    const guard = this.plan!.session;
    const { standing, seen } = this.session;
    if (guard === null || standing === null || head.fields.first[FIELD.setCookie]! < 0) return editor;
    // Where no login matters, what was shown may have been revoked meanwhile all the same.
    if (!guard.notesLogins && (seen > 0 ? seen : standing.seen) === guard.sequence) return editor;
    const shown = this.session.shown(this.client!, this.homing.clientAddress);
    return watchLogins(guard, standing, shown, head.fields, this.plane.clock.wallMs(), editor);
  }

  /** Passes an interim answer on, to clients that know such (rules A2, C6). */
  onInterim(head: ResponseHead): void {
    if (this.minor === 0) return;
    if (head.status === 100) this.request.expects = false;
    const out = this.plane.out;
    layInterim(out, head, this.plan!.responseEdits);
    this.client!.socket.write(out);
  }

  /** Whether `fault` allows another try (rules T1–T6). */
  protected mayRetry(fault: Fault): boolean {
    const { request } = this;
    const again = judgeRetry(
      fault,
      this.attempts,
      this.plan!.retries.attempts,
      request.sent,
      isIdempotent(this.method),
      request.replayable,
    );
    if (again !== AGAIN.paid) return again === AGAIN.free;
    return (
      isOrphaned(fault, this.placement.upstream!, request.sentMs, performance.now()) ||
      this.pool!.budget.take(this.plane.deadlines.nowMs)
    );
  }

  /** Says 100 in the upstream's place: it said nothing for a while, or is not to be asked yet (rule C5). */
  sendContinue(): void {
    if (!this.request.expects) return;
    this.request.expects = false;
    const out = this.plane.out;
    out.block(CONTINUE);
    this.client!.socket.write(out);
  }

  /** Lays out the answer to a fault, or to a session that may not pass, and notes what it is. */
  protected layFailure(fault: Fault): void {
    const { plane, session } = this;
    const { standing, target, html } = session;
    plane.out.reset();
    this.fault = fault;
    this.outcome = OUTCOME.refused;
    this.status = fault.status;
    if (fault.side === 'client') this.keepAlive = false;
    // Nothing else fails by the faults of sessions.
    if (standing === null || fault !== session.fault) plane.replies.fault(plane.out, fault, this);
    else this.status = plane.replies.denied(plane.out, fault, standing.verifier, target, html, this);
    this.bytesOut = plane.replies.bodyBytes;
  }

  /** Forgets everything of this request. */
  protected forget(): void {
    this.client = null;
    this.door.leave();
    this.session.reset();
    this.limits?.reset();
    this.request.reset();
    this.answer.reset();
    this.placement.reset();
    this.homing.reset();
    this.watched.reset();
    this.plan = null;
    this.pool = null;
    this.fault = null;
    this.traced = null;
    const { generation } = this;
    this.generation = null;
    if (generation !== null && --generation.underWay === 0) this.plane.isIdle(generation);
  }
}
