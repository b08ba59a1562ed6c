// The main thread put together: health, names, workers, log and admin side; it never touches a request.
import { isDeepStrictEqual } from 'node:util';
import type { ReloadResult } from '../admin/reload-result.ts';
import { systemClock } from '../base/clock.ts';
import { invariant } from '../base/invariant.ts';
import { systemRandom } from '../base/random.ts';
import { systemTimers } from '../base/timers.ts';
import type { Bind, Config } from '../config/config.ts';
import { type ConfigLoader, configLoader, type LoadResult } from '../config/load.ts';
import type { HealthBoard } from '../health/health-board.ts';
import { EventHub } from '../observe/event-hub.ts';
import type { Logger } from '../observe/logger.ts';
import { MetricShelf } from '../observe/metric-shelf.ts';
import { capacityFor, SlotBook } from '../plan/slot-book.ts';
import { type Rows, rowsOf, type SlottedUpstream } from '../plan/slots.ts';
import { allocateLimits } from '../proxy/limit-books.ts';
import type { SigningKeys } from '../session/phantom/signing-keys.ts';
import { UpstreamTable } from '../upstream/upstream-table.ts';
import { AcmeDesk } from './acme-desk.ts';
import { AddressFiles, listFilesOf } from './address-files.ts';
import { AdminSide } from './admin-side.ts';
import { Certificates } from './certificates.ts';
import { ConfigInForce } from './config-in-force.ts';
import { ConfigView } from './config-view.ts';
import { ConfigWatch } from './config-watch.ts';
import { connectionBound } from './connection-bound.ts';
import { ControlView } from './control-view.ts';
import { BindError, Crew } from './crew.ts';
import { type Foundation, layFoundation } from './foundation.ts';
import { type Beginning, FRESH } from './handover.ts';
import { expose } from './house-gauges.ts';
import type { Inheritance } from './inherited.ts';
import { LiveDesk } from './live.ts';
import type { LogDesk } from './log-desk.ts';
import { type MainGeneration, makeGeneration } from './main-generation.ts';
import { type ReloadCause, Reloader } from './reloader.ts';
import { makeSwitch, type RevocationSwitch } from './revocation-switch.ts';
import { Shutdown } from './shutdown.ts';
import { tellCrewSize, tellMadeKey, tellStarted, tellUnusedSockets } from './start-news.ts';
import { StartError } from './starting.ts';
import { Tracing, TracingError } from './tracing.ts';
import { UpstreamWatch } from './upstream-watch.ts';
import { VERSION } from './version.ts';
import { deliver } from './worker-messages.ts';
import { WorkerNews } from './worker-news.ts';
import { beginAtZero } from './zero-counts.ts';

/** The file that a worker runs, of the same kind as this one: TypeScript in development, else what was built. */
const WORKER_ENTRY = new URL(
  import.meta.url.endsWith('.ts') ? './worker-main.ts' : './worker-main.js',
  import.meta.url,
);
/** How long a user counts where no admin side says. */
const USER_WINDOW_MS = 300_000;
/** Time for the log to be written at the end. */
const LOG_CLOSE_MS = 1000;

/** A process that runs: made by `start`, ended by `shutdown.stop`. */
export class ControlPlane {
  readonly workers: number;
  /** They bind the same ports together. */
  readonly shared: boolean;
  /** Clients that all workers together hold at most. */
  readonly connectionsMax: number;
  readonly inheritance: Inheritance;
  readonly logs: LogDesk;
  readonly log: Logger;
  /** What happens, for whoever watches on the admin side. */
  readonly events = new EventHub(systemClock.wallMs);
  readonly news: WorkerNews;
  readonly tracing: Tracing;
  readonly table: UpstreamTable;
  readonly shelf: MetricShelf;
  readonly crew: Crew;
  /** Files of addresses. */
  readonly lists: AddressFiles;
  readonly acme: AcmeDesk;
  readonly certificates: Certificates;
  readonly upstreams: UpstreamWatch;
  readonly admin: AdminSide;
  readonly watch: ConfigWatch;
  readonly reloader: Reloader;
  readonly shutdown: Shutdown;
  readonly configView = new ConfigView(this);
  readonly view: ControlView;
  /** What the page and `limpet top` look at. */
  readonly live: LiveDesk;
  readonly #load: ConfigLoader;
  readonly #inForce: ConfigInForce;

