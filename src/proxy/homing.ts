// Where the user of a request lives: found in its cookies, kept if it serves, chosen anew if not, and written into the answer.

import {
  learnFromAnswer,
  marksCookies,
  setsCookies,
  writeUnmarked,
  writeUnmarkedWithout,
} from '../affinity/app-cookie.ts';
import { AFFINITY } from '../affinity/home-tokens.ts';
import { appValueOf } from '../affinity/prefix-affinity.ts';
import { noteUser } from '../affinity/users.ts';
import type { Avoid } from '../balance/balancer.ts';
import { type ByteWriter, latin1Bytes, latin1Text } from '../base/byte-writer.ts';
import type { Fault } from '../base/fault.ts';
import type { RoutePlan } from '../plan/route-plan.ts';
import type { Split } from '../plan/split.ts';
import type { Pool } from '../pool/pool.ts';
import type { PoolAffinity } from '../pool/pool-affinity.ts';
import type { Standing } from '../session/standing.ts';
import type { Upstream } from '../upstream/upstream.ts';
import { CookieCursor, joinCookies, joinCookiesWithout, type KeptCookies } from '../wire/cookies.ts';
import { FIELD } from '../wire/fields.ts';
import type { HeadFields } from '../wire/head-fields.ts';
import type { RequestHead } from '../wire/request-head.ts';
import type { ResponseHead } from '../wire/response-head.ts';
import { balanceKey } from './balance-key.ts';
import { forwardedAddress } from './client-address.ts';
import type { ClientSide } from './client-side.ts';
import { CookieAnswer } from './cookie-answer.ts';
import type { Plane } from './plane.ts';
import { HOMED } from './plane-metrics.ts';
import type { CookieWriter } from './request-writer.ts';
import type { AnswerEditor } from './response-writer.ts';
import { isExempt } from './session-check.ts';
import { SessionHoming } from './session-homing.ts';

const COOKIE = latin1Bytes('Cookie: ');
const CRLF = latin1Bytes('\r\n');
const NO_NAMES: readonly Uint8Array[] = [];
/** Shared by a thread's exchanges: a walk over cookies never spans two calls. */
const cursor = new CookieCursor();

/** The affinity of one exchange; part of it, and reused with it. */
export class Homing implements CookieWriter {
  /** HOMED: what became of the user's home, for the books. */
  result: number = HOMED.none;
  /** The `Cookie` field must be written anew. */
  edits = false;
  withholds = false;
  /** The user has a home that cannot serve this request. */
  lost = false;
  /** The last `place` sent the user home: no other upstream will do while that one serves. */
  bound = false;
  clientAddress = '';
  nonceHi = 0;
  nonceLo = 0;

  readonly #plane: Plane;
  readonly #answer = new CookieAnswer();
  readonly #session = new SessionHoming();
  #pool: Pool | null = null;
  #affinity: PoolAffinity | null = null;
  /** The user's home, serving or not; null: none, or it left the pool. */
  #home: Upstream | null = null;
  /** The cookie was read and names a home, even one that left. */
  #known = false;
  #forged = false;
  #renew = false;
  #secure = false;
  #hides = false;
  /** Cookies that are kept from the app; null: none. */
  #kept: KeptCookies | null = null;
  /** Some of the app's cookies carry a mark that is to be taken off. */
  #unmarks = false;
  #key = 0;
  /** Of the route, where pools share its users; null: they do not. */
  #split: Split<RoutePlan> | null = null;
  #plan: RoutePlan | null = null;
  #splitHi = 0;
  #splitLo = 0;
  /** The cookie names a home of another side. */
  #crossed = false;
  /** The home refused a connection: it is down, whatever the table says yet. */
  #homeRefused = false;

  constructor(plane: Plane) {
    this.#plane = plane;
  }

  get failsWhenLost(): boolean {
    return this.#affinity?.options.onLost === 'fail';
  }

