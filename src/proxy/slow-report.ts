// What the main log says of a slow request: how long it took, and in which stage the time went.
import { latin1Text } from '../base/byte-writer.ts';
import { logMs, type SlowReport } from '../observe/access-log.ts';
import type { AccessRecord } from '../observe/access-record.ts';
import { STAGE, STAGE_COUNT, STAGE_NAMES, STAGE_WORDS } from '../observe/stages.ts';

/** Stages that took less are not told, ms. */
const WORTH_TELLING_MS = 1;

/** `a request was slow: 2.310 s, of which 2.300 s waiting for the answer of the instance`. */
export function slowText(record: AccessRecord, durationMs: number): string {
  const stage = record.clock === null ? STAGE.head : record.clock.longest;
  const spentMs = record.clock === null ? durationMs : record.clock.spentMs[stage]!;
  return `a request was slow: ${inSeconds(durationMs)}, of which ${inSeconds(spentMs)} ${STAGE_WORDS[stage]}`;
}

/** The fields beside that text. The path goes without its query. */
export function slowReport(record: AccessRecord, durationMs: number): SlowReport {
  const { bytes, target, clock } = record;
  const stages: Record<string, number> = {};
  for (let stage = 0; stage < STAGE_COUNT && clock !== null; stage++) {
    const spentMs = clock.spentMs[stage]!;
    if (spentMs >= WORTH_TELLING_MS) stages[STAGE_NAMES[stage]!] = logMs(spentMs);
  }
  return {
    requestId: record.id === '' ? latin1Text(bytes, record.idStart, record.idEnd) : record.id,
    client: record.client,
    method: latin1Text(bytes, record.methodStart, record.methodEnd),
    ...(record.hostEnd > record.hostStart
      ? { host: latin1Text(bytes, record.hostStart, record.hostEnd) }
      : {}),
    path: target === null ? latin1Text(bytes, record.pathStart, record.pathEnd) : target.split('?', 1)[0],
    ...(record.route === null ? {} : { route: record.route }),
    ...(record.pool === null ? {} : { pool: record.pool }),
    ...(record.upstream === null ? {} : { upstream: record.upstream }),
    status: record.status,
    end: record.end,
    durationMs,
    stages,
  };
}

function inSeconds(ms: number): string {
  return `${(ms / 1000).toFixed(3)} s`;
}
