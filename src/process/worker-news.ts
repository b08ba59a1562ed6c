// What workers say of stores, keys, moves and faults, told in the log and as events: each thing once, and no more lines than somebody would read.
import { systemClock } from '../base/clock.ts';
import type { SlowReport } from '../observe/access-log.ts';
import type { EventHub } from '../observe/event-hub.ts';
import type { Logger } from '../observe/logger.ts';
import type { KeysChange } from '../session/crypto/public-keys.ts';
import { StoreReports } from './store-reports.ts';

/** Moves that are told one by one in a second; the rest is in the metric. */
const MOVES_TOLD_PER_S = 20;

const STORE_WORDS = { up: 'answers all workers', away: 'is away' };
const PUSH_WORDS = { up: 'tells all workers of changes', away: 'does not tell of changes' };

export class WorkerNews {
  /** For which workers a store is away. */
  readonly stores = new StoreReports();
  /** Whom a store does not tell of changes. */
  readonly pushes = new StoreReports();
  /** Where shared rate limits are not shared. */
  readonly limitStores = new StoreReports();
  readonly #log: Logger;
  readonly #events: EventHub;
  #bugToldAtMs = Number.NEGATIVE_INFINITY;
  #movesToldAtMs = Number.NEGATIVE_INFINITY;
  #movesTold = 0;
  #movesUntold = 0;

  constructor(log: Logger, events: EventHub) {
    this.#log = log;
    this.#events = events;
  }

  /** The worker is no more, and another takes its place. */
  died(worker: number, why: string): void {
    this.#log.error({ worker, why }, 'a worker died and is replaced');
    // The stack is for the log.
    const line = why.split('\n', 1)[0]!;
    this.#events.publish('worker', 'error', `worker ${worker} died and is replaced: ${line}`, { worker });
    this.#forget(worker);
  }

  #forget(worker: number): void {
    this.stores.forget(worker);
    this.pushes.forget(worker);
    this.limitStores.forget(worker);
  }

  store(worker: number, session: string, up: boolean, why: string | null): void {
    const wasUp = this.stores.whyAway(session) === null;
    this.stores.tell(worker, session, up, why ?? '');
    this.#turned('store', session, wasUp, this.stores.whyAway(session));
    if (up) this.#log.info({ worker, session }, 'the store of sessions answers');
    else
      this.#log.warn(
        { worker, session, why },
        'the store of sessions is away; verdicts of a while ago stand, the rest is unknown',
      );
  }

  vouched(worker: number, session: string, up: boolean, why: string | null): void {
    const wasUp = this.pushes.whyAway(session) === null;
    this.pushes.tell(worker, session, up, why ?? '');
    this.#turned('push', session, wasUp, this.pushes.whyAway(session));
    if (up) this.#log.info({ worker, session }, 'the store of sessions tells of changes');
    else
      this.#log.warn(
        { worker, session, why },
        'the store of sessions does not tell of changes; verdicts stand for their ttl until it does',
      );
  }

  /** The Redis of shared rate limits. Told once for all workers. */
  limits(worker: number, where: string, up: boolean, why: string | null): void {
    const wasUp = this.limitStores.whyAway(where) === null;
    this.limitStores.tell(worker, where, up, why ?? '');
    const isUp = this.limitStores.whyAway(where) === null;
    if (wasUp === isUp) return;
    const text = isUp
      ? `the Redis of rate limits at ${where} answers; they are shared again`
      : `the Redis of rate limits at ${where} is away, and each Limpet counts by itself: ${why ?? ''}`;
    this.#log[isUp ? 'info' : 'warn']({ where, why }, text);
    this.#events.publish('store', isUp ? 'info' : 'warn', text, {
      what: 'limits',
      where,
      up: isUp,
      why: why ?? '',
    });
  }

  /** One event for all workers: when the first loses it, and when the last has it again. `why`: null when all have it. */
  #turned(what: 'store' | 'push', session: string, wasUp: boolean, why: string | null): void {
    const up = why === null;
    if (wasUp === up) return;
    const does = what === 'store' ? STORE_WORDS : PUSH_WORDS;
    const text = `the store of the sessions ${session} ${up ? does.up : `${does.away}: ${why}`}`;
    this.#events.publish('store', up ? 'info' : 'warn', text, { session, what, up, why: why ?? '' });
  }

  keys(worker: number, session: string, { up, why, kept }: KeysChange): void {
    if (up) this.#log.info({ worker, session }, 'the key set of tokens can be read again');
    else if (kept)
      this.#log.warn({ worker, session, why }, 'the key set of tokens cannot be read; its old keys stand');
    else
      this.#log.warn(
        { worker, session, why },
        'the key set of tokens cannot be read; its verdicts are unknown',
      );
  }

  slow(report: SlowReport, text: string, untold: number): void {
    this.#log.warn(untold === 0 ? report : { ...report, untold }, text);
  }

  /** One line a second: who can bring a fault about could fill the log with it. */
  bug(worker: number, session: string, text: string): void {
    const nowMs = systemClock.nowMs();
    if (nowMs - this.#bugToldAtMs < 1000) return;
    this.#bugToldAtMs = nowMs;
    this.#log.error({ worker, session, text }, 'the check of a session failed, which is a fault of Limpet');
  }

  moved(pool: string, from: string, to: string): void {
    const nowMs = systemClock.nowMs();
    this.#movesUntold++;
    if (nowMs - this.#movesToldAtMs >= 1000) {
      this.#movesToldAtMs = nowMs;
      this.#movesTold = 0;
      this.#tellMove(pool, from, to);
    }
    if (this.#movesTold++ < MOVES_TOLD_PER_S) this.#log.info({ pool, from, to }, 'a user was moved');
  }

  /** One event a second stands for all since the last: events that are kept are few, and a move is the least of them. */
  #tellMove(pool: string, from: string, to: string): void {
    const more = this.#movesUntold - 1;
    this.#movesUntold = 0;
    const left = from === '' ? 'an upstream that left' : from;
    const others = more === 0 ? '' : `; ${more} more ${more === 1 ? 'move' : 'moves'} before it`;
    const text = `a user of ${pool} moved from ${left} to ${to}${others}`;
    this.#events.publish('moved', 'info', text, { pool, from, to, more });
  }
}
