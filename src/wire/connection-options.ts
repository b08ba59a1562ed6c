// What Connection, Upgrade, TE and Expect ask for: lists of words, read without making strings.
import { type ByteWriter, latin1Bytes } from '../base/byte-writer.ts';
import { FIELD, FIELD_FLAGS, fieldId, PROTECTED } from './fields.ts';
import { type HeadFields, MARK } from './head-fields.ts';
import { COMMA, isSameName, isWord, SEMICOLON, SP, TAB } from './octets.ts';

/** What `Connection` said; a set. */
export const OPTION = {
  close: 1,
  keepAlive: 2,
  upgrade: 4,
  te: 8,
  /** More options than OPTIONS_MAX: the message is refused. */
  tooMany: 16,
} as const;

/** Each option is compared with every field, so that a head of nothing but options would cost the square of its size. */
const OPTIONS_MAX = 64;

const CLOSE = latin1Bytes('close');
const KEEP_ALIVE = latin1Bytes('keep-alive');
const UPGRADE = latin1Bytes('upgrade');
const TE = latin1Bytes('te');
const TRAILERS = latin1Bytes('trailers');
const H2C = latin1Bytes('h2c');
const CONTINUE = latin1Bytes('100-continue');

/**
 * Reads every `Connection` field (RFC 9110 7.6.1) and marks the fields that it names with MARK.named, but for protected ones
 * (rule H2). Returns a set of OPTION. Elements that are no token name nothing.
 */
export function readConnection(fields: HeadFields): number {
  let index = fields.first[FIELD.connection]!;
  if (index < 0) return 0;
  const bytes = fields.bytes;
  let options = 0;
  let count = 0;
  let left = fields.seen[FIELD.connection]!;
  for (; left > 0; index++) {
    if (fields.id[index] !== FIELD.connection) continue;
    left--;
    const end = fields.valueEnd[index]!;
    let i = fields.valueStart[index]!;
    while (i < end) {
      const from = wordStart(bytes, i, end);
      const to = wordEnd(bytes, from, end);
      i = nextElement(bytes, to, end);
      if (to === from) continue;
      if (++count > OPTIONS_MAX) return options | OPTION.tooMany;
      options |= option(fields, from, to);
    }
  }
  return options;
}

function option(fields: HeadFields, start: number, end: number): number {
  const bytes = fields.bytes;
  switch (end - start) {
    case 2:
      if (isWord(bytes, start, end, TE)) return OPTION.te;
      break;
    case 5:
      if (isWord(bytes, start, end, CLOSE)) return OPTION.close;
      break;
    case 7:
      if (isWord(bytes, start, end, UPGRADE)) return OPTION.upgrade;
      break;
    case 10:
      if (isWord(bytes, start, end, KEEP_ALIVE)) return OPTION.keepAlive;
      break;
  }
  markNamed(fields, start, end);
  return 0;
}

function markNamed(fields: HeadFields, start: number, end: number): void {
  const bytes = fields.bytes;
  const named = fieldId(bytes, start, end);
  if ((FIELD_FLAGS[named]! & PROTECTED) !== 0) return;
  for (let i = 0; i < fields.count; i++) {
    if (fields.id[i] !== named) continue;
    if (
      named === FIELD.other &&
      !isSameName(bytes, start, end, bytes, fields.nameStart[i]!, fields.nameEnd[i]!)
    ) {
      continue;
    }
    fields.mark(i, MARK.named);
  }
}

/** Whether a list field `id` has an element that is `word` alone, over all its lines. `word` is in lower case. */
export function listHas(fields: HeadFields, id: number, word: Uint8Array): boolean {
  let index = fields.first[id]!;
  if (index < 0) return false;
  const bytes = fields.bytes;
  let left = fields.seen[id]!;
  for (; left > 0; index++) {
    if (fields.id[index] !== id) continue;
    left--;
    const end = fields.valueEnd[index]!;
    let i = fields.valueStart[index]!;
    while (i < end) {
      const from = wordStart(bytes, i, end);
      const to = wordEnd(bytes, from, end);
      if (isWord(bytes, from, to, word)) return true;
      i = nextElement(bytes, to, end);
    }
  }
  return false;
}

/**
 * Index of the first `Upgrade` field, or −1 when nothing can be upgraded: not named in `Connection`, not 1.1, or no protocol is
 * left without `h2c`, which is never forwarded (rule C7). `layUpgrade` writes what is left.
 */
export function upgradeIndex(fields: HeadFields, minor: number, options: number): number {
  const index = fields.first[FIELD.upgrade]!;
  if (index < 0 || minor === 0 || (options & OPTION.upgrade) === 0) return -1;
  return eachProtocol(fields, null) > 0 ? index : -1;
}

/** Writes the protocols of all `Upgrade` fields but `h2c`, as one list and without the field's name. */
export function layUpgrade(out: ByteWriter, fields: HeadFields): void {
  eachProtocol(fields, out);
}

/** Counts the protocols that may be asked for, and lays them out where `out` is there. */
function eachProtocol(fields: HeadFields, out: ByteWriter | null): number {
  const bytes = fields.bytes;
  let count = 0;
  let index = fields.first[FIELD.upgrade]!;
  for (let left = fields.seen[FIELD.upgrade]!; left > 0; index++) {
    if (fields.id[index] !== FIELD.upgrade) continue;
    left--;
    const end = fields.valueEnd[index]!;
    let i = fields.valueStart[index]!;
    while (i < end) {
      const from = wordStart(bytes, i, end);
      const to = wordEnd(bytes, from, end);
      i = nextElement(bytes, to, end);
      if (to === from || isWord(bytes, from, to, H2C)) continue;
      if (out !== null) {
        if (count > 0) out.latin1(', ');
        out.copy(bytes, from, to);
      }
      count++;
    }
  }
  return count;
}

/** Whether `TE` says that trailers are welcome (rule H1). */
export function hasTeTrailers(fields: HeadFields): boolean {
  return listHas(fields, FIELD.te, TRAILERS);
}

/** Whether every `Expect` line is `100-continue` and nothing else (rule C5; RFC 9110 10.1.1). */
export function isContinueExpected(fields: HeadFields): boolean {
  for (let i = fields.first[FIELD.expect]!; i < fields.count; i++) {
    if (fields.id[i] !== FIELD.expect) continue;
    if (!isWord(fields.bytes, fields.valueStart[i]!, fields.valueEnd[i]!, CONTINUE)) return false;
  }
  return true;
}

function wordStart(bytes: Uint8Array, from: number, end: number): number {
  let i = from;
  while (i < end && (bytes[i] === SP || bytes[i] === TAB || bytes[i] === COMMA)) i++;
  return i;
}

function wordEnd(bytes: Uint8Array, from: number, end: number): number {
  let i = from;
  while (i < end && bytes[i] !== COMMA && bytes[i] !== SP && bytes[i] !== TAB && bytes[i] !== SEMICOLON) i++;
  return i;
}

function nextElement(bytes: Uint8Array, from: number, end: number): number {
  let i = from;
  while (i < end && bytes[i] !== COMMA) i++;
  return i + 1;
}
