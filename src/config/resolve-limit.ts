// Turns rate limits and lists of addresses as read into options, and refuses those that nobody could count or reach.
import { dirname, resolve } from 'node:path';
import { AddressSet } from '../limit/address-set.ts';
import type { AccessOptions, AddressListOptions, LimitBy, RateLimitOptions } from '../limit/options.ts';
import type { SharedLimitsConfig } from './config.ts';
import { blame, blameKey, type Draft, items, warn } from './draft.ts';
import { nearest } from './nearest.ts';
import { readStoreTls, readStoreUrl } from './resolve-session-store.ts';
import type { ReadConfig, ReadRoute } from './schema/root.ts';
import { quote } from './units.ts';

type ReadLimit = NonNullable<ReadConfig['rateLimits']>[string];
type ReadShared = Exclude<ReadLimit['shared'], false>;
type ReadAddresses = NonNullable<ReadConfig['allow']>;

/** `shared` in its short form. */
const SHARED_PREFIX = 'limpet:rate';
const SHARED_DEADLINE_MS = 50;

/** The rate limits of a config, as its routes find them. */
export class RateLimits {
  /** Where limits are shared. */
  readonly shared: SharedLimitsConfig[] = [];
  /** Of the config, which the files of addresses are beside. */
  readonly file: string;
  readonly #draft: Draft;
  readonly #named = new Map<string, RateLimitOptions>();
  readonly #used = new Set<string>();

  constructor(draft: Draft, file: string) {
    this.#draft = draft;
    this.file = file;
    for (const [name, read] of Object.entries(draft.read.rateLimits)) {
      const options = this.#resolve(read, name, `rateLimits.${name}`);
      if (options !== null) this.#named.set(name, options);
    }
  }

