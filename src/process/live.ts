// The house looked at once a second, watched or not: what is wrong and since when, and ten minutes of rates and latencies.
import type {
  LiveFeed,
  LiveFigures,
  LiveHistory,
  LiveLine,
  LivePool,
  LiveSession,
  LiveSnapshot,
  LiveUpstream,
  TroubleReport,
} from '../admin/live-view.ts';
import type { AdminView, SwitchView } from '../admin/view.ts';
import { estimateUsers } from '../affinity/users.ts';
import type { Clock } from '../base/clock.ts';
import type { Timer, Timers } from '../base/timers.ts';
import type { Config, PoolConfig } from '../config/config.ts';
import type { HealthBoard } from '../health/health-board.ts';
import type { EventHub } from '../observe/event-hub.ts';
import type { MetricShelf } from '../observe/metric-shelf.ts';
import type { Rows, SlottedUpstream } from '../plan/slots.ts';
import type { UpstreamTable } from '../upstream/upstream-table.ts';
import type { AcmeView } from './acme-desk.ts';
import type { CertificateView } from './certificates.ts';
import { HouseCounts, type PoolCounts } from './house-counts.ts';
import { Looks, type RollingCounts, RollingRow, rounded, WINDOW_S } from './rolling-counts.ts';
import { standInsOf } from './stand-ins.ts';
import { StandingNews } from './standing-news.ts';
import { TroubleBook } from './trouble-book.ts';
import { findTroubles, type HouseFacts, type PoolFacts } from './troubles.ts';

/** What of the main thread is looked at. Read anew at each look, since a reload changes it. */
export interface LiveSource {
  readonly config: Config;
  readonly slots: readonly SlottedUpstream[];
  /** Of the listeners; none: no listener has TLS. */
  readonly certificates: { readonly views: readonly CertificateView[] };
  readonly acme: { readonly views: readonly AcmeView[] };
  /** Number of each pool, in config order. */
  readonly rows: Pick<Rows, 'pools'>;
  readonly table: UpstreamTable;
  readonly shelf: MetricShelf;
  readonly board: HealthBoard;
  readonly events: EventHub;
  readonly view: Pick<AdminView, 'status' | 'sessions' | 'continuity'> & {
    switchView(): SwitchView | null;
    drainUntil(pool: string, name: string): string | null;
  };
  readonly crew: { readonly listening: number };
  readonly workers: number;
  /** Client connections that all workers together hold at most. */
  readonly connectionsMax: number;
  readonly stopping: boolean;
  /** Log lines dropped since start. */
  readonly logDropped: number;
}

const LOOK_EVERY_MS = 1000;
/** Deaths of workers are troubles for so long. */
const RESTARTS_TOLD_MS = 600_000;
/** Of what is usual, the newest is left out, since it may be what is unusual: 30 s, in points of a chart. */
const UNUSUAL_POINTS = 15;
/** A minute with answers is enough to say what is usual, in points of a chart. */
const USUAL_POINTS_MIN = 30;

/** Main thread. What a look costs is in docs/dashboard.md; a snapshot is made only for who watches or asks. */
export class LiveDesk implements LiveFeed {
  readonly #source: LiveSource;
  readonly #clock: Clock;
  readonly #timers: Timers;
  readonly #looks = new Looks();
  readonly #counts = new HouseCounts();
  readonly #news: StandingNews;
  readonly #book: TroubleBook;
  readonly #watchers = new Set<(snapshot: LiveSnapshot) => void>();
  readonly #logDropped = new RollingRow(1);
  /** Deaths of workers so far, and when the last ones were. */
  #restarts = 0;
  readonly #restartedAtMs: number[] = [];
  #timer: Timer | null = null;

  constructor(source: LiveSource, clock: Clock, timers: Timers) {
    this.#source = source;
    this.#clock = clock;
    this.#timers = timers;
    this.#news = new StandingNews(source.events);
    this.#book = new TroubleBook(clock.wallMs, source.events);
  }

  start(): void {
    this.#look();
  }

  stop(): void {
    this.#timer?.cancel();
    this.#timer = null;
    this.#watchers.clear();
    this.#news.close();
  }

