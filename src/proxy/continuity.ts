// Sessions that an app loses: each answer to a client that showed a good session is looked at for a fresh one in its place, or a login page.
import { type ByteWriter, latin1Text } from '../base/byte-writer.ts';
import type { Clock } from '../base/clock.ts';
import type { RoutePlan } from '../plan/route-plan.ts';
import { PATH_FOR } from '../pool/login-paths.ts';
import type { Pool } from '../pool/pool.ts';
import {
  fromOf,
  markAt,
  PENDING,
  PLACES,
  placeOf,
  type SessionTrails,
  TRAIL,
} from '../pool/session-trails.ts';
import type { Standing } from '../session/standing.ts';
import { VERDICT_NAMES } from '../session/verdict.ts';
import type { Upstream } from '../upstream/upstream.ts';
import { CookieCursor } from '../wire/cookies.ts';
import { FIELD } from '../wire/fields.ts';
import type { HeadFields } from '../wire/head-fields.ts';
import { METHOD } from '../wire/request-method.ts';
import type { ResponseHead } from '../wire/response-head.ts';
import { GIVEN, GivenSession } from './given-session.ts';
import { INSTANCE, type PlaneMetrics } from './plane-metrics.ts';
import type { RequestMark } from './request-writer.ts';
import type { SessionMemo } from './session-memo.ts';
import { WatchedSession } from './watched-session.ts';

const VALID = VERDICT_NAMES.indexOf('valid');
const ANONYMOUS = VERDICT_NAMES.indexOf('anonymous');
const INVALID = VERDICT_NAMES.indexOf('invalid');
/** Shared by a thread's exchanges: a walk over cookies never spans two calls. */
const cursor = new CookieCursor();
const NOBODY = new WatchedSession();

/** What the watch is told of the request that was answered. */
export interface Answered {
  readonly plan: RoutePlan | null;
  readonly method: number;
  /** The outgoing head, whose `Cookie` is what the app was shown. */
  readonly requestHead: ByteWriter | null;
  readonly mark: RequestMark;
  /** `memo`: what the connection remembers of the credentials; null: nothing. */
  readonly session: { readonly standing: Standing | null; readonly memo: SessionMemo | null };
  /** `withholds`: the app is not shown the session. */
  readonly homing: { readonly withholds: boolean; placeBefore(upstream: Upstream): number };
}

/** What it asks of the plane. */
export interface WatchPlane {
  readonly deadlines: { readonly nowMs: number };
  readonly clock: Clock;
  readonly metrics: Pick<PlaneMetrics, 'sessionSeen' | 'instance' | 'sessionReset'>;
}

/** The watch over the exchanges of one worker. docs/from-sticky-to-stateless.md has its rules in words. */
export class ContinuityWatch {
  readonly #plane: WatchPlane;
  /** What the answer does to the session. */
  readonly #given = new GivenSession();
  // Of the answer that is looked at: no look spans two calls.
  #of = NOBODY;
  #upstream: Upstream | null = null;
  #head: ResponseHead | null = null;
  #to: Answered | null = null;
  #nowS = 0;

  constructor(plane: WatchPlane) {
    this.#plane = plane;
  }