  /** Before `read`: the request's user was found to belong to a side of `split`, by the key that it holds. */
  isKnownAs(split: Split<RoutePlan>): void {
    this.#split = split;
    this.#splitHi = split.keyHi;
    this.#splitLo = split.keyLo;
  }

  /** Reads what the request says of its user. Offsets into the request are used up before this returns or `writeCookie` is called. */
  read(plan: RoutePlan, pool: Pool, head: RequestHead, side: ClientSide): void {
    const fields = head.fields;
    this.#pool = pool;
    this.#plan = plan;
    this.result = HOMED.none;
    this.lost = false;
    this.bound = false;
    this.clientAddress = side.address;
    this.#home = null;
    this.#known = false;
    this.#forged = false;
    this.#renew = false;
    this.#secure = side.secure;
    this.#hides = false;
    this.#unmarks = false;
    this.#homeRefused = false;
    const cookies = fields.seen[FIELD.cookie]!;
    const withheld = plan.session?.withheld ?? null;
    // Where the app itself logs people in and out it must see what it gave them.
    this.withholds = withheld !== null && !isExempt(plan.session!, head);
    this.#kept = withheld !== null && this.withholds && cookies > 0 ? withheld.cookies : null;
    this.edits = cookies > 1 || this.#kept !== null;
    if (side.trusted) this.#readTrusted(fields, side);
    if (pool.usesKey)
      this.#key = balanceKey(pool.spec.balance.hash, head, this.clientAddress, this.#plane.random);
    const affinity = plan.affinity ? pool.spec.affinity : null;
    this.#affinity = affinity;
    const homes = affinity === null ? null : affinity.session;
    this.#session.begin(homes, plan.session);
    if (affinity !== null && homes === null && cookies > 0) this.#readCookies(affinity, fields);
  }

