// One worker's data plane put together: what connections share, the tick that keeps their time, and what the main thread tells it.

import { performance } from 'node:perf_hooks';
import { ByteWriter } from '../base/byte-writer.ts';
import type { Clock } from '../base/clock.ts';
import { Deadlines } from '../base/deadlines.ts';
import type { Fault } from '../base/fault.ts';
import { type Random, RandomBytes } from '../base/random.ts';
import { WriterStock } from '../base/writer-stock.ts';
import type { ListenerCertificates } from '../certificates/context-table.ts';
import type { Config } from '../config/config.ts';
import type { FileLists } from '../limit/access-list.ts';
import type { AccessLog } from '../observe/access-log.ts';
import type { MetricBook } from '../observe/metric-book.ts';
import type { TraceLog } from '../observe/trace-log.ts';
import { NO_REVOCATIONS } from '../session/revocations.ts';
import { SocketMaker } from '../socket/handle-socket.ts';
import type { Address, Upstream } from '../upstream/upstream.ts';
import type { UpstreamTable } from '../upstream/upstream-table.ts';
import type { RequestHead } from '../wire/request-head.ts';
import type { ResponseHead } from '../wire/response-head.ts';
import { AccessDesk } from './access-desk.ts';
import type { Accountable } from './accountable.ts';
import { AdmissionDesk } from './admission.ts';
import { ContinuityWatch } from './continuity.ts';
import { DoorKeeper } from './door-keeper.ts';
import { Exchange } from './exchange.ts';
import { GateKeeper } from './gate-keeper.ts';
import { type GenerationInput, GenerationMaker } from './generation-maker.ts';
import { Generations } from './generations.ts';
import { allocateLimits, LimitBooks, type LimitMemory } from './limit-books.ts';
import type { Listener, ListenerPlane } from './listener.ts';
import { ListenerSet } from './listener-set.ts';
import type { LivingGeneration } from './living-generation.ts';
import { OwnAnswers } from './own-answers.ts';
import type { Generation, PlaneReports } from './plane.ts';
import { PlaneMetrics } from './plane-metrics.ts';
import { PoolKeeper } from './pool-keeper.ts';
import type { Replies } from './replies.ts';
import { RoomMaker } from './room-maker.ts';
import { Tracer } from './tracer.ts';

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
  readonly continuity: ContinuityWatch;
  readonly gates: GateKeeper;
  readonly limits: LimitBooks;
  readonly metrics: PlaneMetrics;
  readonly reports: PlaneReports;
  readonly admission: AdmissionDesk;
  readonly maker: GenerationMaker;
  readonly generations: Generations;
  readonly listeners = new ListenerSet();
  readonly pools: PoolKeeper;
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
  /** What the prepared generation logs and traces by. */
  #nextLog: AccessLog | null = null;
  #nextTracer: Tracer | null = null;
  #timer: NodeJS.Timeout | null = null;
  #ticks = 0;
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
    this.pools = new PoolKeeper(table, input.reports);
    this.doors = new DoorKeeper({
      revocations: input.revocations ?? NO_REVOCATIONS,
      book: input.book,
      random: input.random,
      nowMs: () => clock.nowMs(),
      soon: setImmediate,
    });
    this.gates = new GateKeeper(input.book);
    const counts = input.counts ?? allocateLimits(config.limits, input.connectionsMax, input.workers);
    this.limits = new LimitBooks(counts, input.worker, input.book);
    this.maker = new GenerationMaker({ ...input, limits: this.limits });
    const first = this.maker.make(input, null);
    this.generations = new Generations(first, (over) => this.#isOver(over));
    this.metrics = new PlaneMetrics(input.book, first.plans, first.pools);
    this.continuity = new ContinuityWatch(this);
    this.writers = new WriterStock(first.writerBytesMax);
    this.generation = first;
    this.requestHead = first.requestHead;
    this.responseHead = first.responseHead;
    this.replies = first.replies;
    this.avoidSlots = first.largestPool;
    this.idleMs = first.timeouts.idleMs;
    this.tracer = this.#tracerOf(config);
    this.#useLog(input.accessLog);
    this.admission = new AdmissionDesk(this, new OwnAnswers(this, input.traceLog ?? null));
    this.listeners.learnCertificates(input.certificates ?? []);
    this.listeners.open(this, config.listeners);
  }

  /** Upstreams of the generation in force, and of all that still live. */
  get upstreams(): readonly Upstream[] {
    return this.generations.upstreams;
  }

  /** Compiles a config beside the one in force; nothing of it is used before `commit`, which `abandon` may come in place of. */
  prepare(input: GenerationInput): void {
    this.generations.prepare(this.maker.make(input, this.generations.current));
    this.#nextLog = input.accessLog;
    this.#nextTracer = this.#tracerOf(input.config);
  }

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
    this.maker.follow(before, now);
    this.doors.use(this.maker.revocations);
    this.generation = now;
    this.requestHead = now.requestHead;
    this.responseHead = now.responseHead;
    this.replies = now.replies;
    this.avoidSlots = now.largestPool;
    this.idleMs = now.timeouts.idleMs;
    this.writers.bound(now.writerBytesMax);
    this.#useLog(this.#nextLog);
    this.#nextLog = null;
    this.tracer = this.#nextTracer;
    this.#nextTracer = null;
    this.listeners.use(listeners, this.deadlines.nowMs, deadlineMs);
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
    return this.#room.make(this.listeners.all, this.#connectionsMax, this.deadlines.nowMs, () =>
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
    this.access?.unread(client, listener, head, bytes, fault, durationMs, this.replies.bodyBytes);
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

  #tick(): void {
    const nowMs = this.clock.nowMs();
    this.deadlines.tick(nowMs);
    this.doors.tick();
    this.pools.tick(this.generations.ticked, nowMs);
    if (++this.#ticks % 5 === 0) this.#flushLogs();
    if (this.#ticks % 50 === 1) this.#eachSecond(nowMs);
  }

  #eachSecond(nowMs: number): void {
    this.maker.everySecond(this.generations.current);
    this.limits.everySecond();
    this.listeners.everySecond(nowMs);
    this.pools.everySecond(this.generations.ticked, this.clock.wallMs());
  }

  /** A client connection has closed. */
  connectionGone(): void {
    if (this.refusing > 0 && this.connections <= this.#connectionsMax) this.refusing = 0;
    if (this.connections === 0 && this.#onDrained !== null && this.listeners.closed) {
      const done = this.#onDrained;
      this.#onDrained = null;
      done();
    }
  }

  /**
   * Stops accepting, lets what is under way finish, and calls `done` when nothing is open any more; `listeners.kill` is to follow after
   * `deadlineMs`. `handedOver`: a successor accepts from the same sockets.
   */
  drain(deadlineMs: number, handedOver: boolean, done: () => void): void {
    this.#onDrained = done;
    this.listeners.drain(deadlineMs, handedOver);
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
