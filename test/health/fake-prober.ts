// Upstreams that exist only as a mode by port, and a prober that looks at them on hand-cranked time.
import type { Timer, Timers } from '../../src/base/timers.ts';
import type { Probe, ProbeDone, ProbeResult, ProbeTarget } from '../../src/health/probe.ts';
import type { Prober } from '../../src/health/prober.ts';

/** What stands behind a port: answers at once, answers after so many ms, accepts and keeps silent, or refuses. */
export type Mode = 'alive' | 'stopped' | 'refusing' | 'failing' | 'shortage' | number;

interface Pending {
  readonly port: number;
  readonly settle: (result: ProbeResult) => void;
}

/** Time that a loopback connect takes here, ms. */
const CONNECT_MS = 1;

export class FakeProber implements Prober {
  readonly modes = new Map<number, Mode>();
  /** Every look, as `kind:port`. */
  readonly looks: string[] = [];
  readonly #timers: Timers;
  #stuck: Pending[] = [];

  constructor(timers: Timers) {
    this.#timers = timers;
  }

  count(kind: 'check' | 'connect' | 'life'): number {
    return this.looks.filter((look) => look.startsWith(`${kind}:`)).length;
  }

  /** Changes what stands behind a port; who was kept waiting by a stopped one is answered when it runs on. */
  set(port: number, mode: Mode): void {
    this.modes.set(port, mode);
    if (mode !== 'alive') return;
    const woken = this.#stuck.filter((pending) => pending.port === port);
    this.#stuck = this.#stuck.filter((pending) => pending.port !== port);
    for (const pending of woken) pending.settle(good(1));
  }

  check(target: ProbeTarget, options: { readonly timeoutMs: number }, done: ProbeDone): Probe {
    return this.#look('check', target, options.timeoutMs, done);
  }

  connect(target: ProbeTarget, timeoutMs: number, done: ProbeDone): Probe {
    return this.#look('connect', target, timeoutMs, done);
  }

  life(target: ProbeTarget, _active: unknown, timeoutMs: number, done: ProbeDone): Probe {
    return this.#look('life', target, timeoutMs, done);
  }

  #look(kind: string, target: ProbeTarget, timeoutMs: number, done: ProbeDone): Probe {
    const port = 'port' in target.address ? target.address.port : 0;
    this.looks.push(`${kind}:${port}`);
    const mode = this.modes.get(port) ?? 'alive';
    let over = false;
    let timer: Timer | null = null;
    const settle = (result: ProbeResult): void => {
      if (over) return;
      over = true;
      timer?.cancel();
      done(result);
    };
    if (mode === 'refusing')
      timer = this.#timers.after(CONNECT_MS, () => settle(bad('connect refused', true)));
    else if (mode === 'shortage') {
      timer = this.#timers.after(CONNECT_MS, () => settle({ ...bad('no descriptor'), inconclusive: true }));
    } else if (kind === 'connect' || mode === 'alive') {
      timer = this.#timers.after(CONNECT_MS, () => settle(good(CONNECT_MS)));
    } else if (mode === 'failing') {
      const result = kind === 'life' ? good(CONNECT_MS) : bad('answered 503, expected 200-399');
      timer = this.#timers.after(CONNECT_MS, () => settle(result));
    } else {
      if (mode === 'stopped') this.#stuck.push({ port, settle });
      const slow = typeof mode === 'number' && mode < timeoutMs;
      timer = this.#timers.after(slow ? mode : timeoutMs, () => settle(slow ? good(mode) : bad('no answer')));
    }
    return {
      cancel: () => {
        over = true;
        timer?.cancel();
      },
    };
  }
}

function good(latencyMs: number): ProbeResult {
  return { ok: true, why: 'answered 200', latencyMs, statusCode: 200, refused: false, inconclusive: false };
}

function bad(why: string, refused = false): ProbeResult {
  return { ok: false, why, latencyMs: CONNECT_MS, statusCode: 0, refused, inconclusive: false };
}