  /** The session is checked: where homes are found by it, this is what finds them. Null: it was not to be checked. */
  know(standing: Standing | null): void {
    if (this.#affinity === null || this.#affinity.session === null) return;
    const session = this.#session;
    const home = session.find(standing, this.#pool!, this.#nowS());
    this.nonceHi = session.hi;
    this.nonceLo = session.lo;
    if (home === null) return;
    this.#home = home;
    this.#known = true;
  }

  /** By whose key the request is placed of whom nobody remembers a home; null: by none. */
  get placedByKey(): 'session' | 'user' | null {
    return this.#session.keyed && !this.#known ? this.#session.by : null;
  }

  #readTrusted(fields: HeadFields, side: ClientSide): void {
    const bytes = fields.bytes;
    this.clientAddress = forwardedAddress(fields, side.address, this.#plane.generation.trustedProxies);
    const proto = fields.first[FIELD.xForwardedProto]!;
    // What the proxy says of its client is nearer to it than how the proxy itself came.
    if (proto < 0) return;
    this.#secure =
      latin1Text(bytes, fields.valueStart[proto]!, fields.valueEnd[proto]!).toLowerCase() === 'https';
  }

  #readCookies(affinity: PoolAffinity, fields: HeadFields): void {
    const { bytes, id, valueStart, valueEnd } = fields;
    for (let i = fields.first[FIELD.cookie]!; i < fields.count; i++) {
      if (id[i] !== FIELD.cookie) continue;
      if (!cursor.find(bytes, valueStart[i]!, valueEnd[i]!, affinity.cookieName)) continue;
      if (affinity.hides) {
        this.#hides = true;
        this.edits = true;
      }
      // A browser may hold several of the app's cookies, each with a mark: all of them are taken off.
      const first = cursor.valueStart;
      if (
        affinity.prefix !== null &&
        (cursor.count > 1 || appValueOf(bytes, first, cursor.valueEnd) > first)
      ) {
        this.#unmarks = true;
        this.edits = true;
      }
      // The first one counts, as with most servers; further ones are hidden all the same.
      if (this.#known || this.#forged) continue;
      this.#take(affinity, bytes, cursor.valueStart, cursor.valueEnd);
    }
  }

  #take(affinity: PoolAffinity, bytes: Uint8Array, start: number, end: number): void {
    const pool = this.#pool!;
    let position: number = AFFINITY.none;
    if (affinity.cookie !== null) {
      const cookie = affinity.cookie;
      position = cookie.read(bytes, start, end);
      this.nonceHi = cookie.nonceHi;
      this.nonceLo = cookie.nonceLo;
      this.#renew = cookie.renew;
    } else if (affinity.prefix !== null) {
      const prefix = affinity.prefix;
      position = prefix.read(bytes, start, end);
      this.nonceHi = prefix.nonceHi;
      this.nonceLo = prefix.nonceLo;
    } else if (affinity.learned !== null) {
      const { learned } = affinity;
      const slot = learned.find(bytes, start, end, this.#nowS()) - 1;
      this.nonceHi = learned.keyHi;
      this.nonceLo = learned.keyLo;
      position = slot < 0 ? AFFINITY.none : pool.positionOf(slot);
    }
    if (position >= 0) {
      this.#home = pool.upstreams[position]!;
      this.#known = true;
    } else if (position === AFFINITY.lost) {
      this.#known = true;
      this.lost = true;
    } else if (position === AFFINITY.forged) {
      // Changed weights move a user to another side, which does not know the home that he had.
      if (this.#split?.knows(this.#plan!, bytes, start, end) === true) this.#crossed = true;
      else this.#forged = true;
    }
  }

  /** The request's cookies as the app has set them, where one of them carries a mark of ours; null: as they came. */
  unmarked(fields: HeadFields): string | null {
    if (!this.#unmarks) return null;
    const { writers } = this.#plane;
    const out = writers.take();
    writeUnmarked(out, fields, this.#affinity!.cookieName);
    const text = latin1Text(out.bytes, 0, out.length);
    writers.give(out);
    return text;
  }

  /** The upstream for this request, or null. `avoid`: tried already, or full. */
  place(avoid: Avoid): Upstream | null {
    const pool = this.#pool!;
    const home = this.#home;
    this.bound = false;
    if (home !== null) {
      if (home.serving && !avoid.has(home.slot)) {
        this.bound = true;
        return home;
      }
      this.lost = true;
    }
    if (this.#known) {
      if (this.failsWhenLost) return null;
      return pool.pickFor(this.nonceHi, this.nonceLo, avoid.count === 0 ? null : avoid);
    }
    if (this.#session.keyed) return pool.pickHomeFor(this.nonceHi, this.nonceLo, avoid);
    if (this.#affinity === null) return pool.pick(this.#key, avoid.count === 0 ? null : avoid);
    return pool.pickHome(this.#key, avoid);
  }

  /** An attempt at `upstream` failed by `fault`. */
  failedAt(upstream: Upstream, fault: Fault): void {
    if (upstream === this.#home && fault.retry === 'always') this.#homeRefused = true;
  }

  /** Position + 1 of the home of a user who is answered elsewhere; 0: he is not, or nobody knows of a home. */
  placeBefore(upstream: Upstream): number {
    return this.#known && this.#home !== null && this.#home !== upstream ? this.#home.spec.position + 1 : 0;
  }

  /** Whether the app is told that this user comes from elsewhere. */
  movedTo(upstream: Upstream): boolean {
    return this.#known && upstream !== this.#home;
  }

  writeCookie(out: ByteWriter, fields: HeadFields): void {
    const mark = out.length;
    out.block(COOKIE);
    const start = out.length;
    if (this.#unmarks) {
      const { cookieName } = this.#affinity!;
      if (this.#kept === null) writeUnmarked(out, fields, cookieName);
      else writeUnmarkedWithout(out, fields, cookieName, this.#kept);
    } else if (this.#hides || this.#kept !== null) {
      const hidden = this.#hides ? this.#affinity!.cookieNames : NO_NAMES;
      joinCookiesWithout(out, fields, hidden, cursor, this.#kept);
    } else {
      joinCookies(out, fields);
    }
    if (out.length === start) out.truncate(mark);
    else out.block(CRLF);
  }

  /**
   * The answer of `upstream` is there: settles where the user lives from now on, counts it, and returns what edits the answer's head; null
   * where nothing is to be edited.
   */
  answerEditor(upstream: Upstream, head: ResponseHead): AnswerEditor | null {
    const affinity = this.#affinity;
    if (affinity === null) return null;
    const gives = setsCookies(head.fields) && this.#gives(affinity, upstream, head);
    const sets = this.#settle(affinity, upstream, gives);
    if (this.result !== HOMED.none) this.#plane.metrics.homed(this.#pool!, this.result);
    // Who only had to be answered elsewhere this once is a user of his home.
    if ((this.#known || this.#session.keyed) && this.result !== HOMED.none) {
      const table = this.#plane.table;
      noteUser(
        table.userRegisters,
        upstream.slot,
        table.epoch[1]!,
        this.nonceHi,
        this.nonceLo,
        affinity.userSeed,
      );
    }
    if (affinity.learned !== null) {
      if (gives)
        learnFromAnswer(affinity.learned, head.fields, affinity.cookieName, upstream.slot + 1, this.#nowS());
      return null;
    }
    if (affinity.session !== null) return null;
    const position = upstream.spec.position;
    if (affinity.prefix !== null) {
      return marksCookies(affinity.prefix, head.fields)
        ? this.#answer.forPrefix(affinity.prefix, position)
        : null;
    }
    return sets
      ? this.#answer.forCookie(affinity.cookie!, position, this.nonceHi, this.nonceLo, this.#secure)
      : null;
  }

  /** Whether our own cookie is set: for a new user, a moved one, or a token that should be renewed. */
  #settle(affinity: PoolAffinity, upstream: Upstream, gives: boolean): boolean {
    const home = this.#home;
    if (upstream === home) {
      this.result = HOMED.kept;
      return this.#renew;
    }
    if (this.#known) {
      // A home that only failed this once and serves stays the home: the next request goes there again.
      if (home?.serving && !this.#homeRefused) return false;
      this.result = HOMED.moved;
      this.#plane.metrics.moved(this.#pool!, home === null ? '' : home.name);
      this.#plane.reports.moved(this.#pool!.name, home === null ? '' : home.name, upstream.name);
      affinity.learned?.settle(this.nonceHi, this.nonceLo, upstream.slot + 1, this.#nowS());
      if (affinity.session !== null) this.#session.settle(upstream, this.#nowS());
      return true;
    }
    this.result = this.#forged ? HOMED.forged : this.#crossed ? HOMED.moved : HOMED.fresh;
    if (this.#session.keyed) this.#session.settle(upstream, this.#nowS());
    if (affinity.cookie === null) {
      // Without a cookie of ours only a session, or an answer that sets the app's cookie, makes somebody live here.
      if (gives || this.#session.keyed) this.#pool!.noteNewUser(upstream);
      else if (!this.#forged) this.result = HOMED.none;
      return false;
    }
    if (this.#split === null) {
      affinity.cookie.draw(this.#plane.randomBytes);
      this.nonceHi = affinity.cookie.nonceHi;
      this.nonceLo = affinity.cookie.nonceLo;
    } else {
      // By this he was found to belong to this side, and will be again.
      this.nonceHi = this.#splitHi;
      this.nonceLo = this.#splitLo;
    }
    this.#pool!.noteNewUser(upstream);
    return true;
  }

  /** Whether an answer that sets cookies may make somebody live here: one that gives out no session does not, where that can be told. */
  #gives(affinity: PoolAffinity, upstream: Upstream, head: ResponseHead): boolean {
    return affinity.session === null || this.#session.learn(head, upstream, this.#nowS());
  }

  #nowS(): number {
    return Math.floor(this.#plane.deadlines.nowMs / 1000);
  }

  reset(): void {
    this.#session.reset();
    this.#split = null;
    this.#plan = null;
    this.#crossed = false;
    this.#pool = null;
    this.#affinity = null;
    this.#home = null;
  }
}
