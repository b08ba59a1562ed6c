// Which route a path belongs to: exact paths and segment prefixes by hash, so that a thousand routes cost what one does.
import { mix } from '../base/hash.ts';

/** What the table keeps for one path. */
interface PathEntry<T> {
  readonly bytes: Uint8Array;
  readonly values: T[];
}

/** Segments of a path that are looked at; deeper prefixes than any route has are never needed. */
const DEPTH_MAX = 64;

/**
 * Exact paths and prefixes by segments: `/a` matches `/a`, `/a/` and `/a/b`, never `/ab`. One pass over the path's bytes
 * notes the hash at each segment's end; then the longest prefix that is in the table wins. Cost: the path's length.
 */
export class PathTable<T> {
  readonly #exact = new Map<number, PathEntry<T>[]>();
  readonly #prefix = new Map<number, PathEntry<T>[]>();
  readonly #ends = new Int32Array(DEPTH_MAX);
  readonly #hashes = new Int32Array(DEPTH_MAX);
  #depth = 0;
  #hasExact = false;
  /** Values of `/`, which every path has: the common case costs no hash. */
  #root: T[] | null = null;
  #onlyRoot = true;

  /** Adds a value at `path` (starts with `/`). A trailing `/` of a prefix does not matter. */
  add(path: string, exact: boolean, value: T): void {
    const text = !exact && path.length > 1 && path.endsWith('/') ? path.slice(0, -1) : path;
    const bytes = new Uint8Array(Buffer.from(text, 'latin1'));
    if (!exact && text === '/') {
      this.#root ??= [];
      this.#root.push(value);
      return;
    }
    this.#onlyRoot = false;
    const map = exact ? this.#exact : this.#prefix;
    if (exact) this.#hasExact = true;
    else this.#depth = Math.max(this.#depth, text.split('/').length - 1);
    const key = hashRange(bytes, 0, bytes.length);
    const entries = map.get(key) ?? [];
    map.set(key, entries);
    const found = entries.find((e) => same(e.bytes, bytes, 0, bytes.length));
    if (found !== undefined) found.values.push(value);
    else entries.push({ bytes, values: [value] });
  }

  /**
   * Calls `accept` with the values of each path that matches `bytes[start, end)`, most specific first, until it returns a value that
   * is not null. An empty path is `/`.
   */
  find<A, R>(
    bytes: Uint8Array,
    start: number,
    end: number,
    accept: (values: readonly T[], arg: A) => R | null,
    arg: A,
  ): R | null {
    if (!this.#onlyRoot) {
      if (this.#hasExact) {
        const entry = lookup(this.#exact, hashRange(bytes, start, end), bytes, start, end);
        if (entry !== null) {
          const answer = accept(entry.values, arg);
          if (answer !== null) return answer;
        }
      }
      let n = this.#scan(bytes, start, end);
      while (n-- > 0) {
        const entry = lookup(this.#prefix, this.#hashes[n]!, bytes, start, this.#ends[n]!);
        if (entry === null) continue;
        const answer = accept(entry.values, arg);
        if (answer !== null) return answer;
      }
    }
    return this.#root === null ? null : accept(this.#root, arg);
  }

  /** Notes the end and hash of each segment's prefix; returns how many there are. */
  #scan(bytes: Uint8Array, start: number, end: number): number {
    let n = 0;
    let h = SEED;
    const most = Math.min(this.#depth, DEPTH_MAX);
    for (let i = start; i < end && n < most; i++) {
      const b = bytes[i]!;
      if (b === 0x2f && i > start) {
        this.#ends[n] = i;
        this.#hashes[n++] = mix(h) | 0;
      }
      h = Math.imul(h ^ b, PRIME);
      if (i === end - 1 && n < most) {
        this.#ends[n] = end;
        this.#hashes[n++] = mix(h) | 0;
      }
    }
    return n;
  }
}

const SEED = 0x811c9dc5;
const PRIME = 0x01000193;

function hashRange(bytes: Uint8Array, start: number, end: number): number {
  let h = SEED;
  for (let i = start; i < end; i++) h = Math.imul(h ^ bytes[i]!, PRIME);
  return mix(h) | 0;
}

function lookup<T>(
  map: Map<number, PathEntry<T>[]>,
  key: number,
  bytes: Uint8Array,
  start: number,
  end: number,
): PathEntry<T> | null {
  const entries = map.get(key);
  if (entries === undefined) return null;
  for (let i = 0; i < entries.length; i++) {
    const entry = entries[i]!;
    if (same(entry.bytes, bytes, start, end)) return entry;
  }
  return null;
}

function same(wanted: Uint8Array, bytes: Uint8Array, start: number, end: number): boolean {
  if (wanted.length !== end - start) return false;
  for (let i = 0; i < wanted.length; i++) if (wanted[i] !== bytes[start + i]) return false;
  return true;
}
