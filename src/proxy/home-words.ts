// Why a request's user lives where he does, in the words of `limpet explain`.
import type { SessionHomes } from '../affinity/session-homes.ts';
import { latin1Text } from '../base/byte-writer.ts';
import type { RoutePlan } from '../plan/route-plan.ts';
import type { Split } from '../plan/split.ts';
import type { Pool } from '../pool/pool.ts';
import type { PoolAffinity } from '../pool/pool-affinity.ts';
import type { Upstream } from '../upstream/upstream.ts';
import { CookieCursor } from '../wire/cookies.ts';
import { FIELD } from '../wire/fields.ts';
import type { HeadFields } from '../wire/head-fields.ts';
import type { HOMED_NAMES } from './plane-metrics.ts';

/** What affinity made of a request. */
export interface SettledHome {
  readonly result: (typeof HOMED_NAMES)[number];
  readonly affinity: PoolAffinity;
  readonly chosen: Upstream;
  /** Who lost the user that was moved: an upstream's name, '' for one that left, or null for nobody. */
  readonly movedFrom: string | null;
  /** It is known where users live. */
  readonly isLive: boolean;
}

/** Where homes go by a cookie. `secretsMade`: the config has none, so that the running proxy made its own. */
export function cookieHomeWords(home: SettledHome, fields: HeadFields, secretsMade: boolean): string {
  const { affinity, chosen, movedFrom, isLive } = home;
  const cookie = latin1Text(affinity.cookieName, 0, affinity.cookieName.length);
  switch (home.result) {
    case 'kept':
      return `cookie ${cookie} names ${chosen.name}, which serves`;
    case 'moved':
      return `cookie ${cookie} is ours, but its upstream ${movedFrom || '(which left the pool)'} cannot serve: the user moves, and the app is told (Limpet-Affinity: moved)`;
    case 'forged':
      return secretsMade
        ? `cookie ${cookie} cannot be read here: the config has no secrets, and the running proxy makes its own`
        : `cookie ${cookie} is not one of ours (forged, damaged, or of another pool or secret): as good as none`;
    default:
      if (affinity.learned !== null) {
        const knows = isLive ? 'nobody has it yet' : 'only the running proxy knows what it learned';
        return `by the app's cookie ${cookie}: ${knows}`;
      }
      if (hasCookie(fields, affinity.cookieName))
        return `cookie ${cookie} names nobody (no mark of ours, or its life is over)`;
      return `no cookie ${cookie}: a new user`;
  }
}

function hasCookie({ bytes, id, count, valueStart, valueEnd }: HeadFields, name: Uint8Array): boolean {
  const cursor = new CookieCursor();
  for (let i = 0; i < count; i++)
    if (id[i] === FIELD.cookie && cursor.find(bytes, valueStart[i]!, valueEnd[i]!, name)) return true;
  return false;
}

/** Where homes go by the session. `key`: by whose key the request was placed; null: by none. */
export function sessionHomeWords(
  { by, learns }: SessionHomes,
  key: 'session' | 'user' | null,
  isLive: boolean,
): string {
  if (key !== null) {
    const home = `by the ${key}: who is not remembered lives where its hash leads`;
    return isLive ? home : `${home}; only the running proxy knows whom it remembers elsewhere`;
  }
  const shown = `by the ${by}: the request shows no session`;
  return learns ? `${shown}, and one that the answer gives out lives where that came from` : shown;
}

/** How the route's users are shared out, and why this one is on this side. */
export function splitWords(split: Split<RoutePlan>, pool: Pool): string {
  const shares = split.sides.map((side, at) => `${side.pool?.name} ${split.weights[at]}`).join(', ');
  const by = split.byCookie ? 'the nonce of the affinity cookie, which a new user is given' : 'the address';
  return `shared out between ${shares} by ${by}: this user is on the side of ${pool.name}`;
}
