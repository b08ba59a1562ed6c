// Sessions that an app loses: each answer to a client that showed a good session is looked at for a fresh one in its place, or a login page.
import { type ByteWriter, latin1Text } from '../base/byte-writer.ts';
import type { RoutePlan } from '../plan/route-plan.ts';
import { PATH_FOR } from '../pool/login-paths.ts';
import type { Pool } from '../pool/pool.ts';
import { fromOf, markAt, PENDING, placeOf, type SessionTrails, TRAIL } from '../pool/session-trails.ts';
import type { Standing } from '../session/standing.ts';
import { VERDICT_NAMES } from '../session/verdict.ts';
import type { Upstream } from '../upstream/upstream.ts';
import { CookieCursor } from '../wire/cookies.ts';
import { FIELD } from '../wire/fields.ts';
import type { HeadFields } from '../wire/head-fields.ts';
import { METHOD } from '../wire/request-method.ts';
import type { ResponseHead } from '../wire/response-head.ts';
import type { Plane } from './plane.ts';
import { INSTANCE } from './plane-metrics.ts';
import type { RequestMark } from './request-writer.ts';
import type { SessionMemo } from './session-memo.ts';

const VALID = VERDICT_NAMES.indexOf('valid');
const ANONYMOUS = VERDICT_NAMES.indexOf('anonymous');
const INVALID = VERDICT_NAMES.indexOf('invalid');
/** Shared by a thread's exchanges: a walk over cookies never spans two calls. */
const cursor = new CookieCursor();

/** What an answer does to the session cookie. */
const SETS = { nothing: 0, same: 1, other: 2, gone: 3 } as const;

/** What the watch is told of the request that was answered. */
export interface Answered {
  readonly plan: RoutePlan | null;
  readonly method: number;
  /** The outgoing head, whose `Cookie` is what the app was shown. */
  readonly requestHead: ByteWriter | null;
  readonly mark: RequestMark;
  readonly session: { readonly standing: Standing | null };
  readonly homing: { placeBefore(upstream: Upstream): number };
}

/** The watch over one exchange; part of it, and reused with it. docs/from-sticky-to-stateless.md has its rules in words. */
export class ContinuityWatch {
  readonly #plane: Plane;
  #pool: Pool | null = null;
  #trails: SessionTrails | null = null;
  /** The request shows a session, whose key this is. */
  #shown = false;
  #hi = 0;
  #lo = 0;
  /** The key of what the answer sets in its place. */
  #newHi = 0;
  #newLo = 0;
  #newStart = 0;
  #newEnd = 0;

  constructor(plane: Plane) {
    this.#plane = plane;
  }

