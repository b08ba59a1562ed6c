// The fields that a proxy has to know by name: a number each, found without making a string, and what may be done with each.
import { InvariantError } from '../base/invariant.ts';
import { isWord, LOWER } from './octets.ts';

/**
 * Numbers of the known fields; a field of any other name is `other`. The name on the wire is the key with a `-` before each
 * capital, but for two families: `limpet` is every name that begins with `limpet-`, `xForwarded` every name that begins with
 * `x-forwarded-` and is not known by itself.
 */
export const FIELD = {
  other: 0,
  host: 1,
  connection: 2,
  contentLength: 3,
  transferEncoding: 4,
  cookie: 5,
  setCookie: 6,
  authorization: 7,
  contentType: 8,
  expect: 9,
  upgrade: 10,
  te: 11,
  trailer: 12,
  keepAlive: 13,
  proxyConnection: 14,
  proxyAuthorization: 15,
  proxyAuthenticate: 16,
  via: 17,
  maxForwards: 18,
  forwarded: 19,
  xForwardedFor: 20,
  xForwardedProto: 21,
  xForwardedHost: 22,
  xForwardedPort: 23,
  xForwardedPrefix: 24,
  xRealIp: 25,
  xRequestId: 26,
  traceparent: 27,
  tracestate: 28,
  proxy: 29,
  limpet: 30,
  xForwarded: 31,
  date: 32,
  server: 33,
  cacheControl: 34,
  accept: 35,
  retryAfter: 36,
  location: 37,
  age: 38,
  expires: 39,
  acceptEncoding: 40,
  userAgent: 41,
  origin: 42,
  referer: 43,
  pragma: 44,
  vary: 45,
  etag: 46,
  range: 47,
  contentRange: 48,
  contentEncoding: 49,
  contentLocation: 50,
  wwwAuthenticate: 51,
  proxyAuthenticationInfo: 52,
  authenticationInfo: 53,
  http2Settings: 54,
  secWebsocketKey: 55,
  ifMatch: 56,
  ifNoneMatch: 57,
  ifModifiedSince: 58,
  ifUnmodifiedSince: 59,
  ifRange: 60,
  acceptLanguage: 61,
  surrogateControl: 62,
  cdnCacheControl: 63,
} as const;

/** One more than the largest number in FIELD: the size of tables by field. */
export const FIELD_COUNT = 64;

/** Meant for one connection only: never forwarded as it came (rules H1; RFC 9110 7.6.1). */
export const HOP = 1;
/** Tells who the client is: believed only from trusted proxies (rule H4). */
export const FORWARDING = 2;
/** May not be taken away by being named in `Connection` (rule H2). */
export const PROTECTED = 4;
/** Dropped from a trailer section (rule F8; RFC 9110 6.5.1). */
export const NO_TRAILER = 8;

/** What may be done with each field, by its number: a set of HOP, FORWARDING, PROTECTED, NO_TRAILER. */
export const FIELD_FLAGS: Uint8Array = makeFlags();

function makeFlags(): Uint8Array {
  const flags = new Uint8Array(FIELD_COUNT);
  const f = FIELD;
  const add = (bit: number, ids: readonly number[]): void => {
    for (const id of ids) flags[id]! |= bit;
  };
  const hop = [
    f.connection,
    f.keepAlive,
    f.proxyConnection,
    f.te,
    f.transferEncoding,
    f.upgrade,
    f.http2Settings,
  ];
  const forwarding = [
    ...[f.forwarded, f.xForwardedFor, f.xForwardedProto, f.xForwardedHost, f.xForwardedPort],
    ...[f.xForwardedPrefix, f.xRealIp, f.xRequestId, f.traceparent, f.tracestate],
  ];
  const relied = [f.host, f.contentLength, f.transferEncoding, f.cookie, f.authorization, f.contentType];
  add(HOP, hop);
  add(FORWARDING, forwarding);
  add(PROTECTED, [...relied, ...forwarding, f.xForwarded, f.limpet]);
  add(NO_TRAILER, [
    ...hop,
    ...forwarding,
    ...relied,
    f.xForwarded,
    f.limpet,
    f.proxy,
    f.trailer,
    f.setCookie,
  ]);
  // Framing, routing, controls, authentication, answers' control data and how to read the content: RFC 9110 6.5.1.
  add(NO_TRAILER, [f.expect, f.maxForwards, f.via, f.origin, f.range, f.contentRange, f.contentEncoding]);
  add(NO_TRAILER, [f.proxyAuthorization, f.proxyAuthenticate, f.proxyAuthenticationInfo, f.wwwAuthenticate]);
  add(NO_TRAILER, [f.authenticationInfo, f.cacheControl, f.pragma, f.age, f.expires, f.date, f.vary]);
  add(NO_TRAILER, [f.location, f.retryAfter, f.secWebsocketKey, f.surrogateControl, f.cdnCacheControl]);
  add(NO_TRAILER, [f.ifMatch, f.ifNoneMatch, f.ifModifiedSince, f.ifUnmodifiedSince, f.ifRange]);
  return flags;
}

