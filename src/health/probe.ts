// What every kind of probe takes and gives: one look at an upstream over a fresh connection, which never throws.
import type { Clock } from '../base/clock.ts';
import type { Timers } from '../base/timers.ts';
import { isOwnShortage } from '../upstream/faults.ts';
import type { Address, UpstreamTls } from '../upstream/upstream.ts';

/** Whom to look at. The address is resolved already. */
export interface ProbeTarget {
  readonly address: Address;
  /** `host:port` as configured, for `Host` and the server name; null for a unix socket. */
  readonly authority: string | null;
  /** Null: plain. */
  readonly tls: UpstreamTls | null;
  /** What a connection to it begins with, before TLS: a PROXY header that names nobody. Null or left out: nothing. */
  readonly greeting?: Uint8Array | null;
}

/** What was seen. */
export interface ProbeResult {
  readonly ok: boolean;
  /** A short sentence for the reader: `connect refused`, `answered 503, expected 200-399`, `no answer within 1s`. */
  readonly why: string;
  /** From the start of the probe to its verdict. */
  readonly latencyMs: number;
  /** Status of the answer, or 0. */
  readonly statusCode: number;
  /** Nobody listens at the address: not slow, not silent, but gone. */
  readonly refused: boolean;
  /** A shortage of this machine's own kept us from looking: `ok` is false, and says nothing about the upstream. */
  readonly inconclusive: boolean;
}

/** A probe under way. */
export interface Probe {
  /** Ends it without a result and closes its socket. Does nothing when it has ended. */
  cancel(): void;
}

/** Told the result, once, never before the probe's start has returned. */
export type ProbeDone = (result: ProbeResult) => void;

/** Where a probe gets its time from. */
export interface ProbeTime {
  readonly clock: Clock;
  readonly timers: Timers;
}

/** The one result of one probe: whoever settles first, wins; the rest is not heard. */
export class Verdict {
  settled = false;
  readonly #clock: Clock;
  readonly #startMs: number;
  readonly #done: ProbeDone;

  constructor(time: ProbeTime, done: ProbeDone) {
    this.#clock = time.clock;
    this.#startMs = time.clock.nowMs();
    this.#done = done;
  }

  elapsedMs(): number {
    return this.#clock.nowMs() - this.#startMs;
  }

  alive(why: string, statusCode = 0): void {
    this.#settle({ ok: true, why, statusCode, refused: false, inconclusive: false });
  }

  dead(why: string, statusCode = 0): void {
    this.#settle({ ok: false, why, statusCode, refused: false, inconclusive: false });
  }

  failed(error: unknown): void {
    this.#settle({
      ok: false,
      why: errorSentence(error),
      statusCode: 0,
      refused: isRefused(error),
      inconclusive: isOwnShortage(errorCode(error)),
    });
  }

  /** No result any more: the probe was cancelled. */
  drop(): void {
    this.settled = true;
  }

  #settle(result: Omit<ProbeResult, 'latencyMs'>): void {
    if (this.settled) return;
    this.settled = true;
    this.#done({ ...result, latencyMs: this.elapsedMs() });
  }
}

/** A span for people: `100ms`, `1s`, `1.5s`. */
export function spellMs(ms: number): string {
  return ms < 1000 ? `${Math.round(ms)}ms` : `${Math.round(ms / 100) / 10}s`;
}

const SENTENCES: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connect refused',
  ECONNRESET: 'connection reset',
  EPIPE: 'connection reset',
  ETIMEDOUT: 'connect timed out',
  EHOSTUNREACH: 'host unreachable',
  ENETUNREACH: 'network unreachable',
  EADDRNOTAVAIL: 'no local port left to connect from',
  EMFILE: 'no file descriptor left to connect with',
  ENOENT: 'socket file missing',
  EACCES: 'no permission to open the socket',
};

/** Codes that say that nobody listens there. */
const REFUSED = new Set(['ECONNREFUSED', 'ENOENT']);

/** The code of a socket error, or its message where it has none. */
export function errorCode(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown error';
  const code = (error as NodeJS.ErrnoException).code;
  return typeof code === 'string' ? code : error.message;
}

/** The reader's sentence for a socket error. */
function errorSentence(error: unknown): string {
  const code = errorCode(error);
  if (error instanceof Error && error.message === 'socket hang up') return 'closed without an answer';
  if (code.startsWith('HPE_')) return 'answered something that is not HTTP';
  return SENTENCES[code] ?? `failed: ${code}`;
}

/** Whether nobody listens. */
function isRefused(error: unknown): boolean {
  return REFUSED.has(errorCode(error));
}
