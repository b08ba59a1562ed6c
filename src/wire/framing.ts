// How long a message is: Transfer-Encoding and Content-Length read by the letter, the same on both sides.
import { latin1Bytes } from '../base/byte-writer.ts';
import type { Fault } from '../base/fault.ts';
import { FIELD } from './fields.ts';
import type { HeadFields } from './head-fields.ts';
import { CLASS, COMMA, CR, isWord, SEMICOLON, SP, TAB, TCHAR } from './octets.ts';
import type { FramingRefusals } from './refusals.ts';

const CHUNKED = latin1Bytes('chunked');

/** Digits that a Content-Length may have: every number of 15 digits is below 2^53 (rule F4). */
const LENGTH_DIGITS_MAX = 15;

/**
 * What is wrong with the framing fields of a head, or null (rules F1-F4, A3; RFC 9112 6.1, 6.3). When null, the message is
 * chunked if it has Transfer-Encoding, else as long as `contentLength` says.
 */
export function framingFault(fields: HeadFields, minor: number, no: FramingRefusals): Fault | null {
  const coding = fields.first[FIELD.transferEncoding]!;
  const length = fields.first[FIELD.contentLength]!;
  if (coding >= 0) {
    if (length >= 0) return no.framingBoth;
    if (minor === 0) return no.framingVersion;
    if (fields.seen[FIELD.transferEncoding] !== 1) return no.framingMalformed;
    const start = fields.valueStart[coding]!;
    const end = fields.valueEnd[coding]!;
    if (isWord(fields.bytes, start, end, CHUNKED)) {
      return isTabBehind(fields.bytes, end) ? no.framingMalformed : null;
    }
    return isUnknownCoding(fields.bytes, start, end) ? no.framingCoding : no.framingMalformed;
  }
  if (length >= 0) {
    if (fields.seen[FIELD.contentLength] !== 1) return no.framingLengths;
    if (contentLength(fields) < 0) return no.framingLength;
  }
  return null;
}

/**
 * Whether a tab stands between a value that ends at `end` and the CR of its line. It is whitespace by RFC 9110 5.5, yet llhttp
 * (Node's parser) strips spaces alone and finds no `chunked` then: where two readers of one message differ, it is refused.
 */
function isTabBehind(bytes: Uint8Array, end: number): boolean {
  for (let i = end; bytes[i] !== CR; i++) if (bytes[i] === TAB) return true;
  return false;
}

/** The Content-Length, or −1 when there is none or it is not 1-15 digits. */
export function contentLength(fields: HeadFields): number {
  const index = fields.first[FIELD.contentLength]!;
  if (index < 0) return -1;
  const start = fields.valueStart[index]!;
  const end = fields.valueEnd[index]!;
  const digits = end - start;
  if (digits === 0 || digits > LENGTH_DIGITS_MAX) return -1;
  const bytes = fields.bytes;
  let value = 0;
  for (let i = start; i < end; i++) {
    const digit = bytes[i]! - 0x30;
    if (digit < 0 || digit > 9) return -1;
    value = value * 10 + digit;
  }
  return value;
}

/**
 * Whether a value is a well-formed list of transfer codings of which one is not `chunked`: then the answer is 501, else 400.
 * Well formed is `token *( OWS ";" OWS token "=" … )` with single commas between (RFC 9112 7, without its empty elements).
 */
function isUnknownCoding(bytes: Uint8Array, start: number, end: number): boolean {
  let unknown = false;
  let i = start;
  for (;;) {
    const from = i;
    while (i < end && (CLASS[bytes[i]!]! & TCHAR) !== 0) i++;
    if (i === from) return false;
    if (!isWord(bytes, from, i, CHUNKED)) unknown = true;
    i = skipSpace(bytes, i, end);
    if (i < end && bytes[i] === SEMICOLON) {
      // Parameters are not looked into: no coding that has them is known here.
      while (i < end && bytes[i] !== COMMA) i++;
    }
    if (i === end) return unknown;
    if (bytes[i] !== COMMA) return false;
    i = skipSpace(bytes, i + 1, end);
  }
}

function skipSpace(bytes: Uint8Array, from: number, end: number): number {
  let i = from;
  while (i < end && (bytes[i] === SP || bytes[i] === TAB)) i++;
  return i;
}
