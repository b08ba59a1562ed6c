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
    const a = wordAt(digest, 0);
    this.a = a === EMPTY || a === BUSY || a === GONE ? a + 3 : a;
    this.b = wordAt(digest, 4);
    this.c = wordAt(digest, 8);
    this.d = wordAt(digest, 12);
    return this;
  }
}

function wordAt(digest: string, at: number): number {
  return (
    digest.charCodeAt(at) |
    (digest.charCodeAt(at + 1) << 8) |
    (digest.charCodeAt(at + 2) << 16) |
    (digest.charCodeAt(at + 3) << 24)
  );
}