  private constructor({ given, config, size, shared, signing, logs, load, inheritance }: Foundation) {
    const { workers } = size;
    this.workers = workers;
    this.shared = shared;
    this.inheritance = inheritance;
    this.#load = load;
    this.logs = logs;
    this.log = logs.log;
    const { log, events } = this;
    this.news = new WorkerNews(log, events);
    const capacity = capacityFor(rowsOf(config));
    const book = new SlotBook(capacity);
    const rows = book.take(1, config);
    invariant(typeof rows !== 'string', 'a table has no room for the config that it was made for');
    const sinceMs = systemClock.wallMs();
    const generation = makeGeneration({ number: 1, given, config, rows, before: null, sinceMs });
    this.table = new UpstreamTable(UpstreamTable.allocate(capacity, workers));
    this.table.beginTurns(systemRandom());
    this.shelf = new MetricShelf({
      workers,
      onFull: (name) => log.warn({ metric: name }, 'no room for more series of metrics'),
    });
    beginAtZero(this.shelf.own);
    this.tracing = new Tracing({ log, shelf: this.shelf, timers: systemTimers, version: VERSION });
    const bound = connectionBound(config.limits.connections, workers);
    this.connectionsMax = bound.connections * workers;
    const counts = allocateLimits(config.limits, bound.connections, workers);
    const binds = config.listeners.map(({ bind }) => bind);
    this.crew = new Crew({
      entry: WORKER_ENTRY,
      workers,
      shelf: this.shelf,
      table: this.table,
      addresses: counts.addresses,
      init: () => ({
        ...this.#inForce.dataOf(this.current, this),
        workers,
        table: this.table.memory,
        traceAccount: this.tracing.account,
        counts,
        challenges: this.acme.answers,
        connectionsMax: bound.connections,
        refusingMax: bound.refused,
        shared,
      }),
      taken: (worker) => inheritance.shareOf(worker, workers, binds),
      onMessage: (worker, message, account) => deliver(this, worker, message, account),
      onDeath: (worker, why) => this.#hasLost(worker, why),
    });
    const { crew, shelf, table } = this;
    this.lists = new AddressFiles({
      timers: systemTimers,
      log,
      events,
      onRead: (lists) => crew.tell({ say: 'lists', lists }),
    });
    this.lists.use(listFilesOf(config));
    this.acme = new AcmeDesk({
      log,
      events,
      book: shelf.own,
      clock: systemClock,
      random: systemRandom(),
      version: VERSION,
      provide: (listener, certificates) => this.certificates.book.set(listener, 'acme', certificates),
      tell: (challenges) => crew.tell({ say: 'challenges', challenges }),
    });
    this.certificates = new Certificates({
      acme: this.acme,
      log,
      events,
      tell: (state) => crew.tell({ say: 'certificates', state }),
      wallMs: systemClock.wallMs,
    });
    this.upstreams = new UpstreamWatch(
      { table, shelf, log, events, tell: (message) => crew.tell(message) },
      generation,
    );
    this.admin = new AdminSide({ logger: log, inheritance });
    this.watch = new ConfigWatch({
      file: given.file,
      load,
      timers: systemTimers,
      onChange: () => void this.reload('watch'),
    });
    this.#inForce = new ConfigInForce(this, { generation, signing, switch: makeSwitch(config, log, shelf) });
    this.reloader = new Reloader(this.#inForce, book);
    this.shutdown = new Shutdown({
      log,
      events,
      crew,
      admin: this.admin,
      acme: this.acme,
      options: () => this.config.shutdown,
      close: () => this.#close(),
    });
    this.view = new ControlView(this, expose(this));
    this.live = new LiveDesk(this, systemClock, systemTimers);
    this.certificates.use(config);
  }

  /** Starts everything; resolves when every worker listens. Throws a StartError when an address cannot be bound. */
  static async start(
    given: Config,
    load: ConfigLoader = configLoader(given.file, process.env),
    beginning: Beginning = FRESH,
  ): Promise<ControlPlane> {
    // Told of the first change long after the plane is there.
    let told: ControlPlane | null = null;
    const foundation = await layFoundation(given, load, beginning, () => told);
    const { config, size, signing, inheritance } = foundation;
    const plane = new ControlPlane(foundation);
    told = plane;
    const { log } = plane;
    if (config.signing?.keys.length === 0) tellMadeKey(log, signing?.state.kid);
    tellCrewSize(log, size);
    const places = placesOf(config);
    tellUnusedSockets(log, inheritance, places);
    inheritance.closeUnused(places);
    try {
      await plane.#open(config);
    } catch (error) {
      await plane.#close();
      if (error instanceof TracingError) throw new StartError(error.message);
      if (error instanceof BindError) throw new StartError(`listener ${error.listener}: ${error.message}`);
      throw error;
    }
    if (config.watch) plane.#beginWatch();
    plane.upstreams.countUsers(config.admin?.userWindowMs ?? USER_WINDOW_MS);
    tellStarted(plane);
    return plane;
  }

  async #open(config: Config): Promise<void> {
    this.tracing.use(await this.tracing.open(config.tracing));
    this.upstreams.start();
    this.certificates.start();
    // Nobody is served before all that was revoked is known; workers come up while it is read.
    await this.crew.start(this.switch?.registry.start());
    this.live.start();
    if (config.admin !== null) await this.admin.open(config.admin, this.view, this.live);
    this.acme.begin();
  }

