// The main thread put together: health, names, workers, log and admin side; it never touches a request.
import { availableParallelism } from 'node:os';
import { isDeepStrictEqual } from 'node:util';
import type { FastifyInstance } from 'fastify';
import { renewTls } from '../admin/admin-tls.ts';
import { listenOn } from '../admin/app.ts';
import { TokenTable } from '../admin/auth.ts';
import { buildProbes } from '../admin/probes.ts';
import type { ReloadResult } from '../admin/reload-result.ts';
import { buildAdmin } from '../admin/server.ts';
import { LearnedTable } from '../affinity/learned.ts';
import { forgetUsers, turnWindow } from '../affinity/users.ts';
import { systemClock } from '../base/clock.ts';
import { invariant } from '../base/invariant.ts';
import { systemRandom } from '../base/random.ts';
import { systemTimers } from '../base/timers.ts';
import { type Bind, type Config, writtenRoutes } from '../config/config.ts';
import { type ConfigLoader, configLoader, type LoadResult } from '../config/load.ts';
import { type BoardPool, HealthBoard, type HealthChange } from '../health/health-board.ts';
import { EventHub } from '../observe/event-hub.ts';
import type { Logger } from '../observe/logger.ts';
import { MetricShelf } from '../observe/metric-shelf.ts';
import { Exposition } from '../observe/prometheus.ts';
import { authorityOf } from '../plan/compile.ts';
import { capacityFor, type FreedRows, SlotBook } from '../plan/slot-book.ts';
import { type Rows, rowsOf, type SlottedUpstream } from '../plan/slots.ts';
import { Resolver, type ResolverUpstream } from '../pool/resolver.ts';
import { allocateLimits } from '../proxy/limit-books.ts';
import type { FailureKind } from '../proxy/plane.ts';
import { SigningKeys } from '../session/phantom/signing-keys.ts';
import { descriptorOf } from '../socket/handle-io.ts';
import { UpstreamTable, USER_WINDOWS } from '../upstream/upstream-table.ts';
import { layProxyHeader } from '../wire/proxy-header.ts';
import { AddressFiles, listFilesOf } from './address-files.ts';
import { canSharePorts, tryBind, urlOf } from './binding.ts';
import { Certificates } from './certificates.ts';
import { ConfigView } from './config-view.ts';
import { ConfigWatch } from './config-watch.ts';
import { connectionBound } from './connection-bound.ts';
import { ControlView } from './control-view.ts';
import { BindError, Crew } from './crew.ts';
import { type Beginning, type Estate, FRESH, gather } from './handover.ts';
import type { Inheritance } from './inherited.ts';
import { LiveDesk } from './live.ts';
import { type LogDesk, openLogs } from './log-desk.ts';
import { type MainGeneration, makeGeneration } from './main-generation.ts';
import type { FromWorker, GenerationData } from './messages.ts';
import { tellReload } from './reload-news.ts';
import { type Attachments, type Reloadable, type ReloadCause, Reloader } from './reloader.ts';
import { makeSwitch, type RevocationSwitch } from './revocation-switch.ts';
import { bindSentence, madeSecrets, StartError, withPorts, withSecrets } from './starting.ts';
import { type TraceLine, Tracing, TracingError } from './tracing.ts';
import { VERSION } from './version.ts';
import { WorkerNews } from './worker-news.ts';
import { beginAtZero } from './zero-counts.ts';

/** The file that a worker runs, of the same kind as this one: TypeScript in development, else what was built. */
const WORKER_ENTRY = new URL(
  import.meta.url.endsWith('.ts') ? './worker-main.ts' : './worker-main.js',
  import.meta.url,
);
/** How long a user counts where no admin side says. */
const USER_WINDOW_MS = 300_000;
/** Failures after which the name is looked up again: whoever was made anew lives elsewhere. */
const NOT_CONNECTED: ReadonlySet<FailureKind> = new Set(['unresolved', 'refused', 'unreachable', 'timeout']);
/** Time for the log to be written at the end. */
const LOG_CLOSE_MS = 1000;

