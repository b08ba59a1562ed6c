// Compiles a config into what one worker reads: upstreams, pools, routes; at start and at each reload, which keeps what has not changed.

import { isDeepStrictEqual } from 'node:util';
import type { LearnedMemory } from '../affinity/learned.ts';
import { invariant } from '../base/invariant.ts';
import type { Random } from '../base/random.ts';
import type { Config, PoolConfig, UpstreamConfig } from '../config/config.ts';
import type { AccessList } from '../limit/access-list.ts';
import { Pool } from '../pool/pool.ts';
import { PoolAffinity } from '../pool/pool-affinity.ts';
import { SessionTrails } from '../pool/session-trails.ts';
import { SessionGuard } from '../session/guard.ts';
import type { SessionVerifier } from '../session/verifier.ts';
import { Upstream } from '../upstream/upstream.ts';
import type { UpstreamTable } from '../upstream/upstream-table.ts';
import { GateMaker, type GateTools, ownGateTools } from './route-gate.ts';
import { compileRoute, type FixedAnswer, type RoutePlan } from './route-plan.ts';
import { RouteTable } from './route-table.ts';
import { assignSlots, firstRows, type Rows } from './slots.ts';
import { Split } from './split.ts';
import { TrustedProxies } from './trusted-proxies.ts';

/** What compiling needs beside the config. */
export interface CompileInput {
  readonly config: Config;
  /** Rows and numbers of its parts; left out: those of a config that is the only one. */
  readonly rows?: Rows;
  readonly table: UpstreamTable;
  /** Learned affinity's shared tables, by pool name. */
  readonly learned: ReadonlyMap<string, LearnedMemory>;
  /** The shared tables of the sessions that are watched, by pool name; left out: none are. */
  readonly trails?: ReadonlyMap<string, LearnedMemory>;
  readonly random: Random;
  readonly worker: number;
  readonly workers: number;
  readonly nowMs: () => number;
  readonly wallMs: () => number;
  /** The session blocks at work, by name. */
  readonly verifiers: ReadonlyMap<string, SessionVerifier>;
  /** The answer with the public keys of tokens; null: there are none. */
  readonly jwks: FixedAnswer | null;
  /** What rate limits count in, and lists of addresses; left out: counts of its own, and empty lists. */
  readonly gates?: GateTools;
}

/** An upstream in place of another in the same row: to take over its idle connections when it comes into force. */
export interface Succession {
  readonly from: Upstream;
  readonly to: Upstream;
}

/** A compiled config. */
export interface Compiled {
  readonly config: Config;
  readonly upstreams: readonly Upstream[];
  readonly pools: readonly Pool[];
  readonly plans: readonly RoutePlan[];
  readonly routes: RouteTable<RoutePlan>;
  readonly trustedProxies: TrustedProxies;
  /** Guards by the names of their blocks, as JSON. */
  readonly guards: ReadonlyMap<string, SessionGuard>;
  readonly successions: readonly Succession[];
  /** Who may connect at all; null: everybody. */
  readonly access: AccessList | null;
  /** Every list of addresses, to be told when a file changes. */
  readonly lists: readonly AccessList[];
}

/**
 * Compiles. `config` comes from the loader, which has checked all that can be wrong. `before`: the config in force, whose upstreams, pools and
 * guards go on where they would be made the same; nothing of it is changed.
 */
export function compile(input: CompileInput, before: Compiled | null = null): Compiled {
  const { config, table } = input;
  const rows = input.rows ?? firstRows(config);
  const successions: Succession[] = [];
  const oldBySlot = new Map(before?.upstreams.map((upstream) => [upstream.slot, upstream]));
  const upstreams = assignSlots(config, rows).map(({ slot, position, pool, upstream }) => {
    const spec = specOf(slot, position, pool, upstream);
    const old = oldBySlot.get(slot);
    if (old !== undefined && isDeepStrictEqual(old.spec, spec)) return old;
    const fresh = new Upstream(spec, table);
    if (old !== undefined) {
      fresh.address = old.address;
      fresh.speaksOld = old.speaksOld;
      // Idle connections go over to the successor where it would have begun them the same way.
      if (
        isDeepStrictEqual(old.spec.tls, spec.tls) &&
        old.spec.authority === spec.authority &&
        old.spec.proxyProtocol === spec.proxyProtocol
      )
        successions.push({ from: old, to: fresh });
    }
    return fresh;
  });
  const pools = config.pools.map((pool, at) => {
    const own = upstreams.filter((u) => u.spec.poolName === pool.name);
    return keptPool(input, pool, own, before) ?? makePool(input, pool, rows.pools[at]!, own);
  });
  const byName = new Map(pools.map((pool) => [pool.name, pool]));
  const configs = new Map(config.pools.map((pool) => [pool.name, pool]));
  // Routes with the same blocks share a guard, so that a connection's memory serves them all.
  const guards = new Map<string, SessionGuard>();
  const guardOf = (names: readonly string[]): SessionGuard | null => {
    if (names.length === 0) return null;
    const key = JSON.stringify(names);
    const known = guards.get(key);
    if (known !== undefined) return known;
    const verifiers = names.map((name) => verifierOf(input, name));
    const old = before?.guards.get(key);
    const same = old?.verifiers.every((verifier, at) => verifier === verifiers[at]) ?? false;
    const guard = same ? old! : new SessionGuard(verifiers);
    guards.set(key, guard);
    return guard;
  };
  const splits = new Map<number, Split<RoutePlan>>();
  const gates = new GateMaker(input.gates ?? ownGateTools(), config.limits.ipv6Prefix);
  const access = gates.accessOf(config.access);
  const plans = config.routes.map((route, at) => {
    const name = route.action.kind === 'pool' ? route.action.pool : null;
    const pool = name === null ? null : (byName.get(name) ?? null);
    const hostMode = name === null ? 'keep' : (configs.get(name)?.host ?? 'keep');
    const split = route.split === null ? null : (splits.get(route.split.group) ?? new Split<RoutePlan>());
    const guard = guardOf(route.sessions);
    const plan = compileRoute(
      route,
      rows.routes[at]!,
      pool,
      hostMode,
      guard,
      input.jwks,
      split,
      gates.gateOf(route),
    );
    if (split !== null) {
      splits.set(route.split!.group, split);
      split.add(plan, route.split!.weight);
    }
    return plan;
  });
  return {
    config,
    upstreams,
    pools,
    plans,
    routes: new RouteTable(plans.filter(isFound)),
    trustedProxies: new TrustedProxies(config.trustedProxies),
    guards,
    successions,
    access,
    lists: gates.lists,
  };
}

