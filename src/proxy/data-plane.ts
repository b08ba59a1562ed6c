// One worker's data plane put together: what connections share, the tick that keeps their time, and what the main thread tells it.

import type { LearnedMemory } from '../affinity/learned.ts';
import { estimateUsers } from '../affinity/users.ts';
import { ByteWriter } from '../base/byte-writer.ts';
import type { Clock } from '../base/clock.ts';
import { Deadlines } from '../base/deadlines.ts';
import type { Fault } from '../base/fault.ts';
import { type Random, RandomBytes } from '../base/random.ts';
import { systemTimers } from '../base/timers.ts';
import { WriterStock } from '../base/writer-stock.ts';
import type { ListenerCertificates } from '../certificates/context-table.ts';
import type { Config } from '../config/config.ts';
import type { SuspicionOptions } from '../health/options.ts';
import { suspicionAfterMs } from '../health/suspicion.ts';
import type { FileLists } from '../limit/access-list.ts';
import type { SharedBuckets } from '../limit/shared-buckets.ts';
import type { AccessLog } from '../observe/access-log.ts';
import type { MetricBook } from '../observe/metric-book.ts';
import type { TraceLog } from '../observe/trace-log.ts';
import { compile } from '../plan/compile.ts';
import { JwksAnswer } from '../plan/jwks-answer.ts';
import { homesWanted } from '../plan/session-homes.ts';
import type { Rows } from '../plan/slots.ts';
import type { Pool } from '../pool/pool.ts';
import type { OpenSession } from '../session/open-session.ts';
import type { SigningState } from '../session/phantom/signing-keys.ts';
import { TokenSigner } from '../session/phantom/token-signer.ts';
import { NO_REVOCATIONS, type Revocations } from '../session/revocations.ts';
import { SocketMaker } from '../socket/handle-socket.ts';
import type { Address, Upstream } from '../upstream/upstream.ts';
import type { UpstreamTable } from '../upstream/upstream-table.ts';
import { DateField } from '../wire/local-reply.ts';
import type { RequestHead } from '../wire/request-head.ts';
import type { ResponseHead } from '../wire/response-head.ts';
import { AccessDesk } from './access-desk.ts';
import type { Accountable } from './accountable.ts';
import { AdmissionDesk } from './admission.ts';
import { DoorKeeper } from './door-keeper.ts';
import { Exchange } from './exchange.ts';
import { GateKeeper } from './gate-keeper.ts';
import { Generations } from './generations.ts';
import { allocateLimits, LimitBooks, type LimitMemory } from './limit-books.ts';
import { Listener, type ListenerPlane } from './listener.ts';
import { LivingGeneration } from './living-generation.ts';
import { freePlaces } from './places.ts';
import type { Generation, PlaneReports } from './plane.ts';
import { OUTCOME, PlaneMetrics } from './plane-metrics.ts';
import type { Replies } from './replies.ts';
import { RoomMaker } from './room-maker.ts';
import { SessionDesk } from './session-desk.ts';
import { Tracer } from './tracer.ts';

/** What one generation of the config is made from. */
export interface GenerationInput {
  readonly config: Config;
  readonly generation: number;
  /** Rows and numbers of its parts; left out: those of a config that is the only one. */
  readonly rows?: Rows;
  readonly learned: ReadonlyMap<string, LearnedMemory>;
  /** The shared tables of the sessions that are watched, by pool name; left out: none are. */
  readonly trails?: ReadonlyMap<string, LearnedMemory>;
  readonly accessLog: AccessLog | null;
  /** The session blocks of the config, ready to check. */
  readonly sessions: readonly OpenSession[];
  /** What the tokens of sessions are signed with; null or left out: no session has any. */
  readonly signing?: SigningState | null;
  /** What has been revoked; left out: nothing ever is. */
  readonly revocations?: Revocations;
  /** Lists of addresses in files, by path; left out: there are none. */
  readonly lists?: FileLists;
  /** Where rate limits are shared, as the config numbers them; left out: nowhere. */
  readonly shared?: readonly SharedBuckets[];
}

