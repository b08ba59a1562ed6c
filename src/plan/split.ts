// A route that is shared out between pools by weight, as a canary is: which side a user belongs to, the same one each time.
import { rendezvousCost, rendezvousSeed } from '../balance/rendezvous.ts';
import { hashString, mixSigned } from '../base/hash.ts';
import type { RandomBytes } from '../base/random.ts';
import type { Pool } from '../pool/pool.ts';
import { CookieCursor } from '../wire/cookies.ts';
import { FIELD } from '../wire/fields.ts';
import type { HeadFields } from '../wire/head-fields.ts';

/** A route with one of the pools, as far as a split looks at it. */
export interface Side {
  readonly pool: Pool | null;
  readonly affinity: boolean;
}

/** Keeps these hashes apart from others of the same addresses. */
const ADDRESS_SEED = 0x73706c69;
const cursor = new CookieCursor();

/**
 * One a route, generation and worker. A user is known by the nonce of the affinity cookie that the pools share, a new one by the nonce that he is
 * about to be given; where the pools keep no cookie, by his address. The key and the names of the pools alone decide (rendezvousCost), so every
 * worker and replica says the same, and a change of weights moves no more users than it must.
 */
export class Split<S extends Side> {
  /** The key of the user that `choose` was asked for last, two signed halves. */
  keyHi = 0;
  keyLo = 0;
  readonly #sides: S[] = [];
  readonly #seeds: number[] = [];
  readonly #weights: number[] = [];

  /** In the order of the config; the first one's plan is found by the route table. */
  get sides(): readonly S[] {
    return this.#sides;
  }

  get weights(): readonly number[] {
    return this.#weights;
  }

  /** Before the first request. */
  add(side: S, weight: number): void {
    this.#sides.push(side);
    this.#seeds.push(rendezvousSeed(side.pool?.name ?? ''));
    this.#weights.push(weight);
  }

  /** Weights by name of the pool, whole numbers ≥ 0 of which one is above 0; those that are not named stay. */
  weigh(weights: Readonly<Record<string, number>>): void {
    for (const [at, side] of this.#sides.entries()) {
      const weight = weights[side.pool?.name ?? ''];
      if (weight !== undefined) this.#weights[at] = weight;
    }
  }

  /** Whether users are known by the cookie of affinity; else by their address. */
  get byCookie(): boolean {
    return this.#sides.some(hasCookie);
  }

  /** The side of the request with these fields. `address`: the client's, for those whom no cookie tells apart. Hot: allocates nothing with a cookie. */
  choose(fields: HeadFields, address: string, random: RandomBytes): S {
    const cookies = this.#sides.find(hasCookie)?.pool?.spec.affinity ?? null;
    let start = -1;
    let end = -1;
    if (cookies === null || cookies.cookie === null) {
      this.keyHi = hashString(address, ADDRESS_SEED);
      this.keyLo = 0;
    } else {
      const { bytes, id, valueStart, valueEnd } = fields;
      let left = fields.seen[FIELD.cookie]!;
      for (let i = fields.first[FIELD.cookie]!; left > 0 && start < 0; i++) {
        if (id[i] !== FIELD.cookie) continue;
        left--;
        if (!cursor.find(bytes, valueStart[i]!, valueEnd[i]!, cookies.cookieName)) continue;
        start = cursor.valueStart;
        end = cursor.valueEnd;
      }
      const { cookie } = cookies;
      if (start < 0 || !cookie.readUser(bytes, start, end)) cookie.draw(random);
      this.keyHi = cookie.nonceHi;
      this.keyLo = cookie.nonceLo;
    }
    const first = this.#cheapest(-1, false);
    if (this.#sides.length === 1 || this.#serves(first, fields, start, end)) return this.#sides[first]!;
    // A side that has nobody to take a new user takes none: a dead canary must not be noticed, nor a second one beside it.
    const other = this.#cheapest(first, true);
    return this.#sides[other >= 0 ? other : first]!;
  }

  /** Whether another side of the split knows the home that this cookie value names. */
  knows(side: S, bytes: Uint8Array, start: number, end: number): boolean {
    for (const other of this.#sides) {
      if (other === side) continue;
      const position = other.pool?.spec.affinity?.cookie?.read(bytes, start, end) ?? -1;
      if (position >= 0) return true;
    }
    return false;
  }

  /** The user's side among all `but` one; `alive`: among those that take new users; −1: there is none. */
  #cheapest(but: number, alive: boolean): number {
    const key = mixSigned(this.keyLo ^ mixSigned(this.keyHi));
    let best = -1;
    let bestCost = Number.POSITIVE_INFINITY;
    for (let i = 0; i < this.#sides.length; i++) {
      if (i === but || (alive && !this.#takesUsers(i))) continue;
      const cost = rendezvousCost(key, this.#seeds[i]!, this.#weights[i]!);
      if (best >= 0 && cost >= bestCost) continue;
      best = i;
      bestCost = cost;
    }
    return best;
  }

  #takesUsers(at: number): boolean {
    const pool = this.#sides[at]!.pool!;
    pool.refresh();
    return pool.candidates.length > 0;
  }

  #serves(at: number, { bytes }: HeadFields, start: number, end: number): boolean {
    if (this.#takesUsers(at)) return true;
    // One that drains keeps whoever lives there.
    const pool = this.#sides[at]!.pool!;
    const position = start < 0 ? -1 : (pool.spec.affinity?.cookie?.read(bytes, start, end) ?? -1);
    return position >= 0 && pool.upstreams[position]!.serving;
  }
}

function hasCookie({ pool, affinity }: Side): boolean {
  return affinity && pool?.spec.affinity?.cookie != null;
}