  #beginWatch(): void {
    // Whatever was written while this was starting has not been seen.
    const { config } = this.watch.load();
    if (!isDeepStrictEqual(config, this.current.given)) void this.reload('watch');
    this.watch.on = true;
  }

  async #close(): Promise<void> {
    this.signing?.close();
    this.live.stop();
    this.lists.stop();
    this.upstreams.stop();
    this.certificates.stop();
    this.watch.on = false;
    await this.admin.close();
    await this.tracing.close();
    await this.crew.end();
    await this.#closeSwitch();
    await this.logs.close(LOG_CLOSE_MS);
  }

  async #closeSwitch(): Promise<void> {
    const waiting = this.switch?.registry.state.waiting ?? 0;
    if (waiting > 0)
      this.log.error({ waiting }, 'revocations that could not be shared are lost: order them again');
    await this.switch?.registry.close();
  }

  #hasLost(worker: number, why: string): void {
    const { own } = this.shelf;
    own.values[own.counter('limpet_worker_restarts_total', {})]!++;
    this.news.died(worker, why);
    this.tracing.forget();
    this.reloader.died(worker);
  }

  /** Checks a text as if it were the config's file. */
  load(text: string): LoadResult {
    return this.#load(text);
  }

  /** Asks for a reload; resolves to what came of it. */
  reload(how: ReloadCause['how'], by: string | null = null): Promise<ReloadResult> {
    return this.reloader.reload({ how, by });
  }

  // What is looked at from outside, as it is at this moment.

  get current(): MainGeneration {
    return this.#inForce.current;
  }

  get config(): Config {
    return this.current.config;
  }

  get rows(): Rows {
    return this.current.rows;
  }

  get slots(): readonly SlottedUpstream[] {
    return this.current.slots;
  }

  get signing(): SigningKeys | null {
    return this.#inForce.signing;
  }

  get switch(): RevocationSwitch | null {
    return this.#inForce.switch;
  }

  get board(): HealthBoard {
    return this.upstreams.board;
  }

  get stopping(): boolean {
    return this.shutdown.stopping;
  }

  get logDropped(): number {
    return this.logs.dropped;
  }
}

/** Every address that a process with this config listens on. */
function placesOf({ listeners, admin }: Config): Bind[] {
  const own = admin === null ? [] : [admin.bind, ...(admin.probes === null ? [] : [admin.probes])];
  return [...listeners.map(({ bind }) => bind), ...own];
}
