// What the admin side sees and changes, answered from the shared table, the board and the shelf.
import type { ConfigDesk } from '../admin/config-desk.ts';
import type {
  AdminView,
  ContinuityView,
  Readiness,
  RouteView,
  SessionView,
  StatusView,
  SwitchView,
  UpstreamChange,
  UpstreamView,
} from '../admin/view.ts';
import { estimateUsers } from '../affinity/users.ts';
import { systemClock } from '../base/clock.ts';
import { systemTimers } from '../base/timers.ts';
import type { HealthBoard } from '../health/health-board.ts';
import type { EventHub } from '../observe/event-hub.ts';
import type { ExpositionFormat } from '../observe/exposition-format.ts';
import type { Logger } from '../observe/logger.ts';
import type { MetricShelf } from '../observe/metric-shelf.ts';
import type { Exposition } from '../observe/prometheus.ts';
import type { Rows, SlottedUpstream } from '../plan/slots.ts';
import type { Explanation, Question } from '../proxy/explanation.ts';
import type { PublishedKeys } from '../session/phantom/signing-keys.ts';
import type { RevocationRegistry } from '../session/revocation/registry.ts';
import { urlOf } from './binding.ts';
import { continuityViews } from './continuity-view.ts';
import { DrainDeadlines } from './drain-deadlines.ts';
import { type ExplainSource, LiveExplainer } from './live-explain.ts';
import type { Reloader } from './reloader.ts';
import { routeViews } from './route-views.ts';
import type { StoreReports } from './store-reports.ts';
import { CountedUpstreams, failuresOf } from './upstream-counts.ts';
import { VERSION } from './version.ts';

/** The parts of the main thread that the view looks at. */
export interface ViewSource extends ExplainSource {
  readonly configView: ConfigDesk;
  /** Number of each pool, in config order. */
  readonly rows: Pick<Rows, 'pools'>;
  readonly workers: number;
  readonly shelf: MetricShelf;
  readonly board: HealthBoard;
  readonly slots: readonly SlottedUpstream[];
  readonly crew: { readonly listening: number };
  readonly stopping: boolean;
  readonly reloader: Pick<Reloader, 'split'>;
  readonly events: EventHub;
  readonly log: Logger;
  /** For which workers stores are away, and why they do not tell of changes. */
  readonly news: { readonly stores: StoreReports; readonly pushes: StoreReports };
}

/** To the microsecond. */
function rounded(ms: number): number {
  return Math.round(ms * 1000) / 1000;
}

/** One process's view of itself. */
export class ControlView implements AdminView {
  readonly #source: ViewSource;
  readonly #exposition: Exposition;
  readonly #startedMs = performance.now();
  readonly #startedWallMs = systemClock.wallMs();
  readonly #deadlines: DrainDeadlines;
  readonly #explainer: LiveExplainer;

