// What the main thread finds out about upstreams: addresses of their names, health, users of late; written for the workers, told to whoever reads.
import { turnWindow } from '../affinity/users.ts';
import { systemClock } from '../base/clock.ts';
import { systemRandom } from '../base/random.ts';
import { systemTimers } from '../base/timers.ts';
import type { BoardPool, HealthChange } from '../health/board-input.ts';
import { HealthBoard } from '../health/health-board.ts';
import type { EventHub } from '../observe/event-hub.ts';
import type { Logger } from '../observe/logger.ts';
import type { MetricShelf } from '../observe/metric-shelf.ts';
import { authorityOf } from '../plan/compile.ts';
import type { SlottedUpstream } from '../plan/slots.ts';
import { Resolver, type ResolverUpstream } from '../pool/resolver.ts';
import type { FailureKind } from '../proxy/plane.ts';
import type { Address } from '../upstream/upstream.ts';
import { type UpstreamTable, USER_WINDOWS } from '../upstream/upstream-table.ts';
import { layProxyHeader } from '../wire/proxy-header.ts';
import type { MainGeneration } from './main-generation.ts';
import type { ToWorker } from './messages.ts';

/** Failures after which the name is looked up again: whoever was made anew lives elsewhere. */
const NOT_CONNECTED: ReadonlySet<FailureKind> = new Set(['unresolved', 'refused', 'unreachable', 'timeout']);

const EJECTIONS = 'limpet_ejections_total';

export interface UpstreamWatchInput {
  readonly table: UpstreamTable;
  readonly shelf: MetricShelf;
  readonly log: Logger;
  readonly events: EventHub;
  /** Tells every worker. */
  readonly tell: (message: ToWorker) => void;
}

/** Main thread. Looks at nothing until it is started. */
export class UpstreamWatch {
  readonly board: HealthBoard;
  readonly #in: UpstreamWatchInput;
  readonly #resolver: Resolver;
  /** Whose upstreams are watched. */
  #generation: MainGeneration;
  #windowTimer: NodeJS.Timeout | null = null;

  constructor(input: UpstreamWatchInput, first: MainGeneration) {
    this.#in = input;
    this.#generation = first;
    this.#resolver = new Resolver({
      upstreams: resolvable(first.slots),
      clock: systemClock,
      timers: systemTimers,
      onAddress: (slot, address, why) => this.#resolved(slot, address, why),
    });
    this.board = new HealthBoard({
      table: input.table,
      clock: systemClock,
      random: systemRandom(),
      timers: systemTimers,
      log: { warn: (fields, text) => input.log.warn(fields, text) },
      onChange: (change) => this.#changed(change),
      onUnreachable: (slot) => this.#resolver.kick(slot),
      pools: this.#boardPools(first),
    });
  }

  start(): void {
    this.#resolver.start();
    this.board.start();
  }

  /** `windowMs`: how long after his last request a user counts as one of his upstream. */
  countUsers(windowMs: number): void {
    this.#windowTimer = setInterval(() => this.#turnWindow(), windowMs / USER_WINDOWS);
  }

  stop(): void {
    if (this.#windowTimer !== null) clearInterval(this.#windowTimer);
    this.board.stop();
    this.#resolver.stop();
  }

  /** Where `slot` is to be dialled; null: nobody knows. */
  address(slot: number): Address | null {
    return this.#resolver.address(slot);
  }

  /** Looks up the names of a generation that is being prepared beside those in force; resolves when all have an answer, after `mostMs` at the latest. */
  introduce(next: MainGeneration, mostMs: number): Promise<void> {
    const { slots } = this.#generation;
    const known = new Set(slots.map(({ slot }) => slot));
    const fresh = next.slots.filter(({ slot }) => !known.has(slot));
    this.#resolver.update(resolvable([...slots, ...fresh]));
    return this.#resolver.answered(
      fresh.map(({ slot }) => slot),
      mostMs,
    );
  }

  /** What was introduced is not wanted. */
  forget(): void {
    this.#resolver.update(resolvable(this.#generation.slots));
  }

  /** Watches the upstreams of this generation from here on. */
  use(generation: MainGeneration): void {
    this.#generation = generation;
    this.#resolver.update(resolvable(generation.slots));
    this.board.update(this.#boardPools(generation));
    const known = new Set(generation.slots.map(({ pool, upstream }) => keyOf(pool.name, upstream.name)));
    this.#in.shelf.own.release(
      (name, { pool = '', upstream = '' }) => name === EJECTIONS && !known.has(keyOf(pool, upstream)),
    );
  }

  /** A worker's request, or its connect, failed there. */
  failed(slot: number, kind: FailureKind): void {
    if (NOT_CONNECTED.has(kind)) this.#resolver.kick(slot);
    if (kind !== 'unresolved') this.board.reportFailure(slot, kind);
  }

  #boardPools({ config, rows, slots }: MainGeneration): BoardPool[] {
    return config.pools.map((pool, at) => ({
      id: rows.pools[at]!,
      name: pool.name,
      health: pool.health,
      slowStartMs: pool.slowStartMs,
      upstreams: slots
        .filter((slotted) => slotted.pool === pool)
        .map(({ slot, upstream }) => ({
          slot,
          name: upstream.name,
          weight: upstream.weight,
          wanted: upstream.wanted,
          tls: upstream.tls,
          greeting:
            upstream.proxyProtocol === null ? null : layProxyHeader(upstream.proxyProtocol, null, null),
          authority: authorityOf(upstream),
          address: () => this.#resolver.address(slot),
        })),
    }));
  }

  #resolved(slot: number, address: Address | null, why: string): void {
    const { log, tell } = this.#in;
    this.board.setResolved(slot, address !== null, why);
    tell({ say: 'address', slot, address });
    const slotted = this.#generation.slots.find((one) => one.slot === slot);
    // One that is only being prepared is told of with the rest of it.
    if (slotted === undefined) return;
    const { pool, upstream } = slotted;
    const fields = { pool: pool.name, upstream: upstream.name, why };
    if (address === null) log.warn(fields, 'the name of an upstream does not resolve');
    else log.info(fields, 'an upstream has an address');
  }

  #changed({ pool, name, slot, from, to, why }: HealthChange): void {
    const { log, events, shelf, tell } = this.#in;
    const bad = to === 'ejected' || to === 'down';
    const fields = { pool, upstream: name, from, to, why };
    log[bad ? 'warn' : 'info'](fields, 'the health of an upstream changed');
    events.publish('health', bad ? 'warn' : 'info', `${pool}/${name} is ${to}: ${why}`, fields);
    if (to !== 'ejected') return;
    const hung = from === 'suspected';
    const { own } = shelf;
    own.values[own.counter(EJECTIONS, { pool, upstream: name, reason: hung ? 'hung' : 'failures' })]!++;
    // What waits on it should not wait for its timeout.
    if (hung) tell({ say: 'hung', slot });
  }

  #turnWindow(): void {
    const { epoch, userRegisters } = this.#in.table;
    const next = (epoch[1]! + 1) % USER_WINDOWS;
    for (const { slot } of this.#generation.slots) turnWindow(userRegisters, slot, next);
    Atomics.store(epoch, 1, next);
  }
}

/** Neither of the two holds a NUL. */
function keyOf(pool: string, upstream: string): string {
  return `${pool}\0${upstream}`;
}

function resolvable(slots: readonly SlottedUpstream[]): ResolverUpstream[] {
  return slots.map(({ slot, pool, upstream }) => ({
    slot,
    host: upstream.host,
    port: upstream.port,
    socketPath: upstream.socketPath,
    resolveMs: pool.resolveMs,
  }));
}
