// What a check asks about ended sessions: whether somebody has switched off this session, this token, or all that its user held.

/** What of a checked session a revocation can name. */
export interface RevocationSubject {
  /** SHA-256 of the credential's identity, one character a byte. */
  readonly key: string;
  /** The id that the framework gave the session, where that is not the identity itself; else null. */
  readonly session: string | null;
  /** The user's id as text; null: nobody is logged in. */
  readonly user: string | null;
  /** The token's own id (`jti`); null: it has none. */
  readonly tokenId: string | null;
  /** When the session or token was issued or signed, unix seconds; null: it does not say. */
  readonly issuedAtS: number | null;
}

/** The revocations in force, as one worker sees them. */
export interface Revocations {
  /** Another number whenever anything was revoked, lifted, or has run out. Hot: a read of shared memory. */
  readonly sequence: number;
  /** Whether that number is still the one that was noted. Hot: cheaper than to read it. */
  isAt(sequence: number): boolean;
  /** Whether the credential itself is revoked, whoever's it is. Asked before a store is. */
  revokesCredential(key: string, session: string | null): boolean;
  /** Whether any revocation ends this session. */
  revokes(subject: RevocationSubject): boolean;
  /** A revocation is in force that a later login lifts for itself: new sessions that go by must be noted. Hot. */
  readonly notesLogins: boolean;
  /** A session of this key (SHA-256 of its identity) was given out just now, by an app that had not been shown it. */
  noteLogin(key: string): void;
}

/** Where nothing can be revoked: checks by hand, `explain`, tests. */
export const NO_REVOCATIONS: Revocations = {
  sequence: 0,
  isAt: (sequence) => sequence === 0,
  revokesCredential: () => false,
  revokes: () => false,
  notesLogins: false,
  noteLogin: () => {},
};
