// Every reason for which a message is refused, by its code: what is counted, logged, documented and answered.
import { type Fault, fault } from '../base/fault.ts';

const client = (code: string, status: number, text: string): Fault =>
  fault(`request.${code}`, 'client', status, 'never', text);

const upstream = (code: string, text: string): Fault =>
  fault(`response.${code}`, 'upstream', 502, 'never', text);

/** What a client's request is refused for. The connection is closed after the answer. */
export const REQUEST_REFUSAL = {
  bareLf: client('line.bare-lf', 400, 'A line of the head ends with LF alone instead of CR LF.'),
  bareCr: client('line.bare-cr', 400, 'A CR stands in the head without an LF behind it.'),
  emptyLines: client('line.empty', 400, 'More than four empty lines come before the request line.'),
  tls: client('tls', 400, 'The client speaks TLS, and this address does not.'),
  lineMalformed: client(
    'line.malformed',
    400,
    'The request line is not a method, a target and a version with one space between each.',
  ),
  lineTooLong: client('line.too-long', 414, 'The request line is longer than the limit.'),
  method: client('method.malformed', 400, 'The method is empty, too long or no token.'),
  methodConnect: client('method.connect', 405, 'CONNECT is not served here.'),
  methodTrace: client('method.trace', 405, 'TRACE is not served here, since it would mirror credentials.'),
  version: client('version.unsupported', 505, 'The HTTP version is not served here.'),
  versionMalformed: client(
    'version.malformed',
    400,
    'The HTTP version is not spelled as HTTP/1.0 or HTTP/1.1.',
  ),
  targetBytes: client('target.bytes', 400, 'The request target holds a byte that may not stand in one.'),
  targetForm: client('target.form', 400, 'The request target has no form that this method may use.'),
  targetUserinfo: client('target.userinfo', 400, 'The request target names a user or a password.'),
  targetNul: client('target.nul', 400, 'The path holds an escaped NUL.'),
  targetClimbs: client('target.climbs', 400, 'The path climbs above its root.'),
  targetAmbiguous: client(
    'target.ambiguous',
    400,
    'The path as written and the path as an app may read it lead to different routes.',
  ),
  hostMissing: client('host.missing', 400, 'An HTTP/1.1 request has no Host field.'),
  hostRepeated: client('host.repeated', 400, 'The request has more than one Host field.'),
  hostMalformed: client('host.malformed', 400, 'The host is not a name or address with an optional port.'),
  fieldLeading: client(
    'field.leading-space',
    400,
    'Whitespace stands between the request line and the first field.',
  ),
  fieldFold: client('field.fold', 400, 'A field is folded over more than one line.'),
  fieldName: client(
    'field.name',
    400,
    'A field name is empty, no token, or has whitespace before its colon.',
  ),
  fieldColon: client('field.colon', 400, 'A field line has no colon.'),
  fieldValue: client('field.value', 400, 'A field value holds a control byte.'),
  headTooLarge: client('head.too-large', 431, 'The request head is larger than the limit.'),
  headFields: client('head.fields', 431, 'The request head has more fields than the limit.'),
  connectionOptions: client('connection.options', 400, 'Connection names more than 64 options.'),
  framingBoth: client('framing.both', 400, 'The request has both Transfer-Encoding and Content-Length.'),
  framingVersion: client('framing.version', 400, 'An HTTP/1.0 request has Transfer-Encoding.'),
  framingCoding: client('framing.coding', 501, 'The transfer coding is not known here.'),
  framingMalformed: client(
    'framing.malformed',
    400,
    'Transfer-Encoding is not exactly one field saying chunked.',
  ),
  framingLength: client(
    'framing.length',
    400,
    'Content-Length is not a decimal number of at most 15 digits.',
  ),
  framingLengths: client('framing.length-repeated', 400, 'The request has more than one Content-Length.'),
  expect: client('expect', 417, 'The only expectation that can be met is 100-continue.'),
  chunkSize: client('chunk.size', 400, 'A chunk size is not 1 to 13 hex digits at the start of its line.'),
  chunkLine: client('chunk.line', 400, 'A chunk line does not end with CR LF right behind its last byte.'),
  chunkExtension: client('chunk.extension', 400, 'A chunk extension holds a control byte.'),
  chunkExtensionSize: client('chunk.extension-size', 400, 'The chunk extensions are larger than the limit.'),
  chunkEnd: client('chunk.end', 400, 'The data of a chunk is not followed by CR LF.'),
  trailerMalformed: client('trailer.malformed', 400, 'A trailer field is malformed.'),
  trailerTooLarge: client('trailer.too-large', 431, 'The trailer section is larger than the limit.'),
} as const;

