// The kinds of active checks: one row is all that is known of a kind.
import { startHttpProbe } from './http-probe.ts';
import type { ActiveOptions } from './options.ts';
import type { Probe, ProbeDone, ProbeTarget, ProbeTime } from './probe.ts';
import { startTcpProbe } from './tcp-probe.ts';

/** A kind of check. */
export interface CheckKind {
  /** For people: what a good result proves. */
  readonly description: string;
  /** Begins one check; see `Probe` and `ProbeDone`. Never throws. */
  start(time: ProbeTime, target: ProbeTarget, options: ActiveOptions, done: ProbeDone): Probe;
}

export const CHECK_KINDS = {
  http: {
    description: 'a request is answered with an expected status, and body where one is given',
    start: (time, target, options, done) =>
      startHttpProbe(
        time,
        target,
        {
          method: options.method,
          path: options.path,
          host: options.host,
          headers: options.headers,
          port: options.port,
          timeoutMs: options.timeoutMs,
          good: options.status,
          body: options.body,
        },
        done,
      ),
  },
  tcp: {
    description: 'a TCP connection is accepted; a stopped process passes it',
    start: (time, target, options, done) =>
      startTcpProbe(time, target, options.port, options.timeoutMs, done),
  },
} as const satisfies Record<string, CheckKind>;

/** The kind of check that the options ask for. */
export function checkKindOf(options: ActiveOptions): CheckKind {
  return options.tcp ? CHECK_KINDS.tcp : CHECK_KINDS.http;
}