const NONE = new Uint8Array(0);
const LIMPET = word('limpet-');
const X_FORWARDED = word('x-forwarded-');

/** Lower-case name of each known field; empty for `other` and the two families. */
export const FIELD_NAMES: readonly Uint8Array[] = makeNames();

function word(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text, 'latin1'));
}

function makeNames(): Uint8Array[] {
  const names = new Array<Uint8Array>(FIELD_COUNT).fill(NONE);
  for (const [key, id] of Object.entries(FIELD)) {
    if (id === FIELD.other || id === FIELD.limpet || id === FIELD.xForwarded) continue;
    names[id] = word(key.replace(/[A-Z]/g, (capital) => `-${capital.toLowerCase()}`));
  }
  return names;
}

const SHORTEST = 2;
const LONGEST = Math.max(...FIELD_NAMES.map((name) => name.length));

/*
 * A perfect hash: the length and four letters of a name, multiplied, give a slot of 1,024. The multiplier is looked for when
 * the module is loaded (some thousand tries at most), so that no two known names meet and a look-up is one comparison.
 */
const SLOT_SHIFT = 32 - 10;
const SLOTS = new Uint8Array(1024);
const MULTIPLIER = findMultiplier();

function letters(bytes: Uint8Array, start: number, end: number): number {
  const middle = (start + end) >> 1;
  return (
    (end - start) ^
    (LOWER[bytes[start]!]! << 5) ^
    (LOWER[bytes[end - 1]!]! << 11) ^
    (LOWER[bytes[end - 2]!]! << 17) ^
    (LOWER[bytes[middle]!]! << 23)
  );
}

function findMultiplier(): number {
  for (let odd = 0x9e3779b1, tries = 0; tries < 1_000_000; odd = (odd + 2) | 0, tries++) {
    SLOTS.fill(0);
    let meet = false;
    for (let id = 1; id < FIELD_COUNT && !meet; id++) {
      const name = FIELD_NAMES[id]!;
      if (name.length === 0) continue;
      const slot = Math.imul(letters(name, 0, name.length), odd) >>> SLOT_SHIFT;
      if (SLOTS[slot] !== 0) meet = true;
      SLOTS[slot] = id;
    }
    if (!meet) return odd;
  }
  throw new InvariantError('two known field names have the same length and letters');
}

/**
 * Number of the field whose name is `bytes[start, end)`, in any case; `FIELD.other` when it is not known.
 * Hot: no string, no allocation.
 */
export function fieldId(bytes: Uint8Array, start: number, end: number): number {
  const n = end - start;
  if (n < SHORTEST) return 0;
  if (n <= LONGEST) {
    const id = SLOTS[Math.imul(letters(bytes, start, end), MULTIPLIER) >>> SLOT_SHIFT]!;
    if (id !== 0 && isWord(bytes, start, end, FIELD_NAMES[id]!)) return id;
  }
  const first = bytes[start]! | 0x20;
  if (first === 0x6c && n >= 7 && isWord(bytes, start, start + 7, LIMPET)) return FIELD.limpet;
  if (first === 0x78 && n >= 12 && isWord(bytes, start, start + 12, X_FORWARDED)) return FIELD.xForwarded;
  return 0;
}
