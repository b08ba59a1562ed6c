// What a client connection remembers of its last check: the same bytes of credentials have the same verdict, with no hash and no table.

import { latin1Bytes, latin1Text } from '../base/byte-writer.ts';
import type { SessionTrails } from '../pool/session-trails.ts';
import type { CredentialSource } from '../session/format.ts';
import type { SessionGuard } from '../session/guard.ts';
import type { Standing } from '../session/standing.ts';
import { FIELD } from '../wire/fields.ts';
import type { HeadFields } from '../wire/head-fields.ts';

/** Credentials longer than this are not remembered, bytes: a connection should stay small. */
const REMEMBERED_BYTES_MAX = 8 * 1024;

/** Credentials up to this length are compared by hand, four bytes a step: a native call costs more. */
const BY_HAND_BYTES_MAX = 160;

/** Heads are read from the one buffer that a worker's sockets share, so that a view on it is made once. */
let seen: Uint8Array = new Uint8Array(0);
let seenView = new DataView(seen.buffer);

/** One a connection, made with its first checked request. */
export class SessionMemo {
  #guard: SessionGuard | null = null;
  #standing: Standing | null = null;
  /** `Cookie`, then `Authorization`. */
  #bytes: Buffer = Buffer.alloc(0);
  #view: DataView = seenView;
  #cookieLength = 0;
  #length = 0;
  #lines: Uint8Array | null = null;
  /** The pool by whose key the watched session of these credentials was found; null: nobody has looked yet. */
  trails: SessionTrails | null = null;
  /** There is such a session, and this is its key. */
  shown = false;
  keyHi = 0;
  keyLo = 0;
  /** Where its trail stood the last time; −1: not known. */
  row = -1;

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

  /** `Standing.lines` of what `find` has found, as bytes: they are written with each request. */
  get lines(): Uint8Array {
    this.#lines ??= latin1Bytes(this.#standing?.lines ?? '');
    return this.#lines;
  }

  /** The credentials that it remembers, as texts. Formats that look at more are not remembered. */
  source(clientAddress: string): CredentialSource {
    const middle = this.#cookieLength;
    const cookies = latin1Text(this.#bytes, 0, middle);
    const authorization = this.#length > middle ? latin1Text(this.#bytes, middle, this.#length) : null;
    return { cookies, authorization, userAgent: null, clientAddress };
  }

  /** Remembers the standing of a request with these fields. */
  keep(guard: SessionGuard, fields: HeadFields, standing: Standing): void {
    this.#standing = null;
    this.#lines = null;
    this.trails = null;
    if (standing.untilMs <= 0 || !guard.memorable || !isPlain(fields)) return;
    const cookie = fields.first[FIELD.cookie]!;
    const authorization = fields.first[FIELD.authorization]!;
    this.#cookieLength = lengthOf(fields, cookie);
    this.#length = this.#cookieLength + lengthOf(fields, authorization);
    if (this.#length > REMEMBERED_BYTES_MAX) return;
    if (this.#bytes.length < this.#length) {
      this.#bytes = Buffer.allocUnsafeSlow(this.#length);
      this.#view = viewOf(this.#bytes);
    }
    if (fields.bytes !== seen) {
      seen = fields.bytes;
      seenView = viewOf(seen);
    }
    this.#copy(fields, cookie, 0);
    this.#copy(fields, authorization, this.#cookieLength);
    this.#guard = guard;
    this.#standing = standing;
  }

  #is(fields: HeadFields, at: number, start: number, end: number): boolean {
    if (lengthOf(fields, at) !== end - start) return false;
    if (at < 0 || start === end) return true;
    if (end - start <= BY_HAND_BYTES_MAX && fields.bytes === seen)
      return isSame(this.#view, start, end, seenView, fields.valueStart[at]!);
    return this.#bytes.compare(fields.bytes, fields.valueStart[at]!, fields.valueEnd[at]!, start, end) === 0;
  }

  #copy(fields: HeadFields, at: number, to: number): void {
    if (at >= 0) this.#bytes.set(fields.bytes.subarray(fields.valueStart[at]!, fields.valueEnd[at]!), to);
  }
}

/** At most one line of each: what comes in several is checked anew each time. */
function isPlain(fields: HeadFields): boolean {
  return fields.seen[FIELD.cookie]! <= 1 && fields.seen[FIELD.authorization]! <= 1;
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
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