  /**
   * Finds the session of a request, where the pool is watched. `fields` are good during the call. `memo`: what the connection remembers of the
   * same credentials, so that they are not read again. Hot: test/alloc/continuity.test.ts.
   */
  read(pool: Pool, fields: HeadFields, memo: SessionMemo | null): void {
    const { trails } = pool.spec;
    if (trails === null) return;
    this.#pool = pool;
    this.#trails = trails;
    if (memo === null || memo.trails !== trails) {
      this.#shown = this.#find(trails, fields);
      if (memo === null) return;
      memo.trails = trails;
      memo.shown = this.#shown;
      memo.keyHi = this.#hi;
      memo.keyLo = this.#lo;
      return;
    }
    this.#shown = memo.shown;
    this.#hi = memo.keyHi;
    this.#lo = memo.keyLo;
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
      this.#hi = trails.table.keyHi;
      this.#lo = trails.table.keyLo;
      return true;
    }
    return false;
  }

  /** The head of the answer is there. */
  answered(upstream: Upstream, head: ResponseHead, to: Answered): void {
    const trails = this.#trails;
    if (trails === null) return;
    const sets = head.fields.first[FIELD.setCookie]! < 0 ? SETS.nothing : this.#readSet(trails, head.fields);
    const place = upstream.spec.position + 1;
    const nowS = Math.floor(this.#plane.deadlines.nowMs / 1000);
    const verdict = verdictOf(to.session.standing, trails);
    const good = isGood(verdict);
    const kept = this.#shown ? trails.table.recall(this.#hi, this.#lo, nowS) : 0;
    if ((kept & TRAIL.pending) !== 0 && (good || verdict === INVALID)) this.#judgeBefore(kept, verdict, nowS);
    if (good || (kept !== 0 && (kept & TRAIL.over) === 0 && verdict !== INVALID)) {
      const flags = good ? (verdict === VALID ? TRAIL.login : 0) : kept & (TRAIL.login | PENDING);
      this.#follow(trails, kept, flags | (kept & TRAIL.denied), sets, nowS, upstream, head, to);
      return;
    }
    // What was shown is no session, or is one no more: what is set now is somebody's new one.
    if (sets === SETS.other || (sets === SETS.same && this.#newEnd > this.#newStart)) {
      const login = this.#isLogin(trails, head, to) ? TRAIL.login : 0;
      trails.table.settle(this.#newHi, this.#newLo, markAt(place, login), nowS);
    }
  }

  /** A good session was shown: who answered it last, and what the answer does to it. */
  #follow(
    trails: SessionTrails,
    kept: number,
    flags: number,
    sets: number,
    nowS: number,
    upstream: Upstream,
    head: ResponseHead,
    to: Answered,
  ): void {
    const { metrics } = this.#plane;
    const pool = this.#pool!;
    const place = upstream.spec.position + 1;
    const good = isGood(verdictOf(to.session.standing, trails));
    // Without a mark, affinity may know where its user was.
    const from = kept === 0 ? to.homing.placeBefore(upstream) : placeOf(kept);
    const moved = from !== 0 && from !== place;
    if ((kept & TRAIL.shown) === 0) metrics.sessionSeen(pool);
    // Who was sent to log in and has not done so shows nothing more, unless his session is known to be good.
    const lost = (kept & TRAIL.denied) !== 0 && !good;
    if (!lost) metrics.instance(pool, from === 0 ? INSTANCE.first : moved ? INSTANCE.changed : INSTANCE.kept);
    let mark = markAt(place, flags | TRAIL.shown);
    const { status } = head;
    const asks = status === 401 || (status >= 302 && status <= 307);
    if (sets >= SETS.other || asks || !isSafe(to.method)) {
      const purpose = purposeOf(trails, to);
      const isApp = isSafe(to.method) && purpose === PATH_FOR.app;
      const denies = asks && trails.paths.asksForLogin(status, locationOf(head.fields));
      const fresh = sets === SETS.other && !this.#isSame(trails, to, head);
      if (purpose === PATH_FOR.logout || sets === SETS.gone) {
        mark |= TRAIL.over;
        if (sets === SETS.other) this.#settleNew(markAt(place, 0), nowS);
      } else if (sets === SETS.other && !fresh) {
        if (this.#isLogin(trails, head, to)) mark = (mark | TRAIL.login) & ~TRAIL.denied;
        this.#settleNew(mark, nowS);
      } else if (fresh && !isApp) {
        const login = this.#isLogin(trails, head, to) ? TRAIL.login : 0;
        this.#settleNew(markAt(place, TRAIL.shown | login), nowS);
        mark |= TRAIL.over;
      } else if (isApp && denies && (mark & TRAIL.login) !== 0 && (mark & TRAIL.denied) === 0) {
        metrics.sessionReset(pool, nameAt(pool, from), upstream.name, moved);
        mark |= TRAIL.denied;
        if (fresh) {
          this.#settleNew(markAt(place, 0), nowS);
          mark |= TRAIL.over;
        }
      } else if (fresh) {
        this.#freshId(place, from, moved, good, lost, nowS, upstream);
        mark |= TRAIL.over;
      } else if (this.#isLogin(trails, head, to)) {
        mark = (mark | TRAIL.login) & ~TRAIL.denied;
      }
    }
    if (mark !== kept) trails.table.settle(this.#hi, this.#lo, mark, nowS);
  }

  /** Another id in place of a good one, in an answer that had no reason for it: a loss, unless a check tells that the new one is as good. */
  #freshId(
    place: number,
    from: number,
    moved: boolean,
    good: boolean,
    lost: boolean,
    nowS: number,
    upstream: Upstream,
  ): void {
    if (good) {
      const flags = TRAIL.pending | (moved ? TRAIL.pendingMoved : 0);
      this.#settleNew(markAt(place, flags, from), nowS);
      return;
    }
    if (!lost) this.#plane.metrics.sessionReset(this.#pool!, nameAt(this.#pool!, from), upstream.name, moved);
    this.#settleNew(markAt(place, 0), nowS);
  }

  /** A session that was given in place of another is shown and checked: a login or a new id for the same user is no loss. */
  #judgeBefore(mark: number, verdict: number, nowS: number): void {
    if (verdict === VALID) return;
    const pool = this.#pool!;
    const moved = (mark & TRAIL.pendingMoved) !== 0;
    if (verdict === INVALID)
      this.#trails!.table.settle(this.#hi, this.#lo, markAt(placeOf(mark), TRAIL.over), nowS);
    this.#plane.metrics.sessionReset(pool, nameAt(pool, fromOf(mark)), nameAt(pool, placeOf(mark)), moved);
  }

  #settleNew(mark: number, nowS: number): void {
    this.#trails!.table.settle(this.#newHi, this.#newLo, mark, nowS);
  }

  /** What the answer does to the session cookie (SETS); its last `Set-Cookie` of that name counts, as in browsers. */
  #readSet(trails: SessionTrails, fields: HeadFields): number {
    const { bytes, id, valueStart, valueEnd, count, first } = fields;
    let sets: number = SETS.nothing;
    for (let i = first[FIELD.setCookie]!; i < count; i++) {
      if (id[i] !== FIELD.setCookie) continue;
      const end = valueEnd[i]!;
      let pairEnd = valueStart[i]!;
      while (pairEnd < end && bytes[pairEnd] !== 0x3b) pairEnd++;
      if (!cursor.find(bytes, valueStart[i]!, pairEnd, trails.cookieName)) continue;
      this.#newStart = cursor.valueStart;
      this.#newEnd = cursor.valueEnd;
      if (
        cursor.valueEnd === cursor.valueStart ||
        isDeletion(bytes, pairEnd, end, this.#plane.clock.wallMs())
      ) {
        sets = SETS.gone;
        continue;
      }
      trails.keyOf(bytes, cursor.valueStart, cursor.valueEnd);
      this.#newHi = trails.table.keyHi;
      this.#newLo = trails.table.keyLo;
      const same = this.#shown && this.#newHi === this.#hi && this.#newLo === this.#lo;
      sets = same ? SETS.same : SETS.other;
    }
    return sets;
  }

  /** Whether the value that is set stands for the session that was shown, though it reads otherwise. */
  #isSame(trails: SessionTrails, { plan, requestHead }: Answered, head: ResponseHead): boolean {
    if (trails.options.holds === 'session') return true;
    const verifier = plan?.session?.verifiers.find(({ cookie }) => cookie === trails.options.cookie);
    if (verifier === undefined || requestHead === null) return false;
    const shown = shownValue(requestHead, trails.cookieName);
    const before = shown === null ? null : verifier.identityOf(shown);
    if (before === null) return false;
    return before === verifier.identityOf(latin1Text(head.fields.bytes, this.#newStart, this.#newEnd));
  }

  /** Whether this is the answer to a login that worked: it leads on, and not back to the login; or it gives a session at once. */
  #isLogin(trails: SessionTrails, head: ResponseHead, to: Answered): boolean {
    const { status } = head;
    if (status < 200 || status >= 400 || purposeOf(trails, to) !== PATH_FOR.login) return false;
    const sets = head.fields.first[FIELD.setCookie]! >= 0 && this.#newEnd > this.#newStart;
    if (isSafe(to.method)) return sets && status >= 300 && leadsOn(trails, head);
    return status < 300 ? sets : leadsOn(trails, head);
  }

  reset(): void {
    this.#pool = null;
    this.#trails = null;
    this.#newStart = 0;
    this.#newEnd = 0;
  }
}

