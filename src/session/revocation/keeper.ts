// Where revocations are kept beside the table in which they are in force: in this process, or in a Redis that replicas share.
import type { Revocation, RevocationCore } from './record.ts';
import type { SliceReader } from './record-slice.ts';

/** What a keeper tells of what it keeps, whoever put it there. */
export interface KeeperListener extends SliceReader {
  /** This is in force no more. */
  lifted(core: RevocationCore): void;
  /** A login that another replica saw. `key`: 128 bits in base64url; `timeMs`: unix ms. */
  noted(key: string, timeMs: number): void;
  /** Everything is about to be told anew. */
  reloading(): void;
  /** All was told; what was not is no longer there. `lost`: the keeper itself has lost what it kept, so that the rest stays in force. */
  reloaded(lost: boolean): void;
  /** It is in touch with the other replicas, or it is not, and why. */
  synced(up: boolean, why: string): void;
  /** Its clock is so far ahead of ours, ms; negative: behind. */
  clock(aheadMs: number): void;
  /** A login could not be told to the others: too many wait. */
  loginDropped(): void;
}

/** What became of a revocation that was given to a keeper. */
export interface Kept {
  /** As it holds now, together with what was there before. */
  readonly record: Revocation;
  /** It was there before. */
  readonly renewed: boolean;
  /** All replicas have it, or there are none. False: it waits until they can be told. */
  readonly shared: boolean;
}

export interface Page {
  /** The one that lasts longest first. */
  readonly records: readonly Revocation[];
  /** What to give as `after` for the next page; null: this was the last. */
  readonly next: string | null;
}

export interface KeeperState {
  readonly kept: 'process' | 'redis';
  readonly synced: boolean;
  /** Why not, in one sentence; empty while it is. */
  readonly why: string;
  /** Revocations that wait to be shared. */
  readonly waiting: number;
}

export interface RevocationKeeper {
  readonly state: KeeperState;
  /** Begins to tell `listener`; resolves when all was told once, or when it is plain that this must wait. Never rejects. */
  start(listener: KeeperListener): Promise<void>;
  /** Rejects with a RevocationFault. */
  keep(record: Revocation): Promise<Kept>;
  /** Takes it out and gives it; null: there is none. Rejects with a RevocationFault. */
  take(id: string): Promise<Revocation | null>;
  /** At most `limit` after the place that a page before named; null: from the beginning. Rejects with a RevocationFault. */
  page(limit: number, after: string | null): Promise<Page>;
  /** Puts back what it has lost; what it has is left alone. Never rejects. */
  restore(records: readonly Revocation[]): Promise<void>;
  /** Tells the listener everything once more: it has to know what is still kept. */
  reread(): void;
  /** Tells others of a login. `key`: 128 bits in base64url; `untilS`: how long it may matter. */
  noteLogin(key: string, timeMs: number, untilS: number): void;
  /** Drops what has run out. */
  purge(nowS: number): Promise<void>;
  close(): Promise<void>;
}

/** Why something could not be done. `full`: no room; `away`: the Redis does not answer; `busy`: too many wait for it; `future`: a time to come. */
export type RevocationFaultKind = 'full' | 'away' | 'busy' | 'future';

export class RevocationFault extends Error {
  readonly kind: RevocationFaultKind;

  constructor(kind: RevocationFaultKind, why: string) {
    super(why);
    this.name = 'RevocationFault';
    this.kind = kind;
  }
}

/** A place in the list: by the end of what was last told, then by its id. */
export interface Place {
  readonly untilS: number;
  readonly id: string;
}

export function placeText({ untilS, id }: Place): string {
  return `${untilS}.${id}`;
}

/** Null: this is no such place. */
export function readPlace(text: string): Place | null {
  const match = /^(\d{1,10})\.([nupba][\w-]{22})$/.exec(text);
  return match === null ? null : { untilS: Number(match[1]), id: match[2]! };
}
