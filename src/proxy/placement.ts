// Where a request is to go: an upstream with a place for it, other than those that have failed it.
import { Avoid } from '../balance/balancer.ts';
import type { Fault } from '../base/fault.ts';
import type { Pool } from '../pool/pool.ts';
import type { Upstream } from '../upstream/upstream.ts';
import { PROXY_FAULT } from './faults.ts';
import type { Homing } from './homing.ts';
import type { Plane } from './plane.ts';

/** Part of an exchange, and reused with it. */
export class Placement {
  /** Whom the request is at, or was at last. */
  upstream: Upstream | null = null;
  /** The last look found upstreams, but each was full. */
  full = false;
  readonly #plane: Plane;
  readonly #homing: Homing;
  #avoid: Avoid;
  #pool: Pool | null = null;
  /** What the last attempt failed by; null before any failed. */
  #lastFault: Fault | null = null;
  /** A place at `upstream` is taken, and must be given back. */
  #taken = false;

  constructor(plane: Plane, homing: Homing) {
    this.#plane = plane;
    this.#homing = homing;
    this.#avoid = new Avoid(plane.avoidSlots);
  }

  begin(pool: Pool): void {
    this.#pool = pool;
    this.upstream = null;
    this.#lastFault = null;
    // A reload may have brought a pool that is larger than all before.
    if (this.#avoid.slots.length < pool.upstreams.length) this.#avoid = new Avoid(this.#plane.avoidSlots);
    this.#avoid.clear();
  }

  /** An upstream where a place is now taken for this request, to be passed to `settle`; null: none, see `full`. */
  find(): Upstream | null {
    const pool = this.#pool!;
    const avoid = this.#avoid;
    const homing = this.#homing;
    pool.refresh();
    this.full = false;
    const mark = avoid.count;
    let chosen = homing.place(avoid);
    while (chosen !== null && !pool.reserve(chosen)) {
      this.full = true;
      avoid.add(chosen.slot);
      chosen = homing.bound ? null : homing.place(avoid);
    }
    if (chosen === null && !this.full) chosen = this.#spare(pool);
    // Those that were only full may be asked again later.
    avoid.count = mark;
    return chosen;
  }

  /** A place where only a request goes that has failed everywhere else; never one whose user may not be moved. */
  #spare(pool: Pool): Upstream | null {
    const { lost, failsWhenLost } = this.#homing;
    if (this.#lastFault === null || (lost && failsWhenLost)) return null;
    const spare = pool.pickSpare(this.#avoid);
    return spare !== null && pool.reserve(spare) ? spare : null;
  }

  /** As `find`, but not where the request stands now. Null changes nothing. */
  findElsewhere(): Upstream | null {
    const avoid = this.#avoid;
    const mark = avoid.count;
    avoid.add(this.upstream!.slot);
    const found = this.find();
    if (found === null) avoid.count = mark;
    return found;
  }

  /** The request goes to `upstream`, which `find` returned. */
  settle(upstream: Upstream): void {
    this.upstream = upstream;
    this.#taken = true;
  }

  /** The attempt at `upstream` failed by `fault`. `mayStay`: the same upstream may be tried again. */
  failed(fault: Fault, mayStay: boolean): void {
    const upstream = this.upstream!;
    this.#lastFault = fault;
    if (mayStay) return;
    if (!this.#avoid.has(upstream.slot)) this.#avoid.add(upstream.slot);
    this.#homing.failedAt(upstream, fault);
  }

  /** Gives the place at the upstream back; who waits in line may have it. */
  giveBack(): void {
    if (!this.#taken) return;
    this.#taken = false;
    const pool = this.#pool!;
    pool.release(this.upstream!);
    if (pool.line.length > 0) this.#plane.pools.wake(pool);
  }

  /** What a request fails by that nobody is there for. */
  noneFault(): Fault {
    const { lost, failsWhenLost } = this.#homing;
    const last = this.#lastFault;
    // A home that cannot be reached is gone, and that is what a pool that moves nobody says (`onLost: fail`).
    if (lost && failsWhenLost && (last === null || last.retry === 'always')) return PROXY_FAULT.homeLost;
    if (last !== null) return last;
    return this.#pool!.emptyReason() === 'all maintenance' ? PROXY_FAULT.maintenance : PROXY_FAULT.noUpstream;
  }

  /** What a request fails by that would have to wait, but cannot (`fault`): one that was tried fails by what became of that. */
  fullFault(fault: Fault): Fault {
    return this.#lastFault ?? fault;
  }

  /** Forgets the request. The last upstream stays known until then, for the books. */
  reset(): void {
    this.#pool = null;
    this.upstream = null;
  }
}
