// The session of one exchange, as the watch over lost sessions follows it from the request to its answer.
import type { Pool } from '../pool/pool.ts';
import type { SessionTrails } from '../pool/session-trails.ts';
import type { Standing } from '../session/standing.ts';
import { CookieCursor } from '../wire/cookies.ts';
import { FIELD } from '../wire/fields.ts';
import type { HeadFields } from '../wire/head-fields.ts';
import type { SessionMemo } from './session-memo.ts';

/** Shared by a thread's exchanges: a walk over cookies never spans two calls. */
const cursor = new CookieCursor();

/**
 * Part of an exchange, and reused with it. Small, and all that the watch looks at when a usual answer comes: by then the memory that belongs to one
 * user alone is in no cache of the processor any more, and each further place of it would have to be waited for.
 */
export class WatchedSession {
  /** Null: the pool is not watched. */
  trails: SessionTrails | null = null;
  pool: Pool | null = null;
  /** The request shows a session, whose key this is. */
  shown = false;
  hi = 0;
  lo = 0;
  /** Where its trail stood the last time; −1: not known. */
  row = -1;
  /** Number of the verdict on the cookie that is watched; −1: nobody judged it. */
  verdict = -1;
  /** Whose verdict that is. */
  #standing: Standing | null = null;

  /**
   * Finds the session of a request, where the pool is watched. `fields` are good during the call. `memo`: what the connection remembers of the
   * same credentials, so that they are not read again. Hot: test/alloc/continuity.test.ts.
   */
  read(pool: Pool, fields: HeadFields, memo: SessionMemo | null): void {
    const { trails } = pool.spec;
    if (trails === null) return;
    this.pool = pool;
    this.trails = trails;
    if (memo !== null && memo.trails === trails) {
      this.shown = memo.shown;
      this.hi = memo.keyHi;
      this.lo = memo.keyLo;
      this.row = memo.row;
      return;
    }
    this.shown = this.#find(trails, fields);
    this.row = -1;
    if (memo === null) return;
    memo.trails = trails;
    memo.shown = this.shown;
    memo.keyHi = this.hi;
    memo.keyLo = this.lo;
    memo.row = -1;
  }

  #find(trails: SessionTrails, fields: HeadFields): boolean {
    const { bytes, id, valueStart, valueEnd } = fields;
    let left = fields.seen[FIELD.cookie]!;
    for (let i = fields.first[FIELD.cookie]!; left > 0; i++) {
      if (id[i] !== FIELD.cookie) continue;
      left--;
      if (!cursor.find(bytes, valueStart[i]!, valueEnd[i]!, trails.cookieName)) continue;
      if (cursor.valueEnd === cursor.valueStart) continue;
      trails.keyOf(bytes, cursor.valueStart, cursor.valueEnd);
      this.hi = trails.table.keyHi;
      this.lo = trails.table.keyLo;
      return true;
    }
    return false;
  }

  /** The request has this standing, or has another one by now. Hot. */
  judged(standing: Standing | null): void {
    const { trails } = this;
    if (trails === null || standing === this.#standing) return;
    this.#standing = standing;
    const isOfThis = standing !== null && standing.verifier.cookie === trails.options.cookie;
    this.verdict = isOfThis ? standing.verdict : -1;
  }

  reset(): void {
    if (this.trails === null) return;
    this.trails = null;
    this.pool = null;
    this.verdict = -1;
    this.#standing = null;
  }
}
