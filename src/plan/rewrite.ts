// How a route writes the target anew: strip a prefix, add one, or put another path in its place.
import { latin1Bytes } from '../base/byte-writer.ts';

/** A compiled rewrite of the path; the query is always kept. */
export interface Rewrite {
  /** Bytes of the prefix to take off by segments, or null. */
  readonly strip: Uint8Array | null;
  readonly add: Uint8Array | null;
  /** The path to write in place of the request's own, or null. */
  readonly path: Uint8Array | null;
  /** `X-Forwarded-Prefix: /prefix CRLF` where a prefix is stripped, else null. */
  readonly prefixLine: Uint8Array | null;
}

/** Compiles a rewrite; null where the path goes on as it came. */
export function compileRewrite(spec: {
  readonly stripPrefix: string | null;
  readonly addPrefix: string | null;
  readonly path: string | null;
}): Rewrite | null {
  const strip = trimSlash(spec.stripPrefix);
  const add = trimSlash(spec.addPrefix);
  if (strip === null && add === null && spec.path === null) return null;
  return {
    strip: strip === null ? null : latin1Bytes(strip),
    add: add === null ? null : latin1Bytes(add),
    path: spec.path === null ? null : latin1Bytes(spec.path),
    prefixLine: strip === null ? null : latin1Bytes(`X-Forwarded-Prefix: ${strip}\r\n`),
  };
}

/** `/a/` and `/a` are one prefix; `/` is none. */
function trimSlash(prefix: string | null): string | null {
  if (prefix === null) return null;
  const trimmed = prefix.endsWith('/') ? prefix.slice(0, -1) : prefix;
  return trimmed === '' ? null : trimmed;
}

/** Where the rest of `bytes[start, end)` begins behind `prefix`, or −1 when the path does not begin with it as whole segments. */
export function stripAt(prefix: Uint8Array, bytes: Uint8Array, start: number, end: number): number {
  const n = prefix.length;
  if (end - start < n) return -1;
  for (let i = 0; i < n; i++) if (prefix[i] !== bytes[start + i]) return -1;
  const rest = start + n;
  return rest === end || bytes[rest] === 0x2f ? rest : -1;
}
