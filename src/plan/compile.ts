// Compiles a config into what one worker reads: upstreams, pools, routes; once, at start.

import type { LearnedMemory } from '../affinity/learned.ts';
import { invariant } from '../base/invariant.ts';
import type { Random } from '../base/random.ts';
import type { Config, PoolConfig, UpstreamConfig } from '../config/config.ts';
import { Pool } from '../pool/pool.ts';
import { PoolAffinity } from '../pool/pool-affinity.ts';
import { SessionTrails } from '../pool/session-trails.ts';
import { SessionGuard } from '../session/guard.ts';
import type { SessionVerifier } from '../session/verifier.ts';
import { Upstream } from '../upstream/upstream.ts';
import type { UpstreamTable } from '../upstream/upstream-table.ts';
import { compileRoute, type FixedAnswer, type RoutePlan } from './route-plan.ts';
import { RouteTable } from './route-table.ts';
import { assignSlots } from './slots.ts';
import { TrustedProxies } from './trusted-proxies.ts';

/** What compiling needs beside the config. */
export interface CompileInput {
  readonly config: Config;
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
}

/** A compiled config. */
export interface Compiled {
  readonly upstreams: readonly Upstream[];
  readonly pools: readonly Pool[];
  readonly plans: readonly RoutePlan[];
  readonly routes: RouteTable<RoutePlan>;
  readonly trustedProxies: TrustedProxies;
}

/** Compiles. `config` comes from the loader, which has checked all that can be wrong. */
export function compile(input: CompileInput): Compiled {
  const { config, table } = input;
  const upstreams = assignSlots(config).map(
    ({ slot, position, pool, upstream }) => new Upstream(specOf(slot, position, pool, upstream), table),
  );
  const pools = config.pools.map((pool, id) => makePool(input, pool, id, upstreams));
  const byName = new Map(pools.map((pool) => [pool.name, pool]));
  const configs = new Map(config.pools.map((pool) => [pool.name, pool]));
  // Routes with the same blocks share a guard, so that a connection's memory serves them all.
  const guards = new Map<string, SessionGuard>();
  const guardOf = (names: readonly string[]): SessionGuard | null => {
    if (names.length === 0) return null;
    const key = JSON.stringify(names);
    const guard = guards.get(key) ?? new SessionGuard(names.map((name) => verifierOf(input, name)));
    guards.set(key, guard);
    return guard;
  };
  const plans = config.routes.map((route, index) => {
    const name = route.action.kind === 'pool' ? route.action.pool : null;
    const pool = name === null ? null : (byName.get(name) ?? null);
    const hostMode = name === null ? 'keep' : (configs.get(name)?.host ?? 'keep');
    return compileRoute(route, index, pool, hostMode, guardOf(route.sessions), input.jwks);
  });
  return {
    upstreams,
    pools,
    plans,
    routes: new RouteTable(plans),
    trustedProxies: new TrustedProxies(config.trustedProxies),
  };
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

function makePool(input: CompileInput, pool: PoolConfig, id: number, all: readonly Upstream[]): Pool {
  const upstreams = all.filter((u) => u.spec.poolName === pool.name);
  const affinity =
    pool.affinity === null
      ? null
      : new PoolAffinity(
          pool.affinity,
          pool.name,
          upstreams.map((u) => u.name),
          input.learned.get(pool.name) ?? null,
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
