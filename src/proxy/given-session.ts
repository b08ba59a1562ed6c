// What an answer does to the app's session cookie: nothing, the same session again, another one, or none any more.
import { latin1Text } from '../base/byte-writer.ts';
import type { Clock } from '../base/clock.ts';
import type { SessionTrails } from '../pool/session-trails.ts';
import { CookieCursor } from '../wire/cookies.ts';
import { FIELD } from '../wire/fields.ts';
import type { HeadFields } from '../wire/head-fields.ts';

const SEMICOLON = 0x3b;
/** Shared by a thread's exchanges: a walk over cookies never spans two calls. */
const cursor = new CookieCursor();

/** What became of the cookie. */
export const GIVEN = { nothing: 0, same: 1, other: 2, gone: 3 } as const;

/** The session that an answer gives out. Reused from answer to answer. */
export class GivenSession {
  /** GIVEN, by its key alone: another spelling of the same session is still `other`. */
  kind: number = GIVEN.nothing;
  /** Its key, for `same` and `other`. */
  hi = 0;
  lo = 0;
  /** Its value, in the bytes of the answer's head. */
  start = 0;
  end = 0;

  /** `shown`: the request had a session, with the key `hi`, `lo`. `clock`: for cookies that are set with an end in the past. Hot where none is set. */
  read(
    trails: SessionTrails,
    fields: HeadFields,
    shown: boolean,
    hi: number,
    lo: number,
    clock: Clock,
  ): void {
    this.kind = GIVEN.nothing;
    if (fields.first[FIELD.setCookie]! < 0) return;
    const { bytes, id, valueStart, valueEnd, count, first } = fields;
    const wallMs = clock.wallMs();
    // The last one of the name counts, as in browsers.
    for (let i = first[FIELD.setCookie]!; i < count; i++) {
      if (id[i] !== FIELD.setCookie) continue;
      const end = valueEnd[i]!;
      let pairEnd = valueStart[i]!;
      while (pairEnd < end && bytes[pairEnd] !== SEMICOLON) pairEnd++;
      if (!cursor.find(bytes, valueStart[i]!, pairEnd, trails.cookieName)) continue;
      this.start = cursor.valueStart;
      this.end = cursor.valueEnd;
      if (this.end === this.start || isDeletion(latin1Text(bytes, pairEnd, end), wallMs)) {
        this.kind = GIVEN.gone;
        continue;
      }
      trails.keyOf(bytes, this.start, this.end);
      this.hi = trails.table.keyHi;
      this.lo = trails.table.keyLo;
      this.kind = shown && this.hi === hi && this.lo === lo ? GIVEN.same : GIVEN.other;
    }
  }
}

/** Whether a cookie with these attributes is taken away (RFC 6265 section 5.2.2: `Max-Age` goes before `Expires`). */
function isDeletion(attributes: string, wallMs: number): boolean {
  const maxAge = /;\s*max-age\s*=\s*(-?\d+)/i.exec(attributes)?.[1];
  if (maxAge !== undefined) return Number(maxAge) <= 0;
  const expires = /;\s*expires\s*=\s*([^;]+)/i.exec(attributes)?.[1];
  // As old frameworks write it: `Thu, 01-Jan-1970`.
  return expires !== undefined && Date.parse(expires.replace(/(\d)-([a-z]{3})-(\d)/i, '$1 $2 $3')) <= wallMs;
}
