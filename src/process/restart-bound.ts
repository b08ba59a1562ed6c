// What of a config only a restart can change: kept as it is by a reload, and told.
import { isDeepStrictEqual } from 'node:util';
import type { AdminTls, Config } from '../config/config.ts';

/** Top-level keys that a running process follows, whole or in the parts that are named below. */
const FOLLOWED: ReadonlySet<string> = new Set([
  'file',
  'watch',
  'listeners',
  'trustedProxies',
  'routes',
  'pools',
  'sessions',
  'revocation',
  'signing',
  'limits',
  'access',
  'sharedLimits',
  'timeouts',
  'http',
  'errors',
  'admin',
  'log',
  'shutdown',
  'tracing',
]);
/** Of these blocks only these keys. */
const ADMIN_FOLLOWED: ReadonlySet<string> = new Set(['tokens']);

/** A config as a reload puts it in force. */
export interface Followable {
  readonly config: Config;
  /** Keys that say otherwise than what is in force, and will be followed at the next start only. */
  readonly needsRestart: readonly string[];
}

/** `next` with everything that a running process cannot change as `now` has it. */
export function keepRestartBound(now: Config, next: Config): Followable {
  const needsRestart: string[] = [];
  const config: Record<string, unknown> = { ...next };
  for (const key of new Set([...Object.keys(now), ...Object.keys(next)])) {
    if (FOLLOWED.has(key)) continue;
    const [was, is] = [now, next].map((one) => one[key as keyof Config]);
    config[key] = was;
    if (!isDeepStrictEqual(was, is)) needsRestart.push(key);
  }
  // Another certificate is shown at once; whether there is one at all, and who must show his own, is settled when the server is made.
  const sameTls = sameKind(now.admin?.tls, next.admin?.tls);
  const followed = sameTls ? new Set([...ADMIN_FOLLOWED, 'tls']) : ADMIN_FOLLOWED;
  config.admin = followBlock('admin', now.admin, next.admin, followed, needsRestart);
  const { connections, rateLimitKeys } = now.limits;
  for (const key of ['connections', 'rateLimitKeys'] as const)
    if (next.limits[key] !== now.limits[key]) needsRestart.push(`limits.${key}`);
  const kept = { connections, rateLimitKeys };
  config.limits = { ...next.limits, ...kept };
  config.routes = next.routes.map((route) => ({ ...route, limits: { ...route.limits, ...kept } }));
  // The first session block brings the switch of revocations; it stays when the last one goes, in case one comes back.
  config.revocation = now.revocation ?? next.revocation;
  if (
    now.revocation !== null &&
    next.revocation !== null &&
    !isDeepStrictEqual(now.revocation, next.revocation)
  )
    needsRestart.push('revocation');
  // Because: every key is one of either config, which are whole.
  return { config: config as unknown as Config, needsRestart };
}

function followBlock<T extends object>(
  name: string,
  now: T | null,
  next: T | null,
  followed: ReadonlySet<string>,
  needsRestart: string[],
): T | null {
  if (now === null || next === null) {
    if (now !== next) needsRestart.push(name);
    return now;
  }
  const kept: Record<string, unknown> = Object.fromEntries(Object.entries(next));
  for (const key of new Set([...Object.keys(now), ...Object.keys(next)])) {
    if (followed.has(key)) continue;
    kept[key] = now[key as keyof T];
    if (!isDeepStrictEqual(now[key as keyof T], next[key as keyof T])) needsRestart.push(`${name}.${key}`);
  }
  // Because: every key is one of either block, which are whole.
  return kept as unknown as T;
}

/** Both speak HTTPS and ask clients alike. */
function sameKind(now: AdminTls | null | undefined, next: AdminTls | null | undefined): boolean {
  if (!now || !next) return false;
  return (now.ca === null) === (next.ca === null);
}