/** What a data plane is made from. */
export interface DataPlaneInput extends GenerationInput {
  /** Of the listeners with TLS; left out: none are known yet. */
  readonly certificates?: readonly ListenerCertificates[];
  readonly worker: number;
  readonly workers: number;
  readonly table: UpstreamTable;
  readonly clock: Clock;
  readonly random: Random;
  readonly book: MetricBook;
  /** Where the requests that are traced are told; left out: none are, whatever the config says. */
  readonly traceLog?: TraceLog;
  readonly reports: PlaneReports;
  /** A generation is over: nothing under way began under it any more. Left out: nobody asks. */
  readonly onOver?: (over: LivingGeneration) => void;
  /** A check of a session that threw what it should not. */
  readonly onBug: (session: string, error: unknown) => void;
  /** Client connections that this worker may hold, and such as may be told at one time that there are too many. */
  readonly connectionsMax: number;
  readonly refusingMax: number;
  /** What all workers count clients in; left out: this one counts alone. */
  readonly counts?: LimitMemory;
  /** False: plain streams instead of handles, as on a Node that has none. */
  readonly direct?: boolean;
}

/** How often deadlines are looked at, ms: the error of every timeout. */
const TICK_MS = 20;
/** An answer's head and one read's body, newly framed, fit together. */
const OUT_BYTES_MAX = 1 << 20;
/** A suspicion that goes on is told again this often, ms. */
const TELL_EVERY_MS = 100;

/** The data plane of one worker. */
export class DataPlane implements ListenerPlane {
  readonly worker: number;
  readonly clock: Clock;
  readonly deadlines: Deadlines;
  readonly sockets: SocketMaker;
  readonly random: Random;
  readonly randomBytes = new RandomBytes();
  readonly table: UpstreamTable;
  readonly writers: WriterStock;
  readonly out = new ByteWriter(16 * 1024, OUT_BYTES_MAX);
  readonly doors: DoorKeeper;
  readonly gates: GateKeeper;
  readonly limits: LimitBooks;
  readonly metrics: PlaneMetrics;
  readonly reports: PlaneReports;
  readonly admission: AdmissionDesk;
  readonly generations: Generations;
  /** Those that accept. */
  listeners: readonly Listener[];
  // What follows the generation in force.
  generation: Generation;
  requestHead: RequestHead;
  responseHead: ResponseHead;
  replies: Replies;
  avoidSlots: number;
  idleMs: number;
  access: AccessDesk | null = null;
  tracer: Tracer | null;
  #accessLog: AccessLog | null = null;
  /** Client connections open in this worker. */
  connections = 0;
  /** Of those, such as are being told that there are too many. */
  refusing = 0;
  readonly refusingMax: number;
  readonly #in: DataPlaneInput;
  readonly #connectionsMax: number;
  readonly #room = new RoomMaker();
  readonly #date: DateField;
  readonly #sessions: SessionDesk;
  /** Listeners that were taken out, and still have connections, each with the time at which those are cut, ms. */
  #leaving: { readonly listener: Listener; readonly cutMs: number }[] = [];
  #revocations: Revocations;
  #signer: TokenSigner | null = null;
  #jwks: JwksAnswer | null = null;
  #signing: SigningState | null = null;
  readonly #certificates = new Map<string, ListenerCertificates>();
  #timer: NodeJS.Timeout | null = null;
  #ticks = 0;
  #waking = false;
  #onDrained: (() => void) | null = null;

