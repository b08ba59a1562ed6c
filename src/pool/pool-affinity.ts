// How a pool's users find their home: the one way of affinity that the config chose, built for one worker.

import { CookieAffinity } from '../affinity/cookie-affinity.ts';
import { type LearnedMemory, LearnedTable } from '../affinity/learned.ts';
import type { AffinityOptions } from '../affinity/options.ts';
import { OverloadRule } from '../affinity/overload.ts';
import { PrefixAffinity } from '../affinity/prefix-affinity.ts';
import { SessionHomes } from '../affinity/session-homes.ts';
import { latin1Bytes } from '../base/byte-writer.ts';

/** Affinity of one pool in one worker. Exactly one of `cookie`, `prefix`, `learned` and `session` is there. */
export class PoolAffinity {
  readonly options: AffinityOptions;
  readonly cookie: CookieAffinity | null = null;
  readonly prefix: PrefixAffinity | null = null;
  readonly learned: LearnedTable | null = null;
  readonly session: SessionHomes | null = null;
  /** The cookie that is read: ours, or the app's own; empty: none is. */
  readonly cookieName: Uint8Array;
  readonly cookieNames: readonly Uint8Array[];
  /** Keep our cookie from the upstream. */
  readonly hides: boolean;
  readonly overload: OverloadRule;

  /**
   * `names`: the pool's upstream names by position. `learned`: the shared table, for the kinds that have one. Secrets must be filled in: the main
   * thread makes them where the config has none.
   */
  constructor(
    options: AffinityOptions,
    pool: string,
    names: readonly string[],
    learned: LearnedMemory | null,
    wallMs: number,
  ) {
    this.options = options;
    this.overload = new OverloadRule(options.maxOverload);
    const cookie = options.cookie;
    if (options.kind === 'cookie' && cookie !== null) {
      if (cookie.mode === 'prefix') this.prefix = new PrefixAffinity(cookie, pool, names, wallMs);
      else this.cookie = new CookieAffinity(cookie, pool, names, wallMs);
    } else if (learned !== null && options.session !== null) {
      this.session = new SessionHomes(options.session, learned);
    } else if (learned !== null) {
      this.learned = new LearnedTable(learned);
    }
    const name = options.learned?.cookie ?? (cookie?.mode === 'prefix' ? cookie.of : cookie?.name) ?? '';
    this.cookieName = latin1Bytes(name);
    this.cookieNames = [this.cookieName];
    this.hides = this.cookie !== null && cookie?.hide === true;
  }

  /** Key under which users are counted. */
  get userSeed(): number {
    return this.cookie?.userSeed ?? this.prefix?.userSeed ?? this.session?.userSeed ?? 0;
  }

  /** Brings the wall time; about once a second. */
  tick(wallMs: number): void {
    this.cookie?.tick(wallMs);
    this.prefix?.tick(wallMs);
  }
}
