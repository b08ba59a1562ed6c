// One rate limit at work: from what stands for a client to a bucket of the shared table.
import { createHash } from 'node:crypto';
import { HalfSipHash } from '../base/half-sip-hash.ts';
import { type AddressWords, layAddress } from './address-words.ts';
import { type BucketMemory, type BucketTable, type Pace, paceOf } from './bucket-table.ts';
import type { LimitBy, RateLimitOptions } from './options.ts';

/** What a limit by value counts all those together by whose address nobody knows. */
const NOWHERE = new Uint8Array(1);
/** What of a user's name tells him apart, UTF-16 units. */
const USER_UNITS_MAX = 1024;

/**
 * A limit of one worker. First the key is found (`byBytes`, `byUser` or `byAddress`), then a request is counted for it: `hi` and `lo` stand
 * for the client in between, 64 bits of a keyed hash, so that nobody outside can make himself another. What stands for an address is never
 * what stands for a value, so that no header can name somebody else's address.
 */
export class RateLimit {
  readonly options: RateLimitOptions;
  readonly by: LimitBy['by'];
  readonly name: string;
  readonly dryRun: boolean;
  readonly pace: Pace;
  /** What stands for the client that was looked for last. */
  hi = 0;
  lo = 0;
  readonly #table: BucketTable;
  readonly #prefix6: number;
  readonly #values: HalfSipHash;
  readonly #places: HalfSipHash;
  readonly #scratch = new Uint8Array(2 * USER_UNITS_MAX + 256);

  constructor(options: RateLimitOptions, table: BucketTable, memory: BucketMemory, prefix6: number) {
    this.options = options;
    this.by = options.by.by;
    this.name = options.name;
    this.dryRun = options.dryRun;
    this.pace = paceOf(options.count, options.perMs, options.burst);
    this.#table = table;
    this.#prefix6 = prefix6;
    // One that is configured otherwise counts anew: its times are in other units.
    const own = `${options.name}\0${options.count}/${options.perMs}\0${options.burst}`;
    this.#values = derived(memory, own, 'value');
    this.#places = derived(memory, own, 'address');
  }

  /** Looks for whoever shows the value `bytes[start, end)`. Hot. */
  byBytes(bytes: Uint8Array, start: number, end: number): void {
    this.#values.run(bytes, start, end);
    this.hi = this.#values.hi;
    this.lo = this.#values.lo;
  }

  /** Looks for the user `user[start, end)` of the session block `block`. Hot. */
  byUser(block: string, user: string, start: number, end: number): void {
    const bytes = this.#scratch;
    this.byBytes(bytes, 0, layUser(bytes, block, user, start, end));
  }

  /** Looks for whoever comes from `address`; null: from nowhere that has one, such as a unix socket. Hot. */
  byAddress(address: AddressWords | null): void {
    const bytes = this.#scratch;
    if (address === null) this.#places.run(NOWHERE, 0, 1);
    else this.#places.run(bytes, 0, layAddress(address, this.#prefix6, bytes));
    this.hi = this.#places.hi;
    this.lo = this.#places.lo;
  }

  /** Looks for everyone. Hot. */
  byEveryone(): void {
    this.byBytes(NOWHERE, 0, 1);
  }

  /** Counts a request of the client that was looked for; false: it is one too many, and `waitMs` says for how long. Hot: test/alloc/limit.test.ts. */
  take(nowMs: number): boolean {
    return this.#table.take(this.hi, this.lo, this.pace, nowMs);
  }

  /** The same for a client that was looked for earlier. */
  takeOf(hi: number, lo: number, nowMs: number): boolean {
    return this.#table.take(hi, lo, this.pace, nowMs);
  }

  get waitMs(): number {
    return this.#table.waitMs;
  }

  /** Gives back what was counted for the client that was looked for. */
  giveBack(): void {
    this.#table.giveBack(this.hi, this.lo, this.pace);
  }

  giveBackTo(hi: number, lo: number): void {
    this.#table.giveBack(hi, lo, this.pace);
  }

  /** Other processes have counted as well: see BucketTable.raise. */
  raise(hi: number, lo: number, debtMs: number, nowMs: number): void {
    this.#table.raise(hi, lo, this.pace, debtMs, nowMs);
  }

  /** What stands for a value in a table that other processes read: a digest that is the same in all of them. */
  sharedByBytes(bytes: Uint8Array, start: number, end: number): string {
    return this.#shared('value', bytes.subarray(start, end));
  }

  sharedByUser(block: string, user: string, start: number, end: number): string {
    const bytes = this.#scratch;
    return this.#shared('value', bytes.subarray(0, layUser(bytes, block, user, start, end)));
  }

  sharedByAddress(address: AddressWords | null): string {
    const bytes = this.#scratch;
    if (address === null) return this.#shared('address', NOWHERE);
    return this.#shared('address', bytes.subarray(0, layAddress(address, this.#prefix6, bytes)));
  }

  sharedByEveryone(): string {
    return this.#shared('value', NOWHERE);
  }

  /** 120 bits: what a browser of the keys sees is the limit's name and a digest. */
  #shared(kind: string, bytes: Uint8Array): string {
    const digest = createHash('sha256').update(`${this.name}\0${kind}\0`).update(bytes).digest('base64url');
    return `${this.name}:${digest.slice(0, 20)}`;
  }
}

/** A hash of the limit's own, so that its counts are apart from those of others. The same in every worker and after a reload. */
function derived(memory: BucketMemory, name: string, kind: string): HalfSipHash {
  const parent = new HalfSipHash(memory.key[0], memory.key[1]);
  const label = Buffer.from(`${kind}\0${name}`);
  parent.run(label, 0, label.length);
  return new HalfSipHash(parent.lo, parent.hi);
}

/** Lays block and user out, each unit as two bytes. Returns how many bytes. */
function layUser(into: Uint8Array, block: string, user: string, start: number, end: number): number {
  let at = 0;
  // A block's name has at most 100 characters.
  for (let i = 0; i < block.length && i < 100; i++) into[at++] = block.charCodeAt(i);
  into[at++] = 0;
  for (let i = start; i < end && i - start < USER_UNITS_MAX; i++) {
    const unit = user.charCodeAt(i);
    into[at++] = unit;
    into[at++] = unit >>> 8;
  }
  return at;
}