/** What an upstream's answer is refused for: a bad answer. The upstream connection is destroyed. */
export const RESPONSE_REFUSAL = {
  bareLf: upstream('line.bare-lf', 'A line of the head ends with LF alone instead of CR LF.'),
  bareCr: upstream('line.bare-cr', 'A CR stands in the head without an LF behind it.'),
  lineMalformed: upstream('line.malformed', 'The status line is malformed.'),
  version: upstream('version', 'The answer has another version than HTTP/1.0 or HTTP/1.1.'),
  status: upstream('status', 'The status is not a number from 100 to 599.'),
  fieldLeading: upstream(
    'field.leading-space',
    'Whitespace stands between the status line and the first field.',
  ),
  fieldFold: upstream('field.fold', 'A field is folded over more than one line.'),
  fieldName: upstream('field.name', 'A field name is empty, no token, or has whitespace before its colon.'),
  fieldColon: upstream('field.colon', 'A field line has no colon.'),
  fieldValue: upstream('field.value', 'A field value holds a control byte.'),
  headTooLarge: upstream('head.too-large', 'The head of the answer is larger than the limit.'),
  headFields: upstream('head.fields', 'The head of the answer has more fields than the limit.'),
  connectionOptions: upstream('connection.options', 'Connection names more than 64 options.'),
  framingBoth: upstream('framing.both', 'The answer has both Transfer-Encoding and Content-Length.'),
  framingVersion: upstream('framing.version', 'An HTTP/1.0 answer has Transfer-Encoding.'),
  framingCoding: upstream('framing.coding', 'The transfer coding is not known here.'),
  framingMalformed: upstream(
    'framing.malformed',
    'Transfer-Encoding is not exactly one field saying chunked.',
  ),
  framingLength: upstream('framing.length', 'Content-Length is not a decimal number of at most 15 digits.'),
  framingLengths: upstream('framing.length-repeated', 'The answer has more than one Content-Length.'),
  chunkSize: upstream('chunk.size', 'A chunk size is not 1 to 13 hex digits at the start of its line.'),
  chunkLine: upstream('chunk.line', 'A chunk line does not end with CR LF right behind its last byte.'),
  chunkExtension: upstream('chunk.extension', 'A chunk extension holds a control byte.'),
  chunkExtensionSize: upstream('chunk.extension-size', 'The chunk extensions are larger than the limit.'),
  chunkEnd: upstream('chunk.end', 'The data of a chunk is not followed by CR LF.'),
  trailerMalformed: upstream('trailer.malformed', 'A trailer field is malformed.'),
  trailerTooLarge: upstream('trailer.too-large', 'The trailer section is larger than the limit.'),
} as const;

/** Every refusal of this room, for the docs and for metrics with bounded labels. */
export const ALL_REFUSALS: readonly Fault[] = [
  ...Object.values(REQUEST_REFUSAL),
  ...Object.values(RESPONSE_REFUSAL),
];

/** What field lines are refused for; one set each for requests, responses and both trailers. */
export interface FieldRefusals {
  readonly bareLf: Fault;
  readonly bareCr: Fault;
  readonly fieldLeading: Fault;
  readonly fieldFold: Fault;
  readonly fieldName: Fault;
  readonly fieldColon: Fault;
  readonly fieldValue: Fault;
  readonly headTooLarge: Fault;
  readonly headFields: Fault;
}

/** What framing is refused for, on either side. */
export interface FramingRefusals {
  readonly framingBoth: Fault;
  readonly framingVersion: Fault;
  readonly framingCoding: Fault;
  readonly framingMalformed: Fault;
  readonly framingLength: Fault;
  readonly framingLengths: Fault;
}

/** What a chunked body is refused for, on either side. */
export interface ChunkRefusals {
  readonly chunkSize: Fault;
  readonly chunkLine: Fault;
  readonly chunkExtension: Fault;
  readonly chunkExtensionSize: Fault;
  readonly chunkEnd: Fault;
  readonly trailerMalformed: Fault;
  readonly trailerTooLarge: Fault;
}

/** Field refusals of a trailer section: where a head has nine codes, a trailer has two. */
export function trailerRefusals(side: ChunkRefusals): FieldRefusals {
  const malformed = side.trailerMalformed;
  return {
    bareLf: malformed,
    bareCr: malformed,
    fieldLeading: malformed,
    fieldFold: malformed,
    fieldName: malformed,
    fieldColon: malformed,
    fieldValue: malformed,
    headTooLarge: side.trailerTooLarge,
    headFields: side.trailerTooLarge,
  };
}