  constructor(input: DataPlaneInput) {
    const { config, clock, table } = input;
    this.#in = input;
    this.worker = input.worker;
    this.clock = clock;
    this.table = table;
    this.random = input.random;
    this.reports = input.reports;
    this.#connectionsMax = input.connectionsMax;
    this.refusingMax = input.refusingMax;
    this.deadlines = new Deadlines(clock.nowMs(), TICK_MS);
    this.sockets = new SocketMaker(input.direct ?? true);
    this.#date = new DateField(clock);
    this.#revocations = input.revocations ?? NO_REVOCATIONS;
    this.doors = new DoorKeeper({
      revocations: this.#revocations,
      book: input.book,
      random: input.random,
      nowMs: () => clock.nowMs(),
    });
    this.gates = new GateKeeper(input.book);
    const counts = input.counts ?? allocateLimits(config.limits, input.connectionsMax, input.workers);
    this.limits = new LimitBooks(counts, input.worker, input.book);
    this.#sessions = new SessionDesk({
      book: input.book,
      clock,
      timers: systemTimers,
      onVouch: input.reports.vouched,
      onBug: input.onBug,
    });
    const first = this.#compile(input, null);
    this.generations = new Generations(first, (over) => this.#isOver(over));
    this.metrics = new PlaneMetrics(input.book, first.plans, first.pools);
    this.writers = new WriterStock(first.writerBytesMax);
    this.generation = first;
    this.requestHead = first.requestHead;
    this.responseHead = first.responseHead;
    this.replies = first.replies;
    this.avoidSlots = first.largestPool;
    this.idleMs = first.timeouts.idleMs;
    this.tracer = this.#tracerOf(config);
    this.#useLog(input.accessLog);
    this.admission = new AdmissionDesk(this, {
      answeredHere: (connection, plan, status, fault, startedMs, requestId) => {
        const seconds = (performance.now() - startedMs) / 1000;
        this.metrics.request(
          plan,
          null,
          status,
          fault === null ? OUTCOME.answered : OUTCOME.refused,
          seconds,
        );
        this.access?.here({
          requestId,
          client: connection.side.address,
          listener: connection.listener,
          agreed: connection.side.agreed,
          head: this.requestHead,
          plan,
          status,
          fault,
          durationMs: seconds * 1000,
        });
        const traced = this.tracer?.begin(this.requestHead, connection.side, startedMs) ?? null;
        if (traced !== null) this.#in.traceLog?.write(traced.endHere(plan, status, fault, seconds));
      },
    });
    this.learnCertificates(input.certificates ?? []);
    this.listeners = config.listeners.map((listener) => new Listener(this, listener));
  }

  /** Upstreams of the generation in force, and of all that still live. */
  get upstreams(): readonly Upstream[] {
    return this.generations.upstreams;
  }

  /** Compiles a config beside the one in force; nothing of it is used before `commit`, which `abandon` may come in place of. */
  prepare(input: GenerationInput): void {
    if (input.revocations !== undefined) this.#revocations = input.revocations;
    this.generations.prepare(this.#compile(input, this.generations.current));
    this.#nextLog = input.accessLog;
    this.#nextTracer = this.#tracerOf(input.config);
  }

  /** What the prepared generation logs and traces by. */
  #nextLog: AccessLog | null = null;
  #nextTracer: Tracer | null = null;

  /** What was prepared is not wanted. */
  abandon(): LivingGeneration | null {
    this.#nextLog = null;
    this.#nextTracer = null;
    return this.generations.abandon();
  }

  /**
   * What was prepared is in force for every request from here on; those under way end under what they began with. `listeners`: those that accept
   * from now on; of the others connections close as in a drain, after `deadlineMs` at the latest.
   */
  commit(listeners: readonly Listener[], deadlineMs: number): void {
    const before = this.generations.commit();
    const now = this.generations.current;
    this.metrics.adopt(now.plans, now.pools);
    this.#sessions.clear(before.sessions, now.sessions);
    this.doors.use(this.#revocations);
    this.generation = now;
    this.requestHead = now.requestHead;
    this.responseHead = now.responseHead;
    this.replies = now.replies;
    this.avoidSlots = now.largestPool;
    this.idleMs = now.timeouts.idleMs;
    this.writers.bound(now.writerBytesMax);
    if (this.#signing !== null) this.setSigning(this.#signing);
    this.#useLog(this.#nextLog);
    this.#nextLog = null;
    this.tracer = this.#nextTracer;
    this.#nextTracer = null;
    const leaving = this.listeners.filter((listener) => !listeners.includes(listener));
    this.listeners = listeners;
    const cutMs = this.deadlines.nowMs + deadlineMs;
    for (const listener of leaving) {
      listener.drain(deadlineMs);
      this.#leaving.push({ listener, cutMs });
    }
    if (before.underWay === 0) this.generations.isIdle(before);
  }

  /** Requests that end from now on are told in this log; null: in none. */
  #useLog(log: AccessLog | null): void {
    this.#accessLog?.flush();
    this.#accessLog = log;
    this.access = log === null ? null : new AccessDesk(log);
  }

  isIdle(generation: Generation): void {
    this.generations.isIdle(generation);
  }

  #isOver(over: LivingGeneration): void {
    for (const pool of over.pools)
      if (!this.generations.some(({ pools }) => pools.includes(pool))) this.metrics.forget(pool);
    this.#in.onOver?.(over);
  }

  #compile(input: GenerationInput, before: LivingGeneration | null): LivingGeneration {
    const { clock } = this;
    const { signing = null } = input;
    if (signing !== null) {
      this.#signing = signing;
      this.#signer ??= new TokenSigner(signing);
      this.#jwks ??= new JwksAnswer(signing.published);
    }
    const sessions = this.#sessions.open(
      input.sessions,
      { revocations: this.#revocations, homes: homesWanted(input.config), signer: this.#signer },
      before?.sessions ?? null,
    );
    const { table, random, worker, workers } = this.#in;
    const compiled = compile(
      {
        ...input,
        table,
        random,
        worker,
        workers,
        verifiers: sessions.verifiers,
        jwks: this.#jwks,
        gates: this.limits.tools(input.lists ?? new Map(), input.shared ?? []),
        nowMs: () => clock.nowMs(),
        wallMs: () => clock.wallMs(),
      },
      before?.compiled ?? null,
    );
    return new LivingGeneration(input.generation, compiled, sessions, this.#date);
  }

  #tracerOf({ tracing }: Config): Tracer | null {
    if (tracing === null || this.#in.traceLog === undefined) return null;
    const { clock, random, randomBytes } = this;
    return new Tracer({ options: tracing, clock, random, randomBytes });
  }

  /** Begins the tick. */
  start(): void {
    this.#timer = setInterval(() => this.#tick(), TICK_MS);
  }

  newExchange(): Exchange {
    return new Exchange(this);
  }

  mayAccept(): boolean {
    if (this.connections >= this.#connectionsMax) return false;
    this.#room.reset();
    return true;
  }

  makeRoom(): boolean {
    return this.#room.make(this.listeners, this.#connectionsMax, this.deadlines.nowMs, () =>
      this.limits.shed('room'),
    );
  }

  /** Where `slot` is to be dialled from now on. Connections to the old address finish what they carry. */
  setAddress(slot: number, address: Address | null): void {
    for (const upstream of this.upstreams) {
      if (upstream.slot !== slot) continue;
      upstream.address = address;
      upstream.closeIdle();
    }
  }

  /** Where `slot` is to be dialled, for an upstream that is only being prepared and knows no address yet. */
  introduce(slot: number, address: Address | null): void {
    for (const upstream of this.upstreams) if (upstream.slot === slot) upstream.address ??= address;
  }

  /** Some files of addresses were read anew. */
  showLists(lists: FileLists): void {
    this.generations.each(({ compiled }) => {
      for (const list of compiled.lists) list.show(lists);
    });
  }

  /** Tokens are signed with this from now on, and these keys are published. */
  setSigning(state: SigningState): void {
    this.#signing = state;
    this.#signer?.use(state);
    this.#jwks?.show(state.published);
  }

  certificatesOf(listener: string): ListenerCertificates | null {
    return this.#certificates.get(listener) ?? null;
  }

  /** What listeners find that are made, or told of another config, from now on. */
  learnCertificates(states: readonly ListenerCertificates[]): void {
    for (const state of states) this.#certificates.set(state.listener, state);
  }

  /** A listener's new handshakes use these from now on. */
  setCertificates(state: ListenerCertificates): void {
    this.#certificates.set(state.listener, state);
    for (const listener of this.listeners)
      if (listener.name === state.listener) listener.setCertificates(state);
  }

  freeIdle(): boolean {
    let freed = false;
    for (const upstream of this.upstreams) {
      freed ||= upstream.idle.length > 0;
      upstream.closeIdle();
    }
    return freed;
  }

  /** The upstream was found hung: what waits on it is tried elsewhere where that may be done. */
  hung(slot: number): void {
    for (const upstream of this.upstreams) if (upstream.slot === slot) upstream.hung();
  }

  refused(fault: Fault): void {
    this.metrics.refused(fault.code);
  }

  tellUnread(
    client: string,
    listener: string,
    head: RequestHead | null,
    bytes: Uint8Array | null,
    fault: Fault,
    durationMs: number,
  ): void {
    this.metrics.unread(fault.status);
    this.access?.unread(client, listener, head, bytes, fault, durationMs);
  }

  account(exchange: Accountable): void {
    const nowMs = performance.now();
    const ms = nowMs - exchange.startedMs;
    this.metrics.request(exchange.plan, exchange.upstream, exchange.status, exchange.outcome, ms / 1000);
    if (exchange.fault !== null && exchange.fault.side !== 'upstream')
      this.metrics.refused(exchange.fault.code);
    if (this.access !== null) {
      exchange.clock?.enter(exchange.stage, nowMs);
      this.access.exchange(exchange, ms);
    }
    if (exchange.traced !== null) this.#in.traceLog?.write(exchange.traced.end(exchange, ms / 1000));
  }

  wakeLine(pool: Pool): void {
    // One that is woken may fail at once and free its place: the loop that runs already, or the next tick, gives it on.
    if (this.#waking) return;
    this.#waking = true;
    for (let n = Math.min(pool.line.length, freePlaces(pool)); n > 0; n--) {
      // Only exchanges stand in lines of this plane.
      const waiter = pool.line.next() as Exchange | null;
      if (waiter === null) break;
      waiter.resumeFromLine();
    }
    this.#waking = false;
  }

  #tick(): void {
    const nowMs = this.clock.nowMs();
    this.deadlines.tick(nowMs);
    this.doors.tick(nowMs);
    const { ticked } = this.generations;
    for (let i = 0; i < ticked.length; i++) {
      const { pool, suspicion } = ticked[i]!;
      this.#tickLine(pool, nowMs);
      this.#tickSuspicion(pool, suspicion, nowMs);
    }
    if (++this.#ticks % 5 === 0) this.#flushLogs();
    if (this.#ticks % 50 === 1) this.#eachSecond(nowMs);
  }

  /** Ends the waiting of those whose time is up; others may have been freed a place by another worker. */
  #tickLine(pool: Pool, nowMs: number): void {
    if (pool.line.length === 0) return;
    for (let w = pool.line.nextExpired(nowMs); w !== null; w = pool.line.nextExpired(nowMs)) {
      (w as Exchange).expireInLine();
    }
    if (pool.line.length > 0) this.wakeLine(pool);
  }

  #tickSuspicion(pool: Pool, options: SuspicionOptions | null, nowMs: number): void {
    if (options === null) return;
    const { upstreams } = pool;
    for (let i = 0; i < upstreams.length; i++) {
      const upstream = upstreams[i]!;
      if (upstream.owed === 0) continue;
      const silentMs = upstream.silentMs(nowMs);
      if (silentMs < suspicionAfterMs(options, this.table.p99Ms[upstream.slot]!)) continue;
      if (nowMs - upstream.toldMs < TELL_EVERY_MS) continue;
      upstream.toldMs = nowMs;
      this.reports.suspect(upstream);
    }
  }

  #eachSecond(nowMs: number): void {
    this.#sessions.everySecond(this.generations.current.sessions);
    this.limits.everySecond();
    if (this.#leaving.length > 0) this.#cutLeaving(nowMs);
    const wallMs = this.clock.wallMs();
    for (const { pool } of this.generations.ticked) {
      pool.spec.affinity?.tick(wallMs);
      pool.measure((slot) => estimateUsers(this.table.userRegisters, slot));
    }
  }

  #cutLeaving(nowMs: number): void {
    for (const { listener, cutMs } of this.#leaving) if (nowMs >= cutMs) listener.kill();
    this.#leaving = this.#leaving.filter(({ listener }) => listener.count > 0 || !listener.closed);
  }

  /** A client connection has closed. */
  connectionGone(): void {
    if (this.refusing > 0 && this.connections <= this.#connectionsMax) this.refusing = 0;
    if (this.connections === 0 && this.#onDrained !== null && this.listeners.every(({ closed }) => closed)) {
      const done = this.#onDrained;
      this.#onDrained = null;
      done();
    }
  }

  /**
   * Stops accepting, lets what is under way finish, and calls `done` when nothing is open any more; `kill` is to follow after
   * `deadlineMs`. `handedOver`: a successor accepts from the same sockets.
   */
  drain(deadlineMs: number, handedOver: boolean, done: () => void): void {
    this.#onDrained = done;
    for (const listener of this.listeners) listener.drain(deadlineMs, handedOver);
  }

  /** The deadline of the drain comes soon. */
  leave(): void {
    for (const listener of this.listeners) listener.leave();
    for (const { listener } of this.#leaving) listener.leave();
  }

  /** The deadline of the drain has come: everything is closed. */
  kill(): void {
    for (const listener of this.listeners) listener.kill();
    for (const { listener } of this.#leaving) listener.kill();
  }

  /** Ends the tick and the idle upstream connections. */
  stop(): void {
    if (this.#timer !== null) clearInterval(this.#timer);
    for (const upstream of this.upstreams) upstream.closeIdle();
    this.#flushLogs();
  }

  #flushLogs(): void {
    this.#accessLog?.flush();
    this.#in.traceLog?.flush();
  }
}