  watch(listener: (snapshot: LiveSnapshot) => void): () => void {
    this.#watchers.add(listener);
    return () => this.#watchers.delete(listener);
  }

  troubles(): TroubleReport {
    return this.#book.report();
  }

  history(pool: string | null): LiveHistory | null {
    const { all, pools } = this.#counts;
    const line = (name: string, counts: RollingCounts): LiveLine => {
      const { points } = this.#looks;
      return {
        name,
        requestsPerS: counts.column('requestsPerS', points),
        errorsPerS: counts.column('errorsPerS', points),
        p50Ms: counts.column('p50Ms', points),
        p99Ms: counts.column('p99Ms', points),
        inFlight: counts.column('inFlight', points),
      };
    };
    const times = this.#looks.times();
    if (pool === null) {
      const ofPools = [...pools].map(([name, { counts }]) => line(name, counts));
      return { times, lines: [line('', all), ...ofPools] };
    }
    const known = pools.get(pool);
    if (known === undefined) return null;
    return { times, lines: [...known.upstreams].map(([name, counts]) => line(name, counts)) };
  }

  snapshot(): LiveSnapshot {
    const { view, crew, workers, connectionsMax, shelf, config } = this.#source;
    const { version, generation, uptimeS, listeners, totals, revocations } = view.status();
    const { all, rates } = this.#counts;
    return {
      ...this.#book.report(),
      at: new Date(this.#clock.wallMs()).toISOString(),
      windowS: WINDOW_S,
      version,
      generation,
      uptimeS,
      workers: {
        listening: crew.listening,
        wanted: workers,
        restarts: shelf.total('limpet_worker_restarts_total'),
      },
      listeners,
      totals: {
        ...figuresOf(all),
        requests: totals.requests,
        errors: totals.failures,
        connections: totals.connections,
        connectionsMax,
        refusedPerS: rounded(rates.perS(0)),
        retriesPerS: rounded(rates.perS(1)),
        tunnels: shelf.total('limpet_doors_open', { kind: 'tunnel' }),
        streams: shelf.total('limpet_doors_open', { kind: 'answer' }),
      },
      pools: config.pools.flatMap((pool, at) => {
        const counts = this.#counts.pools.get(pool.name);
        return counts === undefined ? [] : [this.#poolOf(pool, this.#source.rows.pools[at]!, counts)];
      }),
      sessions: view.sessions().map((session): LiveSession => {
        const row = this.#counts.sessions.get(session.name);
        return {
          ...session,
          checksPerS: rounded(row?.perS(0) ?? 0),
          refusedPerS: rounded(row?.perS(1) ?? 0),
        };
      }),
      continuity: view.continuity(),
      revocations,
    };
  }

  #look(): void {
    const { shelf, table, slots, config, logDropped } = this.#source;
    this.#looks.begin(this.#clock.nowMs(), this.#clock.wallMs());
    this.#counts.look(
      this.#looks,
      shelf,
      table,
      slots,
      config.sessions.map(({ name }) => name),
    );
    this.#logDropped.now[0] = logDropped;
    this.#logDropped.close(this.#looks);
    this.#book.note([...findTroubles(this.#facts()), ...this.#news.findings()]);
    if (this.#watchers.size > 0) {
      const snapshot = this.snapshot();
      for (const watcher of this.#watchers) watcher(snapshot);
    }
    this.#timer = this.#timers.after(LOOK_EVERY_MS, () => this.#look());
  }

  #facts(): HouseFacts {
    const { config, view, crew, workers, connectionsMax, shelf, stopping } = this.#source;
    return {
      pools: config.pools.flatMap((pool, at) => {
        const counts = this.#counts.pools.get(pool.name);
        return counts === undefined
          ? []
          : [this.#poolFacts(pool, this.#source.rows.pools[at]!, counts.counts)];
      }),
      sessions: config.sessions.length === 0 ? [] : view.sessions(),
      revocations: view.switchView(),
      certificates: this.#source.certificates.views,
      acme: this.#source.acme.views,
      nowMs: this.#clock.wallMs(),
      workers: { listening: crew.listening, wanted: workers },
      restarts: this.#recentRestarts(),
      connections: shelf.total('limpet_connections'),
      connectionsMax,
      logDropped: this.#logDropped.grown[0]!,
      stopping,
    };
  }

  #poolFacts(pool: PoolConfig, id: number, counts: RollingCounts): PoolFacts {
    const { table, board } = this.#source;
    return {
      name: pool.name,
      waiting: table.waiting[id]!,
      recent: counts.recent,
      recentErrors: counts.recentErrors,
      p99Ms: counts.p99Ms,
      usualP99Ms: () => this.#usualP99Ms(counts),
      standIns: () =>
        standInsOf(this.#source.config, pool.name, (name) =>
          this.#slotsOf(name).some(({ slot }) => table.eligible(slot)),
        ),
      upstreams: this.#slotsOf(pool.name).map(({ slot, upstream }) => {
        const seen = board.describe(slot);
        return {
          name: upstream.name,
          wanted: seen?.wanted ?? 'ready',
          observed: seen?.observed ?? 'starting',
          why: seen?.why ?? '',
          sinceMs: seen?.sinceMs ?? this.#clock.wallMs(),
          eligible: table.eligible(slot),
          serving: table.serving(slot),
        };
      }),
    };
  }

  #poolOf(pool: PoolConfig, id: number, { counts, upstreams }: PoolCounts): LivePool {
    return {
      name: pool.name,
      ...figuresOf(counts),
      balance: pool.balance.kind,
      affinity: affinityOf(pool),
      waiting: this.#source.table.waiting[id]!,
      upstreams: this.#slotsOf(pool.name).flatMap((slotted) => {
        const own = upstreams.get(slotted.upstream.name);
        return own === undefined ? [] : [this.#upstreamOf(slotted, own)];
      }),
    };
  }

  #upstreamOf({ slot, pool, upstream }: SlottedUpstream, counts: RollingCounts): LiveUpstream {
    const { board, table } = this.#source;
    const seen = board.describe(slot);
    return {
      name: upstream.name,
      url: upstream.url,
      ...figuresOf(counts),
      wanted: seen?.wanted ?? 'ready',
      observed: seen?.observed ?? 'starting',
      why: seen?.why ?? '',
      since: new Date(seen?.sinceMs ?? this.#clock.wallMs()).toISOString(),
      drainUntil: this.#source.view.drainUntil(pool.name, upstream.name),
      weight: seen?.weight ?? upstream.weight,
      eligible: table.eligible(slot),
      requests: counts.requests,
      errors: counts.errors,
      users: estimateUsers(table.userRegisters, slot),
    };
  }

  #slotsOf(pool: string): SlottedUpstream[] {
    return this.#source.slots.filter((slotted) => slotted.pool.name === pool);
  }

  /** The median of what the charts have, the newest left out; ms. Null: too little was seen. */
  #usualP99Ms(counts: RollingCounts): number | null {
    const seen = counts
      .column('p99Ms', this.#looks.points)
      .slice(0, -UNUSUAL_POINTS)
      .filter((value) => value !== null)
      .sort((a, b) => a - b);
    return seen.length < USUAL_POINTS_MIN ? null : (seen[Math.floor(seen.length / 2)] ?? null);
  }

  #recentRestarts(): number {
    const nowMs = this.#clock.nowMs();
    const restarts = this.#source.shelf.total('limpet_worker_restarts_total');
    for (; this.#restarts < restarts; this.#restarts++) this.#restartedAtMs.push(nowMs);
    while (nowMs - (this.#restartedAtMs[0] ?? nowMs) >= RESTARTS_TOLD_MS) this.#restartedAtMs.shift();
    return this.#restartedAtMs.length;
  }
}

function figuresOf(counts: RollingCounts): LiveFigures {
  return {
    requestsPerS: rounded(counts.requestsPerS),
    errorsPerS: rounded(counts.errorsPerS),
    p50Ms: counts.p50Ms,
    p99Ms: counts.p99Ms,
    inFlight: counts.inFlight,
  };
}

function affinityOf({ affinity }: PoolConfig): string | null {
  if (affinity === null) return null;
  return affinity.cookie?.mode === 'prefix' ? 'prefix' : affinity.kind;
}