  /** The head of the answer to a request is there, whose session is `of`. Hot: test/alloc/continuity.test.ts. */
  answered(of: WatchedSession, upstream: Upstream, head: ResponseHead, to: Answered): void {
    const { trails, shown } = of;
    // An app that is not shown the session does not lose it.
    if (trails === null || to.homing.withholds) return;
    // Most answers to what is only read say nothing of sessions.
    const tells = head.fields.first[FIELD.setCookie]! >= 0 || !isRead(to.method) || mayAsk(head.status);
    // Neither shows nor is given one: whoever is known by a token alone.
    if (!tells && !shown) return;
    this.#nowS = Math.floor(this.#plane.deadlines.nowMs / 1000);
    this.#of = of;
    this.#given.kind = GIVEN.nothing;
    if (tells) {
      this.#upstream = upstream;
      this.#head = head;
      this.#to = to;
      this.#given.read(trails, head.fields, shown, of.hi, of.lo, this.#plane.clock);
    }
    of.judged(to.session.standing);
    const { verdict } = of;
    const good = verdict === VALID || verdict === ANONYMOUS;
    const kept = shown ? this.#recall(of, trails, to) : 0;
    if ((kept & TRAIL.pending) !== 0 && (good || verdict === INVALID)) this.#judgeBefore(kept, verdict);
    // Whoever is good by what he shows beside (a token in `Authorization`) has no session here that could be followed.
    const follows = good ? shown : kept !== 0 && (kept & TRAIL.over) === 0 && verdict !== INVALID;
    if (follows) {
      const flags = good ? (verdict === VALID ? TRAIL.login : 0) : kept & (TRAIL.login | PENDING);
      this.#follow(of, trails, kept, flags | (kept & TRAIL.denied), good, upstream, to, tells);
    } else if (this.#given.kind === GIVEN.other || this.#given.kind === GIVEN.same) {
      // What was shown is no session, or is one no more: what is given now is somebody's new one.
      this.#settleGiven(this.#isLogin() ? TRAIL.login : 0);
    }
    if (!tells) return;
    this.#upstream = null;
    this.#head = null;
    this.#to = null;
  }

