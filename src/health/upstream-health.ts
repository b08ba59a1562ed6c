// One upstream's health: gathers the signs of checks, failed requests, closed doors and silence, and lets each run its course.
import type { Clock } from '../base/clock.ts';
import type { Random } from '../base/random.ts';
import type { Timer, Timers } from '../base/timers.ts';
import type { Address, UpstreamTls } from '../upstream/upstream.ts';
import type { Wanted } from '../upstream/upstream-table.ts';
import { ActiveSchedule } from './active.ts';
import { Ejection } from './ejection.ts';
import type { HealthOptions } from './options.ts';
import { type Probe, type ProbeDone, type ProbeResult, type ProbeTarget, spellMs } from './probe.ts';
import type { Prober } from './prober.ts';
import { Reachability } from './reachability.ts';
import { RiseFall } from './rise-fall.ts';
import type { Signs } from './standing.ts';
import { Suspicion } from './suspicion.ts';

/** How a request failed at an upstream, as a worker tells it. A client that left is none of these. */
export type FailureKind = 'refused' | 'unreachable' | 'reset' | 'timeout' | 'protocol' | 'status';

const FAILURE_TEXT: Readonly<Record<FailureKind, string>> = {
  refused: 'connect refused',
  unreachable: 'could not be connected to',
  reset: 'connection reset',
  timeout: 'timed out',
  protocol: 'answer is not HTTP',
  status: 'answered with a failing status',
};

/** Failures after which the door itself is looked at. */
const AT_THE_DOOR: ReadonlySet<FailureKind> = new Set(['refused', 'unreachable', 'reset', 'timeout']);

/** Bound of our own connects, ms: that of a request's connect by default. */
const CONNECT_MS = 1000;

/** An upstream as the board is told of it. */
export interface BoardUpstream {
  /** Row in the upstream table. */
  readonly slot: number;
  readonly name: string;
  /** As configured, > 0; slow start is laid over it. */
  readonly weight: number;
  readonly wanted: Wanted;
  readonly tls: UpstreamTls | null;
  /** What a connection to it begins with; null or left out: nothing. See ProbeTarget. */
  readonly greeting?: Uint8Array | null;
  /** `host:port` as configured; null for a unix socket. */
  readonly authority: string | null;
  /** Where it is now; null while its name does not resolve. */
  readonly address: () => Address | null;
}

/** What one upstream's health is made of. */
export interface UpstreamHealthInput {
  readonly upstream: BoardUpstream;
  readonly options: HealthOptions;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly random: Random;
  readonly prober: Prober;
  /** Consecutive failures that the workers have counted; the truth, however many reports came. */
  readonly failures: () => number;
  /** Sets that count to nothing: it comes back with a clean sheet. */
  readonly forgive: () => void;
  /** Whether the pool can spare it. */
  readonly mayEject: () => boolean;
  /** Takes one probe of the pool's allowance. */
  readonly allowProbe: () => boolean;
  /** Told when any sign has changed. */
  readonly onChange: () => void;
  /** Told when it could not be connected to. */
  readonly onUnreachable: () => void;
}

/** The signs of one upstream. Main thread. */
export class UpstreamHealth {
  readonly #in: UpstreamHealthInput;
  readonly #active: ActiveSchedule | null;
  readonly #reachability: Reachability;
  readonly #suspicion: Suspicion | null;
  readonly #ejection: Ejection | null;
  #opinion: RiseFall | null = null;
  #lastBad = '';
  #unresolved: string | null = null;
  #failing: string | null = null;
  #failingTimer: Timer | null = null;
  #failingProbe: Probe | null = null;

