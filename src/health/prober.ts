// The three looks that health takes at an upstream, as one argument, so that the board's tests need no sockets.
import { startHttpProbe } from './http-probe.ts';
import { checkKindOf } from './kinds.ts';
import type { ActiveOptions } from './options.ts';
import type { Probe, ProbeDone, ProbeTarget, ProbeTime } from './probe.ts';
import { startTcpProbe } from './tcp-probe.ts';

/** Looks at upstreams. Every look is over a fresh connection, tells its result once, and never throws. */
export interface Prober {
  /** The configured active check. */
  check(target: ProbeTarget, options: ActiveOptions, done: ProbeDone): Probe;
  /** Does anybody listen? */
  connect(target: ProbeTarget, timeoutMs: number, done: ProbeDone): Probe;
  /**
   * Does the process run? Any sign will do: a byte of an answer, even an error or nonsense, or a TLS handshake. Asks what the active
   * HTTP check asks (`active`), else `OPTIONS *`.
   */
  life(target: ProbeTarget, active: ActiveOptions | null, timeoutMs: number, done: ProbeDone): Probe;
}

/** Looks with real sockets. */
export function socketProber(time: ProbeTime): Prober {
  return {
    check: (target, options, done) => checkKindOf(options).start(time, target, options, done),
    connect: (target, timeoutMs, done) => startTcpProbe(time, target, null, timeoutMs, done),
    life: (target, active, timeoutMs, done) => {
      const asked = active !== null && !active.tcp ? active : null;
      const question = {
        method: asked?.method ?? 'OPTIONS',
        path: asked?.path ?? '*',
        host: asked?.host ?? null,
        headers: asked?.headers ?? [],
        // The port that serves users, not the check's own: another process may answer there.
        port: null,
        timeoutMs,
        good: 'life' as const,
        body: null,
      };
      return startHttpProbe(time, target, question, done);
    },
  };
}
