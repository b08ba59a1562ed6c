// What `limpet check --live` tells of one try.

/** What was tried. */
export type LiveStep =
  | 'listen'
  | 'resolve'
  | 'connect'
  | 'health'
  | 'store'
  | 'keys'
  | 'revocation'
  | 'cookie'
  | 'authority';

/** What came of one try. */
export interface LiveFinding {
  readonly step: LiveStep;
  /** What it was tried at: an address, `POOL/NAME`, a session block. */
  readonly at: string;
  /** Null: neither good nor bad by itself; the text says what to make of it. */
  readonly ok: boolean | null;
  /** One sentence, without a secret or a key. */
  readonly text: string;
}
