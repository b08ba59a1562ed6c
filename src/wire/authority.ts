// Reads `host[:port]` as a Host field or an absolute target has it, and says where the host ends.
import { CLASS, COLON, DOT, HEX, PERCENT, REG_NAME } from './octets.ts';

const PORT_MAX = 65535;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;

/**
 * End of the host in `bytes[start, end)`, or −1 when that is no `host[:port]` (rule R7; RFC 9110 7.2, RFC 3986 3.2). The host
 * is not empty: a reg-name, an IPv4 address or an IPv6 address in brackets (which belong to it); no zone, no IPvFuture. The
 * port may be empty, as RFC 3986 has it, and is at most 65535.
 */
export function hostEnd(bytes: Uint8Array, start: number, end: number): number {
  if (start >= end) return -1;
  let i = start;
  if (bytes[i] === OPEN_BRACKET) {
    while (i < end && bytes[i] !== CLOSE_BRACKET) i++;
    if (i === end || !isIpv6(bytes, start + 1, i)) return -1;
    i++;
  } else {
    for (; i < end && bytes[i] !== COLON; i++) {
      const b = bytes[i]!;
      if ((CLASS[b]! & REG_NAME) !== 0) continue;
      if (b !== PERCENT || !isEscape(bytes, i, end)) return -1;
    }
    if (i === start) return -1;
  }
  return isPort(bytes, i, end) ? i : -1;
}

/** Whether `%` at `at` is followed by two hex digits before `end`. */
export function isEscape(bytes: Uint8Array, at: number, end: number): boolean {
  return at + 2 < end && (CLASS[bytes[at + 1]!]! & HEX) !== 0 && (CLASS[bytes[at + 2]!]! & HEX) !== 0;
}

/** Nothing, or a colon and up to five digits. */
function isPort(bytes: Uint8Array, start: number, end: number): boolean {
  if (start === end) return true;
  if (bytes[start] !== COLON || end - start > 6) return false;
  let port = 0;
  for (let i = start + 1; i < end; i++) {
    const digit = bytes[i]! - 0x30;
    if (digit < 0 || digit > 9) return false;
    port = port * 10 + digit;
  }
  return port <= PORT_MAX;
}

/** Eight groups of 1-4 hex digits, of which one run may be `::`; the last two may be an IPv4 address (RFC 4291 2.2). */
function isIpv6(bytes: Uint8Array, start: number, end: number): boolean {
  let groups = 0;
  let gap = false;
  let i = start;
  if (end - start >= 2 && bytes[i] === COLON) {
    if (bytes[i + 1] !== COLON) return false;
    gap = true;
    i += 2;
  }
  while (i < end) {
    const from = i;
    while (i < end && (CLASS[bytes[i]!]! & HEX) !== 0) i++;
    if (i === from || groups === 8) return false;
    if (i < end && bytes[i] === DOT) {
      if (!isIpv4(bytes, from, end)) return false;
      groups += 2;
      break;
    }
    if (i - from > 4) return false;
    groups++;
    if (i === end) break;
    if (bytes[i] !== COLON) return false;
    i++;
    if (i === end) return false;
    if (bytes[i] === COLON) {
      if (gap) return false;
      gap = true;
      i++;
    }
  }
  return gap ? groups <= 7 : groups === 8;
}

function isIpv4(bytes: Uint8Array, start: number, end: number): boolean {
  let parts = 0;
  let i = start;
  for (;;) {
    const from = i;
    let value = 0;
    for (; i < end && bytes[i]! >= 0x30 && bytes[i]! <= 0x39; i++) value = value * 10 + bytes[i]! - 0x30;
    if (i === from || i - from > 3 || value > 255) return false;
    parts++;
    if (i === end) return parts === 4;
    if (bytes[i] !== DOT || parts === 4) return false;
    i++;
  }
}
