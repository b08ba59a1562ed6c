// An AdminView that a test can read and turn by hand.
import { TokenTable } from '../../src/admin/auth.ts';
import type { ConfigDesk } from '../../src/admin/config-desk.ts';
import type { LiveFeed, LiveHistory, LiveSnapshot, TroubleReport } from '../../src/admin/live-view.ts';
import type { ReloadResult } from '../../src/admin/reload-result.ts';
import { buildAdmin } from '../../src/admin/server.ts';
import type {
  AdminView,
  ContinuityView,
  Readiness,
  RouteView,
  SessionView,
  StatusView,
  UpstreamChange,
  UpstreamView,
} from '../../src/admin/view.ts';
import type { AdminToken, Bind } from '../../src/config/config.ts';
import { EventHub } from '../../src/observe/event-hub.ts';
import { type Logger, makeLogger } from '../../src/observe/logger.ts';
import type { Explanation, Question } from '../../src/proxy/explanation.ts';
import type { PublishedKeys } from '../../src/session/phantom/signing-keys.ts';

const TIMEOUTS = {
  connectMs: 1000,
  headMs: 10_000,
  bodyIdleMs: 30_000,
  responseMs: 60_000,
  idleMs: 60_000,
  streamMs: 300_000,
  tunnelMs: 3_600_000,
  tunnelTotalMs: 0,
  totalMs: 0,
  expectMs: 1000,
};

