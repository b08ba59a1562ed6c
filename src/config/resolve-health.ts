// Turns a pool's health as read into its options, and refuses what contradicts itself.
import type { ActiveOptions, HealthOptions, StatusRange } from '../health/options.ts';
import { blame, blameKey, type Draft, items, warn, whole } from './draft.ts';
import type { ReadPool } from './schema/root.ts';

type ReadHealth = Exclude<ReadPool['health'], false>;
type ReadActive = Exclude<ReadHealth['active'], false>;

export function resolveHealth(draft: Draft, read: ReadPool['health'], path: string): HealthOptions {
  if (read === false) return { active: null, passive: null, suspicion: null, panic: 0 };
  const { active, passive, suspicion } = read;
  if (active !== false) checkActive(draft, active, `${path}.active`);
  if (passive !== false && passive.ejectFor > passive.maxEjectFor) {
    blame(
      draft,
      `${path}.passive.ejectFor`,
      '`ejectFor` is longer than `maxEjectFor`',
      'ejectFor: 10s, maxEjectFor: 5m',
    );
  }
  if (passive === false && suspicion !== false && draft.places.has(`${path}.suspicion`)) {
    blameKey(
      draft,
      `${path}.suspicion`,
      '`passive: false` also switches suspicion off',
      'leave it out, or passive: {}',
    );
  }
  if (passive !== false) checkErrorStatuses(draft, passive.statuses, `${path}.passive.statuses`);
  return {
    active: active === false ? null : resolveActive(active),
    passive:
      passive === false
        ? null
        : {
            errors: passive.errors,
            ejectForMs: passive.ejectFor,
            maxEjectForMs: passive.maxEjectFor,
            maxEjected: passive.maxEjected,
            statuses: whole(passive.statuses),
          },
    suspicion:
      suspicion === false || passive === false
        ? null
        : { afterMs: suspicion.after === 0 ? null : suspicion.after, probeTimeoutMs: suspicion.probeTimeout },
    panic: read.panic,
  };
}

function resolveActive(read: ReadActive): ActiveOptions {
  return {
    path: read.path,
    method: read.method,
    intervalMs: read.interval,
    jitter: read.jitter,
    timeoutMs: read.timeout,
    status: whole(read.status),
    body: read.body ?? null,
    host: read.host ?? null,
    headers: Object.entries(read.headers),
    port: read.port ?? null,
    tcp: read.tcp,
    healthyAfter: read.healthyAfter,
    unhealthyAfter: read.unhealthyAfter,
  };
}

function checkActive(draft: Draft, read: ReadActive, path: string): void {
  if (read.timeout > read.interval) {
    warn(
      draft,
      `${path}.timeout`,
      'a check may take longer than the time to the next one',
      'a timeout below the interval',
    );
  }
  if (read.tcp) {
    for (const key of ['path', 'method', 'status', 'body', 'host', 'headers']) {
      if (!draft.places.has(`${path}.${key}`)) continue;
      blameKey(
        draft,
        `${path}.${key}`,
        `\`tcp: true\` only connects, so \`${key}\` means nothing`,
        'leave one of them out',
      );
    }
  }
  if (read.method === 'HEAD' && read.body !== undefined) {
    blameKey(draft, `${path}.body`, 'the answer to HEAD has no body', 'method: GET');
  }
}

/** Statuses of success are no failures: ejecting or trying again at them would make every request one. */
export function checkErrorStatuses(draft: Draft, statuses: readonly StatusRange[], path: string): void {
  for (const [range, at] of items(statuses, path)) {
    if (range.from < 400)
      blame(draft, draft.places.has(at) ? at : path, 'only 400 to 599 can be failures', '502, 503 or 5xx');
  }
}
