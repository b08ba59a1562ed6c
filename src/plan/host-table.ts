// Which routes a host has: exact names, then `*.wildcards` from the longest, then the routes for any host.
import { mix } from '../base/hash.ts';

interface HostEntry<T> {
  readonly name: Uint8Array;
  readonly value: T;
}

/** Labels of a host that are looked at for wildcards (RFC 1035: 127 at the most, names of 253 bytes). */
const LABELS_MAX = 127;

/** Values by host name, compared in lower case, by bytes and without making a string. */
export class HostTable<T> {
  readonly #exact = new Map<number, HostEntry<T>[]>();
  /** By the suffix behind `*.`. */
  readonly #wild = new Map<number, HostEntry<T>[]>();
  #any: T | null = null;

  /** Whether only `any` is there, so that no host needs to be looked at. */
  get onlyAny(): boolean {
    return this.#exact.size === 0 && this.#wild.size === 0;
  }

  get any(): T | null {
    return this.#any;
  }

  /** The value of `host` (`name`, `*.suffix` or null for any), made by `make` when it is new. */
  at(host: string | null, make: () => T): T {
    if (host === null) {
      this.#any ??= make();
      return this.#any;
    }
    const wild = host.startsWith('*.');
    const map = wild ? this.#wild : this.#exact;
    const name = new Uint8Array(Buffer.from((wild ? host.slice(2) : host).toLowerCase(), 'latin1'));
    const key = hashLower(name, 0, name.length);
    const entries = map.get(key) ?? [];
    map.set(key, entries);
    const found = entries.find((e) => sameLower(e.name, name, 0, name.length));
    if (found !== undefined) return found.value;
    const value = make();
    entries.push({ name, value });
    return value;
  }

  /**
   * The value for `bytes[start, end)`, most specific first: rank 0 is the exact name, then wildcards from the longest suffix, last
   * any. Null when there is none at that rank or later. `rank` is where to go on after `lastRank`.
   */
  find(bytes: Uint8Array, start: number, end: number, fromRank: number): T | null {
    if (!this.onlyAny && end > start) {
      if (fromRank === 0) {
        const value = lookup(this.#exact, bytes, start, end);
        if (value !== null) {
          this.lastRank = 0;
          return value;
        }
      }
      if (this.#wild.size > 0) {
        let rank = 1;
        for (let i = start; i < end && rank <= LABELS_MAX; i++) {
          if (bytes[i] !== 0x2e) continue;
          if (rank >= fromRank) {
            const value = lookup(this.#wild, bytes, i + 1, end);
            if (value !== null) {
              this.lastRank = rank;
              return value;
            }
          }
          rank++;
        }
      }
    }
    if (fromRank <= ANY_RANK) {
      this.lastRank = ANY_RANK;
      return this.#any;
    }
    return null;
  }

  /** Rank of what `find` returned last. */
  lastRank = 0;
}

/** Rank of the routes for any host: after every wildcard. */
export const ANY_RANK: number = LABELS_MAX + 1;

function hashLower(bytes: Uint8Array, start: number, end: number): number {
  let h = 0x811c9dc5;
  for (let i = start; i < end; i++) h = Math.imul(h ^ lower(bytes[i]!), 0x01000193);
  return mix(h);
}

function lower(b: number): number {
  return b >= 0x41 && b <= 0x5a ? b | 0x20 : b;
}

function sameLower(name: Uint8Array, bytes: Uint8Array, start: number, end: number): boolean {
  if (name.length !== end - start) return false;
  for (let i = 0; i < name.length; i++) if (name[i] !== lower(bytes[start + i]!)) return false;
  return true;
}

function lookup<T>(
  map: Map<number, HostEntry<T>[]>,
  bytes: Uint8Array,
  start: number,
  end: number,
): T | null {
  const entries = map.get(hashLower(bytes, start, end));
  if (entries === undefined) return null;
  for (let i = 0; i < entries.length; i++) {
    const entry = entries[i]!;
    if (sameLower(entry.name, bytes, start, end)) return entry.value;
  }
  return null;
}
