// Cookie fields read and rewritten in place: one cookie found, one taken out, several lines made one.
import { type ByteWriter, latin1Bytes } from '../base/byte-writer.ts';
import { FIELD } from './fields.ts';
import type { HeadFields } from './head-fields.ts';
import { EQUALS, SEMICOLON, SP, TAB } from './octets.ts';

const SEPARATOR = latin1Bytes('; ');

/** Cookies that are kept from an app. */
export interface KeptCookies {
  /** Whether the pair `bytes[start, end)` is one; its name ends at `nameEnd`. */
  keeps(bytes: Uint8Array, start: number, nameEnd: number, end: number): boolean;
}

/**
 * Walks the pairs of a Cookie field's value (RFC 6265 4.2, 5.4), as tolerant as servers are: pairs end at `;`, whitespace
 * around names and values is not theirs, a pair without `=` has no name. Reused; offsets are into the bytes of the last call.
 */
export class CookieCursor {
  /** The pair, name to value, without the whitespace around it. */
  pairStart = 0;
  pairEnd = 0;
  nameEnd = 0;
  valueStart = 0;
  valueEnd = 0;
  /** After `find`: how many pairs have the name. */
  count = 0;
  /** Where the next pair is looked for. */
  #next = 0;

  /**
   * Finds the first pair whose name is exactly `name` in `bytes[start, end)`, and counts all such pairs. The value is as
   * written, with quotes if it has them. Hot: no allocation.
   */
  find(bytes: Uint8Array, start: number, end: number, name: Uint8Array): boolean {
    this.count = 0;
    let pairStart = 0;
    let pairEnd = 0;
    let valueStart = 0;
    let valueEnd = 0;
    for (this.begin(start); this.next(bytes, end); ) {
      if (!this.isNamed(bytes, name) || this.count++ > 0) continue;
      pairStart = this.pairStart;
      pairEnd = this.pairEnd;
      valueStart = this.valueStart;
      valueEnd = this.valueEnd;
    }
    this.pairStart = pairStart;
    this.pairEnd = pairEnd;
    this.nameEnd = pairStart + name.length;
    this.valueStart = valueStart;
    this.valueEnd = valueEnd;
    return this.count > 0;
  }

  /** Begins a walk at `start`. */
  begin(start: number): void {
    this.#next = start;
  }

  /** Goes to the next pair that is not empty, before `end`; false when there is none. */
  next(bytes: Uint8Array, end: number): boolean {
    let i = this.#next;
    while (i < end) {
      while (i < end && isSpace(bytes[i]!)) i++;
      const from = i;
      let equals = -1;
      for (; i < end && bytes[i] !== SEMICOLON; i++) if (equals < 0 && bytes[i] === EQUALS) equals = i;
      let to = i++;
      while (to > from && isSpace(bytes[to - 1]!)) to--;
      if (to === from) continue;
      this.#next = i;
      this.pairStart = from;
      this.pairEnd = to;
      this.#split(bytes, equals);
      return true;
    }
    this.#next = end;
    return false;
  }

  /** Whether the pair's name is exactly `name`. */
  isNamed(bytes: Uint8Array, name: Uint8Array): boolean {
    const n = name.length;
    if (this.nameEnd - this.pairStart !== n || this.valueStart === this.nameEnd) return false;
    for (let i = 0; i < n; i++) if (bytes[this.pairStart + i] !== name[i]) return false;
    return true;
  }

  #split(bytes: Uint8Array, equals: number): void {
    this.valueEnd = this.pairEnd;
    if (equals < 0) {
      // Without `=` the whole pair is a value (RFC 6265bis 5.6); equal offsets tell `isNamed` so.
      this.nameEnd = this.pairStart;
      this.valueStart = this.pairStart;
      return;
    }
    let nameEnd = equals;
    while (nameEnd > this.pairStart && isSpace(bytes[nameEnd - 1]!)) nameEnd--;
    let valueStart = equals + 1;
    while (valueStart < this.pairEnd && isSpace(bytes[valueStart]!)) valueStart++;
    this.nameEnd = nameEnd;
    this.valueStart = valueStart;
  }
}

function isSpace(b: number): boolean {
  return b === SP || b === TAB;
}

/**
 * Appends the value `bytes[start, end)` without every pair named one of `names`, or of those that are `kept` from the app; what is left is joined by `; `. With
 * `follows`, a separator comes first. Returns how many pairs were written: with none, the field is to be left out.
 */
export function copyWithout(
  out: ByteWriter,
  bytes: Uint8Array,
  start: number,
  end: number,
  names: readonly Uint8Array[],
  cursor: CookieCursor,
  follows = false,
  kept: KeptCookies | null = null,
): number {
  let written = 0;
  for (cursor.begin(start); cursor.next(bytes, end); ) {
    if (isOneOf(bytes, cursor, names) || kept?.keeps(bytes, cursor.pairStart, cursor.nameEnd, cursor.pairEnd))
      continue;
    if (follows || written > 0) out.block(SEPARATOR);
    out.copy(bytes, cursor.pairStart, cursor.pairEnd);
    written++;
  }
  return written;
}

function isOneOf(bytes: Uint8Array, cursor: CookieCursor, names: readonly Uint8Array[]): boolean {
  for (let i = 0; i < names.length; i++) if (cursor.isNamed(bytes, names[i]!)) return true;
  return false;
}

/**
 * Appends the values of all Cookie lines of a head, joined by `; ` (rule L7; RFC 9113 8.2.3), each as it came. Returns how many
 * had a value.
 */
export function joinCookies(out: ByteWriter, fields: HeadFields): number {
  let written = 0;
  const { first, seen, id, valueStart, valueEnd, bytes } = fields;
  let left = seen[FIELD.cookie]!;
  for (let i = first[FIELD.cookie]!; left > 0; i++) {
    if (id[i] !== FIELD.cookie) continue;
    left--;
    if (valueStart[i] === valueEnd[i]) continue;
    if (written > 0) out.block(SEPARATOR);
    out.copy(bytes, valueStart[i]!, valueEnd[i]!);
    written++;
  }
  return written;
}

/** Like `joinCookies`, without every pair named one of `names`, or of those that are `kept` from the app. Returns how many pairs were written. */
export function joinCookiesWithout(
  out: ByteWriter,
  fields: HeadFields,
  names: readonly Uint8Array[],
  cursor: CookieCursor,
  kept: KeptCookies | null = null,
): number {
  let written = 0;
  const { first, seen, id, valueStart, valueEnd, bytes } = fields;
  let left = seen[FIELD.cookie]!;
  for (let i = first[FIELD.cookie]!; left > 0; i++) {
    if (id[i] !== FIELD.cookie) continue;
    left--;
    written += copyWithout(out, bytes, valueStart[i]!, valueEnd[i]!, names, cursor, written > 0, kept);
  }
  return written;
}
