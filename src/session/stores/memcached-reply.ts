// What Memcached says, whichever of its two protocols is spoken.

export type MemcachedReply =
  | { readonly kind: 'none' }
  | {
      readonly kind: 'value';
      readonly bytes: Uint8Array;
      readonly flags: number;
      /** Seconds until the server drops it; null: never, or it did not say. */
      readonly ttlS: number | null;
    }
  /** Longer than may be looked at; it is passed over. */
  | { readonly kind: 'long' }
  /** The server's name and version. */
  | { readonly kind: 'version'; readonly text: string }
  /** The user is known now. */
  | { readonly kind: 'known' }
  /** The server refuses; `why` names no key. */
  | { readonly kind: 'refused'; readonly why: string };

/** A reply and how many bytes it took, which may be more than came so far; or how many bytes must have come to tell. */
export type Parsed =
  | { readonly reply: MemcachedReply; readonly used: number }
  | { readonly reply: null; readonly need: number };

/** Thrown for what Memcached never says: whoever answers is something else. */
export class Garbage extends Error {
  override name = 'Garbage';
}

/** One of the protocols. Questions are answered in their order. */
export interface MemcachedProtocol {
  /** Questions after the connection was made, each answered before the first look-up; the last one's answer is told to `greeted`. */
  readonly greetings: readonly Uint8Array[];
  greeted(reply: MemcachedReply): void;
  readonly version: Uint8Array;
  get(key: string): Uint8Array;
  /** Reads one reply from the start of `bytes`. Throws Garbage. */
  parse(bytes: Buffer): Parsed;
}
