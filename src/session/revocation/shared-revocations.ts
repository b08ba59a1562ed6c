// The revocations in force as one worker sees them: a few look-ups in shared memory, and only of kinds that there are.

import type { RevocationSubject, Revocations } from '../revocations.ts';
import { DigestWords, digestOf } from './digest-words.ts';
import { LoginNotes, type NotesMemory } from './login-notes.ts';
import { type RevocationMemory, RevocationTable, ROW } from './revocation-table.ts';
import { EVERYBODY, userDigest } from './subjects.ts';
import { TwoClocks } from './two-clocks.ts';

/** What a worker is born with. */
export interface SwitchMemory {
  readonly table: RevocationMemory;
  readonly notes: NotesMemory;
}

/** How often it is looked again where the table was written meanwhile; what is missed then is announced in a moment. */
const LOOKS_MAX = 4;

/** How far the clock of an app or issuer may be ahead of ours, s: what was issued later than that was issued at no time that counts. */
const AHEAD_MAX_S = 60;

export class SharedRevocations implements Revocations {
  readonly #table: RevocationTable;
  readonly #notes: LoginNotes;
  readonly #clocks: TwoClocks;
  readonly #onLogin: (key: string, timeMs: number) => void;
  readonly #words = new DigestWords();

  /** `wallMs`: wall clock, ms. `onLogin` is told of each login that was noted, to be shared with others. */
  constructor(
    memory: SwitchMemory,
    wallMs: () => number,
    onLogin: (key: string, timeMs: number) => void = () => {},
  ) {
    this.#table = new RevocationTable(memory.table);
    this.#notes = new LoginNotes(memory.notes);
    this.#clocks = new TwoClocks(this.#table, wallMs);
    this.#onLogin = onLogin;
  }

  get sequence(): number {
    return this.#table.sequence;
  }

  isAt(sequence: number): boolean {
    return this.#table.isAt(sequence);
  }

  get notesLogins(): boolean {
    const table = this.#table;
    return table.count(ROW.user) + table.count(ROW.userBefore) + table.count(ROW.before) > 0;
  }

  revokesCredential(key: string, session: string | null): boolean {
    if (this.#table.count(ROW.named) === 0) return false;
    return this.#names(key) || (session !== null && this.#names(digestOf(session)));
  }

  revokes(subject: RevocationSubject): boolean {
    const { key, session, tokenId, user } = subject;
    const table = this.#table;
    if (this.revokesCredential(key, session)) return true;
    if (tokenId !== null && table.count(ROW.named) > 0 && this.#names(digestOf(tokenId))) return true;
    if (table.count(ROW.before) > 0 && this.#ends(EVERYBODY, subject)) return true;
    if (user === null) return false;
    if (table.count(ROW.user) + table.count(ROW.userBefore) + table.count(ROW.block) === 0) return false;
    return this.#ends(userDigest(user), subject);
  }

  noteLogin(key: string): void {
    // Where the clock that the revocation was stamped by is ahead of ours, this login still came after it; and what is revoked next comes after this.
    const timeMs = Math.max(Math.floor(this.#clocks.earlierMs), this.#notes.neededMs);
    this.#notes.note(this.#words.read(key), timeMs);
    this.#onLogin(key, timeMs);
  }

  #names(digest: string): boolean {
    const table = this.#table;
    const words = this.#words.read(digest);
    const nowS = this.#clocks.earlierMs / 1000;
    for (let looks = 0; looks < LOOKS_MAX; looks++) {
      const { writes } = table;
      for (let step = table.find(words, 0); step > 0; step = table.find(words, step))
        if (table.kind === ROW.named && table.untilS > nowS) return true;
      if (table.writes === writes) break;
    }
    return false;
  }

  /** Whether one of the rows of `digest`, a user or everybody, ends this session. */
  #ends(digest: string, { key, session, issuedAtS }: RevocationSubject): boolean {
    const table = this.#table;
    const words = this.#words.read(digest);
    const nowS = this.#clocks.earlierMs / 1000;
    let unlessNotedMs = -1;
    for (let looks = 0; looks < LOOKS_MAX; looks++) {
      const { writes } = table;
      for (let step = table.find(words, 0); step > 0; step = table.find(words, step)) {
        if (table.kind === ROW.named || table.untilS <= nowS) continue;
        if (table.kind === ROW.block) return true;
        const order = issueOrder(issuedAtS, table.timeMs, this.#clocks.laterMs / 1000);
        if (order < 0) return true;
        if (order === 0 && table.timeMs > unlessNotedMs) unlessNotedMs = table.timeMs;
      }
      if (table.writes === writes) break;
    }
    if (unlessNotedMs < 0 || this.#isNoted(key, unlessNotedMs)) return false;
    return session === null || !this.#isNoted(digestOf(session), unlessNotedMs);
  }

  /** Whether it was given out then or later, and so lives. */
  #isNoted(digest: string, fromMs: number): boolean {
    const words = this.#words.read(digest);
    if (this.#notes.find(words) < fromMs) return false;
    this.#notes.use(words);
    return true;
  }
}

/**
 * −1: issued before that time; 1: after it; 0: it cannot be told, since it does not say, says only the second, or says a time to come (as one
 * in milliseconds does).
 */
function issueOrder(issuedAtS: number | null, timeMs: number, nowS: number): number {
  if (issuedAtS === null || !(issuedAtS <= nowS + AHEAD_MAX_S)) return 0;
  if (!Number.isInteger(issuedAtS)) return issuedAtS * 1000 < timeMs ? -1 : 1;
  const timeS = Math.floor(timeMs / 1000);
  if (issuedAtS === timeS) return timeMs === timeS * 1000 ? 1 : 0;
  return issuedAtS < timeS ? -1 : 1;
}
