// What a token's check asks for keys, wherever they come from: a PEM text, a set in a file, a set behind a URL.
import type { KeyObject } from 'node:crypto';
import type { JwsAlgorithm } from './jws-algorithms.ts';

/** Keys that may have signed a token; empty: none that is known; null: the keys could not be had. */
export type FoundKeys = readonly KeyObject[] | null;

export interface PublicKeys {
  /** Says whom to tell when the keys can no longer be read, and when they can again; for keys that are read more than once. */
  readonly watch?: (told: (change: KeysChange) => void) => void;
  /** Reads them for the first time; null: they are there already. Never rejects. */
  readonly prepare: (() => Promise<void>) | null;
  /** Keys for a token with this algorithm and `kid` (undefined: it has none; anything else is what its header holds). */
  find(algorithm: JwsAlgorithm, kid: unknown, nowS: number): FoundKeys | Promise<FoundKeys>;
}

/** A key set could be read before and now cannot, or the other way round. Told once for each change. */
export interface KeysChange {
  readonly up: boolean;
  /** What went wrong, in words that hold nothing of an address, a key or a token; null: nothing. */
  readonly why: string | null;
  /** There are keys from an earlier reading, and they stand. */
  readonly kept: boolean;
}

/** Keys that were configured are none. `right` says what would be. Neither holds anything of a key. */
export class KeyProblem extends Error {
  readonly right: string;

  constructor(wrong: string, right: string) {
    super(wrong);
    this.name = 'KeyProblem';
    this.right = right;
  }
}