export class FakeView implements AdminView {
  revocations: AdminView['revocations'] = null;
  readiness: Readiness = { ok: true, why: '' };
  published: PublishedKeys | null = null;
  metricsText = 'limpet_config_generation 1\n';
  readonly events = new EventHub(() => 0);
  readonly questions: string[] = [];
  /** Others are being explained. */
  busy = false;
  readonly changes: (UpstreamChange & { readonly upstream: string })[] = [];
  #wakes: (() => void)[] = [];
  #upstreams: UpstreamView[] = ['blue', 'green', '127.0.0.1:3001', '/run/app.sock'].map((name) => ({
    pool: 'shop',
    name,
    url: `http://${name}`,
    wanted: 'ready',
    observed: 'up',
    why: '',
    weight: 1,
    inFlight: 0,
    latencyMs: 1.5,
    requests: 10,
    failures: 0,
    users: 4,
    since: '2026-01-01T00:00:00.000Z',
    drainUntil: null,
  }));

  status(): StatusView {
    const totals = { requests: 10, failures: 0, refused: 0, retries: 0, inFlight: 0, connections: 1 };
    const listeners = [{ name: 'web', url: 'http://127.0.0.1:8080', connections: 1 }];
    return { version: '0.1.0', generation: 1, workers: 2, uptimeS: 12, listeners, totals, revocations: null };
  }

  upstreams(): readonly UpstreamView[] {
    for (const wake of this.#wakes.splice(0)) wake();
    return this.#upstreams;
  }

  /** Resolves when the upstreams were asked for so many times more. */
  async asked(times: number): Promise<void> {
    for (let i = 0; i < times; i++) await new Promise<void>((resolve) => this.#wakes.push(resolve));
  }

  /** Changes what is told of one. */
  set(name: string, told: Partial<UpstreamView>): void {
    this.#upstreams = this.#upstreams.map((one) => (one.name === name ? { ...one, ...told } : one));
  }

  /** One more, like the first. */
  add(told: Partial<UpstreamView>): void {
    this.#upstreams = [...this.#upstreams, { ...this.#upstreams[0]!, ...told }];
  }

  #weights: Readonly<Record<string, number>> = { shop: 95, next: 5 };
  /** What a split is answered; null: it is done. */
  splitRefusal: string | null = null;

  routes(): readonly RouteView[] {
    const route = { host: null, methods: null, sessions: [] };
    const side = (pool: string, weight: number | null) => ({ pool, weight, requests: 5, failures: 0 });
    return [
      {
        ...route,
        name: '/',
        path: '/',
        does: 'split',
        pools: Object.entries(this.#weights).map(([pool, weight]) => side(pool, weight)),
      },
      { ...route, name: '/api', path: '/api', does: 'pool', pools: [side('shop', null)] },
    ];
  }

  async splitRoute(_route: string, weights: Readonly<Record<string, number>>): Promise<string | null> {
    if (this.splitRefusal === null) this.#weights = weights;
    return this.splitRefusal;
  }

  patchUpstream(pool: string, name: string, change: UpstreamChange): UpstreamView | null {
    const at = this.#upstreams.findIndex((upstream) => upstream.pool === pool && upstream.name === name);
    if (at < 0) return null;
    this.changes.push({ upstream: name, ...change });
    const { deadlineMs, ...rest } = change;
    const drainUntil = deadlineMs === undefined ? null : new Date(deadlineMs).toISOString();
    this.#upstreams[at] = { ...this.#upstreams[at]!, ...rest, drainUntil };
    return this.#upstreams[at]!;
  }

  async explain({ method, url }: Question): Promise<Explanation | null> {
    this.questions.push(`${method} ${url}`);
    if (this.busy) return null;
    return {
      ok: true,
      status: null,
      code: null,
      listener: 'web',
      route: '/',
      nextBest: null,
      session: { name: 'members', verdict: 'valid', reason: 'user.known', passed: true },
      pool: 'shop',
      target: '/',
      fields: { removed: [], replaced: ['Host'], added: ['X-Request-Id'] },
      affinity: 'new',
      candidates: ['blue', 'green'],
      choice: null,
      timeouts: TIMEOUTS,
      retries: 2,
      steps: [{ step: 'route', text: 'any host, paths under /' }],
    };
  }

  continuity(): readonly ContinuityView[] {
    const requests = { first: 50, kept: 900, changed: 50 };
    const resets = { moved: 41, same: 0 };
    const sentence = 'pool shop depends on stickiness: 41 sessions were lost in 50 changes of instance';
    return [
      {
        pool: 'shop',
        cookie: 'sid',
        sessions: 60,
        requests,
        resets,
        share: 0.82,
        finding: 'depends',
        sentence,
      },
    ];
  }

  sessions(): readonly SessionView[] {
    return [
      {
        name: 'members',
        verify: 'express-session',
        require: 'login',
        checks: { valid: 3, anonymous: 0, invalid: 1, unknown: 0 },
        revocations: null,
        cache: { hits: 2, entries: 1 },
        store: { kind: 'redis', up: true, why: '' },
        push: { up: true, why: '' },
      },
    ];
  }

  /** Takes every text but `wrong`, and knows nothing to reload. */
  readonly config: ConfigDesk = {
    shown: () => ({
      generation: 3,
      since: '2026-01-01T00:00:00.000Z',
      file: 'limpet.yaml',
      older: 0,
      config: { workers: 2 },
    }),
    check: (text) =>
      text === 'wrong'
        ? { error: { code: 'config.wrong', message: 'it is wrong' }, problems: [] }
        : { changes: [], needsRestart: ['workers'], warnings: [] },
    reload: async () => this.reloaded,
  };

  /** What the next reload comes to. */
  reloaded: ReloadResult = {
    result: 'unchanged',
    generation: 3,
    changes: [],
    needsRestart: [],
    warnings: [],
  };

  keys() {
    return this.published;
  }

  ready(): Readiness {
    return this.readiness;
  }

  async metrics(): Promise<string> {
    return this.metricsText;
  }
}

/** A house in which nothing happens, but for what a test tells. */
export class FakeLive implements LiveFeed {
  readonly listeners = new Set<(snapshot: LiveSnapshot) => void>();

  snapshot(): LiveSnapshot {
    const figures = { requestsPerS: 0, errorsPerS: 0, p50Ms: null, p99Ms: null, inFlight: 0 };
    const counts = { requests: 10, errors: 0, connections: 1, connectionsMax: 100, tunnels: 0, streams: 0 };
    return {
      ...this.troubles(),
      at: '2026-01-01T00:00:00.000Z',
      windowS: 5,
      version: '0.1.0',
      generation: 1,
      uptimeS: 12,
      workers: { listening: 2, wanted: 2, restarts: 0 },
      listeners: [{ name: 'web', url: 'http://127.0.0.1:8080', connections: 1 }],
      totals: { ...figures, ...counts, refusedPerS: 0, retriesPerS: 0 },
      pools: [
        { name: 'shop', ...figures, balance: 'round-robin', affinity: null, waiting: 0, upstreams: [] },
      ],
      sessions: [],
      continuity: [],
      revocations: null,
    };
  }

  troubles(): TroubleReport {
    return { ok: true, since: '2026-01-01T00:00:00.000Z', troubles: [] };
  }

  history(pool: string | null): LiveHistory | null {
    return pool === null || pool === 'shop' ? { times: [], lines: [] } : null;
  }

  watch(listener: (snapshot: LiveSnapshot) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }
}

export const LOOPBACK: Bind = { kind: 'tcp', host: '127.0.0.1', port: 0 };
export const EVERYWHERE: Bind = { kind: 'tcp', host: '0.0.0.0', port: 0 };

/** A logger and the lines that it wrote. */
export function listeningLogger(): { logger: Logger; lines: string[] } {
  const lines: string[] = [];
  return { logger: makeLogger({ level: 'info' }, { write: (line) => lines.push(line) }), lines };
}

/** An admin server over a FakeView, not yet listening. */
export function makeAdmin(bind: Bind = LOOPBACK, tokens: readonly AdminToken[] = []) {
  const view = new FakeView();
  const { logger, lines } = listeningLogger();
  let nowMs = 0;
  const live = new FakeLive();
  const table = new TokenTable(bind, tokens);
  const app = buildAdmin({
    view,
    live,
    bind,
    tokens: table,
    logger,
    nowMs: () => nowMs,
  });
  const advance = (ms: number): void => {
    nowMs += ms;
  };
  return { app, view, live, lines, advance, tokens: table };
}
