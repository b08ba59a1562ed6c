// Holds two readings of the same bytes against each other and names the class of the first difference.
import { completeCount, type Reading, type ReadMessage } from './reading.ts';

/** A difference by its class, such as `limpet refuses request.field.fold` or `differ in target`. */
export interface Difference {
  readonly kind: string;
  /** Number of the message in which it was found. */
  readonly message: number;
}

/** What two parsers may say of one message, compared in this order. */
const ASPECTS = ['start', 'minor', 'fields', 'upgrade', 'body', 'trailers', 'complete', 'keepAlive'] as const;

/**
 * The first difference, or null. One that refuses and one that has not got as far as to refuse are different; two that refuse
 * the same message are not, whatever they call it.
 */
export function difference(limpet: Reading, llhttp: Reading): Difference | null {
  const count = Math.max(limpet.messages.length, llhttp.messages.length);
  const limpetRefuses = limpet.end === 'refused' ? completeCount(limpet) : -1;
  const llhttpRefuses = llhttp.end === 'refused' ? completeCount(llhttp) : -1;
  for (let i = 0; i <= count; i++) {
    const a = limpet.messages[i];
    const b = llhttp.messages[i];
    if (i === limpetRefuses && i === llhttpRefuses) return null;
    // Once an upgrade is asked for, Node keeps llhttp's errors in the body to itself: perhaps it refuses too.
    if (i === limpetRefuses && b?.upgrade && !b.complete) return null;
    // What a parser has of a message that it then refuses is of no account.
    if (i === limpetRefuses) return { kind: `limpet refuses ${limpet.code}`, message: i };
    if (i === llhttpRefuses) return { kind: `llhttp refuses ${llhttp.code}`, message: i };
    if (a === undefined && b === undefined) {
      return endsAlike(limpet, llhttp) ? null : { kind: `ends ${limpet.end}, ${llhttp.end}`, message: i };
    }
    if (a === undefined || b === undefined) {
      return { kind: a === undefined ? 'only llhttp has it' : 'only limpet has it', message: i };
    }
    const aspect = ASPECTS.find((name) => !isSame(a, b, name));
    if (aspect !== undefined) return { kind: `differ in ${aspect}`, message: i };
  }
  return null;
}

function isSame(a: ReadMessage, b: ReadMessage, aspect: (typeof ASPECTS)[number]): boolean {
  if (aspect === 'fields') return isSameList(a.fields, b.fields);
  if (aspect === 'trailers') return isFiltered(a.trailers, b.trailers);
  return a[aspect] === b[aspect];
}

function endsAlike(limpet: Reading, llhttp: Reading): boolean {
  return limpet.end === llhttp.end;
}

function isSameList(a: readonly string[], b: readonly string[]): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

/**
 * Trailer fields that may not be passed on (RFC 9110 6.5.1, rule F8), written down here once more: framing, routing,
 * authentication, cookies, request modifiers, control data, how to read the content, and what tells who the client is.
 */
const KEPT_OUT =
  /^(connection|keep-alive|proxy-connection|te|transfer-encoding|upgrade|http2-settings|content-length|content-type|content-encoding|content-range|host|cookie|set-cookie|authorization|proxy|proxy-.*|www-authenticate|authentication-info|forwarded|x-forwarded-.*|x-real-ip|x-request-id|traceparent|tracestate|limpet-.*|trailer|expect|max-forwards|via|origin|range|if-.*|cache-control|pragma|age|expires|date|vary|location|retry-after|sec-websocket-key|surrogate-control|cdn-cache-control)$/i;

/** Whether `kept` is `all` without the fields that may not be passed on, and nothing else. */
function isFiltered(kept: readonly string[], all: readonly string[]): boolean {
  if (kept.length === 0 && all.length === 0) return true;
  const passed: string[] = [];
  for (let i = 0; i < all.length; i += 2) {
    if (!KEPT_OUT.test(all[i]!)) passed.push(all[i]!, all[i + 1]!);
  }
  return isSameList(kept, passed);
}
