// How long a server says that it keeps an idle connection: `Keep-Alive: timeout=5`, as Node's servers send it.
import { latin1Bytes } from '../base/byte-writer.ts';
import { FIELD } from './fields.ts';
import type { HeadFields } from './head-fields.ts';
import { isWord } from './octets.ts';

const TIMEOUT = latin1Bytes('timeout=');
/** A server counts from when it sent its answer, we from when it came; and our next request takes its way too. */
const MARGIN_MS = 1000;
/** More digits than this are no time that anybody waits. */
const DIGITS_MAX = 6;

/**
 * How long an idle connection may be used again, ms: what its server says, less a second, or half of it where that is more. Infinity
 * where it says nothing that is understood (RFC 2068 section 19.7.1.1: a list of parameters, seconds).
 */
export function keptForMs(fields: HeadFields): number {
  const index = fields.first[FIELD.keepAlive]!;
  if (index < 0) return Number.POSITIVE_INFINITY;
  const bytes = fields.bytes;
  const end = fields.valueEnd[index]!;
  for (let i = fields.valueStart[index]!; i + TIMEOUT.length < end; i++) {
    if (!isWord(bytes, i, i + TIMEOUT.length, TIMEOUT)) continue;
    const seconds = digits(bytes, i + TIMEOUT.length, end);
    if (seconds < 0) return Number.POSITIVE_INFINITY;
    return Math.max(seconds * 500, seconds * 1000 - MARGIN_MS);
  }
  return Number.POSITIVE_INFINITY;
}

/** The number that begins at `start`; −1: none, or too long a one. */
function digits(bytes: Uint8Array, start: number, end: number): number {
  let value = 0;
  let i = start;
  while (i < end && bytes[i]! >= 0x30 && bytes[i]! <= 0x39) value = value * 10 + bytes[i++]! - 0x30;
  return i === start || i - start > DIGITS_MAX ? -1 : value;
}
