// What a config says otherwise than another: in words for a log, and as data. Values that may be secrets are never told.
import { isDeepStrictEqual } from 'node:util';
import type { Config } from './config.ts';
import { isSensitiveKey } from './sensitive.ts';

/** One part of a config that came, went or is otherwise. */
export interface ConfigChange {
  readonly what: 'listener' | 'route' | 'pool' | 'upstream' | 'session' | 'setting';
  /** The pool of an upstream; null for anything else. */
  readonly pool: string | null;
  /** Its name; of a setting, its key. */
  readonly name: string;
  readonly change: 'added' | 'removed' | 'changed';
  /** Which of its keys, as Limpet names them; empty for what came or went. */
  readonly keys: readonly string[];
  /** The whole in words. */
  readonly text: string;
}

/** Keys told of one part; more are counted. */
const KEYS_MAX = 8;

/** Lists of named parts, and what a part of each is called. */
const LISTS = { listeners: 'listener', routes: 'route', sessions: 'session' } as const;

/** Everything by which `next` differs from `now`. The order of parts matters to nobody, and is no difference. */
export function diffConfigs(now: Config, next: Config): ConfigChange[] {
  const changes: ConfigChange[] = [];
  for (const list of ['listeners', 'routes', 'sessions'] as const)
    changes.push(...diffNamed(LISTS[list], null, now[list], next[list]));
  const bare = ({ pools }: Config) => pools.map((pool) => ({ ...pool, upstreams: [] }));
  changes.push(...diffNamed('pool', null, bare(now), bare(next)));
  const names = new Set([...now.pools, ...next.pools].map(({ name }) => name));
  for (const name of names) {
    const of = ({ pools }: Config) => pools.find((pool) => pool.name === name)?.upstreams ?? [];
    changes.push(...diffNamed('upstream', name, of(now), of(next)));
  }
  const told = new Set<string>([...Object.keys(LISTS), 'pools', 'file']);
  for (const key of new Set([...Object.keys(now), ...Object.keys(next)])) {
    if (told.has(key)) continue;
    const [was, is] = [now, next].map((config) => config[key as keyof Config]);
    if (!isDeepStrictEqual(was, is)) changes.push(changed('setting', null, key, was, is));
  }
  return changes;
}

type What = ConfigChange['what'];

function diffNamed(
  what: What,
  pool: string | null,
  now: readonly { readonly name: string }[],
  next: readonly { readonly name: string }[],
): ConfigChange[] {
  const before = byName(now);
  const after = byName(next);
  const changes: ConfigChange[] = [];
  for (const [key, part] of before)
    if (!after.has(key)) changes.push(cameOrWent(what, pool, part.name, 'removed'));
  for (const [key, part] of after) {
    const was = before.get(key);
    if (was === undefined) changes.push(cameOrWent(what, pool, part.name, 'added'));
    else if (!isDeepStrictEqual(was, part)) changes.push(changed(what, pool, part.name, was, part));
  }
  return changes;
}

/** Routes may be of one name: the first, second … of it are compared. */
function byName<T extends { readonly name: string }>(parts: readonly T[]): Map<string, T> {
  const named = new Map<string, T>();
  const counts = new Map<string, number>();
  for (const part of parts) {
    const nth = counts.get(part.name) ?? 0;
    counts.set(part.name, nth + 1);
    named.set(`${part.name}\0${nth}`, part);
  }
  return named;
}

function cameOrWent(
  what: What,
  pool: string | null,
  name: string,
  change: 'added' | 'removed',
): ConfigChange {
  return { what, pool, name, change, keys: [], text: `${titleOf(what, pool, name)} ${change}` };
}

function changed(what: What, pool: string | null, name: string, was: unknown, is: unknown): ConfigChange {
  const found: { key: string; words: string }[] = [];
  differences(was, is, '', false, found);
  const shown = found.slice(0, KEYS_MAX).map(({ words }) => words);
  if (found.length > KEYS_MAX) shown.push(`${found.length - KEYS_MAX} more`);
  const keys = found.map(({ key }) => key).filter((key) => key !== '');
  const details = keys.length === 0 ? '' : `: ${shown.join(', ')}`;
  return {
    what,
    pool,
    name,
    change: 'changed',
    keys,
    text: `${titleOf(what, pool, name)} changed${details}`,
  };
}

function titleOf(what: What, pool: string | null, name: string): string {
  return what === 'setting' ? name : `${what} ${pool === null ? '' : `${pool}/`}${name}`;
}

/** Walks both as far as they are alike; what differs is told by its path, and by its values where those are plain numbers or switches. */
function differences(
  was: unknown,
  is: unknown,
  path: string,
  secret: boolean,
  found: { key: string; words: string }[],
): void {
  if (isDeepStrictEqual(was, is)) return;
  if (isPlainObject(was) && isPlainObject(is)) {
    for (const key of new Set([...Object.keys(was), ...Object.keys(is)])) {
      const below = path === '' ? key : `${path}.${key}`;
      differences(was[key], is[key], below, secret || isSensitiveKey(key), found);
    }
    return;
  }
  const plain = !secret && isNumberOrSwitch(was) && isNumberOrSwitch(is);
  found.push({ key: path, words: plain ? `${path} ${String(was)} → ${String(is)}` : path });
}

function isPlainObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isNumberOrSwitch(value: unknown): boolean {
  return typeof value === 'number' || typeof value === 'boolean';
}
