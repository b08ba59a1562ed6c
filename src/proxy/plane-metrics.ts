// The data plane's counters, looked up once and then added to: one cell an event.
import { type MetricBook, StatusCounter } from '../observe/metric-book.ts';
import type { RoutePlan } from '../plan/route-plan.ts';
import type { Pool } from '../pool/pool.ts';
import { VERDICT_NAMES } from '../session/verdict.ts';
import { SOURCE_NAMES } from '../session/verifier.ts';
import type { Upstream } from '../upstream/upstream.ts';

/** What became of a user's home in a request. */
export const HOMED = { none: 0, fresh: 1, kept: 2, moved: 3, forged: 4 } as const;
/** The words for HOMED, as the metric and the access log say them. */
export const HOMED_NAMES = ['none', 'new', 'kept', 'moved', 'forged'] as const;

/** Which instance answered a session that is watched: one not known to have been answered before, the same as last, or another. */
export const INSTANCE = { first: 0, kept: 1, changed: 2 } as const;
export const INSTANCE_NAMES = ['first', 'kept', 'changed'] as const;

/** Pairs of upstreams that resets of sessions are told apart by, in a worker; those of more are told together. */
const RESET_PAIRS_MAX = 256;

/** How a request ended: with a whole answer, with a fault for an answer, by the client's leaving, or in the middle of its answer. */
export const OUTCOME = { answered: 0, refused: 1, aborted: 2, cut: 3 } as const;
/** The words for OUTCOME, as the metric says them. */
export const OUTCOME_NAMES = ['answered', 'refused', 'aborted', 'cut'] as const;

/** Of what is counted by upstream or route, such as nobody keeps an index of who outlives the row of either. */
const RELEASED: ReadonlySet<string> = new Set([
  'limpet_requests_total',
  'limpet_request_seconds',
  'limpet_upstream_seconds',
  'limpet_moves_total',
]);

/** Cells of the checks of one session block, by verdict × sources + source. */
export function checkCells(book: MetricBook, session: string): Int32Array {
  const cells = VERDICT_NAMES.flatMap((verdict) =>
    SOURCE_NAMES.map((source) => book.counter('limpet_session_checks_total', { session, verdict, source })),
  );
  return Int32Array.from(cells);
}

/** Of what stands in `#routeNames`. */
function routeOf(name: string): string {
  return name.slice(0, name.indexOf('\0'));
}

/** Counters of one worker. */
export class PlaneMetrics {
  readonly book: MetricBook;
  /** Requests that never came as far as a route, by status. */
  readonly #routeless: StatusCounter;
  readonly #accepted: number;
  readonly #ended: Int32Array;
  /** By code. */
  readonly #refused = new Map<string, number>();
  readonly #requests: ((StatusCounter | undefined)[] | undefined)[] = [];
  readonly #routeSeconds: number[] = [];
  readonly #upstreamSeconds: number[] = [];
  readonly #affinity = new Map<Pool, Int32Array>();
  /** By pool that is watched: a cell each of INSTANCE, then sessions seen. */
  readonly #instances = new Map<Pool, Int32Array>();
  #lastPool: Pool | null = null;
  #lastInstances: Int32Array = new Int32Array(0);
  readonly #resetPairs = new Set<string>();
  /** Whose cells those of a row are, by its upstream's pool and name. */
  readonly #rowNames: string[] = [];
  /** Whose those of a route's number are. */
  readonly #routeNames: string[] = [];