  /** Those of a route, whose name and place `route` and `path` are. `checked`: a session block checks it; `pooled`: a pool serves it. */
  ofRoute(
    read: ReadRoute['rateLimit'],
    route: string,
    path: string,
    checked: boolean,
    pooled: boolean,
  ): RateLimitOptions[] {
    if (read === undefined) return [];
    const at = `${path}.rateLimit`;
    const written = Array.isArray(read) ? items(read, at) : [[read, at] as const];
    const limits = written.flatMap(([limit, place], i) => {
      const found =
        typeof limit === 'string'
          ? this.#find(limit, place)
          : this.#resolve(limit, `${route}#${i + 1}`, place);
      if (found === null) return [];
      if (found.by.by === 'session-user' && !checked) {
        const why = 'nobody checks a session here, so that nobody has a user to be counted by';
        blame(this.#draft, place, why, 'session: NAME at this route, or by: address');
      }
      if (found.shared >= 0 && !pooled) {
        const why = 'a shared limit waits for its Redis, which a route without a pool does not';
        blame(this.#draft, place, why, 'a limit without `shared`');
      }
      return [found];
    });
    this.#checkTogether(limits, at);
    return limits;
  }

  /** A limit that bounds nothing is a wall that somebody believes to stand. */
  checkUnused(): void {
    const { places, findings } = this.#draft;
    for (const name of this.#named.keys()) {
      if (this.#used.has(name)) continue;
      const path = `rateLimits.${name}`;
      const why = `no route has the rate limit ${quote(name)}`;
      findings.warning(places.key(path), path, why, `rateLimit: ${name}, at a route`);
    }
  }

  #find(name: string, at: string): RateLimitOptions | null {
    this.#used.add(name);
    const found = this.#named.get(name);
    if (found !== undefined) return found;
    // One that could not be read is blamed already.
    if (this.#draft.places.isMeant(`rateLimits.${name}`)) return null;
    const known = [...this.#named.keys()];
    const right = nearest(name, known) ?? (known.join(', ') || 'rateLimits: { NAME: { rate: 10/s } }');
    blame(this.#draft, at, `there is no rate limit ${quote(name)}`, right);
    return null;
  }

  #resolve(read: ReadLimit, name: string, path: string): RateLimitOptions | null {
    if (read.rate === undefined) return null;
    const { count, perMs } = read.rate;
    return {
      name,
      count,
      perMs,
      burst: read.burst ?? count,
      by: this.#by(read, path),
      dryRun: read.dryRun,
      shared:
        read.shared === false || read.shared === undefined ? -1 : this.#share(read.shared, `${path}.shared`),
    };
  }

  #by({ by }: ReadLimit, path: string): LimitBy {
    if (typeof by === 'string') return { by };
    const { header, cookie } = by;
    if ((header === undefined) === (cookie === undefined) && !this.#draft.places.isUnread(`${path}.by`)) {
      blame(this.#draft, `${path}.by`, 'one is counted by a header or by a cookie', '{ header: X-Api-Key }');
    }
    return header === undefined ? { by: 'cookie', name: cookie ?? '' } : { by: 'header', name: header };
  }

  #share(read: NonNullable<ReadShared>, path: string): number {
    const long = typeof read === 'string' ? null : read;
    const url = typeof read === 'string' ? read : read.url;
    if (url === undefined) return -1;
    const at = this.#draft.places.has(`${path}.url`) ? `${path}.url` : path;
    readStoreUrl(this.#draft, url, ['redis'], 'rate limits are', long?.tls !== undefined, path, at);
    const options: SharedLimitsConfig = {
      url,
      tls: readStoreTls(long?.tls),
      prefix: long?.prefix ?? SHARED_PREFIX,
      deadlineMs: long?.deadline ?? SHARED_DEADLINE_MS,
    };
    const same = JSON.stringify(options);
    const known = this.shared.findIndex((other) => JSON.stringify(other) === same);
    return known >= 0 ? known : this.shared.push(options) - 1;
  }

  /** One call asks for all shared limits of a request, so that none is charged for what another refuses. */
  #checkTogether(limits: readonly RateLimitOptions[], at: string): void {
    const names = limits.map(({ name }) => name);
    if (new Set(names).size < names.length)
      blameKey(this.#draft, at, 'a rate limit is there twice', 'each once');
    const shared = limits.filter((limit) => limit.shared >= 0);
    if (shared.some((limit) => limit.shared !== shared[0]!.shared)) {
      blameKey(
        this.#draft,
        at,
        'the shared limits of one route are shared on one Redis',
        'the same `shared` in each',
      );
    } else if (shared.length > 1 && this.shared[shared[0]!.shared]!.url.includes('+cluster:')) {
      const why = 'the keys of several limits lie on several nodes of a cluster, which no one call can ask';
      blameKey(this.#draft, at, why, 'one shared limit on this route, or a single Redis');
    }
  }
}

/** Who may come, by `allow` and `deny` as read at `path` (empty: at the top); null: everybody. */
export function resolveAccess(
  draft: Draft,
  read: { readonly allow?: ReadAddresses | undefined; readonly deny?: ReadAddresses | undefined },
  path: string,
  file: string,
): AccessOptions | null {
  const place = (key: string): string => (path === '' ? key : `${path}.${key}`);
  const allow = resolveAddresses(draft, read.allow, place('allow'), file);
  const deny = resolveAddresses(draft, read.deny, place('deny'), file);
  return allow === null && deny === null ? null : { allow, deny };
}

function resolveAddresses(
  draft: Draft,
  read: ReadAddresses | undefined,
  path: string,
  file: string,
): AddressListOptions | null {
  if (read === undefined) return null;
  const blocks: string[] = [];
  const files: string[] = [];
  const written = Array.isArray(read) ? items(read, path) : [[read, path] as const];
  for (const [item, at] of written) {
    if (typeof item === 'string') {
      blocks.push(item);
      if (AddressSet.build([item]) === null) {
        const why = `${quote(item)} holds all of IPv4 and more, which is two lists`;
        blame(draft, at, why, '0.0.0.0/0 for IPv4, ::/0 for IPv6');
      }
    } else if (item.file !== undefined) {
      const path = resolve(dirname(file), item.file);
      if (files.includes(path)) warn(draft, at, `the file ${quote(item.file)} is there twice`, 'once');
      else files.push(path);
    }
  }
  return { blocks, files };
}