/** Whether requests are led to it by the table, and not by a split alone. */
export function isFound(plan: RoutePlan): boolean {
  return plan.split === null || plan.split.sides[0] === plan;
}

/** The pool that goes on, its line, budget and all that it remembers: where the config says the same of it, and its upstreams are the same. */
function keptPool(
  input: CompileInput,
  pool: PoolConfig,
  upstreams: readonly Upstream[],
  before: Compiled | null,
): Pool | null {
  const old = before?.pools.find(({ name }) => name === pool.name);
  const oldConfig = before?.config.pools.find(({ name }) => name === pool.name);
  if (old === undefined || oldConfig === undefined) return null;
  const { learned, trails } = old.spec.memories;
  const same =
    old.upstreams.length === upstreams.length &&
    old.upstreams.every((upstream, at) => upstream === upstreams[at]) &&
    learned === (input.learned.get(pool.name) ?? null) &&
    trails === (input.trails?.get(pool.name) ?? null) &&
    // Weights, and what the operator wants, are read from the shared table.
    isDeepStrictEqual({ ...oldConfig, upstreams: [] }, { ...pool, upstreams: [] });
  return same ? old : null;
}

function specOf(slot: number, position: number, pool: PoolConfig, upstream: UpstreamConfig) {
  return {
    slot,
    position,
    poolName: pool.name,
    name: upstream.name,
    authority: authorityOf(upstream),
    tls: upstream.tls,
    maxConnections: upstream.maxConnections,
    backup: upstream.backup,
    keepAlive: pool.keepAlive,
    proxyProtocol: upstream.proxyProtocol,
  };
}

/** Host and port as a `Host` field says them: without the port where it is the scheme's own; null for a unix socket. */
export function authorityOf(upstream: UpstreamConfig): string | null {
  if (upstream.host === null) return null;
  const bare = upstream.host.replace(/^\[|\]$/g, '');
  const host = bare.includes(':') ? `[${bare}]` : bare;
  const usual = upstream.scheme === 'https' ? 443 : 80;
  return upstream.port === usual ? host : `${host}:${upstream.port}`;
}

function verifierOf(input: CompileInput, name: string): SessionVerifier {
  const verifier = input.verifiers.get(name);
  invariant(verifier !== undefined, `no verifier was made for the session block ${name}`);
  return verifier;
}

function makePool(input: CompileInput, pool: PoolConfig, id: number, upstreams: readonly Upstream[]): Pool {
  const learned = input.learned.get(pool.name) ?? null;
  const affinity =
    pool.affinity === null
      ? null
      : new PoolAffinity(
          pool.affinity,
          pool.name,
          upstreams.map((u) => u.name),
          learned,
          input.wallMs(),
        );
  return new Pool({
    id,
    name: pool.name,
    upstreams,
    balance: pool.balance,
    options: pool,
    retryBudget: pool.retries.budget,
    panic: pool.health.panic,
    failureStatuses: pool.health.passive?.statuses ?? [],
    affinity,
    trails: makeTrails(input, pool),
    memories: { learned, trails: input.trails?.get(pool.name) ?? null },
    table: input.table,
    random: input.random,
    worker: input.worker,
    workers: input.workers,
    nowMs: input.nowMs,
  });
}

function makeTrails(input: CompileInput, pool: PoolConfig): SessionTrails | null {
  const memory = input.trails?.get(pool.name);
  if (pool.continuity === null || memory === undefined) return null;
  return new SessionTrails(pool.continuity, memory, pool.affinity?.cookie?.mode === 'prefix');
}
