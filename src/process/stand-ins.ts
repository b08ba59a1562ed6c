// Who serves the users of a pool that nobody can be sent to: the other sides of the routes that it shares with pools that take users.
import type { Config } from '../config/config.ts';

/**
 * The pools that take the users of `pool` in while it has nobody for them, in config order; `takesUsers` says which pools could.
 * Empty: there is a route that leads to it alone, or shares its users with pools that take none, so that its requests fail; or no
 * route leads to it.
 */
export function standInsOf(
  { routes }: Pick<Config, 'routes'>,
  pool: string,
  takesUsers: (pool: string) => boolean,
): string[] {
  const found = new Set<string>();
  for (const { action, split } of routes) {
    if (action.kind !== 'pool' || action.pool !== pool) continue;
    const before = found.size;
    let known = false;
    for (const other of routes) {
      if (split === null || other.split?.group !== split.group || other.action.kind !== 'pool') continue;
      const name = other.action.pool;
      if (name === pool || !takesUsers(name)) continue;
      known ||= found.has(name);
      found.add(name);
    }
    if (found.size === before && !known) return [];
  }
  return [...found];
}
