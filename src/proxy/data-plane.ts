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
import type { Config } from '../config/config.ts';
import type { SuspicionOptions } from '../health/options.ts';
import { suspicionAfterMs } from '../health/suspicion.ts';
import type { AccessLog } from '../observe/access-log.ts';
import type { MetricBook } from '../observe/metric-book.ts';
import { compile } from '../plan/compile.ts';
import { JwksAnswer } from '../plan/jwks-answer.ts';
import { homesWanted } from '../plan/session-homes.ts';
import type { Pool } from '../pool/pool.ts';
import type { OpenSession } from '../session/open-session.ts';
import type { SigningState } from '../session/phantom/signing-keys.ts';
import { TokenSigner } from '../session/phantom/token-signer.ts';
import { NO_REVOCATIONS, type Revocations } from '../session/revocations.ts';
import { READ_BYTES, SocketMaker } from '../socket/handle-socket.ts';
import type { Address, Upstream } from '../upstream/upstream.ts';
import type { UpstreamTable } from '../upstream/upstream-table.ts';
import { DateField } from '../wire/local-reply.ts';
import { RequestHead } from '../wire/request-head.ts';
import { ResponseHead } from '../wire/response-head.ts';
import { AccessDesk } from './access-desk.ts';
import { AdmissionDesk } from './admission.ts';
import { DoorKeeper } from './door-keeper.ts';
import { Exchange } from './exchange.ts';
import { Listener, type ListenerPlane } from './listener.ts';
import { freePlaces } from './places.ts';
import type { Accountable, Generation, PlaneReports } from './plane.ts';
import { OUTCOME, PlaneMetrics } from './plane-metrics.ts';
import { Replies } from './replies.ts';
import { SessionDesk } from './session-desk.ts';

/** What a data plane is made from. */
export interface DataPlaneInput {
  readonly config: Config;
  readonly generation: number;
  readonly worker: number;
  readonly workers: number;
  readonly table: UpstreamTable;
  readonly learned: ReadonlyMap<string, LearnedMemory>;
  /** The shared tables of the sessions that are watched, by pool name; left out: none are. */
  readonly trails?: ReadonlyMap<string, LearnedMemory>;
  readonly clock: Clock;
  readonly random: Random;
  readonly book: MetricBook;
  readonly accessLog: AccessLog | null;
  readonly reports: PlaneReports;
  /** The session blocks of the config, ready to check. */
  readonly sessions: readonly OpenSession[];
  /** What the tokens of sessions are signed with; null or left out: no session has any. */
  readonly signing?: SigningState | null;
  /** What has been revoked; left out: nothing ever is. */
  readonly revocations?: Revocations;
  /** A check of a session that threw what it should not. */
  readonly onBug: (session: string, error: unknown) => void;
  /** Client connections that this worker may hold, and such as may be told at one time that there are too many. */
  readonly connectionsMax: number;
  readonly refusingMax: number;
  /** False: plain streams instead of handles, as on a Node that has none. */
  readonly direct?: boolean;
}

/**
 * How long an idle client is waited for when the worker stops, ms. Its next request may be on its way, and would be lost with a
 * connection that closes now: so long a round trip takes at the most, for nearly everybody.
 */
