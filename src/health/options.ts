// What a config may say about health, after defaults.

/** Inclusive range of statuses. */
export interface StatusRange {
  readonly from: number;
  readonly to: number;
}

export interface ActiveOptions {
  readonly path: string;
  readonly method: string;
  readonly intervalMs: number;
  /** Share of the interval by which each check is moved at random, 0 … 1. */
  readonly jitter: number;
  readonly timeoutMs: number;
  readonly status: readonly StatusRange[];
  /** Text that the first 64 KiB of the body must hold; null: any body. */
  readonly body: string | null;
  /** `Host` of the check; null: the upstream's own. */
  readonly host: string | null;
  readonly headers: readonly (readonly [string, string])[];
  /** Another port than the upstream's; null: the same. */
  readonly port: number | null;
  /** Only connect. */
  readonly tcp: boolean;
  readonly healthyAfter: number;
  readonly unhealthyAfter: number;
}

export interface PassiveOptions {
  /** Consecutive failures that eject. */
  readonly errors: number;
  readonly ejectForMs: number;
  readonly maxEjectForMs: number;
  /** Largest share of the pool's upstreams that may be ejected at once, 0 … 1. */
  readonly maxEjected: number;
  /** Statuses that count as failures; empty: none. */
  readonly statuses: readonly StatusRange[];
}

export interface SuspicionOptions {
  /** Silence in ms that raises suspicion; null: 200 ms or four times the upstream's p99, whichever is more. */
  readonly afterMs: number | null;
  readonly probeTimeoutMs: number;
}

export interface HealthOptions {
  readonly active: ActiveOptions | null;
  readonly passive: PassiveOptions | null;
  readonly suspicion: SuspicionOptions | null;
  /** Below this share of usable upstreams health is ignored and all are tried, 0 … 1; 0: never, answer 503. */
  readonly panic: number;
}
