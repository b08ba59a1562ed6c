// Fills in the access line of a request that is over, from what its exchange or its head still knows.
import { latin1Text } from '../base/byte-writer.ts';
import type { Fault } from '../base/fault.ts';
import { type AccessEntry, type AccessLog, logMs } from '../observe/access-log.ts';
import { STAGE } from '../observe/stages.ts';
import type { RoutePlan } from '../plan/route-plan.ts';
import { QUESTION, SLASH } from '../wire/octets.ts';
import type { RequestHead } from '../wire/request-head.ts';
import { endCode } from './end-code.ts';
import type { Accountable } from './plane.ts';
import { HOMED_NAMES } from './plane-metrics.ts';

/** One a worker, where the access log is on. */
export class AccessDesk {
  readonly #log: AccessLog;

  constructor(log: AccessLog) {
    this.#log = log;
  }

  /** The line of a request that went to an upstream, or meant to. */
  exchange(exchange: Accountable, durationMs: number): void {
    const { fault, requestHead, mark } = exchange;
    if (!this.#log.wants(exchange.status, fault !== null) || requestHead === null) return;
    const bytes = requestHead.bytes;
    let space = 0;
    while (space < mark.targetEnd && bytes[space] !== 0x20) space++;
    let pathEnd = space + 1;
    while (pathEnd < mark.targetEnd && bytes[pathEnd] !== 0x3f) pathEnd++;
    this.#log.write({
      requestId: latin1Text(bytes, mark.idStart, mark.idEnd),
      client: exchange.clientAddress,
      method: latin1Text(bytes, 0, space),
      host: mark.hostEnd > mark.hostStart ? latin1Text(bytes, mark.hostStart, mark.hostEnd) : undefined,
      path: latin1Text(bytes, space + 1, pathEnd),
      status: exchange.status,
      route: exchange.plan?.name,
      pool: exchange.pool?.name,
      upstream: exchange.upstream?.name,
      durationMs: logMs(durationMs),
      upstreamMs: exchange.upstreamMs < 0 ? undefined : logMs(exchange.upstreamMs),
      bytesIn: exchange.bytesIn,
      bytesOut: exchange.bytesOut,
      attempts: exchange.attempts,
      affinity: HOMED_NAMES[exchange.homed],
      end: endCode(fault, exchange.stage, exchange.brokenBy),
      fault: fault?.code,
      endedBy: fault?.side,
    });
  }

  /** The line of a request that was answered here. */
  here(
    requestId: string,
    client: string,
    head: RequestHead,
    plan: RoutePlan | null,
    status: number,
    fault: Fault | null,
    durationMs: number,
  ): void {
    if (!this.#log.wants(status, fault !== null)) return;
    const bytes = head.fields.bytes;
    const entry: AccessEntry = {
      requestId,
      client,
      method: latin1Text(bytes, head.methodStart, head.methodEnd),
      host:
        head.authorityEnd > head.authorityStart
          ? latin1Text(bytes, head.authorityStart, head.authorityEnd)
          : undefined,
      path: latin1Text(bytes, head.pathStart, head.pathEnd) || '/',
      status,
      route: plan?.name,
      pool: undefined,
      upstream: undefined,
      durationMs: logMs(durationMs),
      upstreamMs: undefined,
      bytesIn: 0,
      bytesOut: 0,
      attempts: 0,
      affinity: undefined,
      end: endCode(fault, STAGE.head),
      fault: fault?.code,
      endedBy: fault?.side,
    };
    this.#log.write(entry);
  }

  /**
   * The line of a request that was refused while it was read. Its method and its path are told where a request line was understood, and
   * only a path that begins with `/`: what was refused may hold a user and a password before its host.
   */
  unread(
    client: string,
    head: RequestHead | null,
    bytes: Uint8Array | null,
    fault: Fault,
    durationMs: number,
  ): void {
    if (!this.#log.wants(fault.status, true)) return;
    const known = head !== null && bytes !== null && head.targetEnd > 0;
    this.#log.write({
      requestId: '',
      client,
      method: known ? latin1Text(bytes, head.methodStart, head.methodEnd) : '',
      host: undefined,
      path: known && bytes[head.targetStart] === SLASH ? pathOf(head, bytes) : '',
      status: fault.status,
      route: undefined,
      pool: undefined,
      upstream: undefined,
      durationMs: logMs(durationMs),
      upstreamMs: undefined,
      bytesIn: 0,
      bytesOut: 0,
      attempts: 0,
      affinity: undefined,
      end: endCode(fault, STAGE.head),
      fault: fault.code,
      endedBy: fault.side,
    });
  }
}

/** The target as far as its query, which is never told. */
function pathOf(head: RequestHead, bytes: Uint8Array): string {
  let end = head.targetStart;
  while (end < head.targetEnd && bytes[end] !== QUESTION) end++;
  return latin1Text(bytes, head.targetStart, end);
}
