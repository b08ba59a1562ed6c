// The upstreams of a pool that may take a new user, as one worker sees them: rebuilt when the world changes, read by every request.
import type { Candidate } from '../balance/balancer.ts';
import { OBSERVED, type UpstreamTable, WANTED } from '../upstream/upstream-table.ts';

/** What the set must know of an upstream. The order of members is the order of candidates. */
export interface PoolMember {
  /** Row in the upstream table. */
  readonly slot: number;
  readonly name: string;
  readonly backup: boolean;
}

/** Why nobody may take a new user; the 503 and the maintenance page follow from it. */
export type EmptyReason = 'all down' | 'all draining' | 'all maintenance';

/*
 * Who is a candidate; the first row that yields one is taken. "Ready" is what the operator wants, weight 0 is never a candidate.
 *
 *   1. ready primaries that are up, when the usable share is at least `panic`
 *   2. the same with ready backups that are up beside them, when there are any: backups before panic
 *   3. `panic` > 0: every ready primary (no primary is ready: every ready backup): health is ignored, the operator's wish is not
 *   4. ready and suspected, primaries before backups: a doubtful upstream is better than a certain 503
 *
 * Row 2 with `panic` 0 is the ordinary case "no primary is up, so the backups take over".
 * The usable share: primaries up or suspected, by primaries wanted ready. A drained one counts on neither side.
 */

/**
 * The candidates of one pool in one worker. `refresh` costs one atomic read while nothing changes.
 */
export class EligibleSet {
  /** Who may take a new user. Replaced, never changed, by `refresh`; empty: see `emptyReason`. */
  candidates: readonly Candidate[] = [];
  /** True while health is ignored because too few are usable. */
  panicking = false;
  readonly #table: UpstreamTable;
  readonly #members: readonly PoolMember[];
  readonly #panic: number;
  #epoch = -1;

  /** `panic`: share 0 … 1 of usable primaries below which health is ignored; 0: never. */
  constructor(table: UpstreamTable, members: readonly PoolMember[], panic: number) {
    this.#table = table;
    this.#members = members;
    this.#panic = panic;
    this.refresh();
  }

  /** Brings the set up to date. True when the candidates or their weights changed, so that a balancer must be built anew. */
  refresh(): boolean {
    // Read before the columns: what changes after this read raises the epoch again, and the next call sees it.
    const epoch = Atomics.load(this.#table.epoch, 0);
    if (epoch === this.#epoch) return false;
    this.#epoch = epoch;
    const fresh = this.#choose();
    if (sameCandidates(fresh, this.candidates)) return false;
    this.candidates = fresh;
    return true;
  }

  /** Why there is no candidate: what the operator wants is told before what health sees. */
  emptyReason(): EmptyReason {
    let draining = false;
    for (const { slot } of this.#members) {
      const wanted = this.#table.wanted[slot]!;
      if (wanted === WANTED.ready) return 'all down';
      if (wanted === WANTED.drain) draining = true;
    }
    return draining ? 'all draining' : 'all maintenance';
  }

  #choose(): readonly Candidate[] {
    this.panicking = false;
    const primaries = this.#members.filter((m) => !m.backup && this.#isReady(m));
    const backups = this.#members.filter((m) => m.backup && this.#isReady(m));
    const upPrimaries = primaries.filter((m) => this.#isUp(m));
    const usable = primaries.filter((m) => this.#isUp(m) || this.#isSuspected(m)).length;
    const enough = this.#panic === 0 || usable >= this.#panic * primaries.length;

    if (upPrimaries.length > 0 && enough) return this.#asCandidates(upPrimaries);
    const upBackups = backups.filter((m) => this.#isUp(m));
    if (upBackups.length > 0) return this.#asCandidates([...upPrimaries, ...upBackups]);
    if (!enough || (this.#panic > 0 && usable === 0)) {
      this.panicking = primaries.length + backups.length > 0;
      return this.#asCandidates(primaries.length > 0 ? primaries : backups);
    }
    const suspected = primaries.filter((m) => this.#isSuspected(m));
    return this.#asCandidates(suspected.length > 0 ? suspected : backups.filter((m) => this.#isSuspected(m)));
  }

  #isReady(m: PoolMember): boolean {
    return this.#table.wanted[m.slot] === WANTED.ready && this.#table.weight[m.slot]! > 0;
  }

  #isUp(m: PoolMember): boolean {
    return this.#table.eligible(m.slot);
  }

  #isSuspected(m: PoolMember): boolean {
    return this.#table.observed[m.slot] === OBSERVED.suspected;
  }

  #asCandidates(members: readonly PoolMember[]): readonly Candidate[] {
    return members.map((m) => ({ slot: m.slot, name: m.name, weight: this.#table.weight[m.slot]! / 256 }));
  }
}

function sameCandidates(a: readonly Candidate[], b: readonly Candidate[]): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) {
    if (a[i]!.slot !== b[i]!.slot || a[i]!.weight !== b[i]!.weight) return false;
  }
  return true;
}
