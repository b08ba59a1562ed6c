// Who answered each of the app's sessions last, and what became of the session there: what the continuity monitor knows of one pool.

import { type LearnedMemory, LearnedTable } from '../affinity/learned.ts';
import { appValueOf } from '../affinity/prefix-affinity.ts';
import { latin1Bytes } from '../base/byte-writer.ts';
import { LoginPaths } from './login-paths.ts';
import type { ContinuityOptions } from './options.ts';

const DOT = 0x2e;

/** A mark is what the table holds of a session: two places of ten bits (position in the pool + 1; 0: none), and flags above them. */
const PLACE = 1023;
const FROM_SHIFT = 10;

/** Flags of a mark. */
export const TRAIL = {
  /** The client has come back with it, so that it was counted. */
  shown: 1 << 20,
  /** It ended, or was lost and counted: what becomes of it from now on is no news. */
  over: 1 << 21,
  /** Somebody is logged in. */
  login: 1 << 22,
  /** The app has sent its user to log in, which was counted: it is not again before a login. */
  denied: 1 << 23,
  /** It stands in place of another one: whether that was a loss is known when it is checked. */
  pending: 1 << 24,
} as const;

/** All that a mark says of the session before it. */
export const PENDING = TRAIL.pending | (PLACE << FROM_SHIFT);
/** All that a mark says of places. */
export const PLACES = PLACE | (PLACE << FROM_SHIFT);

/** The whole of a pool in one worker. The table is shared by all workers. */
export class SessionTrails {
  readonly options: ContinuityOptions;
  /** The app's session cookie. */
  readonly cookieName: Uint8Array;
  readonly paths: LoginPaths;
  readonly table: LearnedTable;
  /** A mark may stand before the app's own value, since affinity puts it there. */
  readonly #marked: boolean;

  constructor(options: ContinuityOptions, memory: LearnedMemory, marked: boolean) {
    this.options = options;
    this.cookieName = latin1Bytes(options.cookie);
    this.paths = new LoginPaths(options);
    this.table = new LearnedTable(memory);
    this.#marked = marked;
  }

  /**
   * Leaves the key of the session whose cookie has the value `bytes[start, end)` in `table.keyHi` and `table.keyLo`. Of an id that is signed, or names
   * its instance behind a dot (express-session, Tomcat), only the id counts. Hot.
   */
  keyOf(bytes: Uint8Array, start: number, end: number): void {
    const from = this.#marked ? appValueOf(bytes, start, end) : start;
    this.table.keyOf(bytes, from, this.options.holds === 'id' ? endOfId(bytes, from, end) : end);
  }
}

/** A mark of a session that was answered by the upstream at `place` (position + 1). */
export function markAt(place: number, flags: number, from = 0): number {
  return place | (from << FROM_SHIFT) | flags;
}

/** Position + 1 of the upstream that answered last. */
export function placeOf(mark: number): number {
  return mark & PLACE;
}

/** Position + 1 of the upstream where the session before it was; 0: not known. */
export function fromOf(mark: number): number {
  return (mark >>> FROM_SHIFT) & PLACE;
}

/** Behind the id: at the last dot that has something before it, else the end. */
function endOfId(bytes: Uint8Array, start: number, end: number): number {
  for (let i = end - 1; i > start; i--) if (bytes[i] === DOT) return i;
  return end;
}
