// Reads thousands of records out of one buffer without making a string of each: a million must not hold up a start.
import type { DigestWords } from './digest-words.ts';
import { type RecordLetter, type RevocationCore, readCore } from './record.ts';

const NEWLINE = 10;
const SPACE = 32;
const ZERO = 48;
/** Digits that a time may have. */
const DIGITS_MAX = 15;
/** An id: a letter and 128 bits in base64url. */
const ID_BYTES = 23;

/** Value of each base64url character, −1: it is none. */
const SEXTETS = new Int8Array(256).fill(-1);
for (const [value, char] of [...'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'].entries())
  SEXTETS[char.charCodeAt(0)] = value;

/** Where what was read goes. */
export interface SliceReader {
  /** A record of one digest, which is in `digest` until this returns. */
  row(digest: DigestWords, letter: RecordLetter, timeMs: number, untilS: number): void;
  /** Any other record. */
  core(core: RevocationCore): void;
  garbage(): void;
}

/** By the first letter of the text, with the letter of its ids. */
const LETTERS: Readonly<Record<number, readonly [letter: RecordLetter, id: number]>> = Object.fromEntries(
  (
    [
      ['s', 'n'],
      ['t', 'n'],
      ['u', 'u'],
      ['p', 'p'],
      ['b', 'b'],
      ['a', 'a'],
    ] as const
  ).map(([letter, id]) => [letter.charCodeAt(0), [letter, id.charCodeAt(0)]]),
);

/**
 * Reads `bytes`: id and text of each of `count` records, a line each. False, and nothing is told, where it has another number of lines:
 * something that is no record has a line's end in it.
 */
export function readSlice(bytes: Buffer, count: number, digest: DigestWords, reader: SliceReader): boolean {
  if (count === 0) return bytes.length === 0;
  if (linesIn(bytes) !== count * 2) return false;
  let at = 0;
  while (at < bytes.length) {
    const idEnd = bytes.indexOf(NEWLINE, at);
    const found = bytes.indexOf(NEWLINE, idEnd + 1);
    const end = found < 0 ? bytes.length : found;
    if (!readRow(bytes, at, idEnd, end, digest, reader)) {
      const core = readCore(bytes.toString('latin1', at, idEnd), bytes.toString('latin1', idEnd + 1, end));
      if (core === null) reader.garbage();
      else reader.core(core);
    }
    at = end + 1;
  }
  return true;
}

function linesIn(bytes: Buffer): number {
  let lines = 1;
  for (let at = bytes.indexOf(NEWLINE); at >= 0; at = bytes.indexOf(NEWLINE, at + 1)) lines++;
  return lines;
}

/** `LETTER TIME UNTIL  …`, where nothing stands between the last two spaces; false: it is another. */
function readRow(
  bytes: Buffer,
  start: number,
  idEnd: number,
  end: number,
  digest: DigestWords,
  reader: SliceReader,
): boolean {
  const known = LETTERS[bytes[idEnd + 1]!];
  if (known === undefined || idEnd - start !== ID_BYTES || known[1] !== bytes[start]) return false;
  const timeAt = idEnd + 3;
  const timeEnd = bytes.indexOf(SPACE, timeAt);
  const untilEnd = timeEnd < 0 ? -1 : bytes.indexOf(SPACE, timeEnd + 1);
  if (untilEnd < 0 || untilEnd + 1 >= end || bytes[untilEnd + 1] !== SPACE || bytes[timeAt - 1] !== SPACE)
    return false;
  const timeMs = readNumber(bytes, timeAt, timeEnd);
  const untilS = readNumber(bytes, timeEnd + 1, untilEnd);
  if (timeMs < 0 || untilS < 0 || timeMs / 1000 > 0xffff_ffff || untilS > 0xffff_ffff) return false;
  if (!readDigest(bytes, start + 1, digest)) return false;
  reader.row(digest, known[0], timeMs, untilS);
  return true;
}

/** −1: it is none. */
function readNumber(bytes: Buffer, start: number, end: number): number {
  if (start >= end || end - start > DIGITS_MAX) return -1;
  let value = 0;
  for (let at = start; at < end; at++) {
    const digit = bytes[at]! - ZERO;
    if (digit < 0 || digit > 9) return -1;
    value = value * 10 + digit;
  }
  return value;
}

const OCTETS = new Uint8Array(18);

/** 22 characters of base64url. */
function readDigest(bytes: Buffer, start: number, digest: DigestWords): boolean {
  for (let at = start, to = 0; at < start + 22; at += 4, to += 3) {
    const a = SEXTETS[bytes[at]!]!;
    const b = SEXTETS[bytes[at + 1]!]!;
    const isLast = at + 2 >= start + 22;
    const c = isLast ? 0 : SEXTETS[bytes[at + 2]!]!;
    const d = isLast ? 0 : SEXTETS[bytes[at + 3]!]!;
    if (a < 0 || b < 0 || c < 0 || d < 0) return false;
    OCTETS[to] = (a << 2) | (b >> 4);
    OCTETS[to + 1] = (b << 4) | (c >> 2);
    OCTETS[to + 2] = (c << 6) | d;
  }
  digest.set(OCTETS);
  return true;
}
