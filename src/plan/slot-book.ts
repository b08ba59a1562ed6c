// Gives upstreams, pools and routes their rows, the same ones over reloads, and takes a row back when its last generation is over.
import type { Config } from '../config/config.ts';
import type { Rows } from './slots.ts';

/** Rows that nobody has any more, and which may be given to somebody else from now on. */
export interface FreedRows {
  readonly upstreams: readonly number[];
  readonly pools: readonly number[];
}

/** Numbers given to keys. A number is given to another key only after all generations that used it were released. */
class Numbers {
  readonly #capacity: number;
  readonly #byKey = new Map<string, { readonly number: number; readonly generations: Set<number> }>();
  readonly #free: number[] = [];
  #next = 0;

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  /** How many of `keys` would find no room. */
  missing(keys: readonly string[]): number {
    const fresh = new Set(keys.filter((key) => !this.#byKey.has(key))).size;
    return Math.max(0, fresh - this.#free.length - (this.#capacity - this.#next));
  }

  take(key: string, generation: number): number {
    let entry = this.#byKey.get(key);
    if (entry === undefined) {
      // The one that was free for longest: whoever still looks at it is the less likely to be there.
      entry = { number: this.#free.shift() ?? this.#next++, generations: new Set() };
      this.#byKey.set(key, entry);
    }
    entry.generations.add(generation);
    return entry.number;
  }

  release(generation: number): number[] {
    const freed: number[] = [];
    for (const [key, { number, generations }] of this.#byKey) {
      if (!generations.delete(generation) || generations.size > 0) continue;
      this.#byKey.delete(key);
      this.#free.push(number);
      freed.push(number);
    }
    return freed;
  }
}

/** The rows of one process, on its main thread. `capacity`: rows of the shared table. */
export class SlotBook {
  readonly #upstreams: Numbers;
  readonly #pools: Numbers;
  readonly #routes = new Numbers(Number.POSITIVE_INFINITY);
  readonly #capacity: number;

  constructor(capacity: number) {
    this.#capacity = capacity;
    this.#upstreams = new Numbers(capacity);
    this.#pools = new Numbers(capacity);
  }

  /** The rows of `config`, held for `generation` until it is released; a sentence where there is no room, and nothing is held then. */
  take(generation: number, config: Config): Rows | string {
    const poolKeys = config.pools.map(({ name }) => name);
    const upstreamKeys = config.pools.map(({ name, upstreams }) =>
      upstreams.map((upstream) => JSON.stringify([name, upstream.name, upstream.url])),
    );
    const missing = Math.max(this.#upstreams.missing(upstreamKeys.flat()), this.#pools.missing(poolKeys));
    if (missing > 0) return noRoom(missing, this.#capacity);
    return {
      upstreams: upstreamKeys.map((keys) => keys.map((key) => this.#upstreams.take(key, generation))),
      pools: poolKeys.map((key) => this.#pools.take(key, generation)),
      routes: routeKeys(config).map((key) => this.#routes.take(key, generation)),
    };
  }

  /** No worker uses `generation` any more, or it never came into force. */
  release(generation: number): FreedRows {
    this.#routes.release(generation);
    return { upstreams: this.#upstreams.release(generation), pools: this.#pools.release(generation) };
  }
}

/** Rows to allocate for a process that starts with so many upstreams or pools: what is not touched is not resident. */
export function capacityFor(rows: number): number {
  return rows * 2 + 1024;
}

/** A route's metrics have its name and its pool's. Routes may be of one name; the first, second … of it are told apart. */
function routeKeys({ routes }: Config): string[] {
  const seen = new Map<string, number>();
  return routes.map(({ name, action }) => {
    const key = JSON.stringify([name, action.kind === 'pool' ? action.pool : '']);
    const nth = seen.get(key) ?? 0;
    seen.set(key, nth + 1);
    return `${key} ${nth}`;
  });
}

function noRoom(missing: number, capacity: number): string {
  return `there is no room for ${missing} of the upstreams: this process was started with room for ${capacity}, those of older configs included while they have requests; a restart makes room`;
}