/** A process that runs: made by `start`, ended by `stop`. */
export class ControlPlane implements Reloadable {
  /** The generation of the config that is in force. */
  current: MainGeneration;
  readonly reloader: Reloader;
  readonly configView = new ConfigView(this);
  readonly watch: ConfigWatch;
  readonly #load: ConfigLoader;
  readonly workers: number;
  readonly log: Logger;
  readonly table: UpstreamTable;
  readonly shelf: MetricShelf;
  readonly board: HealthBoard;
  readonly certificates: Certificates;
  readonly resolver: Resolver;
  readonly crew: Crew;
  readonly logs: LogDesk;
  readonly view: ControlView;
  switch: RevocationSwitch | null;
  /** Keys that the tokens of sessions are signed with; null: no session has any. */
  signing: SigningKeys | null;
  readonly news: WorkerNews;
  /** Files of addresses. */
  readonly lists: AddressFiles;
  readonly tracing: Tracing;
  /** What happens, for whoever watches on the admin side. */
  readonly events = new EventHub(systemClock.wallMs);
  stopping = false;
  /** Clients that all workers together hold at most. */
  readonly connectionsMax: number;
  /** What the page and `limpet top` look at. */
  readonly live: LiveDesk;
  readonly #apps: { readonly app: FastifyInstance; readonly bind: Bind }[] = [];
  /** Who is let in by the admin API; null: there is none yet. */
  #tokens: TokenTable | null = null;
  #windowTimer: NodeJS.Timeout | null = null;
  #appsClosed: Promise<unknown> | null = null;
  readonly #shared: boolean;
  readonly #inheritance: Inheritance;
  /** Resolves to the id of the process that serves in place of this one, if one ever does. */
  readonly replaced: Promise<number>;
  #onReplaced: (pid: number) => void = () => {};
  #successor = 0;
  /** Ends the delay before a stop. */
  #endDelay: () => void = () => {};
  #hurried = false;

  private constructor(
    given: Config,
    config: Config,
    workers: number,
    shared: boolean,
    signing: SigningKeys | null,
    logs: LogDesk,
    load: ConfigLoader,
    inheritance: Inheritance,
  ) {
    this.#load = load;
    this.watch = new ConfigWatch({
      file: given.file,
      load,
      timers: systemTimers,
      onChange: () => void this.reload('watch'),
    });
    this.#shared = shared;
    this.replaced = new Promise((resolve) => {
      this.#onReplaced = resolve;
    });
    this.#inheritance = inheritance;
    this.signing = signing;
    this.workers = workers;
    this.logs = logs;
    this.log = logs.log;
    this.news = new WorkerNews(this.log, this.events);
    this.lists = new AddressFiles({
      timers: systemTimers,
      log: this.log,
      events: this.events,
      onRead: (lists) => this.crew.tell({ say: 'lists', lists }),
    });
    this.lists.use(listFilesOf(config));
    const capacity = capacityFor(rowsOf(config));
    const book = new SlotBook(capacity);
    const rows = book.take(1, config);
    invariant(typeof rows !== 'string', 'a table has no room for the config that it was made for');
    const sinceMs = systemClock.wallMs();
    this.current = makeGeneration({ number: 1, given, config, rows, before: null, sinceMs });
    this.reloader = new Reloader(this, book);
    this.table = new UpstreamTable(UpstreamTable.allocate(capacity, workers));
    this.table.beginTurns(systemRandom());
    this.shelf = new MetricShelf({
      workers,
      onFull: (name) => this.log.warn({ metric: name }, 'no room for more series of metrics'),
    });
    beginAtZero(this.shelf.own);
    this.tracing = new Tracing({ log: this.log, shelf: this.shelf, timers: systemTimers, version: VERSION });
    this.switch = makeSwitch(config, this.log, this.shelf);
    this.certificates = new Certificates({
      log: this.log,
      events: this.events,
      tell: (state) => this.crew.tell({ say: 'certificates', state }),
      wallMs: systemClock.wallMs,
    });
    this.resolver = this.#makeResolver();
    this.board = this.#makeBoard();
    const exposition = new Exposition({
      shelf: this.shelf,
      upstreams: () => this.view.gauges(),
      pools: () => this.view.poolGauges(),
      revocations: () => this.view.revocationGauges(),
      generation: () => this.current.number,
      configSinceMs: () => this.current.sinceMs,
      lives: ({ session }) =>
        session === undefined || this.config.sessions.some(({ name }) => name === session),
      certificates: () => this.certificates.views,
      logDropped: () => this.logDropped,
      nowMs: systemClock.nowMs,
      exemplars: this.tracing.exemplars,
      connectionsMax: () => this.connectionsMax,
    });
    this.view = new ControlView(this, exposition);
    this.live = new LiveDesk(this, systemClock, systemTimers);
    const bound = connectionBound(config.limits.connections, workers);
    this.connectionsMax = bound.connections * workers;
    const counts = allocateLimits(config.limits, bound.connections, workers);
    this.crew = new Crew({
      entry: WORKER_ENTRY,
      workers,
      shelf: this.shelf,
      table: this.table,
      addresses: counts.addresses,
      init: () => ({
        ...this.dataOf(this.current, this),
        workers,
        table: this.table.memory,
        traceAccount: this.tracing.account,
        counts,
        connectionsMax: bound.connections,
        refusingMax: bound.refused,
        shared,
      }),
      taken: (worker) =>
        inheritance.shareOf(
          worker,
          workers,
          config.listeners.map(({ bind }) => bind),
        ),
      onMessage: (worker, message, account) => this.#hear(worker, message, account),
      onDeath: (worker, why) => {
        this.shelf.own.values[this.shelf.own.counter('limpet_worker_restarts_total', {})]!++;
        this.news.died(worker, why);
        this.tracing.forget();
        this.reloader.died(worker);
      },
    });
    this.certificates.use(config);
  }

