// Finds in a request what one of its limits tells clients apart by.
import type { AddressWords } from '../limit/address-words.ts';
import type { GateLimit } from '../plan/route-gate.ts';
import type { Standing } from '../session/standing.ts';
import { VERDICT_NAMES } from '../session/verdict.ts';
import { CookieCursor } from '../wire/cookies.ts';
import { FIELD } from '../wire/fields.ts';
import type { HeadFields } from '../wire/head-fields.ts';

const VALID = VERDICT_NAMES.indexOf('valid');
/** Shared by a thread's requests: a walk over cookies never spans two calls. */
const cursor = new CookieCursor();

/** Where the value was found, in the bytes of the head. */
let start = 0;
let end = 0;

/**
 * Leaves in the limit what stands for the client of the request. One by header or cookie looks at the first of that name; who has none counts by
 * `address`. Not for limits by user. Hot: test/alloc/limit.test.ts.
 */
export function findClient(
  { limit, name }: GateLimit,
  fields: HeadFields,
  address: AddressWords | null,
): void {
  if (limit.by === 'everyone') limit.byEveryone();
  else if (limit.by === 'address' || !hasValue(limit.by, name, fields)) limit.byAddress(address);
  else limit.byBytes(fields.bytes, start, end);
}

/** The same for what other processes share: the words that stand for the client there. */
export function sharedKeyOf(
  { limit, name }: GateLimit,
  fields: HeadFields,
  address: AddressWords | null,
): string {
  if (limit.by === 'everyone') return limit.sharedByEveryone();
  if (limit.by === 'address' || !hasValue(limit.by, name, fields)) return limit.sharedByAddress(address);
  return limit.sharedByBytes(fields.bytes, start, end);
}

/** Leaves in the limit the user whose session is good; false: there is none. Hot. */
export function findUser({ limit }: GateLimit, standing: Standing | null): boolean {
  if (standing === null || standing.verdict !== VALID) return false;
  const { facts, lines, verifier } = standing;
  if (facts !== null) {
    if (facts.user === null) return false;
    limit.byUser(verifier.name, facts.user, 0, facts.user.length);
    return true;
  }
  if (!findUserLine(lines)) return false;
  limit.byUser(verifier.name, lines, start, end);
  return true;
}

/** As `findUser`, for what other processes share; null: there is none. */
export function sharedKeyOfUser({ limit }: GateLimit, standing: Standing | null): string | null {
  if (standing === null || standing.verdict !== VALID) return null;
  const { facts, lines, verifier } = standing;
  if (facts !== null) {
    return facts.user === null ? null : limit.sharedByUser(verifier.name, facts.user, 0, facts.user.length);
  }
  return findUserLine(lines) ? limit.sharedByUser(verifier.name, lines, start, end) : null;
}

/** Where a standing has no facts of its own its second line is the user's. */
function findUserLine(lines: string): boolean {
  const line = lines.indexOf('\r\n');
  start = lines.indexOf(': ', line) + 2;
  if (line < 0 || start < 2) return false;
  end = lines.indexOf('\r\n', start);
  return end > start;
}

function hasValue(by: string, name: Uint8Array, fields: HeadFields): boolean {
  return by === 'cookie' ? hasCookie(name, fields) : hasHeader(name, fields);
}

function hasHeader(name: Uint8Array, fields: HeadFields): boolean {
  const { bytes, nameStart, nameEnd } = fields;
  const { length } = name;
  for (let i = 0; i < fields.count; i++) {
    const from = nameStart[i]!;
    if (nameEnd[i]! - from !== length) continue;
    let k = 0;
    while (k < length && lower(bytes[from + k]!) === name[k]) k++;
    if (k < length) continue;
    start = fields.valueStart[i]!;
    end = fields.valueEnd[i]!;
    return end > start;
  }
  return false;
}

function hasCookie(name: Uint8Array, fields: HeadFields): boolean {
  if (fields.seen[FIELD.cookie] === 0) return false;
  for (let i = fields.first[FIELD.cookie]!; i < fields.count; i++) {
    if (fields.id[i] !== FIELD.cookie) continue;
    if (!cursor.find(fields.bytes, fields.valueStart[i]!, fields.valueEnd[i]!, name)) continue;
    start = cursor.valueStart;
    end = cursor.valueEnd;
    return end > start;
  }
  return false;
}

function lower(b: number): number {
  return b >= 0x41 && b <= 0x5a ? b | 0x20 : b;
}
