// What a pool that balances by hash hashes: the client's address, the path, a header, a cookie or a query parameter.

import type { HashOn } from '../balance/options.ts';
import { hashBytes, hashString } from '../base/hash.ts';
import type { Random } from '../base/random.ts';
import { CookieCursor } from '../wire/cookies.ts';
import { FIELD } from '../wire/fields.ts';
import type { RequestHead } from '../wire/request-head.ts';

const AMPERSAND = 0x26;
const EQUALS = 0x3d;
const cursor = new CookieCursor();

/**
 * Unsigned 32-bit hash of the part of the request that `on` names. A request that lacks it gets a key by chance, so that such requests
 * spread instead of meeting on one upstream.
 */
export function balanceKey(on: HashOn | null, head: RequestHead, address: string, random: Random): number {
  if (on === null) return 0;
  const bytes = head.fields.bytes;
  switch (on.on) {
    case 'address':
      return hashString(address);
    case 'path':
      return hashBytes(bytes, head.pathStart, head.pathEnd);
    case 'header':
      return headerKey(on.name, head) ?? byChance(random);
    case 'cookie':
      return cookieKey(on.name, head) ?? byChance(random);
    case 'query':
      return queryKey(on.name, head) ?? byChance(random);
  }
}

function byChance(random: Random): number {
  return random.below(0x7fffffff) * 2;
}

function headerKey(name: string, head: RequestHead): number | null {
  const { fields } = head;
  const { bytes, nameStart, nameEnd, valueStart, valueEnd } = fields;
  for (let i = 0; i < fields.count; i++) {
    if (nameEnd[i]! - nameStart[i]! !== name.length) continue;
    let k = 0;
    while (k < name.length && lower(bytes[nameStart[i]! + k]!) === lower(name.charCodeAt(k))) k++;
    if (k === name.length) return hashBytes(bytes, valueStart[i]!, valueEnd[i]!);
  }
  return null;
}

function cookieKey(name: string, head: RequestHead): number | null {
  const { fields } = head;
  for (let i = 0; i < fields.count; i++) {
    if (fields.id[i] !== FIELD.cookie) continue;
    for (cursor.begin(fields.valueStart[i]!); cursor.next(fields.bytes, fields.valueEnd[i]!); ) {
      if (cursor.valueStart === cursor.nameEnd || cursor.nameEnd - cursor.pairStart !== name.length) continue;
      let k = 0;
      while (k < name.length && fields.bytes[cursor.pairStart + k] === name.charCodeAt(k)) k++;
      if (k === name.length) return hashBytes(fields.bytes, cursor.valueStart, cursor.valueEnd);
    }
  }
  return null;
}

/** The first parameter of that name, as written. */
function queryKey(name: string, head: RequestHead): number | null {
  if (head.queryStart < 0) return null;
  const bytes = head.fields.bytes;
  let at = head.queryStart + 1;
  while (at < head.targetEnd) {
    let end = at;
    while (end < head.targetEnd && bytes[end] !== AMPERSAND) end++;
    let k = 0;
    while (k < name.length && at + k < end && bytes[at + k] === name.charCodeAt(k)) k++;
    if (k === name.length && (at + k === end || bytes[at + k] === EQUALS)) {
      return hashBytes(bytes, Math.min(at + k + 1, end), end);
    }
    at = end + 1;
  }
  return null;
}

function lower(b: number): number {
  return b >= 0x41 && b <= 0x5a ? b | 0x20 : b;
}
