// The field lines of one head or trailer section as offsets: what requests, responses and trailers have in common.
import type { Fault } from '../base/fault.ts';
import { FIELD_COUNT, fieldId } from './fields.ts';
import { CLASS, COLON, CR, LF, SP, TAB, TCHAR, UNDERSCORE, VALUE } from './octets.ts';
import type { FieldRefusals } from './refusals.ts';

/** What a parser says of the bytes so far. */
export const PARSE = { more: 0, done: 1, refused: 2 } as const;

/** What is known of one field beside its offsets; bits of `HeadFields.marks`. */
export const MARK = {
  /** The name holds `_` (rule L8). */
  underscore: 1,
  /** Named in `Connection` and not protected (rules H1, H2): not to be forwarded. */
  named: 2,
} as const;

/**
 * Fields by index in their order on the wire. The offsets are into `bytes`, which belongs to whoever called `read`, and are
 * good until the next `read`. One instance is reused for all messages; its columns never grow.
 */
export class HeadFields {
  bytes: Uint8Array = EMPTY;
  count = 0;
  readonly nameStart: Int32Array;
  readonly nameEnd: Int32Array;
  /** Value without the whitespace around it. */
  readonly valueStart: Int32Array;
  readonly valueEnd: Int32Array;
  /** Number of the field in FIELD. */
  readonly id: Uint8Array;
  /** Bits of MARK. */
  readonly marks: Uint8Array;
  /** Index of the first field with a number, or −1. */
  readonly first = new Int16Array(FIELD_COUNT).fill(-1);
  /** How many fields have a number. */
  readonly seen = new Uint16Array(FIELD_COUNT);
  /** All marks of all fields together. */
  flags = 0;
  /** After `done`: the offset behind the empty line. */
  end = 0;
  /** After `refused`: why. */
  fault: Fault | null = null;
  readonly fieldsMax: number;
  readonly #refusals: FieldRefusals;

  /** `fieldsMax`: 1 … 32767. */
  constructor(fieldsMax: number, refusals: FieldRefusals) {
    const size = fieldsMax + 1;
    this.fieldsMax = fieldsMax;
    this.#refusals = refusals;
    this.nameStart = new Int32Array(size);
    this.nameEnd = new Int32Array(size);
    this.valueStart = new Int32Array(size);
    this.valueEnd = new Int32Array(size);
    this.id = new Uint8Array(size);
    this.marks = new Uint8Array(size);
  }

  /** Forgets all fields. Costs what the last message had, not what a table holds. */
  clear(): void {
    const { id, first, seen } = this;
    for (let i = 0; i < this.count; i++) {
      first[id[i]!] = -1;
      seen[id[i]!] = 0;
    }
    this.count = 0;
    this.flags = 0;
    this.fault = null;
  }

  /**
   * Reads field lines from `start`, which is the beginning of a line, up to and with the empty line (rules L1, L3-L6; RFC 9112
   * 5). `limitEnd`: the section may not reach beyond this offset. A line is judged only when its LF is there, and lines are
   * judged in their order, so that cutting the bytes anywhere changes nothing.
   * Hot: guarded by test/alloc/wire.test.ts.
   */
  read(bytes: Uint8Array, start: number, end: number, limitEnd: number): number {
    this.clear();
    this.bytes = bytes;
    const cls = CLASS;
    const { nameStart, nameEnd, valueStart, valueEnd, id, marks, first, seen } = this;
    let i = start;
    let n = 0;
    for (;;) {
      const lineStart = i;
      if (i >= end) return this.#short(end, limitEnd);
      if (bytes[i] === CR && i + 1 < end && bytes[i + 1] === LF) {
        if (i + 2 > limitEnd) return this.#refuse(this.#refusals.headTooLarge);
        this.end = i + 2;
        return PARSE.done;
      }
      let classes = 0;
      while (i < end) {
        const c = cls[bytes[i]!]!;
        if ((c & TCHAR) === 0) break;
        classes |= c;
        i++;
      }
      if (i >= end) return this.#short(end, limitEnd);
      if (i === lineStart || bytes[i] !== COLON) return this.#badLine(lineStart, end, limitEnd);
      const colon = i++;
      while (i < end && (bytes[i] === SP || bytes[i] === TAB)) i++;
      const from = i;
      while (i < end && (cls[bytes[i]!]! & VALUE) !== 0) i++;
      if (i + 1 >= end || bytes[i] !== CR || bytes[i + 1] !== LF)
        return this.#badLine(lineStart, end, limitEnd);
      if (i + 2 > limitEnd) return this.#refuse(this.#refusals.headTooLarge);
      if (n === this.fieldsMax) return this.#refuse(this.#refusals.headFields);
      let to = i;
      while (to > from && (bytes[to - 1] === SP || bytes[to - 1] === TAB)) to--;
      const known = fieldId(bytes, lineStart, colon);
      nameStart[n] = lineStart;
      nameEnd[n] = colon;
      valueStart[n] = from;
      valueEnd[n] = to;
      id[n] = known;
      if (seen[known]!++ === 0) first[known] = n;
      if ((classes & UNDERSCORE) === 0) marks[n] = 0;
      else this.mark(n, MARK.underscore, true);
      this.count = ++n;
      i += 2;
    }
  }

  /** Adds a mark to field `index`; with `fresh`, instead of those it had. */
  mark(index: number, bit: number, fresh = false): void {
    this.marks[index] = fresh ? bit : this.marks[index]! | bit;
    this.flags |= bit;
  }

  #refuse(why: Fault): number {
    this.fault = why;
    return PARSE.refused;
  }

  /** No LF yet: more is needed, unless what is there is too much already. */
  #short(end: number, limitEnd: number): number {
    return end > limitEnd ? this.#refuse(this.#refusals.headTooLarge) : PARSE.more;
  }

  /** A line that the straight path could not take: what is wrong with it, once its LF is there. */
  #badLine(lineStart: number, end: number, limitEnd: number): number {
    const bytes = this.bytes;
    const no = this.#refusals;
    const lf = lineFeedAt(bytes, lineStart, end);
    if (lf < 0) return this.#short(end, limitEnd);
    if (lf >= limitEnd) return this.#refuse(no.headTooLarge);
    if (lf === lineStart || bytes[lf - 1] !== CR) return this.#refuse(no.bareLf);
    const lineEnd = lf - 1;
    for (let i = lineStart; i < lineEnd; i++) if (bytes[i] === CR) return this.#refuse(no.bareCr);
    const b = bytes[lineStart]!;
    if (b === SP || b === TAB) return this.#refuse(this.count === 0 ? no.fieldLeading : no.fieldFold);
    let i = lineStart;
    while (i < lineEnd && bytes[i] !== COLON) i++;
    if (i === lineEnd) return this.#refuse(no.fieldColon);
    if (i === lineStart) return this.#refuse(no.fieldName);
    for (let j = lineStart; j < i; j++) {
      if ((CLASS[bytes[j]!]! & TCHAR) === 0) return this.#refuse(no.fieldName);
    }
    return this.#refuse(no.fieldValue);
  }
}

const EMPTY = new Uint8Array(0);

/** Offset of the first LF in `bytes[from, to)`, or −1. */
export function lineFeedAt(bytes: Uint8Array, from: number, to: number): number {
  for (let i = from; i < to; i++) if (bytes[i] === LF) return i;
  return -1;
}

/** Whether `bytes[from, to)` holds an LF: a parser's answer can change only with a new one, or with more bytes than a limit allows. */
export function hasLineEnd(bytes: Uint8Array, from: number, to: number): boolean {
  return lineFeedAt(bytes, from, to) >= 0;
}
