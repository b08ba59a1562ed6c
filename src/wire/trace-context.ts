// `traceparent` (W3C Trace Context, level 2, section 3.2): whether a request carries one that may be believed, read in place.
import { FIELD } from './fields.ts';
import type { HeadFields } from './head-fields.ts';

/** Offsets in the value of a `traceparent`: `VV-<32 hex of the trace>-<16 hex of the parent>-FF`. */
export const TRACE_AT = 3;
export const PARENT_AT = 36;
const FLAGS_AT = 53;
/** Length of a value of version 00; later versions may be longer, and mean the same up to here (section 3.2.4). */
const LENGTH = 55;
const DASH = 0x2d;

/** The flags that have a meaning: sampled, and that the trace's id is random. */
export const TRACE_FLAG = { sampled: 1, random: 2 } as const;

/**
 * Index of the field that holds the one valid `traceparent` of a head; −1: there is none, it is malformed, or there are several, so that a
 * trace must begin here and `tracestate` says nothing (section 3.2.2.5). Hot: no allocation.
 */
export function traceparentAt(fields: HeadFields): number {
  const at = fields.first[FIELD.traceparent]!;
  if (at < 0 || fields.seen[FIELD.traceparent]! !== 1) return -1;
  return isTraceparent(fields.bytes, fields.valueStart[at]!, fields.valueEnd[at]!) ? at : -1;
}

/** Whether `bytes[start, end)` is a valid `traceparent` of any version. Hex is lower case, and an id of zeros is none. */
export function isTraceparent(bytes: Uint8Array, start: number, end: number): boolean {
  if (end - start < LENGTH) return false;
  if (
    bytes[start + 2] !== DASH ||
    bytes[start + PARENT_AT - 1] !== DASH ||
    bytes[start + FLAGS_AT - 1] !== DASH
  )
    return false;
  const high = hexDigit(bytes[start]!);
  const low = hexDigit(bytes[start + 1]!);
  // ff is forbidden, so that nothing is ever read as an unknown future.
  if (high < 0 || low < 0 || (high === 15 && low === 15)) return false;
  const isFuture = high + low > 0;
  if (end - start > LENGTH && !(isFuture && bytes[start + LENGTH] === DASH)) return false;
  return (
    isId(bytes, start + TRACE_AT, start + PARENT_AT - 1) &&
    isId(bytes, start + PARENT_AT, start + FLAGS_AT - 1) &&
    hexDigit(bytes[start + FLAGS_AT]!) >= 0 &&
    hexDigit(bytes[start + FLAGS_AT + 1]!) >= 0
  );
}

/** The flags of a valid value that begins at `start`: 0 … 255. */
export function traceFlags(bytes: Uint8Array, start: number): number {
  return hexDigit(bytes[start + FLAGS_AT]!) * 16 + hexDigit(bytes[start + FLAGS_AT + 1]!);
}

/** Lower-case hex, and not zeros alone. */
function isId(bytes: Uint8Array, start: number, end: number): boolean {
  let some = 0;
  for (let i = start; i < end; i++) {
    const digit = hexDigit(bytes[i]!);
    if (digit < 0) return false;
    some |= digit;
  }
  return some !== 0;
}

function hexDigit(b: number): number {
  if (b >= 0x30 && b <= 0x39) return b - 0x30;
  return b >= 0x61 && b <= 0x66 ? b - 0x57 : -1;
}
