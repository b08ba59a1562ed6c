// What a route says to pages of other origins (CORS, Fetch standard section 3.3): preflights answered here, answers marked.
import { LRUCache } from 'lru-cache';
import { latin1Bytes, latin1Text } from '../base/byte-writer.ts';
import type { CorsOptions } from '../config/config.ts';
import { FIELD } from '../wire/fields.ts';
import type { HeadFields } from '../wire/head-fields.ts';
import { isWord } from '../wire/octets.ts';

/** No browser sends a longer origin. */
const ORIGIN_BYTES_MAX = 512;
/** Origins whose lines are remembered; a route for patterns may see any number. */
const ORIGINS_MAX = 1000;

const REQUEST_METHOD = latin1Bytes('access-control-request-method');
const REQUEST_HEADERS = latin1Bytes('access-control-request-headers');

/** What an upstream says of other origins is not passed on: two voices would be an error to every browser. */
export const CORS_FIELDS = [
  'Access-Control-Allow-Origin',
  'Access-Control-Allow-Credentials',
  'Access-Control-Allow-Methods',
  'Access-Control-Allow-Headers',
  'Access-Control-Expose-Headers',
  'Access-Control-Max-Age',
] as const;

/** A field of the request by its lower-case name that has no number of its own; −1: none. */
function indexOf(fields: HeadFields, name: Uint8Array): number {
  const { bytes, count, id, nameStart, nameEnd } = fields;
  for (let i = 0; i < count; i++) {
    if (id[i] === FIELD.other && isWord(bytes, nameStart[i]!, nameEnd[i]!, name)) return i;
  }
  return -1;
}

/** Index of the method that a preflight asks for, or −1 where the request (an OPTIONS) is none. */
export function preflightMethod(fields: HeadFields): number {
  return fields.first[FIELD.origin]! < 0 ? -1 : indexOf(fields, REQUEST_METHOD);
}

/** One a route. */
export class CrossOrigin {
  readonly #options: CorsOptions;
  readonly #any: boolean;
  readonly #exact: ReadonlySet<string>;
  readonly #patterns: readonly RegExp[];
  readonly #lines = new LRUCache<string, Uint8Array>({ max: ORIGINS_MAX });
  readonly #others: Uint8Array;

  constructor(options: CorsOptions) {
    this.#options = options;
    this.#any = options.origins.includes('*');
    this.#exact = new Set(options.origins.filter((origin) => !origin.includes('*')));
    this.#patterns = options.origins
      .filter((origin) => origin !== '*' && origin.includes('*'))
      .map(originPattern);
    this.#others = latin1Bytes(this.#any ? '' : 'Vary: Origin\r\n');
  }

  /** Field lines for an answer to a request with these fields. */
  answerLines(fields: HeadFields): Uint8Array {
    const origin = this.#originOf(fields);
    if (origin === null) return this.#others;
    const kept = this.#lines.get(origin);
    if (kept !== undefined) return kept;
    const { exposeHeaders } = this.#options;
    let text = this.#allowOrigin(origin);
    if (exposeHeaders.length > 0) text += `Access-Control-Expose-Headers: ${exposeHeaders.join(', ')}\r\n`;
    const lines = latin1Bytes(text);
    this.#lines.set(origin, lines);
    return lines;
  }

  /** Field lines for the answer to a preflight, or null when what it asks for is not allowed. `method`: see preflightMethod. */
  preflightLines(fields: HeadFields, method: number): Uint8Array | null {
    const origin = this.#originOf(fields);
    const { methods, headers, maxAgeS } = this.#options;
    const wanted = valueAt(fields, method);
    if (origin === null || (methods !== null && !methods.includes(wanted))) return null;
    const asked = indexOf(fields, REQUEST_HEADERS);
    const names = asked < 0 ? '' : valueAt(fields, asked);
    if (headers !== null && !isSubset(names, headers)) return null;
    let text = this.#allowOrigin(origin);
    text += `Access-Control-Allow-Methods: ${methods === null ? wanted : methods.join(', ')}\r\n`;
    const allowed = headers === null ? names : headers.join(', ');
    if (allowed !== '') text += `Access-Control-Allow-Headers: ${allowed}\r\n`;
    if (maxAgeS > 0) text += `Access-Control-Max-Age: ${maxAgeS}\r\n`;
    if (methods === null || headers === null)
      text += 'Vary: Access-Control-Request-Method, Access-Control-Request-Headers\r\n';
    return latin1Bytes(text);
  }

  #allowOrigin(origin: string): string {
    // With credentials the origin itself must be named (Fetch standard, 4.9).
    const plain = this.#any && !this.#options.credentials;
    const text = plain
      ? 'Access-Control-Allow-Origin: *\r\n'
      : `Access-Control-Allow-Origin: ${origin}\r\nVary: Origin\r\n`;
    return this.#options.credentials ? `${text}Access-Control-Allow-Credentials: true\r\n` : text;
  }

  /** The origin that asks, if it is allowed. */
  #originOf(fields: HeadFields): string | null {
    const at = fields.first[FIELD.origin]!;
    if (at < 0 || fields.seen[FIELD.origin] !== 1) return null;
    if (fields.valueEnd[at]! - fields.valueStart[at]! > ORIGIN_BYTES_MAX) return null;
    const origin = valueAt(fields, at);
    const known = this.#any || this.#exact.has(origin) || this.#lines.has(origin);
    return known || this.#patterns.some((pattern) => pattern.test(origin)) ? origin : null;
  }
}

function valueAt(fields: HeadFields, at: number): string {
  return latin1Text(fields.bytes, fields.valueStart[at]!, fields.valueEnd[at]!);
}

/** `https://*.example.com`: every name below it; `http://localhost:*`: every port. */
function originPattern(origin: string): RegExp {
  const [start = '', end = ''] = origin.split('*').map((part) => part.replace(/[.+?^${}()|[\]\\/]/g, '\\$&'));
  const hole = origin.endsWith(':*') ? '\\d{1,5}' : '[a-z0-9-]+(?:\\.[a-z0-9-]+)*';
  return new RegExp(`^${start}${hole}${end}$`);
}

function isSubset(names: string, allowed: readonly string[]): boolean {
  const lower = allowed.map((name) => name.toLowerCase());
  return names.split(',').every((name) => name.trim() === '' || lower.includes(name.trim().toLowerCase()));
}
