// What a client connection remembers of its last check: the same bytes of credentials have the same verdict, with no hash and no table.

import { type ByteWriter, latin1Text } from '../base/byte-writer.ts';
import type { SessionTrails } from '../pool/session-trails.ts';
import type { CredentialSource } from '../session/format.ts';
import type { SessionGuard } from '../session/guard.ts';
import type { Standing } from '../session/standing.ts';
import { FIELD } from '../wire/fields.ts';
import type { HeadFields } from '../wire/head-fields.ts';
import { CELL_BYTES, CellBlock, MemoCells } from './memo-cells.ts';

/** Credentials longer than this are not remembered, bytes: a connection should stay small. */
const REMEMBERED_BYTES_MAX = 8 * 1024;

/** Credentials up to this length are compared by hand, four bytes a step: a native call costs more. */
const BY_HAND_BYTES_MAX = 400;

/** Of all connections of a thread. */
const cells = new MemoCells();

/** Heads are read from the one buffer that a worker's sockets share, so that a view on it is made once. */
let seen: Uint8Array = new Uint8Array(0);
let seenView = new DataView(seen.buffer);

/** One a connection, made with its first checked request, and let go of with it (`release`). */
export class SessionMemo {
  #guard: SessionGuard | null = null;
  #standing: Standing | null = null;
  /** What it remembers lies there from `#at` on: `Cookie`, `Authorization`, and behind them the field lines for the app. Null: nothing does. */
  #block: CellBlock | null = null;
  #at = 0;
  #cookieLength = 0;
  #length = 0;
  /** Where the lines end, counted as the lengths are. */
  #linesEnd = 0;
  /** The pool by whose key the watched session of these credentials was found; null: nobody has looked yet. */
  trails: SessionTrails | null = null;
  /** There is such a session, and this is its key. */
  shown = false;
  keyHi = 0;
  keyLo = 0;
  /** Where its trail stood the last time; −1: not known. */
  row = -1;
  /** The block is its own. */
  #own = false;
  /** The connection is gone. */
  #released = false;

  /** The standing that this request has by the last one's; null when it must be checked. Hot: allocates nothing. */
  find(guard: SessionGuard, fields: HeadFields, nowMs: number): Standing | null {
    const standing = this.#standing;
    if (standing === null || this.#guard !== guard || !standing.stands(nowMs)) return null;
    if (!isPlain(fields)) return null;
    const cookie = fields.first[FIELD.cookie]!;
    const authorization = fields.first[FIELD.authorization]!;
    const middle = this.#cookieLength;
    return this.#is(fields, cookie, 0, middle) && this.#is(fields, authorization, middle, this.#length)
      ? standing
      : null;
  }

  /** Lays `Standing.lines` of what `find` has found. False: it has them no more. Hot. */
  layLines(out: ByteWriter): boolean {
    const block = this.#block;
    if (block === null || this.#linesEnd === 0) return false;
    const from = this.#at + this.#length;
    out.words(block.view, from, this.#at + this.#linesEnd);
    return true;
  }

  /** The credentials that it remembers, as texts. Formats that look at more are not remembered. */
  source(clientAddress: string): CredentialSource {
    const bytes = this.#block?.bytes;
    if (bytes === undefined) return { cookies: '', authorization: null, userAgent: null, clientAddress };
    const at = this.#at;
    const middle = at + this.#cookieLength;
    const end = at + this.#length;
    const authorization = end > middle ? latin1Text(bytes, middle, end) : null;
    return { cookies: latin1Text(bytes, at, middle), authorization, userAgent: null, clientAddress };
  }

  /** Remembers the standing of a request with these fields. */
  keep(guard: SessionGuard, fields: HeadFields, standing: Standing): void {
    this.#standing = null;
    this.#linesEnd = 0;
    this.trails = null;
    if (this.#released || standing.untilMs <= 0 || !guard.memorable || !isPlain(fields)) return;
    const cookie = fields.first[FIELD.cookie]!;
    const authorization = fields.first[FIELD.authorization]!;
    const cookieLength = lengthOf(fields, cookie);
    const length = cookieLength + lengthOf(fields, authorization);
    if (length > REMEMBERED_BYTES_MAX) return;
    const { lines } = standing;
    const { bytes } = this.#roomFor(length + lines.length);
    this.#cookieLength = cookieLength;
    this.#length = length;
    this.#linesEnd = length + lines.length;
    if (fields.bytes !== seen) {
      seen = fields.bytes;
      seenView = new DataView(seen.buffer, seen.byteOffset, seen.byteLength);
    }
    copyValue(fields, cookie, bytes, this.#at);
    copyValue(fields, authorization, bytes, this.#at + cookieLength);
    for (let i = 0; i < lines.length; i++) bytes[this.#at + length + i] = lines.charCodeAt(i);
    this.#guard = guard;
    this.#standing = standing;
  }

  /** The connection is gone, and remembers nothing any more. */
  release(): void {
    this.#released = true;
    this.#standing = null;
    this.#giveBack();
  }

  #roomFor(bytes: number): CellBlock {
    const block = this.#block;
    const room = block === null ? 0 : this.#own ? block.bytes.length : CELL_BYTES;
    if (block !== null && bytes <= room) return block;
    this.#giveBack();
    this.#own = bytes > CELL_BYTES;
    const made = this.#own ? new CellBlock(bytes, 1) : cells.blockWithRoom();
    this.#block = made;
    this.#at = made.take();
    return made;
  }

  #giveBack(): void {
    if (this.#block !== null && !this.#own) cells.giveBack(this.#block, this.#at);
    this.#block = null;
    this.#length = 0;
    this.#cookieLength = 0;
    this.#linesEnd = 0;
  }

  #is(fields: HeadFields, at: number, start: number, end: number): boolean {
    const length = end - start;
    if (lengthOf(fields, at) !== length) return false;
    if (at < 0 || length === 0) return true;
    const block = this.#block!;
    const own = this.#at + start;
    const from = fields.valueStart[at]!;
    if (length <= BY_HAND_BYTES_MAX && fields.bytes === seen)
      return isSame(block.view, own, own + length, seenView, from);
    return block.bytes.compare(fields.bytes, from, from + length, own, own + length) === 0;
  }
}

function copyValue(fields: HeadFields, at: number, to: Uint8Array, place: number): void {
  if (at >= 0) to.set(fields.bytes.subarray(fields.valueStart[at]!, fields.valueEnd[at]!), place);
}

/** At most one line of each: what comes in several is checked anew each time. */
function isPlain(fields: HeadFields): boolean {
  return fields.seen[FIELD.cookie]! <= 1 && fields.seen[FIELD.authorization]! <= 1;
}

/** Whether `own[start, end)` is what `other` has from `at` on. */
function isSame(own: DataView, start: number, end: number, other: DataView, at: number): boolean {
  let i = start;
  for (; i + 4 <= end; i += 4, at += 4) if (own.getInt32(i, true) !== other.getInt32(at, true)) return false;
  for (; i < end; i++, at++) if (own.getUint8(i) !== other.getUint8(at)) return false;
  return true;
}

function lengthOf(fields: HeadFields, at: number): number {
  return at < 0 ? 0 : fields.valueEnd[at]! - fields.valueStart[at]!;
}