function isGood(verdict: number): boolean {
  return verdict === VALID || verdict === ANONYMOUS;
}

/** Number of the verdict on the cookie that is watched; −1: nobody judged it. */
function verdictOf(standing: Standing | null, trails: SessionTrails): number {
  return standing !== null && standing.verifier.cookie === trails.options.cookie ? standing.verdict : -1;
}

function isSafe(method: number): boolean {
  return method === METHOD.GET || method === METHOD.HEAD;
}

function leadsOn(trails: SessionTrails, head: ResponseHead): boolean {
  const location = locationOf(head.fields);
  return location !== '' && !trails.paths.asksForLogin(302, location);
}

function purposeOf(trails: SessionTrails, { requestHead, mark }: Answered): number {
  if (requestHead === null) return PATH_FOR.app;
  const line = latin1Text(requestHead.bytes, 0, mark.targetEnd);
  return trails.paths.purposeOf(line.slice(line.indexOf(' ') + 1));
}

function locationOf(fields: HeadFields): string {
  const at = fields.first[FIELD.location]!;
  return at < 0 ? '' : latin1Text(fields.bytes, fields.valueStart[at]!, fields.valueEnd[at]!);
}

/** The value of the app's session cookie in a head that was laid out; null: it has none. */
function shownValue(head: ByteWriter, name: Uint8Array): string | null {
  // As the client wrote the name, where its line passed as it was.
  const line = /\r\ncookie: ?(.*?)\r\n/is.exec(latin1Text(head.bytes, 0, head.length));
  if (line === null) return null;
  const start = line.index + line[0].length - 2 - line[1]!.length;
  const end = start + line[1]!.length;
  return cursor.find(head.bytes, start, end, name)
    ? latin1Text(head.bytes, cursor.valueStart, cursor.valueEnd)
    : null;
}

/** Whether the attributes of a `Set-Cookie` in `bytes[start, end)` take the cookie away. */
function isDeletion(bytes: Uint8Array, start: number, end: number, wallMs: number): boolean {
  const attributes = latin1Text(bytes, start, end);
  if (/;\s*max-age\s*=\s*(-\d+|0+)\s*(;|$)/i.test(attributes)) return true;
  const expires = /;\s*expires\s*=\s*([^;]+)/i.exec(attributes)?.[1];
  if (expires === undefined || /;\s*max-age\s*=/i.test(attributes)) return false;
  return Date.parse(expires.replace(/(\d)-([a-z]{3})-(\d)/i, '$1 $2 $3')) <= wallMs;
}

/** The name of the upstream at `place`; empty: not known. */
function nameAt(pool: Pool, place: number): string {
  return place === 0 ? '' : (pool.upstreams[place - 1]?.name ?? '');
}
