// Many signs, one standing: which sign wins when health checks, failed requests and suspicion say different things.
import type { Observed } from '../upstream/upstream-table.ts';

/** Everything that health knows of one upstream, each sign as the reader's sentence, or null where there is no such sign. */
export interface Signs {
  /** Its name has no address. */
  readonly unresolved: string | null;
  /** The active check: its opinion (`null`: none yet) and its last bad result. */
  readonly checked: { readonly healthy: boolean | null; readonly why: string } | null;
  /** Nobody listens at its address. */
  readonly gone: string | null;
  /** It owes answers and gave a probe none. */
  readonly hung: string | null;
  /** Its requests kept failing. */
  readonly failing: string | null;
  /** A probe is about to decide whether it hangs. */
  readonly suspected: string | null;
}

/** What follows from them. */
export interface Standing {
  readonly observed: Observed;
  readonly why: string;
}

/*
 * The first row that applies gives the standing; what the operator wants is another column of the table and plays no part here.
 *
 *   #  sign                                                  observed    ends with
 *   1  unresolved                                            down        an address
 *   2  the active check's opinion is bad                     down        `healthyAfter` good checks
 *   3  gone: connect refused, to a request and to a probe    ejected     an accepted connection
 *   4  hung, and others of the pool are there                ejected     any answer
 *   5  failing: `errors` failed requests in a row            ejected     its time
 *   6  hung, and nobody else is there                        suspected   any answer; it keeps its users, who may yet be lucky
 *   7  suspected                                             suspected   the probe's verdict
 *   8  the active check has no opinion yet                   starting    the first check
 *   9  none                                                  up
 */

/** The standing that follows from `signs`. `lonely`: no other upstream of the pool may take users. */
export function standingOf(signs: Signs, lonely: boolean): Standing {
  if (signs.unresolved !== null) return { observed: 'down', why: signs.unresolved };
  if (signs.checked?.healthy === false)
    return { observed: 'down', why: `health check: ${signs.checked.why}` };
  if (signs.gone !== null) return { observed: 'ejected', why: signs.gone };
  if (signs.hung !== null && !lonely) return { observed: 'ejected', why: signs.hung };
  if (signs.failing !== null) return { observed: 'ejected', why: signs.failing };
  if (signs.hung !== null) return { observed: 'suspected', why: `${signs.hung}; the last one of its pool` };
  if (signs.suspected !== null) return { observed: 'suspected', why: signs.suspected };
  if (signs.checked?.healthy === null) return { observed: 'starting', why: 'not checked yet' };
  return { observed: 'up', why: signs.checked === null ? 'no sign against it' : 'health check passes' };
}
