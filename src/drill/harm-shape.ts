// The shape of a harm. Whoever begins one ends it, also when the drill is broken off.

export interface Harm {
  /** The instance that it harms, by the name that the app itself goes by; null where that is not known. */
  readonly instance: string | null;
  /** Throws DrillError when something it needs is missing. Changes nothing. */
  check(): Promise<void>;
  /** Does it. Throws DrillError when it cannot be done. */
  begin(): Promise<void>;
  /** Undoes it, and says what was undone; empty for nothing to undo. Is called once `begin` was, even if that failed. */
  end(): Promise<string>;
  /** The part of `end` that needs no waiting, for a process that is about to go. */
  endNow(): void;
}
