// One revocation as it is kept and shared: an id made from what it ends, and one line of text with the rest.
import type { DigestWords } from './digest-words.ts';
import { ROW, type RowKind } from './revocation-table.ts';

/**
 * By the first letter of its text, which rows it comes to. The id begins with the letter of its kind of row and goes on with the first
 * digest: to revoke the same again renews what is there.
 */
const LETTERS = {
  s: { row: ROW.named, id: 'n' },
  t: { row: ROW.named, id: 'n' },
  u: { row: ROW.user, id: 'u' },
  p: { row: ROW.userBefore, id: 'p' },
  b: { row: ROW.block, id: 'b' },
  a: { row: ROW.before, id: 'a' },
} as const satisfies Readonly<Record<string, { row: RowKind; id: string }>>;

export type RecordLetter = keyof typeof LETTERS;

/** Digests beside the first that one revocation may have: a token may be a credential of several session blocks. */
export const MORE_MAX = 15;
/** 128 bits in base64url. */
const DIGEST_CHARS = 22;
const ID = /^[nupba][\w-]{22}$/;
const NUMBER = /^\d{1,15}$/;
const S_MAX = 0xffff_ffff;

export interface Revocation {
  readonly id: string;
  /** s: session; t: token; u: a user's sessions; p: those issued to the user before a time; b: a user altogether; a: all before a time. */
  readonly letter: RecordLetter;
  /** What is ended was issued before, unix ms; for a name or a block, when it was revoked. */
  readonly timeMs: number;
  /** When it has run out, unix s. */
  readonly untilS: number;
  /** Further digests, each 128 bits in base64url. */
  readonly more: readonly string[];
  /** When it was made, unix ms. */
  readonly atMs: number;
  /** Name of the admin token. */
  readonly by: string;
  /** Empty: it concerns no one user, or it is no longer known. */
  readonly user: string;
  readonly reason: string;
}

/** What the table needs of it. */
export type RevocationCore = Pick<Revocation, 'id' | 'letter' | 'timeMs' | 'untilS' | 'more'>;

/** The id, and the further digests. `digests`: one character a byte, the first is the one it goes by. */
export function namesOf(letter: RecordLetter, digests: readonly string[]): Pick<Revocation, 'id' | 'more'> {
  const [first, ...more] = [...new Set(digests.map(shortened))];
  return { id: LETTERS[letter].id + first, more: more.slice(0, MORE_MAX) };
}

function shortened(digest: string): string {
  return Buffer.from(digest.slice(0, 16), 'latin1').toString('base64url');
}

export function isId(text: string): boolean {
  return ID.test(text);
}

export function rowOf(letter: RecordLetter): RowKind {
  return LETTERS[letter].row;
}

/** The letter of a record of which nothing but a row is known. */
export function letterOf(row: RowKind): RecordLetter {
  const letters = {
    [ROW.named]: 's',
    [ROW.user]: 'u',
    [ROW.userBefore]: 'p',
    [ROW.block]: 'b',
    [ROW.before]: 'a',
  } as const;
  return letters[row];
}

/** Everything but the id, in one line. */
export function textOf(record: Revocation): string {
  const { letter, timeMs, untilS, more, atMs, by, user, reason } = record;
  const told = [by, user, reason].map(encodeURIComponent).join(' ');
  return `${letter} ${timeMs} ${untilS} ${more.join('.')} ${atMs} ${told}`;
}

/** What the table needs of a record's text; null: it is none of ours. Quick, since a million are read at a start. */
export function readCore(id: string, text: string): RevocationCore | null {
  const [letter = '', time = '', until = '', more = ''] = text.split(' ', 4);
  if (!Object.hasOwn(LETTERS, letter) || !ID.test(id) || !NUMBER.test(time) || !NUMBER.test(until))
    return null;
  const known = letter as RecordLetter; // just looked up
  if (LETTERS[known].id !== id[0]) return null;
  const timeMs = Number(time);
  const untilS = Number(until);
  if (timeMs / 1000 > S_MAX || untilS > S_MAX) return null;
  const digests = more === '' ? [] : more.split('.');
  if (digests.length > MORE_MAX || digests.some((one) => !/^[\w-]{22}$/.test(one))) return null;
  return { id, letter: known, timeMs, untilS, more: digests };
}

/** All of it; null: it is none of ours. */
export function readRecord(id: string, text: string): Revocation | null {
  const core = readCore(id, text);
  const [at = '', by, user, reason, ...rest] = text.split(' ').slice(4);
  if (core === null || !NUMBER.test(at) || reason === undefined || rest.length > 0) return null;
  try {
    const told = [by!, user!, reason].map(decodeURIComponent) as [string, string, string]; // three in, three out
    return { ...core, atMs: Number(at), by: told[0], user: told[1], reason: told[2] };
  } catch {
    return null;
  }
}

/** What holds when `newer` is revoked on top of `older`: it ends no less than either did, and tells of the newer one. */
export function renewed(older: Revocation, newer: Revocation): Revocation {
  return {
    ...newer,
    timeMs: Math.max(older.timeMs, newer.timeMs),
    untilS: Math.max(older.untilS, newer.untilS),
    more: [...new Set([...newer.more, ...older.more])].slice(0, MORE_MAX),
  };
}

/** Leaves the `index`-th digest (0: that of the id) in `words`; false: it has no such digest. */
export function readDigest({ id, more }: RevocationCore, index: number, words: DigestWords): boolean {
  const text = index === 0 ? id.slice(1) : more[index - 1];
  if (text === undefined || text.length !== DIGEST_CHARS) return false;
  words.read(Buffer.from(text, 'base64url').toString('latin1'));
  return true;
}