  constructor(source: ViewSource, exposition: Exposition) {
    this.#source = source;
    this.#exposition = exposition;
    this.#explainer = new LiveExplainer(source);
    this.#deadlines = new DrainDeadlines({
      clock: systemClock,
      timers: systemTimers,
      onDue: (pool, name) => this.#endDrain(pool, name),
    });
  }

  status(): StatusView {
    const { config, shelf, table, slots, workers } = this.#source;
    const inFlight = slots.reduce((sum, { slot }) => sum + table.inFlight[slot]!, 0);
    return {
      version: VERSION,
      generation: this.#source.current.number,
      workers,
      uptimeS: Math.round((performance.now() - this.#startedMs) / 1000),
      listeners: config.listeners.map(({ name, bind, tls }) => ({
        name,
        url: urlOf(bind, tls !== null),
        connections: shelf.total('limpet_connections', { listener: name }),
      })),
      totals: {
        requests: shelf.total('limpet_requests_total'),
        failures: failuresOf(shelf),
        refused: shelf.total('limpet_refused_total'),
        retries: shelf.total('limpet_retries_total'),
        inFlight,
        connections: shelf.total('limpet_connections'),
      },
      revocations: this.switchView(),
    };
  }

  upstreams(): readonly UpstreamView[] {
    const counted = new CountedUpstreams(this.#source.shelf);
    return this.#source.slots.map((slotted) => this.#describe(slotted, counted));
  }

  patchUpstream(pool: string, name: string, change: UpstreamChange): UpstreamView | null {
    const { slots, board } = this.#source;
    const slotted = slots.find((s) => s.pool.name === pool && s.upstream.name === name);
    if (slotted === undefined) return null;
    const { wanted, deadlineMs } = change;
    if (wanted !== undefined) {
      board.setWanted(slotted.slot, wanted);
      this.#deadlines.clear(pool, name);
    }
    if (deadlineMs !== undefined) this.#deadlines.set(pool, name, deadlineMs);
    if (change.weight !== undefined) board.setWeight(slotted.slot, change.weight);
    return this.#describe(slotted, new CountedUpstreams(this.#source.shelf));
  }

  /** The deadline of a drain has come: whoever is left moves. */
  #endDrain(pool: string, name: string): void {
    const { slots, board, table, log, events } = this.#source;
    const slot = slots.find((s) => s.pool.name === pool && s.upstream.name === name)?.slot;
    if (slot === undefined || board.describe(slot)?.wanted !== 'drain') return;
    const users = estimateUsers(table.userRegisters, slot);
    board.setWanted(slot, 'maintenance');
    log.info({ pool, upstream: name, users }, 'the drain of an upstream is over: it goes into maintenance');
    const left = users === 0 ? 'nobody was left' : `its last ${users} users move`;
    events.publish(
      'upstream',
      users === 0 ? 'info' : 'warn',
      `the drain of ${pool}/${name} is over: ${left}`,
      {
        pool,
        upstream: name,
        wanted: 'maintenance',
        users,
      },
    );
  }

  routes(): readonly RouteView[] {
    return routeViews(this.#source.config, this.#source.shelf);
  }

  async splitRoute(
    route: string,
    weights: Readonly<Record<string, number>>,
    by: string,
  ): Promise<string | null> {
    const told = await this.#source.reloader.split(route, weights, by);
    return told.result === 'refused' ? told.error : null;
  }

  sessions(): readonly SessionView[] {
    const { config, shelf, news } = this.#source;
    const kept = this.revocations?.state ?? null;
    return config.sessions.map((session): SessionView => {
      const at = { session: session.name };
      const checks = (labels: Readonly<Record<string, string>>): number =>
        shelf.total('limpet_session_checks_total', { ...at, ...labels });
      const why = news.stores.whyAway(session.name);
      return {
        name: session.name,
        verify: session.verify,
        require: session.require,
        checks: {
          valid: checks({ verdict: 'valid' }),
          anonymous: checks({ verdict: 'anonymous' }),
          invalid: checks({ verdict: 'invalid' }),
          unknown: checks({ verdict: 'unknown' }),
        },
        revocations: kept === null ? null : { kept: kept.kept, synced: kept.synced },
        cache:
          session.cache === null
            ? null
            : { hits: checks({ source: 'cache' }), entries: shelf.total('limpet_session_remembered', at) },
        store:
          session.store === null ? null : { kind: session.store.family, up: why === null, why: why ?? '' },
        push: this.#push(session.name),
      };
    });
  }

  #push(session: string): SessionView['push'] {
    const { shelf, workers, news } = this.#source;
    // Only a worker whose store can tell has the gauge.
    const told = shelf.sums('limpet_session_push_up').filter(({ labels }) => labels.session === session);
    if (told.length === 0) return null;
    const up = told.reduce((sum, { cells }) => sum + cells[0]!, 0) >= workers;
    return { up, why: up ? '' : (news.pushes.whyAway(session) ?? '') };
  }

  explain(question: Question): Promise<Explanation | null> {
    return this.#explainer.explain(question);
  }

  get events(): EventHub {
    return this.#source.events;
  }

  /** How the switch fares; null: no session is checked. */
  switchView(): SwitchView | null {
    const { revocations } = this;
    return revocations === null ? null : { entries: revocations.count, ...revocations.state };
  }

  /** When the drain of an upstream ends, ISO 8601; null: it has no end. */
  drainUntil(pool: string, name: string): string | null {
    const untilMs = this.#deadlines.untilMs(pool, name);
    return untilMs === null ? null : new Date(untilMs).toISOString();
  }

  get revocations(): RevocationRegistry | null {
    return this.#source.switch?.registry ?? null;
  }

  continuity(): readonly ContinuityView[] {
    return continuityViews(this.#source.config.pools, this.#source.shelf);
  }

  keys(): PublishedKeys | null {
    return this.#source.signing?.published ?? null;
  }

  get config(): ConfigDesk {
    return this.#source.configView;
  }

  ready(): Readiness {
    const { config, crew, workers, stopping, news } = this.#source;
    if (stopping) return { ok: false, why: 'stopping' };
    if (crew.listening === 0) return { ok: false, why: `0 of ${workers} workers listen` };
    for (const { name, outage } of config.sessions) {
      const why = outage.readyz ? news.stores.whyAway(name) : null;
      if (why !== null) return { ok: false, why: `the store of the sessions ${name} is away: ${why}` };
    }
    return { ok: true, why: '' };
  }

  metrics(format: ExpositionFormat): Promise<string> {
    return this.#exposition.text(format);
  }

  #describe({ slot, pool, upstream }: SlottedUpstream, counted: CountedUpstreams): UpstreamView {
    const { table, board } = this.#source;
    const seen = board.describe(slot);
    const { requests, failures } = counted.of(pool.name, upstream.name);
    return {
      pool: pool.name,
      name: upstream.name,
      url: upstream.url,
      wanted: seen?.wanted ?? 'ready',
      observed: seen?.observed ?? 'starting',
      why: seen?.why ?? '',
      weight: seen?.weight ?? upstream.weight,
      inFlight: table.inFlight[slot]!,
      latencyMs: rounded(table.latencyMs[slot]!),
      requests,
      failures,
      users: estimateUsers(table.userRegisters, slot),
      since: new Date(seen?.sinceMs ?? this.#startedWallMs).toISOString(),
      drainUntil: this.drainUntil(pool.name, upstream.name),
    };
  }
}
