// Reads a path as an app behind us may read it, so that a route can't be dodged by writing the path in another way.
import type { Fault } from '../base/fault.ts';
import { isEscape } from './authority.ts';
import { BACKSLASH, CLASS, DOT, HEX_VALUE, PERCENT, SEMICOLON, SLASH, STRICT } from './octets.ts';
import { REQUEST_REFUSAL } from './refusals.ts';

/**
 * The path `bytes[start, end)` as an app may read it (rule R6; RFC 3986 6.2.2): every whole escape decoded once, `\` as `/`,
 * `;params` cut, empty segments dropped, dot segments resolved. Latin1, begins with `/`. A fault when an escape stands for NUL
 * or the path climbs above its root. Only for paths that `RequestHead.pathSpecial` points out: it allocates.
 */
export function readAsApp(bytes: Uint8Array, start: number, end: number): string | Fault {
  const out = Buffer.allocUnsafe(end - start + 2);
  out[0] = SLASH;
  let at = 1;
  let segment = 1;
  let inParams = false;
  for (let i = start; i <= end; i++) {
    // One step beyond the end closes the last segment.
    let b = i < end ? bytes[i]! : SLASH;
    const isLiteral = b !== PERCENT || !isEscape(bytes, i, end);
    if (!isLiteral) {
      b = HEX_VALUE[bytes[i + 1]!]! * 16 + HEX_VALUE[bytes[i + 2]!]!;
      if (b === 0) return REQUEST_REFUSAL.targetNul;
      i += 2;
    }
    if (b !== SLASH && b !== BACKSLASH) {
      if (isLiteral && b === SEMICOLON) inParams = true;
      if (!inParams) out[at++] = b;
      continue;
    }
    inParams = false;
    const length = at - segment;
    if (length === 1 && out[segment] === DOT) {
      at = segment;
    } else if (length === 2 && out[segment] === DOT && out[segment + 1] === DOT) {
      if (segment === 1) return REQUEST_REFUSAL.targetClimbs;
      at = segment - 1;
      while (out[at - 1] !== SLASH) at--;
      segment = at;
    } else if (length > 0) {
      if (i < end) out[at++] = SLASH;
      segment = at;
    }
  }
  return out.toString('latin1', 0, at);
}

/**
 * Whether `bytes[start, end)`, a path with or without its query, holds nothing but what RFC 3986 3.3 and 3.4 allow, every `%`
 * with its two hex digits (rule R5, `strictTarget`).
 */
export function isStrictTarget(bytes: Uint8Array, start: number, end: number): boolean {
  for (let i = start; i < end; i++) {
    const b = bytes[i]!;
    if ((CLASS[b]! & STRICT) === 0 || (b === PERCENT && !isEscape(bytes, i, end))) return false;
  }
  return true;
}

/**
 * The path `bytes[start, end)` with its escapes decoded once, read as UTF-8, for people (logs, explanations): what is no UTF-8
 * shows as U+FFFD, and nothing is resolved. Never to be routed by.
 */
export function decodedPathString(bytes: Uint8Array, start: number, end: number): string {
  const out = Buffer.allocUnsafe(end - start);
  let at = 0;
  for (let i = start; i < end; i++) {
    let b = bytes[i]!;
    if (b === PERCENT && isEscape(bytes, i, end)) {
      b = HEX_VALUE[bytes[i + 1]!]! * 16 + HEX_VALUE[bytes[i + 2]!]!;
      i += 2;
    }
    out[at++] = b;
  }
  return out.toString('utf8', 0, at);
}
