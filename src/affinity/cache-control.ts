// What an answer that sets an affinity cookie must say to caches, so that no cache hands one user's home to everybody.
import { type ByteWriter, latin1Bytes } from '../base/byte-writer.ts';

const COMMA = 0x2c;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const EQUALS = 0x3d;
const SPACE = 0x20;
const TAB = 0x09;

const FIELD = latin1Bytes('Cache-Control: ');
const SEPARATOR = latin1Bytes(', ');
const CRLF = latin1Bytes('\r\n');

const PUBLIC = latin1Bytes('public');
const S_MAXAGE = latin1Bytes('s-maxage');
const PRIVATE = latin1Bytes('private');
const NO_STORE = latin1Bytes('no-store');

/** The line that is added where the answer's own lines do not already keep shared caches away. */
export const PRIVATE_LINE = latin1Bytes('Cache-Control: private\r\n');

/**
 * Fields that speak to shared caches over the head of `Cache-Control`: an answer that sets the cookie is sent without
 * them (RFC 9213 section 2; `Surrogate-Control` is W3C's Edge Architecture note of 2001).
 */
export const SHARED_CACHE_FIELDS: readonly string[] = ['cdn-cache-control', 'surrogate-control'];

/**
 * Rewrites one `Cache-Control` value, `bytes[start, end)`, of an answer that sets the cookie: appends the line
 * without the directives that let shared caches store it (`public`, `s-maxage`; RFC 9111 sections 5.2.2.9 and
 * 5.2.2.10), or no line when nothing is left.
 *
 * True when what was written already forbids it (`no-store`, or `private` without a list of fields; sections 5.2.2.5
 * and 5.2.2.7). When that is true of none of the answer's `Cache-Control` fields, or there are none, append
 * PRIVATE_LINE (what HAProxy's `nocache` is for).
 */
export function writePrivateCacheControl(
  out: ByteWriter,
  bytes: Uint8Array,
  start: number,
  end: number,
): boolean {
  let kept = 0;
  let keepsAway = false;
  let at = start;
  while (at < end) {
    const next = directiveEnd(bytes, at, end);
    const from = skipBlank(bytes, at, next);
    const to = trimBlank(bytes, from, next);
    at = next + 1;
    if (from === to || named(bytes, from, to, PUBLIC) || named(bytes, from, to, S_MAXAGE)) continue;
    out.block(kept++ === 0 ? FIELD : SEPARATOR);
    out.copy(bytes, from, to);
    if (named(bytes, from, to, NO_STORE)) keepsAway = true;
    if (to - from === PRIVATE.length && named(bytes, from, to, PRIVATE)) keepsAway = true;
  }
  if (kept > 0) out.block(CRLF);
  return keepsAway;
}

/** The comma that ends the directive at `at`, or the end. Commas in quoted strings do not count (RFC 9110 section 5.6.4). */
function directiveEnd(bytes: Uint8Array, at: number, end: number): number {
  let quoted = false;
  for (let i = at; i < end; i++) {
    const b = bytes[i]!;
    if (quoted && b === BACKSLASH) i++;
    else if (b === QUOTE) quoted = !quoted;
    else if (b === COMMA && !quoted) return i;
  }
  return end;
}

/** True when the directive's name, before any `=`, is this one in any case. */
function named(bytes: Uint8Array, from: number, to: number, name: Uint8Array): boolean {
  const end = from + name.length;
  if (end > to) return false;
  // Setting bit 5 makes letters lower case and changes no other byte of these names.
  for (let i = 0; i < name.length; i++) if ((bytes[from + i]! | 0x20) !== name[i]!) return false;
  const after = skipBlank(bytes, end, to);
  return after === to || bytes[after] === EQUALS;
}

function skipBlank(bytes: Uint8Array, start: number, end: number): number {
  let at = start;
  while (at < end && (bytes[at] === SPACE || bytes[at] === TAB)) at++;
  return at;
}

function trimBlank(bytes: Uint8Array, start: number, end: number): number {
  let at = end;
  while (at > start && (bytes[at - 1] === SPACE || bytes[at - 1] === TAB)) at--;
  return at;
}
