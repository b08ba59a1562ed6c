// All routes of a generation: most specific host, then longest path, then method; built once, asked once per request.
import { HostTable } from './host-table.ts';
import { PathTable } from './path-table.ts';

/** What a route must say of itself to be found. */
export interface Routable {
  readonly host: string | null;
  readonly path: string;
  readonly exact: boolean;
  /** Upper-case methods as bytes, or null for all. */
  readonly methodBytes: readonly Uint8Array[] | null;
  readonly methods: readonly string[] | null;
}

/** Finds the route of a request. */
export class RouteTable<T extends Routable> {
  readonly #hosts = new HostTable<PathTable<T>>();
  readonly #only: T | null;
  /** The request that is being routed. */
  bytes: Uint8Array = new Uint8Array(0);
  methodStart = 0;
  methodEnd = 0;
  /** Whether the last `find` met routes for the path, but none for the method: the answer is then 405. */
  methodMismatch: readonly T[] | null = null;
  /** Whether two spellings of a path can lead to different routes at all. */
  readonly ambiguityMatters: boolean;

  constructor(routes: readonly T[]) {
    for (const route of routes) {
      this.#hosts.at(route.host, () => new PathTable<T>()).add(route.path, route.exact, route);
    }
    const first = routes[0];
    const only =
      routes.length === 1 && first !== undefined && first.host === null && first.path === '/' && !first.exact;
    this.#only = only && first.methods === null ? first : null;
    this.ambiguityMatters = !only;
  }

  /**
   * The route for a request, or null. `host` is without port and may be empty; `path` is `pathBytes[pathStart, pathEnd)`, as written or
   * as an app reads it.
   */
  find(
    bytes: Uint8Array,
    methodStart: number,
    methodEnd: number,
    hostStart: number,
    hostEnd: number,
    pathBytes: Uint8Array,
    pathStart: number,
    pathEnd: number,
  ): T | null {
    if (this.#only !== null) return this.#only;
    this.methodMismatch = null;
    this.bytes = bytes;
    this.methodStart = methodStart;
    this.methodEnd = methodEnd;
    // A name may be written with its final dot (RFC 1034 section 3.1).
    const end = hostEnd > hostStart + 1 && bytes[hostEnd - 1] === 0x2e ? hostEnd - 1 : hostEnd;
    let rank = 0;
    for (;;) {
      const paths = this.#hosts.find(bytes, hostStart, end, rank);
      if (paths === null) return null;
      const found = paths.find(pathBytes, pathStart, pathEnd, acceptMethod<T>, this);
      if (found !== null) return found;
      // A host's own routes hide those of less specific hosts only where they match.
      rank = this.#hosts.lastRank + 1;
    }
  }
}

/** The first route that takes the method: one that names it before one for all. Null: try a shorter path. */
function acceptMethod<T extends Routable>(routes: readonly T[], query: RouteTable<T>): T | null {
  let all: T | null = null;
  for (let i = 0; i < routes.length; i++) {
    const route = routes[i]!;
    if (route.methodBytes === null) all ??= route;
    else if (takes(route.methodBytes, query)) return route;
  }
  if (all === null) query.methodMismatch ??= routes;
  return all;
}

function takes<T extends Routable>(methods: readonly Uint8Array[], query: RouteTable<T>): boolean {
  const length = query.methodEnd - query.methodStart;
  for (let i = 0; i < methods.length; i++) {
    const method = methods[i]!;
    if (method.length !== length) continue;
    let k = 0;
    while (k < length && method[k] === query.bytes[query.methodStart + k]) k++;
    if (k === length) return true;
  }
  return false;
}
