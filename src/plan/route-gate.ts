// What stands before a route's requests: lists of addresses and rate limits, compiled; null where there is nothing.
import { latin1Bytes } from '../base/byte-writer.ts';
import type { RouteConfig } from '../config/config.ts';
import { AccessList, type FileLists } from '../limit/access-list.ts';
import { type BucketMemory, BucketTable } from '../limit/bucket-table.ts';
import { RateLimit } from '../limit/rate-limit.ts';
import type { SharedBuckets } from '../limit/shared-buckets.ts';

/** A limit with what its clients are told apart by. */
export interface GateLimit {
  readonly limit: RateLimit;
  /** Name of the header in lower case, or of the cookie; empty where neither counts. */
  readonly name: Uint8Array;
}

/** What stands before one route. */
export interface RouteGate {
  readonly access: AccessList | null;
  /** Asked as soon as the route is known. */
  readonly early: readonly GateLimit[];
  /** Asked once the session is checked: those that count users, and those that other processes share. */
  readonly late: readonly GateLimit[];
  /** Where the shared ones are shared; null: none is. */
  readonly shared: SharedBuckets | null;
}

/** What gates are made of, in one worker. */
export interface GateTools {
  readonly table: BucketTable;
  readonly memory: BucketMemory;
  /** Lists in files, by path. */
  readonly lists: FileLists;
  /** Where limits are shared, by `RateLimitOptions.shared`. */
  readonly shared: readonly SharedBuckets[];
}

/** Makes the gates of one config. Routes that name the same limit have the same one. */
export class GateMaker {
  /** Every list that was made, to be told when a file changes. */
  readonly lists: AccessList[] = [];
  readonly #tools: GateTools;
  readonly #prefix6: number;
  readonly #limits = new Map<string, RateLimit>();

  constructor(tools: GateTools, prefix6: number) {
    this.#tools = tools;
    this.#prefix6 = prefix6;
  }

  gateOf({ access, rateLimits }: Pick<RouteConfig, 'access' | 'rateLimits'>): RouteGate | null {
    const list = this.accessOf(access);
    if (list === null && rateLimits.length === 0) return null;
    const limits = rateLimits.map(({ by, name }) => ({
      limit: this.#limitOf(name, rateLimits),
      name: latin1Bytes(by.by === 'header' ? by.name.toLowerCase() : by.by === 'cookie' ? by.name : ''),
    }));
    const waits = ({ limit }: GateLimit): boolean => limit.by === 'session-user' || limit.options.shared >= 0;
    return {
      access: list,
      early: limits.filter((limit) => !waits(limit)),
      late: limits.filter(waits),
      shared: this.#tools.shared[Math.max(-1, ...rateLimits.map((limit) => limit.shared))] ?? null,
    };
  }

  accessOf(access: RouteConfig['access']): AccessList | null {
    if (access === null) return null;
    const list = new AccessList(access, this.#tools.lists);
    this.lists.push(list);
    return list;
  }

  #limitOf(name: string, among: RouteConfig['rateLimits']): RateLimit {
    const known = this.#limits.get(name);
    if (known !== undefined) return known;
    const { table, memory } = this.#tools;
    const limit = new RateLimit(among.find((each) => each.name === name)!, table, memory, this.#prefix6);
    this.#limits.set(name, limit);
    return limit;
  }
}

/** Keys that a table holds which nobody else knows. */
const OWN_KEYS = 16;

/** For whoever compiles a config without workers beside him: counts of his own, and the lists as they are given. */
export function ownGateTools(lists: FileLists = new Map()): GateTools {
  const memory = BucketTable.allocate(OWN_KEYS);
  return { table: new BucketTable(memory), memory, lists, shared: [] };
}
