// Where each key and value of a config stands, by its path, for checks that come after reading.
import type { Span } from './problem.ts';

/** Places of keys and values by path. */
export class Places {
  readonly #values = new Map<string, Span | null>();
  readonly #keys = new Map<string, Span | null>();
  readonly #unread = new Set<string>();

  set(path: string, key: Span | null, value: Span | null): void {
    this.#values.set(path, value);
    this.#keys.set(path, key);
  }

  /** Notes that the value could not be read, and that something else stands in for it. */
  markUnread(path: string): void {
    for (let at = path; at !== ''; at = parentOf(at)) this.#unread.add(at);
  }

  /** True when the value or a part of it could not be read: what stands there is not what was meant. */
  isUnread(path: string): boolean {
    return this.#unread.has(path);
  }

  /** True when the key is written in the config, though it may be misspelt or its value be wrong. */
  isMeant(path: string): boolean {
    return this.has(path) || this.isUnread(path);
  }

  /** True when the key is written in the config. */
  has(path: string): boolean {
    return this.#values.has(path);
  }

  /** Where the value stands, or the nearest block around it. */
  value(path: string): Span | null {
    return this.#near(path, this.#values);
  }

  /** Where the key stands, or the nearest block around it. */
  key(path: string): Span | null {
    return this.#near(path, this.#keys) ?? this.value(path);
  }

  #near(path: string, places: ReadonlyMap<string, Span | null>): Span | null {
    for (let at = path; at !== ''; at = parentOf(at)) {
      const span = places.get(at);
      if (span) return span;
    }
    return null;
  }
}

function parentOf(path: string): string {
  return path.slice(0, Math.max(0, path.lastIndexOf('.'), path.lastIndexOf('[')));
}
