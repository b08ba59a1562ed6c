// What may be told of one request, in one object that is filled anew for each.
import type { StageClock } from './stages.ts';

const NONE = new Uint8Array(0);

/** Spans are offsets into `bytes`, latin1; one whose end is its start is empty. Null and −1: there is none. */
export class AccessRecord {
  bytes: Uint8Array = NONE;
  idStart = 0;
  idEnd = 0;
  /** The request's id where it does not stand in `bytes`. */
  id = '';
  methodStart = 0;
  methodEnd = 0;
  pathStart = 0;
  pathEnd = 0;
  /** Where path and query end. */
  targetEnd = 0;
  /** Path and query where they do not stand in `bytes` as the client sent them, or hold what must be hidden; else null. */
  target: string | null = null;
  hostStart = 0;
  hostEnd = 0;
  /** 32 hex digits, if any. */
  traceStart = -1;
  /** Address of the client, as trusted proxies tell it. */
  client = '';
  /** `HTTP/1.1`; null: it was not understood. */
  protocol: string | null = null;
  listener: string | null = null;
  /** What the client was sent; 0 if it was sent nothing. */
  status = 0;
  route: string | null = null;
  pool: string | null = null;
  upstream: string | null = null;
  durationMs = 0;
  upstreamMs = -1;
  bytesIn = 0;
  bytesOut = 0;
  attempts = 0;
  affinity: string | null = null;
  session: string | null = null;
  verdict: string | null = null;
  user: string | null = null;
  tlsVersion: string | null = null;
  tlsCipher: string | null = null;
  end = '';
  fault: string | null = null;
  endedBy: string | null = null;
  clock: StageClock | null = null;
  /** How many requests the line stands for, of those that were sampled. */
  weight = 1;
  /** Values of the fields of messages that are told, in the order of `AccessLogOptions.carried`. */
  carried: readonly (string | null)[] = [];
}
