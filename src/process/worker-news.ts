// What workers say of stores, keys, moves and faults, told in the log: each thing once, and no more lines than somebody would read.
import { systemClock } from '../base/clock.ts';
import type { Logger } from '../observe/logger.ts';
import type { KeysChange } from '../session/crypto/public-keys.ts';
import { StoreReports } from './store-reports.ts';

/** Moves that are told one by one in a second; the rest is in the metric. */
const MOVES_TOLD_PER_S = 20;

export class WorkerNews {
  /** For which workers a store is away. */
  readonly stores = new StoreReports();
  /** Whom a store does not tell of changes. */
  readonly pushes = new StoreReports();
  readonly #log: Logger;
  #bugToldAtMs = Number.NEGATIVE_INFINITY;
  #movesToldAtMs = 0;
  #movesTold = 0;

  constructor(log: Logger) {
    this.#log = log;
  }

  /** The worker is no more. */
  forget(worker: number): void {
    this.stores.forget(worker);
    this.pushes.forget(worker);
  }

  store(worker: number, session: string, up: boolean, why: string | null): void {
    this.stores.tell(worker, session, up, why ?? '');
    if (up) this.#log.info({ worker, session }, 'the store of sessions answers');
    else
      this.#log.warn(
        { worker, session, why },
        'the store of sessions is away; verdicts of a while ago stand, the rest is unknown',
      );
  }

  vouched(worker: number, session: string, up: boolean, why: string | null): void {
    this.pushes.tell(worker, session, up, why ?? '');
    if (up) this.#log.info({ worker, session }, 'the store of sessions tells of changes');
    else
      this.#log.warn(
        { worker, session, why },
        'the store of sessions does not tell of changes; verdicts stand for their ttl until it does',
      );
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

  /** One line a second: who can bring a fault about could fill the log with it. */
  bug(worker: number, session: string, text: string): void {
    const nowMs = systemClock.nowMs();
    if (nowMs - this.#bugToldAtMs < 1000) return;
    this.#bugToldAtMs = nowMs;
    this.#log.error({ worker, session, text }, 'the check of a session failed, which is a fault of Limpet');
  }

  moved(pool: string, from: string, to: string): void {
    const nowMs = systemClock.nowMs();
    if (nowMs - this.#movesToldAtMs >= 1000) {
      this.#movesToldAtMs = nowMs;
      this.#movesTold = 0;
    }
    if (this.#movesTold++ < MOVES_TOLD_PER_S) this.#log.info({ pool, from, to }, 'a user was moved');
  }
}