const LAST_REQUEST_MS = 500;
/** How often deadlines are looked at, ms: the error of every timeout. */
const TICK_MS = 20;
/** An answer's head and one read's body, newly framed, fit together. */
const OUT_BYTES_MAX = 1 << 20;
/** Fields of an answer; requests have their own limit in the config. */
const RESPONSE_FIELDS_MAX = 256;
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
  readonly avoidSlots: number;
  readonly writers: WriterStock;
  readonly out = new ByteWriter(16 * 1024, OUT_BYTES_MAX);
  readonly requestHead: RequestHead;
  readonly responseHead: ResponseHead;
  readonly replies: Replies;
  readonly doors: DoorKeeper;
  readonly metrics: PlaneMetrics;
  readonly accessLog: AccessLog | null;
  readonly reports: PlaneReports;
  readonly admission: AdmissionDesk;
  readonly generation: Generation;
  readonly upstreams: readonly Upstream[];
  readonly listeners: readonly Listener[];
  stopping = false;
  idleMs: number;
  /** Client connections open in this worker. */
  connections = 0;
  /** Of those, such as are being told that there are too many. */
  refusing = 0;
  readonly refusingMax: number;
  readonly #connectionsMax: number;
  readonly #suspicion: readonly (SuspicionOptions | null)[];
  readonly #access: AccessDesk | null;
  readonly #sessions: SessionDesk;
  readonly #signer: TokenSigner | null;
  readonly #jwks: JwksAnswer | null;
  #timer: NodeJS.Timeout | null = null;
  #ticks = 0;
  #waking = false;
  #onDrained: (() => void) | null = null;

  constructor(input: DataPlaneInput) {
    const { config, clock, table } = input;
    this.worker = input.worker;
    this.clock = clock;
    this.table = table;
    this.random = input.random;
    this.accessLog = input.accessLog;
    this.reports = input.reports;
    this.idleMs = config.timeouts.idleMs;
    this.#connectionsMax = input.connectionsMax;
    this.refusingMax = input.refusingMax;
    this.deadlines = new Deadlines(clock.nowMs(), TICK_MS);
    this.sockets = new SocketMaker(input.direct ?? true);
    const revocations = input.revocations ?? NO_REVOCATIONS;
    this.doors = new DoorKeeper({
      revocations,
      book: input.book,
      random: input.random,
      nowMs: () => clock.nowMs(),
    });
    const { signing = null } = input;
    this.#signer = signing === null ? null : new TokenSigner(signing);
    this.#jwks = signing === null ? null : new JwksAnswer(signing.published);
    this.#sessions = new SessionDesk({
      ...input,
      revocations,
      signer: this.#signer,
      homes: homesWanted(config),
      timers: systemTimers,
      onVouch: input.reports.vouched,
    });
    const { verifiers } = this.#sessions;
    const compiled = compile({
      ...input,
      verifiers,
      jwks: this.#jwks,
      nowMs: () => clock.nowMs(),
      wallMs: () => clock.wallMs(),
    });
    this.upstreams = compiled.upstreams;
    this.generation = {
      number: input.generation,
      routes: compiled.routes,
      plans: compiled.plans,
      pools: compiled.pools,
      trustedProxies: compiled.trustedProxies,
      limits: config.limits,
      timeouts: config.timeouts,
      http: config.http,
    };
    this.avoidSlots = Math.max(1, ...compiled.pools.map((pool) => pool.upstreams.length));
    this.writers = new WriterStock(writerBytesMax(config));
    this.#suspicion = config.pools.map((pool) => pool.health.suspicion);
    const limits = config.limits;
    this.requestHead = new RequestHead({ ...limits, strictTarget: false });
    const responseHeadBytes = Math.max(
      limits.responseHeadBytes,
      ...compiled.plans.map((plan) => plan.limits.responseHeadBytes),
    );
    this.responseHead = new ResponseHead({ responseHeadBytes, fields: RESPONSE_FIELDS_MAX });
    const maintenance = new Map(
      config.pools.flatMap((pool) =>
        pool.maintenance === null ? [] : [[pool.name, pool.maintenance] as const],
      ),
    );
    this.replies = new Replies(new DateField(clock), config.errors, maintenance);
    this.metrics = new PlaneMetrics(input.book, compiled.plans, compiled.pools);
    this.#access = input.accessLog === null ? null : new AccessDesk(input.accessLog);
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
        const { address } = connection.side;
        this.#access?.here(requestId, address, this.requestHead, plan, status, fault, seconds * 1000);
      },
    });
    this.listeners = config.listeners.map((listener) => new Listener(this, listener.name, listener.bind));
  }

  /** Begins the tick. */
  start(): void {
    this.#timer = setInterval(() => this.#tick(), TICK_MS);
  }

  newExchange(): Exchange {
    return new Exchange(this);
  }

  mayAccept(): boolean {
    return this.connections < this.#connectionsMax;
  }

  /** Where `slot` is to be dialled from now on. Connections to the old address finish what they carry. */
  setAddress(slot: number, address: Address | null): void {
    const upstream = this.upstreams[slot];
    if (upstream === undefined) return;
    upstream.address = address;
    upstream.closeIdle();
  }

  /** Tokens are signed with this from now on, and these keys are published. */
  setSigning(state: SigningState): void {
    this.#signer?.use(state);
    this.#jwks?.show(state.published);
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
    this.upstreams[slot]?.hung();
  }

  refused(fault: Fault): void {
    this.metrics.refused(fault.code);
  }

  tellUnread(
    client: string,
    head: RequestHead | null,
    bytes: Uint8Array | null,
    fault: Fault,
    durationMs: number,
  ): void {
    this.metrics.unread(fault.status);
    this.#access?.unread(client, head, bytes, fault, durationMs);
  }

  account(exchange: Accountable): void {
    const ms = performance.now() - exchange.startedMs;
    this.metrics.request(exchange.plan, exchange.upstream, exchange.status, exchange.outcome, ms / 1000);
    if (exchange.fault !== null && exchange.fault.side !== 'upstream')
      this.metrics.refused(exchange.fault.code);
    this.#access?.exchange(exchange, ms);
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
    const { pools } = this.generation;
    for (let i = 0; i < pools.length; i++) {
      const pool = pools[i]!;
      this.#tickLine(pool, nowMs);
      this.#tickSuspicion(pool, this.#suspicion[i] ?? null, nowMs);
    }
    if (++this.#ticks % 5 === 0) this.accessLog?.flush();
    if (this.#ticks % 50 === 1) this.#eachSecond(pools);
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

  #eachSecond(pools: readonly Pool[]): void {
    this.#sessions.everySecond();
    const wallMs = this.clock.wallMs();
    for (const pool of pools) {
      pool.spec.affinity?.tick(wallMs);
      pool.measure((slot) => estimateUsers(this.table.userRegisters, slot));
    }
  }

  /** A client connection has closed. */
  connectionGone(): void {
    if (this.refusing > 0 && this.connections <= this.#connectionsMax) this.refusing = 0;
    if (this.connections === 0 && this.#onDrained !== null) {
      const done = this.#onDrained;
      this.#onDrained = null;
      done();
    }
  }

  /**
   * Stops accepting, lets what is under way finish, and calls `done` when nothing is open any more; `kill` is to follow after
   * `deadlineMs`.
   */
  drain(deadlineMs: number, done: () => void): void {
    this.stopping = true;
    // Half the deadline at the most, so that nobody who only idles has to be cut.
    this.idleMs = Math.min(this.idleMs, LAST_REQUEST_MS, deadlineMs / 2);
    for (const listener of this.listeners) listener.drain();
    if (this.connections === 0) done();
    else this.#onDrained = done;
  }

  /** The deadline of the drain has come: everything is closed. */
  kill(): void {
    for (const listener of this.listeners) listener.kill();
  }

  /** Ends the tick and the idle upstream connections. */
  stop(): void {
    if (this.#timer !== null) clearInterval(this.#timer);
    for (const upstream of this.upstreams) upstream.closeIdle();
    this.accessLog?.flush();
  }
}

/**
 * What a writer of requests may grow to: what is held for a retry, or waits for an upstream, with one read on top and its framing. A body
 * that is held in chunks of one byte takes six times its bytes.
 */
function writerBytesMax(config: Config): number {
  let most = config.limits.headBytes;
  for (const { limits, retries } of config.routes) {
    most = Math.max(most, limits.bufferBytes, limits.responseHeadBytes, retries.bodyBufferBytes * 6);
  }
  return Math.max(OUT_BYTES_MAX, most + 2 * READ_BYTES);
}