  /** Starts everything; resolves when every worker listens. Throws a StartError when an address cannot be bound. */
  static async start(
    given: Config,
    load: ConfigLoader = configLoader(given.file, process.env),
    { inheritance, secrets }: Beginning = FRESH,
  ): Promise<ControlPlane> {
    const config = withSecrets(await withPorts(given, inheritance), null, secrets);
    const binds = config.listeners.map(({ bind }) => bind);
    const asked = config.workers ?? availableParallelism();
    const wanted = inheritance.workersFor(binds, asked);
    const shared = wanted > 1 && (await canSharePorts());
    const workers = shared ? wanted : 1;
    // Told of the first change long after the plane is there.
    let told: ControlPlane | null = null;
    const signing = await openSigning(config, () => told);
    const logs = openLogs(config.log);
    const plane = new ControlPlane(given, config, workers, shared, signing, logs, load, inheritance);
    told = plane;
    if (config.signing?.keys.length === 0) {
      plane.log.warn(
        { kid: plane.signing?.state.kid },
        'the key of tokens was made at start: apps must read the key set again after a restart, and each replica has its own; see signing.keys',
      );
    }
    if (wanted > 1 && !shared) {
      plane.log.warn({ wanted }, 'this Node or system cannot share ports between workers: running with one');
    }
    if (wanted < asked) {
      plane.log.warn(
        { wanted: asked, workers: wanted },
        'no more workers than sockets were handed down can accept: with more of them, or after a restart of its own, there are more',
      );
    }
    for (const { bind } of inheritance.unused(plane.#places))
      plane.log.warn({ bind: urlOf(bind) }, 'a socket was handed down that no listener is for: it is closed');
    inheritance.closeUnused(plane.#places);
    try {
      plane.tracing.use(await plane.tracing.open(config.tracing));
      plane.resolver.start();
      plane.board.start();
      plane.certificates.start();
      // Before anybody is served, so that nobody who was revoked slips in at a start.
      await plane.switch?.registry.start();
      await plane.crew.start();
      plane.live.start();
      await plane.#openAdmin();
    } catch (error) {
      await plane.#close();
      if (error instanceof TracingError) throw new StartError(error.message);
      if (error instanceof BindError) throw new StartError(`listener ${error.listener}: ${error.message}`);
      throw error;
    }
    if (config.watch) plane.#beginWatch();
    plane.#windowTimer = setInterval(
      () => plane.#turnWindow(),
      (config.admin?.userWindowMs ?? USER_WINDOW_MS) / USER_WINDOWS,
    );
    plane.log.info(
      {
        listeners: config.listeners.map((listener) => urlOf(listener.bind, listener.tls !== null)),
        workers,
        upstreams: plane.slots.length,
        pools: config.pools.length,
        routes: writtenRoutes(config).length,
        connectionsMax: plane.connectionsMax,
      },
      'listening',
    );
    plane.#warnOfDescriptors();
    return plane;
  }

  get config(): Config {
    return this.current.config;
  }

  #beginWatch(): void {
    // Whatever was written while this was starting has not been seen.
    const { config } = this.watch.load();
    if (!isDeepStrictEqual(config, this.current.given)) void this.reload('watch');
    this.watch.on = true;
  }

  get traceLine(): TraceLine | null {
    return this.tracing.line;
  }

  get rows(): Rows {
    return this.current.rows;
  }

  get slots(): readonly SlottedUpstream[] {
    return this.current.slots;
  }

  /** A bound that the system's own comes before protects nothing: clients would be let in and then find no way on. */
  #warnOfDescriptors(): void {
    const { workers } = this;
    const reach = connectionBound(0, workers).connections * workers;
    if (this.connectionsMax <= reach) return;
    this.log.warn(
      { connectionsMax: this.connectionsMax, reach },
      'limits.connections is more than the limit of open files reaches for: raise that one (ulimit -n)',
    );
  }

