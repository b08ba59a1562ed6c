// The first 128 bits of a SHA-256 as numbers: what rows of the shared tables are found by.
import { hash } from 'node:crypto';

/** In place of the first word of a row: nobody was ever here; somebody is being written; somebody was here. No digest has these. */
export const EMPTY = 0;
export const BUSY = 1;
export const GONE = 2;

/** SHA-256 of a text, one character a byte: as verdicts are remembered by. */
export function digestOf(text: string): string {
  return hash('sha256', text, 'latin1');
}

/** Four words, written over by each `read`. Whoever wants to keep them copies them. */
export class DigestWords {
  a = 0;
  b = 0;
  c = 0;
  d = 0;

  /** Reads a digest of one character a byte, at least 16 of them. Allocates nothing. */
  read(digest: string): this {
    this.#first(wordAt(digest, 0));
    this.b = wordAt(digest, 4);
    this.c = wordAt(digest, 8);
    this.d = wordAt(digest, 12);
    return this;
  }

  /** Reads a digest of at least 16 bytes. Allocates nothing. */
  set(octets: Uint8Array): this {
    this.#first(wordOf(octets, 0));
    this.b = wordOf(octets, 4);
    this.c = wordOf(octets, 8);
    this.d = wordOf(octets, 12);
    return this;
  }

  #first(a: number): void {
    this.a = a === EMPTY || a === BUSY || a === GONE ? a + 3 : a;
  }
}

function wordOf(octets: Uint8Array, at: number): number {
  return octets[at]! | (octets[at + 1]! << 8) | (octets[at + 2]! << 16) | (octets[at + 3]! << 24);
}

function wordAt(digest: string, at: number): number {
  return (
    digest.charCodeAt(at) |
    (digest.charCodeAt(at + 1) << 8) |
    (digest.charCodeAt(at + 2) << 16) |
    (digest.charCodeAt(at + 3) << 24)
  );
}
