// The app's own session cookie, where homes go by it: in requests our mark is taken off it, in answers it is marked, or learned from.
import type { ByteWriter } from '../base/byte-writer.ts';
import { CookieCursor, type KeptCookies } from '../wire/cookies.ts';
import { FIELD } from '../wire/fields.ts';
import type { HeadFields } from '../wire/head-fields.ts';
import { SEMICOLON } from '../wire/octets.ts';
import type { LearnedTable } from './learned.ts';
import { appValueOf, type PrefixAffinity } from './prefix-affinity.ts';

/** A walk over cookies never spans two calls. */
const cursor = new CookieCursor();

/** Appends the values of all Cookie lines, joined and as they came, but those cookies called `name` without their marks. */
export function writeUnmarked(out: ByteWriter, fields: HeadFields, name: Uint8Array): void {
  const { bytes, id, valueStart, valueEnd } = fields;
  let written = false;
  for (let i = fields.first[FIELD.cookie]!; i < fields.count; i++) {
    if (id[i] !== FIELD.cookie || valueStart[i] === valueEnd[i]) continue;
    if (written) out.latin1('; ');
    written = true;
    let from = valueStart[i]!;
    for (cursor.begin(from); cursor.next(bytes, valueEnd[i]!); ) {
      if (!cursor.isNamed(bytes, name)) continue;
      const own = appValueOf(bytes, cursor.valueStart, cursor.valueEnd);
      out.copy(bytes, from, cursor.valueStart);
      from = own;
    }
    out.copy(bytes, from, valueEnd[i]!);
  }
}

/** The same without those that are kept from the app. Appends nothing where none is left. */
export function writeUnmarkedWithout(
  out: ByteWriter,
  fields: HeadFields,
  name: Uint8Array,
  kept: KeptCookies,
): void {
  const { bytes, id, valueStart, valueEnd } = fields;
  let written = false;
  for (let i = fields.first[FIELD.cookie]!; i < fields.count; i++) {
    if (id[i] !== FIELD.cookie) continue;
    for (cursor.begin(valueStart[i]!); cursor.next(bytes, valueEnd[i]!); ) {
      if (kept.keeps(bytes, cursor.pairStart, cursor.nameEnd, cursor.pairEnd)) continue;
      if (written) out.latin1('; ');
      written = true;
      const marked = cursor.isNamed(bytes, name);
      out.copy(bytes, cursor.pairStart, marked ? cursor.valueStart : cursor.pairEnd);
      if (marked) out.copy(bytes, appValueOf(bytes, cursor.valueStart, cursor.valueEnd), cursor.valueEnd);
    }
  }
}

/** Whether an answer sets any cookie. */
export function setsCookies(fields: HeadFields): boolean {
  return fields.first[FIELD.setCookie]! >= 0;
}

/** Whether an answer sets the app's session cookie to something, so that it is to be marked. */
export function marksCookies(prefix: PrefixAffinity, fields: HeadFields): boolean {
  if (!setsCookies(fields)) return false;
  const { bytes, id, valueStart, valueEnd, count, first } = fields;
  for (let i = first[FIELD.setCookie]!; i < count; i++) {
    if (id[i] === FIELD.setCookie && prefix.marks(bytes, valueStart[i]!, valueEnd[i]!)) return true;
  }
  return false;
}

/** Remembers that whoever is given a cookie called `name` by this answer lives at `home`. `home`, `nowS`: as for `LearnedTable.learn`. */
export function learnFromAnswer(
  learned: LearnedTable,
  fields: HeadFields,
  name: Uint8Array,
  home: number,
  nowS: number,
): void {
  const { bytes, id, valueStart, valueEnd, count, first } = fields;
  for (let i = first[FIELD.setCookie]!; i < count; i++) {
    if (id[i] !== FIELD.setCookie) continue;
    const start = valueStart[i]!;
    let end = start;
    while (end < valueEnd[i]! && bytes[end] !== SEMICOLON) end++;
    if (cursor.find(bytes, start, end, name))
      learned.learn(bytes, cursor.valueStart, cursor.valueEnd, home, nowS);
  }
}