  /** A good session was shown: who answered it last, and what the answer does to it. `flags`: what is known of it now. */
  #follow(
    of: WatchedSession,
    trails: SessionTrails,
    kept: number,
    flags: number,
    good: boolean,
    upstream: Upstream,
    to: Answered,
    tells: boolean,
  ): void {
    const { metrics } = this.#plane;
    const pool = of.pool!;
    const place = upstream.spec.position + 1;
    // Without a mark, affinity may know where its user was.
    const from = kept === 0 ? to.homing.placeBefore(upstream) : placeOf(kept);
    const moved = from !== 0 && from !== place;
    if ((kept & TRAIL.shown) === 0) metrics.sessionSeen(pool);
    // Who was sent to log in and has not done so shows nothing more, unless his session is known to be good.
    const lost = (kept & TRAIL.denied) !== 0 && !good;
    if (!lost) metrics.instance(pool, from === 0 ? INSTANCE.first : moved ? INSTANCE.changed : INSTANCE.kept);
    let mark = markAt(place, flags | TRAIL.shown);
    if (tells) {
      const isSafe = isRead(to.method);
      if (this.#given.kind >= GIVEN.other || !isSafe || mayAsk(this.#head!.status))
        mark = this.#judge(trails, mark, from, isSafe, good, lost);
    }
    if (mark !== kept) this.#settle(of, trails, kept, mark);
  }

  #recall(of: WatchedSession, { table }: SessionTrails, to: Answered): number {
    const { row } = of;
    const kept = table.recallAt(row, of.hi, of.lo, this.#nowS);
    if (table.row === row) return kept;
    of.row = table.row;
    const { memo } = to.session;
    if (memo !== null) memo.row = table.row;
    return kept;
  }

  #settle({ row, hi, lo }: WatchedSession, { table }: SessionTrails, kept: number, mark: number): void {
    if (kept !== 0 && row >= 0 && table.change(row, kept, mark)) return;
    table.settle(hi, lo, mark, this.#nowS);
  }

  /** What an answer that may have ended the session makes of its mark. Counts a loss. */
  #judge(
    trails: SessionTrails,
    mark: number,
    from: number,
    isSafe: boolean,
    good: boolean,
    lost: boolean,
  ): number {
    const { kind } = this.#given;
    const purpose = this.#purpose();
    if (purpose === PATH_FOR.logout || kind === GIVEN.gone) {
      if (kind === GIVEN.other) this.#settleGiven(0);
      return mark | TRAIL.over;
    }
    const isApp = isSafe && purpose === PATH_FOR.app;
    const loggedIn = this.#isLogin();
    if (kind === GIVEN.other && !this.#isSame(trails)) {
      const denies = isApp && this.#denies(trails, mark);
      if (!isApp) this.#settleGiven(TRAIL.shown | (loggedIn ? TRAIL.login : 0));
      // For no reason that can be seen: whether the new one is as good is known when it is shown and checked.
      else if (good && !denies) this.#settleGiven(TRAIL.pending, from);
      else {
        this.#settleGiven(0);
        if (!lost) this.#count(from, placeOf(mark));
      }
      return mark | TRAIL.over;
    }
    if (loggedIn) mark = (mark | TRAIL.login) & ~TRAIL.denied;
    if (kind === GIVEN.other) this.#settleGiven(mark & ~PLACES, fromOf(mark));
    if (!isApp || !this.#denies(trails, mark)) return mark;
    this.#count(from, placeOf(mark));
    return mark | TRAIL.denied;
  }

  /** A user who was logged in is sent to log in, which was not counted yet. */
  #denies(trails: SessionTrails, mark: number): boolean {
    if ((mark & TRAIL.login) === 0 || (mark & TRAIL.denied) !== 0) return false;
    const { status, fields } = this.#head!;
    return trails.paths.asksForLogin(status, locationOf(fields));
  }

  #count(from: number, to: number): void {
    const pool = this.#of.pool!;
    const moved = from !== 0 && from !== to;
    this.#plane.metrics.sessionReset(pool, nameAt(pool, from), nameAt(pool, to), moved);
  }

  /** A session that was given in place of another is shown and checked: a login or a new id for the same user is no loss. */
  #judgeBefore(mark: number, verdict: number): void {
    if (verdict === VALID) return;
    const place = placeOf(mark);
    if (verdict === INVALID)
      this.#of.trails!.table.settle(this.#of.hi, this.#of.lo, markAt(place, TRAIL.over), this.#nowS);
    this.#count(fromOf(mark), place);
  }

  #settleGiven(flags: number, from = 0): void {
    const { hi, lo } = this.#given;
    const mark = markAt(this.#upstream!.spec.position + 1, flags, from);
    this.#of.trails!.table.settle(hi, lo, mark, this.#nowS);
  }

  /** Whether what is given stands for the session that was shown, though it reads otherwise. */
  #isSame(trails: SessionTrails): boolean {
    if (trails.options.holds === 'session') return true;
    const { plan, requestHead } = this.#to!;
    const verifier = plan?.session?.verifiers.find(({ cookie }) => cookie === trails.options.cookie);
    if (verifier === undefined || requestHead === null) return false;
    const shown = shownValue(requestHead, trails.cookieName);
    const before = shown === null ? null : verifier.credentials.identityOf(shown);
    if (before === null) return false;
    const { start, end } = this.#given;
    return before === verifier.credentials.identityOf(latin1Text(this.#head!.fields.bytes, start, end));
  }

  /** Whether this is the answer to a login that worked: it leads on, and not back to the login; or it gives a session at once. */
  #isLogin(): boolean {
    const { status, fields } = this.#head!;
    if (status < 200 || status >= 400 || this.#purpose() !== PATH_FOR.login) return false;
    const gives = this.#given.kind === GIVEN.same || this.#given.kind === GIVEN.other;
    if (status < 300) return gives && !isRead(this.#to!.method);
    const location = locationOf(fields);
    const leadsOn = location !== '' && !this.#of.trails!.paths.asksForLogin(302, location);
    return leadsOn && (gives || !isRead(this.#to!.method));
  }

  /** What the path that was asked for is for (PATH_FOR). */
  #purpose(): number {
    const { requestHead, mark } = this.#to!;
    if (requestHead === null) return PATH_FOR.app;
    const line = latin1Text(requestHead.bytes, 0, mark.targetEnd);
    return this.#of.trails!.paths.purposeOf(line.slice(line.indexOf(' ') + 1));
  }
}

function isRead(method: number): boolean {
  return method === METHOD.GET || method === METHOD.HEAD;
}

/** Whether an answer with this status may send its user to log in. */
function mayAsk(status: number): boolean {
  return status === 401 || status === 302 || status === 303 || status === 307;
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

/** The name of the upstream at `place`; empty: not known. */
function nameAt(pool: Pool, place: number): string {
  return place === 0 ? '' : (pool.upstreams[place - 1]?.name ?? '');
}