  /** `limpet: listening on …`, the line that says that it is ready. */
  readyLine(): string {
    const where = this.config.listeners
      .map((listener) => urlOf(listener.bind, listener.tls !== null))
      .join(', ');
    const count = (n: number, what: string): string => `${n} ${what}${n === 1 ? '' : 's'}`;
    return `limpet: listening on ${where} (${count(this.workers, 'worker')}, ${count(this.slots.length, 'upstream')})`;
  }

  /** Every address that this process listens on. */
  get #places(): Bind[] {
    const { listeners, admin } = this.config;
    const own = admin === null ? [] : [admin.bind, ...(admin.probes === null ? [] : [admin.probes])];
    return [...listeners.map(({ bind }) => bind), ...own];
  }

  /** What a successor goes on with. Rejects with a sentence where that cannot be told. */
  async estate(): Promise<Estate> {
    const found = await this.crew.sockets();
    for (const { app, bind } of this.#apps)
      if (bind.kind === 'tcp') found.push({ bind, fds: [descriptorOf(app.server)] });
    const { listeners } = this.config;
    const isListener = (at: Bind): boolean => listeners.some(({ bind }) => isDeepStrictEqual(bind, at));
    return {
      sockets: gather(
        found,
        (bind) => this.#shared && isListener(bind) && !this.#isManaged(bind),
        (bind) => this.#isManaged(bind),
      ),
      secrets: madeSecrets(this.current),
    };
  }

  #isManaged(bind: Bind): boolean {
    return this.#inheritance.find(bind)?.managed ?? false;
  }

  /** Process `pid` accepts from the same sockets now: this one is to stop. */
  retire(pid: number): void {
    this.#successor = pid;
    this.#onReplaced(pid);
  }

  /** A stop that is under way has no more time: what is open is cut. */
  hurry(): void {
    this.#hurried = true;
    this.#endDelay();
    this.crew.tell({ say: 'drain', deadlineMs: 0, handedOver: this.#successor !== 0 });
  }

  /** Waits `shutdown.delay`, drains, and ends. Where a successor serves, nobody has to be told first. */
  async stop(why: string): Promise<void> {
    if (this.stopping) return;
    this.stopping = true;
    const handedOver = this.#successor !== 0;
    const { deadlineMs } = this.config.shutdown;
    const delayMs = handedOver ? 0 : this.config.shutdown.delayMs;
    this.log.info({ why, delayMs, deadlineMs }, 'stopping');
    this.events.publish('process', 'info', `stopping: ${why}`, { delayMs, deadlineMs });
    // The successor answers on the same addresses.
    if (handedOver) void this.#closeApps();
    if (delayMs > 0)
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, delayMs);
        this.#endDelay = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    const cut = await this.crew.drain(this.#hurried ? 0 : deadlineMs, handedOver);
    if (cut > 0) this.log.warn({ connections: cut }, 'the deadline came: connections were cut');
    this.log.info({}, 'stopped');
    await this.#close();
  }

  async #close(): Promise<void> {
    if (this.#windowTimer !== null) clearInterval(this.#windowTimer);
    this.signing?.close();
    this.live.stop();
    this.lists.stop();
    this.board.stop();
    this.certificates.stop();
    this.watch.on = false;
    this.resolver.stop();
    await this.#closeApps();
    await this.tracing.close();
    await this.crew.end();
    await this.#closeSwitch();
    await this.logs.close(LOG_CLOSE_MS);
  }

  #closeApps(): Promise<unknown> {
    this.#appsClosed ??= Promise.all(this.#apps.map(({ app }) => app.close()));
    return this.#appsClosed;
  }

  async #closeSwitch(): Promise<void> {
    const waiting = this.switch?.registry.state.waiting ?? 0;
    if (waiting > 0)
      this.log.error({ waiting }, 'revocations that could not be shared are lost: order them again');
    await this.switch?.registry.close();
  }

  async #openAdmin(): Promise<void> {
    const { admin } = this.config;
    if (admin === null) return;
    const logger = this.log;
    const open = async (app: FastifyInstance, bind: Bind): Promise<void> => {
      this.#apps.push({ app, bind });
      try {
        await listenOn(app, bind, this.#inheritance.find(bind)?.fds[0] ?? null);
      } catch (error) {
        // Tried again only to learn who holds it. `listen` rejects with errors only.
        const trial = await tryBind(bind);
        const { code, message } = error as NodeJS.ErrnoException;
        throw new StartError(
          `admin: ${bindSentence(bind, code ?? message, trial.ok ? null : trial.holder)}; give it another address in admin, or switch it off: admin: false`,
        );
      }
    };
    this.#tokens = new TokenTable(admin.bind, admin.tokens);
    const { view, live } = this;
    await open(
      buildAdmin({
        view,
        live,
        bind: admin.bind,
        tokens: this.#tokens,
        tls: admin.tls,
        logger,
        nowMs: systemClock.nowMs,
      }),
      admin.bind,
    );
    if (admin.probes !== null) await open(buildProbes({ view, logger }), admin.probes);
  }

  #makeResolver(): Resolver {
    return new Resolver({
      upstreams: resolvable(this.slots),
      clock: systemClock,
      timers: systemTimers,
      onAddress: (slot, address, why) => {
        this.board.setResolved(slot, address !== null, why);
        this.crew.tell({ say: 'address', slot, address });
        const slotted = this.#slotted(slot);
        // One that is only being prepared is told of with the rest of it.
        if (slotted === null) return;
        const { pool, upstream } = slotted;
        const fields = { pool: pool.name, upstream: upstream.name, why };
        if (address === null) this.log.warn(fields, 'the name of an upstream does not resolve');
        else this.log.info(fields, 'an upstream has an address');
      },
    });
  }

  #makeBoard(): HealthBoard {
    return new HealthBoard({
      table: this.table,
      clock: systemClock,
      random: systemRandom(),
      timers: systemTimers,
      log: { warn: (fields, text) => this.log.warn(fields, text) },
      onChange: (change) => this.#changed(change),
      onUnreachable: (slot) => this.resolver.kick(slot),
      pools: this.#boardPools(this.current),
    });
  }

  #boardPools({ config, rows, slots }: MainGeneration): BoardPool[] {
    return config.pools.map((pool, at) => ({
      id: rows.pools[at]!,
      name: pool.name,
      health: pool.health,
      slowStartMs: pool.slowStartMs,
      upstreams: slots
        .filter((slotted) => slotted.pool === pool)
        .map(({ slot, upstream }) => ({
          slot,
          name: upstream.name,
          weight: upstream.weight,
          wanted: upstream.wanted,
          tls: upstream.tls,
          greeting:
            upstream.proxyProtocol === null ? null : layProxyHeader(upstream.proxyProtocol, null, null),
          authority: authorityOf(upstream),
          address: () => this.resolver.address(slot),
        })),
    }));
  }

  #slotted(slot: number): SlottedUpstream | null {
    return this.slots.find((slotted) => slotted.slot === slot) ?? null;
  }

  // What a reload does to the main thread; when and why is the reloader's.

  /** Reads the config's file anew, or a text in its stead. */
  load(text?: string): LoadResult {
    return text === undefined ? this.watch.load() : this.#load(text);
  }

  /** Asks for a reload; resolves to what came of it. */
  reload(how: ReloadCause['how'], by: string | null = null): Promise<ReloadResult> {
    return this.reloader.reload({ how, by });
  }

  async attach(config: Config): Promise<Attachments> {
    this.logs.prepare(config.log);
    const traceLine = await this.tracing.open(config.tracing);
    const same = isDeepStrictEqual(config.signing, this.config.signing);
    const signing = same ? this.signing : await openSigning(config, () => this);
    const revocations = this.switch ?? makeSwitch(config, this.log, this.shelf);
    const attachments = { signing, switch: revocations, traceLine };
    try {
      if (this.switch === null) await revocations?.registry.start();
    } catch (error) {
      await this.detach(attachments);
      throw error;
    }
    return attachments;
  }

  async detach({ signing, switch: revocations }: Attachments): Promise<void> {
    if (signing !== this.signing) signing?.close();
    if (revocations !== this.switch) await revocations?.registry.close();
  }

  introduce(next: MainGeneration, mostMs: number): Promise<void> {
    this.lists.use(listFilesOf(this.config, next.config));
    const known = new Set(this.slots.map(({ slot }) => slot));
    const fresh = next.slots.filter(({ slot }) => !known.has(slot));
    this.resolver.update(resolvable([...this.slots, ...fresh]));
    return this.resolver.answered(
      fresh.map(({ slot }) => slot),
      mostMs,
    );
  }

  forget(): void {
    this.lists.use(listFilesOf(this.config));
    this.logs.abandon();
    this.resolver.update(resolvable(this.slots));
  }

  dataOf(next: MainGeneration, { signing, switch: revocations }: Attachments): GenerationData {
    return {
      config: next.config,
      generation: next.number,
      rows: next.rows,
      learned: [...next.learned],
      trails: [...next.trails],
      addresses: next.slots.map(({ slot }) => [slot, this.resolver.address(slot)] as const),
      revocations: revocations?.memory ?? null,
      signing: signing?.state ?? null,
      certificates:
        next === this.current ? this.certificates.book.states : this.certificates.prepare(next.config),
      lists: this.lists.lists,
    };
  }

  async prepare(data: GenerationData, wholeMs: number): Promise<string | null> {
    if (await this.crew.whole(wholeMs)) return this.crew.prepare(data);
    return 'a worker has died and is not replaced yet';
  }

  abandon(generation: number): void {
    this.crew.tell({ say: 'abandon', generation });
  }

  commit(next: MainGeneration, attachments: Attachments): void {
    const { signing } = this;
    this.current = next;
    this.lists.use(listFilesOf(next.config));
    this.signing = attachments.signing;
    this.switch = attachments.switch;
    this.tracing.use(attachments.traceLine);
    this.resolver.update(resolvable(next.slots));
    this.board.update(this.#boardPools(next));
    this.crew.tell({ say: 'commit', generation: next.number, deadlineMs: next.config.shutdown.deadlineMs });
    // What changed between its preparing and this, the workers have been told of as of any change: but not of keys.
    if (this.signing !== null) this.crew.tell({ say: 'signing', state: this.signing.state });
    if (signing !== this.signing) signing?.close();
    this.certificates.use(next.config);
    this.switch?.reader.use(next.config.sessions);
    this.logs.commit();
    this.#tokens?.use(next.config.admin?.tokens ?? []);
    this.watch.on = next.config.watch;
    const { admin } = next.config;
    if (admin?.tls) for (const { app } of this.#apps) renewTls(app, admin.tls);
  }

  freed({ upstreams, pools }: FreedRows): void {
    for (const slot of upstreams) {
      this.table.clearUpstream(slot);
      forgetUsers(this.table.userRegisters, slot);
      // Nobody may take who lives there next for whoever lived there before.
      for (const memory of this.current.learned.values()) LearnedTable.forget(memory, slot + 1);
    }
    for (const pool of pools) this.table.clearPool(pool);
  }

  told(cause: ReloadCause, result: ReloadResult): void {
    // Other certificates in the same files are no change of the config.
    if (result.result === 'unchanged') this.certificates.use(this.config);
    tellReload(this, cause, result);
  }

  #changed(change: HealthChange): void {
    const { pool, name, from, to, why } = change;
    const bad = to === 'ejected' || to === 'down';
    this.log[bad ? 'warn' : 'info'](
      { pool, upstream: name, from, to, why },
      'the health of an upstream changed',
    );
    this.events.publish('health', bad ? 'warn' : 'info', `${pool}/${name} is ${to}: ${why}`, {
      pool,
      upstream: name,
      from,
      to,
      why,
    });
    if (to !== 'ejected') return;
    const hung = from === 'suspected';
    const own = this.shelf.own;
    own.values[
      own.counter('limpet_ejections_total', { pool, upstream: name, reason: hung ? 'hung' : 'failures' })
    ]!++;
    // What waits on it should not wait for its timeout.
    if (hung) this.crew.tell({ say: 'hung', slot: change.slot });
  }

  #hear(worker: number, message: FromWorker, account: Int32Array<SharedArrayBuffer>): void {
    switch (message.say) {
      case 'access':
        this.logs.take(worker, message.batch, account);
        return;
      case 'slow':
        this.news.slow(message.report, message.text, message.untold);
        return;
      case 'traces':
        this.tracing.take(message.batch);
        return;
      case 'failure':
        if (NOT_CONNECTED.has(message.kind)) this.resolver.kick(message.slot);
        if (message.kind !== 'unresolved') this.board.reportFailure(message.slot, message.kind);
        return;
      case 'success':
        this.board.reportSuccess(message.slot);
        return;
      case 'suspect':
        this.board.reportSuspect(message.slot);
        return;
      case 'moved':
        this.news.moved(message.pool, message.from, message.to);
        return;
      case 'store':
        this.news.store(worker, message.session, message.up, message.why);
        return;
      case 'vouched':
        this.news.vouched(worker, message.session, message.up, message.why);
        return;
      case 'keys':
        this.news.keys(worker, message.session, message);
        return;
      case 'login':
        this.switch?.registry.shareLogin(message.key, message.timeMs);
        return;
      case 'over':
        this.reloader.over(worker, message.generation);
        return;
      case 'limits':
        this.news.limits(worker, message.where, message.up, message.why);
        return;
      case 'bug':
        this.news.bug(worker, message.session, message.text);
        return;
      default:
    }
  }

  #turnWindow(): void {
    const next = (this.table.epoch[1]! + 1) % USER_WINDOWS;
    for (const { slot } of this.slots) turnWindow(this.table.userRegisters, slot, next);
    Atomics.store(this.table.epoch, 1, next);
  }

  get logDropped(): number {
    return this.logs.dropped;
  }
}

function resolvable(slots: readonly SlottedUpstream[]): ResolverUpstream[] {
  return slots.map(({ slot, pool, upstream }) => ({
    slot,
    host: upstream.host,
    port: upstream.port,
    socketPath: upstream.socketPath,
    resolveMs: pool.resolveMs,
  }));
}

/** The keys of tokens, where sessions have any; `plane` is asked for when they turn over. */
async function openSigning(
  { signing }: Config,
  plane: () => Pick<ControlPlane, 'crew' | 'log' | 'signing'> | null,
): Promise<SigningKeys | null> {
  if (signing === null) return null;
  const keys = await SigningKeys.open({
    options: signing,
    timers: systemTimers,
    onChange: (state) => {
      // Those of a config that is not in force are nobody's business yet.
      if (plane()?.signing === keys) plane()?.crew.tell({ say: 'signing', state });
    },
    onFailure: () => plane()?.log.error({}, 'no new key for tokens could be made; the last one signs on'),
  });
  return keys;
}
