// The home of one request's session, or of its user: found by what the check tells of it, and learned from an answer that gives a new session out.
import type { SessionHomes } from '../affinity/session-homes.ts';
import { latin1Text } from '../base/byte-writer.ts';
import type { Pool } from '../pool/pool.ts';
import type { SessionGuard } from '../session/guard.ts';
import type { Standing } from '../session/standing.ts';
import { VERDICT_NAMES } from '../session/verdict.ts';
import type { Upstream } from '../upstream/upstream.ts';
import { FIELD } from '../wire/fields.ts';
import { SEMICOLON } from '../wire/octets.ts';
import type { ResponseHead } from '../wire/response-head.ts';

const INVALID = VERDICT_NAMES.indexOf('invalid');

/** Part of an exchange's homing, and reused with it. */
export class SessionHoming {
  /** Set by `find`: the key of the one who has a home here, the session or its user. */
  hi = 0;
  lo = 0;
  /** Whose key that is. */
  by: 'session' | 'user' = 'session';
  /** Set by `find`: nobody remembers him, so that he belongs where the hash of his key leads, and is remembered from there on. */
  keyed = false;
  #homes: SessionHomes | null = null;
  #guard: SessionGuard | null = null;
  /** The session that the request shows; 0 and 0: none that still counts. */
  #sessionHi = 0;
  #sessionLo = 0;

  /** A request begins. `homes`: null where sessions have none. */
  begin(homes: SessionHomes | null, guard: SessionGuard | null): void {
    this.#homes = homes;
    this.#guard = guard;
    this.keyed = false;
    this.#sessionHi = 0;
    this.#sessionLo = 0;
  }

  /** Holds nothing of a config any more: an exchange that waits for its next request may outlive it. */
  reset(): void {
    this.#homes = null;
    this.#guard = null;
  }

  /**
   * The home that is remembered for a request with this standing, or null. `hi` and `lo` are set when there is one, or `keyed`. `nowS`: as for
   * LearnedTable. Hot: test/alloc/affinity.test.ts.
   */
  find(standing: Standing | null, pool: Pool, nowS: number): Upstream | null {
    const homes = this.#homes;
    const keys = standing === null ? null : standing.home;
    if (homes === null || keys === null) return null;
    const ofUser = homes.by === 'user' && (keys.userHi | keys.userLo) !== 0;
    this.by = ofUser ? 'user' : 'session';
    this.hi = ofUser ? keys.userHi : keys.sessionHi;
    this.lo = ofUser ? keys.userLo : keys.sessionLo;
    // Who has ended is sent where he was, as long as that is known; else he is as good as new, and takes no room in the table.
    const isOver = standing!.verdict === INVALID;
    if (!isOver) {
      this.#sessionHi = keys.sessionHi;
      this.#sessionLo = keys.sessionLo;
    }
    const id = homes.find(this.hi, this.lo, nowS);
    const position = id === 0 ? -1 : pool.positionOf(id - 1);
    this.keyed = position < 0 && !isOver;
    return position < 0 ? null : pool.upstreams[position]!;
  }

  /** Who was found lives at `upstream` from now on. */
  settle(upstream: Upstream, nowS: number): void {
    this.#homes?.settle(this.hi, this.lo, upstream.slot + 1, nowS);
  }

  /** Remembers the home of each new session that the answer of `upstream` gives out: at a login most apps change its id. True: there was one. */
  learn(head: ResponseHead, upstream: Upstream, nowS: number): boolean {
    const homes = this.#homes;
    const guard = this.#guard;
    if (homes === null || guard === null || !homes.learns) return false;
    const cookies = givenCookies(head);
    let learned = false;
    for (const verifier of guard.verifiers) {
      const given = verifier.credentials.givenHome(cookies);
      if (given === null) continue;
      const { sessionHi, sessionLo } = given;
      // The same one, set again to make it last longer.
      if (sessionHi === this.#sessionHi && sessionLo === this.#sessionLo) continue;
      homes.settle(sessionHi, sessionLo, upstream.slot + 1, nowS);
      learned = true;
    }
    return learned;
  }
}

/** The cookies that an answer sets, as a browser would send them back. */
function givenCookies(head: ResponseHead): string {
  const { bytes, id, valueStart, valueEnd, first, count } = head.fields;
  const pairs: string[] = [];
  for (let i = first[FIELD.setCookie]!; i < count; i++) {
    if (id[i] !== FIELD.setCookie) continue;
    let end = valueStart[i]!;
    while (end < valueEnd[i]! && bytes[end] !== SEMICOLON) end++;
    pairs.push(latin1Text(bytes, valueStart[i]!, end));
  }
  return pairs.join('; ');
}