  constructor(input: UpstreamHealthInput) {
    this.#in = input;
    if (input.upstream.address() === null) this.#unresolved = 'its name has no address yet';
    const { clock, timers, random, options, prober } = input;
    const { active, passive, suspicion } = options;
    this.#active =
      active === null
        ? null
        : new ActiveSchedule({
            intervalMs: active.intervalMs,
            jitter: active.jitter,
            clock,
            timers,
            random,
            check: (done) => this.#probing((target) => prober.check(target, active, done)),
            onResult: (result) => this.#checked(result),
          });
    if (active !== null) this.#opinion = new RiseFall(active.healthyAfter, active.unhealthyAfter);
    this.#reachability = new Reachability({
      clock,
      timers,
      connect: (done) => this.#connect(done),
      onChange: () => this.#doorChanged(),
    });
    this.#ejection = passive === null ? null : new Ejection(passive);
    this.#suspicion =
      passive === null || suspicion === null
        ? null
        : new Suspicion({
            options: suspicion,
            holdMs: passive.ejectForMs,
            clock,
            timers,
            probe: (timeoutMs, done) =>
              this.#probing((target) => prober.life(target, active, timeoutMs, done)),
            allow: input.allowProbe,
            onChange: input.onChange,
            onClosed: (result) => {
              if (result.refused) this.#reachability.refused(result.why);
              else this.#reachability.doubt();
            },
          });
  }

  start(): void {
    this.#active?.start();
  }

  stop(): void {
    this.#active?.stop();
    this.#reachability.stop();
    this.#suspicion?.reset();
    this.#endFailing();
  }

  /**
   * It is checked otherwise from now on: what stood against it, as `old` says, still does, until the new checks have looked. Before `start`; `old`
   * is to be stopped.
   */
  takeOver(old: UpstreamHealth): void {
    this.#unresolved = old.#unresolved;
    if (this.#opinion !== null && old.#opinion !== null) {
      this.#opinion.healthy = old.#opinion.healthy;
      this.#lastBad = old.#lastBad;
    }
    const { passive } = this.#in.options;
    if (passive === null) return;
    if (old.#failing !== null) {
      this.#failing = old.#failing;
      this.#failingTimer = this.#in.timers.after(passive.ejectForMs, () => this.#timeServed());
    }
    if (old.#reachability.gone) this.#reachability.refused(old.#reachability.why);
  }

  /** Everything known now. */
  signs(): Signs {
    const opinion = this.#opinion;
    const suspicion = this.#suspicion;
    return {
      unresolved: this.#unresolved,
      checked: opinion === null ? null : { healthy: opinion.healthy, why: this.#lastBad },
      gone: this.#reachability.gone ? this.#reachability.why : null,
      hung: suspicion?.state === 'hung' ? suspicion.why : null,
      failing: this.#failing,
      suspected: suspicion?.state === 'suspected' ? suspicion.why : null,
    };
  }

  /** A request failed. False: it has failed often enough to be ejected, but the pool can't spare it. */
  failed(kind: FailureKind): boolean {
    const passive = this.#in.options.passive;
    if (passive === null || this.#ejection === null) return true;
    if (AT_THE_DOOR.has(kind)) this.#reachability.doubt();
    if (this.#failing !== null || this.#reachability.gone) return true;
    const failures = this.#in.failures();
    if (failures < passive.errors) return true;
    if (!this.#in.mayEject()) return false;
    const forMs = this.#ejection.begin(this.#in.clock.nowMs());
    this.#failing = `${failures} failures in a row, the last: ${FAILURE_TEXT[kind]}; out for ${spellMs(forMs)}`;
    this.#failingTimer = this.#in.timers.after(forMs, () => this.#timeServed());
    this.#in.onChange();
    return true;
  }

  /** A request was answered after others had failed. */
  answered(): void {
    this.#suspicion?.sawLife();
  }

  /** A worker saw it owe answers and send nothing. */
  suspect(): void {
    if (this.#unresolved !== null || this.#reachability.gone || this.#failing !== null) return;
    if (this.#opinion?.healthy === false) return;
    this.#suspicion?.suspect();
  }

  /** Its address changed, or its name has none any more. */
  resolved(ok: boolean, why: string): void {
    this.#unresolved = ok ? null : why;
    if (ok) {
      // Another address is another instance: what was thought of the old one says nothing of it.
      const active = this.#in.options.active;
      if (active !== null) this.#opinion = new RiseFall(active.healthyAfter, active.unhealthyAfter);
      this.#suspicion?.reset();
      this.#reachability.addressChanged();
      this.#active?.hurry();
    }
    this.#in.onChange();
  }

  #target(): ProbeTarget | null {
    const { address, authority, tls, greeting = null } = this.#in.upstream;
    const now = address();
    return now === null ? null : { address: now, authority, tls, greeting };
  }

  #probing(begin: (target: ProbeTarget) => Probe): Probe | null {
    const target = this.#target();
    return target === null ? null : begin(target);
  }

  #connect(done: ProbeDone): Probe | null {
    return this.#probing((target) =>
      this.#in.prober.connect(target, CONNECT_MS, (result) => {
        done(result);
        if (!result.ok && !result.inconclusive) this.#in.onUnreachable();
      }),
    );
  }

  #checked(result: ProbeResult): void {
    if (result.inconclusive || this.#opinion === null) return;
    if (!result.ok) this.#lastBad = result.why;
    if (this.#opinion.record(result.ok)) this.#in.onChange();
    if (!result.refused) return;
    // The check met a closed door: a second look tells whether the upstream itself is gone, before a user's request does.
    if (this.#ejection !== null) this.#reachability.doubt();
    else this.#in.onUnreachable();
  }

  #doorChanged(): void {
    if (this.#reachability.gone) {
      // Being gone explains the failures and the silence, and ends sooner than they would.
      this.#endFailing();
      this.#suspicion?.reset();
    } else {
      this.#in.forgive();
      this.#active?.hurry();
    }
    this.#in.onChange();
  }

  /** Its time is over; it returns if somebody listens, so that no user's request has to find out. */
  #timeServed(): void {
    this.#failingTimer = null;
    this.#failingProbe = this.#connect((result) => {
      this.#failingProbe = null;
      this.#endFailing();
      if (result.ok || result.inconclusive) {
        this.#in.forgive();
        this.#in.onChange();
      } else {
        this.#reachability.refused(result.why);
      }
    });
    if (this.#failingProbe === null) {
      this.#endFailing();
      this.#in.forgive();
      this.#in.onChange();
    }
  }

  #endFailing(): void {
    this.#failingTimer?.cancel();
    this.#failingProbe?.cancel();
    this.#failingTimer = null;
    this.#failingProbe = null;
    if (this.#failing !== null) this.#ejection?.end(this.#in.clock.nowMs());
    this.#failing = null;
  }
}