  constructor(book: MetricBook, plans: readonly RoutePlan[], pools: readonly Pool[]) {
    this.book = book;
    this.#routeless = new StatusCounter(book, '', '', '');
    this.#accepted = book.counter('limpet_requests_accepted_total', {});
    this.#ended = Int32Array.from(
      OUTCOME_NAMES.map((outcome) => book.counter('limpet_requests_ended_total', { outcome })),
    );
    this.adopt(plans, pools);
  }

  /**
   * Finds the cells of a config that comes into force. Those of configs before it stay, for what is still under way there: a number of a
   * route or a row of an upstream is another's only when nobody uses it any more.
   */
  adopt(plans: readonly RoutePlan[], pools: readonly Pool[]): void {
    const { book } = this;
    const routes = new Set<RoutePlan>();
    const rows = new Map<Upstream, string>();
    const leavers = new Set<string>();
    const leftRoutes = new Set<string>();
    for (const plan of plans) {
      const name = `${plan.name}\0${plan.pool?.name ?? ''}`;
      const before = this.#routeNames[plan.index];
      if (before === name) continue;
      if (before !== undefined) leftRoutes.add(routeOf(before));
      this.#routeNames[plan.index] = name;
      routes.add(plan);
    }
    for (const pool of pools) {
      for (const upstream of pool.upstreams) {
        const whose = `${pool.name}\0${upstream.name}`;
        const before = this.#rowNames[upstream.slot];
        if (before === whose) continue;
        if (before !== undefined) leavers.add(before);
        this.#rowNames[upstream.slot] = whose;
        rows.set(upstream, pool.name);
      }
    }
    this.#release(leavers, leftRoutes);
    for (const plan of routes) {
      this.#routeSeconds[plan.index] = book.histogram('limpet_request_seconds', { route: plan.name });
      this.#requests[plan.index] = [];
    }
    for (const pool of pools) this.#adoptPool(pool);
    for (const [{ slot, name }, pool] of rows) {
      for (const row of this.#requests) if (row !== undefined) row[slot + 1] = undefined;
      this.#upstreamSeconds[slot] = book.histogram('limpet_upstream_seconds', { pool, upstream: name });
    }
  }

  /** Pool and name of upstreams, and names of routes, whose rows are others' now. Who has moved to another row counts on. */
  #release(leavers: Set<string>, leftRoutes: Set<string>): void {
    for (const name of this.#rowNames) leavers.delete(name);
    for (const name of this.#routeNames) if (name !== undefined) leftRoutes.delete(routeOf(name));
    this.book.release(
      (name, { route = '', pool = '', upstream = '' }) =>
        RELEASED.has(name) && (leavers.has(`${pool}\0${upstream}`) || leftRoutes.has(route)),
    );
  }

  /** Nothing is under way in `pool` any more. */
  forget(pool: Pool): void {
    this.#affinity.delete(pool);
    this.#instances.delete(pool);
    this.#lastPool = null;
  }

  #adoptPool(pool: Pool): void {
    if (this.#affinity.has(pool)) return;
    const { book } = this;
    const cells = new Int32Array(HOMED_NAMES.length);
    for (let i = 1; i < HOMED_NAMES.length; i++) {
      cells[i] = book.counter('limpet_affinity_total', { pool: pool.name, result: HOMED_NAMES[i]! });
    }
    this.#affinity.set(pool, cells);
    if (pool.spec.trails !== null) this.#instances.set(pool, instanceCells(book, pool.name));
  }

  /** The head of a request was read: to each call belongs one of `request`. */
  accepted(): void {
    this.book.values[this.#accepted]!++;
  }

  /** A request was refused while its head was read, or unread: accepted and over at once. */
  unread(status: number): void {
    this.accepted();
    this.request(null, null, status, OUTCOME.refused, 0);
  }

  /** One request is over (OUTCOME). `plan` null: no route was known; such have no time of their own. */
  request(
    plan: RoutePlan | null,
    upstream: Upstream | null,
    status: number,
    outcome: number,
    seconds: number,
  ): void {
    this.book.values[this.#ended[outcome]!]!++;
    if (plan === null) {
      this.#routeless.count(status);
      return;
    }
    const row = this.#requests[plan.index]!;
    const at = upstream === null ? 0 : upstream.slot + 1;
    (row[at] ?? this.#firstOf(plan, upstream, row, at)).count(status);
    this.book.observe(this.#routeSeconds[plan.index]!, seconds);
  }

  /** An upstream's answer has begun. */
  answered(upstream: Upstream, seconds: number): void {
    this.book.observe(this.#upstreamSeconds[upstream.slot]!, seconds);
  }

  /** What became of a user's home (HOMED, not none). */
  homed(pool: Pool, result: number): void {
    this.book.values[this.#affinity.get(pool)![result]!]!++;
  }

  moved(pool: Pool, from: string): void {
    this.book.values[this.book.counter('limpet_moves_total', { pool: pool.name, upstream: from })]!++;
  }

  /** A request with a good session was answered (INSTANCE). Hot. */
  instance(pool: Pool, result: number): void {
    this.book.values[this.#instancesOf(pool)[result]!]!++;
  }

  /** A session came back that was not seen before. */
  sessionSeen(pool: Pool): void {
    this.book.values[this.#instancesOf(pool)[INSTANCE_NAMES.length]!]!++;
  }

  /** The last pool's again, mostly. */
  #instancesOf(pool: Pool): Int32Array {
    if (pool !== this.#lastPool) {
      this.#lastPool = pool;
      this.#lastInstances = this.#instances.get(pool)!;
    }
    return this.#lastInstances;
  }

  /** The app lost a session at `to`, which had been at `from` before (empty: not known). */
  sessionReset(pool: Pool, from: string, to: string, moved: boolean): void {
    const pair = `${pool.name}\0${from}\0${to}`;
    const told = this.#resetPairs.has(pair) || this.#resetPairs.size < RESET_PAIRS_MAX;
    if (told) this.#resetPairs.add(pair);
    const where = told ? { from, to } : { from: 'other', to: 'other' };
    const labels = { pool: pool.name, ...where, cause: moved ? 'moved' : 'same' };
    this.book.values[this.book.counter('limpet_session_resets_total', labels)]!++;
  }

  retry(pool: Pool, reason: string): void {
    this.book.values[this.book.counter('limpet_retries_total', { pool: pool.name, reason })]!++;
  }

  refused(code: string): void {
    let index = this.#refused.get(code);
    if (index === undefined) {
      index = this.book.counter('limpet_refused_total', { code });
      this.#refused.set(code, index);
    }
    this.book.values[index]!++;
  }

  #firstOf(
    plan: RoutePlan,
    upstream: Upstream | null,
    row: (StatusCounter | undefined)[],
    at: number,
  ): StatusCounter {
    const made = new StatusCounter(
      this.book,
      plan.name,
      plan.pool === null ? '' : plan.pool.name,
      upstream === null ? '' : upstream.name,
    );
    row[at] = made;
    return made;
  }
}

function instanceCells(book: MetricBook, pool: string): Int32Array {
  const cells = INSTANCE_NAMES.map((result) =>
    book.counter('limpet_session_instances_total', { pool, result }),
  );
  return Int32Array.from([...cells, book.counter('limpet_sessions_seen_total', { pool })]);
}
